// Steps that read.

#define _POSIX_C_SOURCE 200809L
#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static dolium_code finish(const Json* step, dolium_code code, dolium_object object) {
  if (code != DOLIUM_OK) return code;
  check_object(step, &object);
  keep_or_release(step, object);
  return code;
}

static dolium_code get(const Json* step) {
  const dolium_id id = id_of(step);
  dolium_object object;
  const dolium_code code = dolium_get(client_of(step), &id, timeout_of(step), &object, &why);
  return finish(step, code, object);
}

static dolium_code try_get(const Json* step) {
  const dolium_id id = id_of(step);
  dolium_object object;
  const dolium_code code = dolium_try_get(client_of(step), &id, &object);
  EXPECT((code == DOLIUM_OK) == json_flag_at(step, "found", false), "it is %s", dolium_code_name(code));
  finish(step, code, object);
  return code == DOLIUM_NOT_FOUND ? DOLIUM_OK : code;
}

static dolium_code take(const Json* step) {
  const dolium_id id = id_of(step);
  const char* const type = json_text_at(step, "type", NULL);
  dolium_object object;
  const dolium_code code =
      type == NULL ? dolium_take(client_of(step), &id, timeout_of(step), &object, &why)
                   : dolium_take_typed(client_of(step), &id, tag_of(type), timeout_of(step), &object, &why);
  return finish(step, code, object);
}

enum { most_ids = 16 };
static size_t ids_of(const Json* step, dolium_id ids[most_ids]) {
  size_t count = 0;
  for (const Json* each = json_at(step, "ids")->first; each != NULL && count < most_ids; each = each->next)
    ids[count++] = id_named(each->text);
  return count;
}

static void check_flags(const Json* step, const char* key, const bool* flags) {
  size_t at = 0;
  for (const Json* each = json_at(step, key)->first; each != NULL; each = each->next, ++at)
    EXPECT(flags[at] == each->flag, "%s[%zu] is %d", key, at, flags[at]);
}

static dolium_code get_many(const Json* step) {
  dolium_id ids[most_ids];
  dolium_object objects[most_ids];
  bool there[most_ids];
  const size_t count = ids_of(step, ids);
  size_t found = 0;
  const dolium_code code = dolium_get_many(client_of(step), ids, count, (size_t)json_number_at(step, "enough", 0),
                                           timeout_of(step), objects, &found, &why);
  for (size_t i = 0; i < count; ++i) {
    there[i] = dolium_object_holds(&objects[i]);
    dolium_object_release(&objects[i]);
  }
  if (code == DOLIUM_OK) check_flags(step, "found", there);
  return code;
}

static dolium_code wait(const Json* step) {
  dolium_id ids[most_ids];
  bool there[most_ids];
  const size_t count = ids_of(step, ids);
  const dolium_code code = dolium_wait(client_of(step), ids, count, (size_t)json_number_at(step, "enough", 0),
                                       timeout_of(step), there, NULL, &why);
  if (code == DOLIUM_OK) check_flags(step, "there", there);
  return code;
}

static dolium_code exists_many(const Json* step) {
  dolium_id ids[most_ids];
  bool exist[most_ids];
  const dolium_code code = dolium_exists_many(client_of(step), ids, ids_of(step, ids), exist, &why);
  if (code == DOLIUM_OK) check_flags(step, "values", exist);
  return code;
}

static dolium_code exists(const Json* step) {
  const dolium_id id = id_of(step);
  bool there = false;
  const dolium_code code = dolium_exists(client_of(step), &id, &there, &why);
  EXPECT(there == json_flag_at(step, "value", false), "exists is %d", there);
  return code;
}

static dolium_code until_gone(const Json* step) {
  const dolium_id id = id_of(step);
  for (int tries = 0; tries < 60000; ++tries) {
    bool there = false;
    const dolium_code code = dolium_exists(client_of(step), &id, &there, &why);
    if (code != DOLIUM_OK || !there) return code;
    const struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
  }
  fail_step("it is still there");
  return DOLIUM_OK;
}

static dolium_code check(const Json* step) {
  check_object(step, &variable_of(step, "object", an_object)->object);
  return DOLIUM_OK;
}

static dolium_code release(const Json* step) {
  end_variable(variable_of(step, "object", an_object));
  return DOLIUM_OK;
}

static dolium_code retain(const Json* step) {
  dolium_object other;
  const dolium_code code = dolium_object_retain(&variable_of(step, "object", an_object)->object, &other, &why);
  return finish(step, code, other);
}

const Step read_steps[] = {{"get", get},
                           {"try_get", try_get},
                           {"take", take},
                           {"get_many", get_many},
                           {"wait", wait},
                           {"exists_many", exists_many},
                           {"exists", exists},
                           {"until_gone", until_gone},
                           {"check", check},
                           {"release", release},
                           {"retain", retain},
                           {NULL, NULL}};
