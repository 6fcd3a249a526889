// Steps that write, keep and let go.

#include "runner.h"

#include <stdlib.h>
#include <string.h>

static dolium_code connect_client(const Json* step) {
  dolium_connect_options options = DOLIUM_CONNECT_OPTIONS_INIT;
  if (json_flag_at(step, "read_only", false)) options.flags = DOLIUM_CONNECT_READ_ONLY;
  return dolium_connect(socket_path(), &options, &new_variable(a_client, json_text_at(step, "client", ""))->client,
                        &why);
}

static dolium_code close_client(const Json* step) {
  end_variable(variable_of(step, "client", a_client));
  return DOLIUM_OK;
}

static dolium_code create(const Json* step) {
  const dolium_id id = id_of(step);
  dolium_builder* builder = NULL;
  const dolium_code code =
      dolium_create(client_of(step), &id, (uint64_t)json_number_at(step, "size", 0), options_of(step), &builder, &why);
  if (builder != NULL) new_variable(a_builder, json_text_at(step, "as", ""))->builder = builder;
  return code;
}

static dolium_code write_bytes(const Json* step) {
  size_t size = 0;
  char* const bytes = bytes_of(step, &size);
  const dolium_code code = dolium_builder_write(variable_of(step, "builder", a_builder)->builder, bytes, size, &why);
  free(bytes);
  return code;
}

static dolium_code seal(const Json* step) {
  Variable* const builder = variable_of(step, "builder", a_builder);
  dolium_object held;
  memset(&held, 0, sizeof held);
  const dolium_code code = dolium_builder_seal(builder->builder, json_at(step, "as") == NULL ? NULL : &held, &why);
  builder->builder = NULL;
  builder->name[0] = '\0';
  keep_or_release(step, held);
  return code;
}

static dolium_code abort_builder(const Json* step) {
  Variable* const builder = variable_of(step, "builder", a_builder);
  const dolium_code code = dolium_builder_abort(builder->builder, &why);
  builder->builder = NULL;
  builder->name[0] = '\0';
  return code;
}

static dolium_code put(const Json* step) {
  const dolium_id id = id_of(step);
  size_t size = 0;
  char* const bytes = bytes_of(step, &size);
  dolium_object held;
  memset(&held, 0, sizeof held);
  const dolium_code code =
      dolium_put(client_of(step), &id, bytes, size, options_of(step), json_at(step, "as") == NULL ? NULL : &held, &why);
  free(bytes);
  keep_or_release(step, held);
  return code;
}

/// Compares with "failed": [[index or id, code], ...].
static void check_failures(const Json* step, dolium_failures* failures) {
  const Json* const wanted = json_at(step, "failed");
  EXPECT(dolium_failures_count(failures) == json_count(wanted), "%zu failures", dolium_failures_count(failures));
  size_t at = 0;
  for (const Json* each = wanted->first; each != NULL; each = each->next, ++at) {
    dolium_failure failure;
    failure.struct_size = sizeof failure;
    EXPECT(dolium_failures_at(failures, at, &failure, &why) == DOLIUM_OK, "%s", why.message);
    const Json* const which = each->first;
    EXPECT(strcmp(dolium_code_name(failure.code), which->next->text) == 0, "%s", failure.message);
    if (which->kind == json_number) EXPECT(failure.index == (uint64_t)which->number, "item %d", (int)failure.index);
    if (which->kind != json_text) continue;
    const dolium_id id = id_named(which->text);
    EXPECT(memcmp(&failure.id, &id, sizeof id) == 0, "another id: %s", failure.message);
  }
  dolium_failures_free(failures);
}

static dolium_code put_many(const Json* step) {
  const Json* const given = json_at(step, "items");
  const size_t count = json_count(given);
  dolium_put_item* const items = calloc(count + 1, sizeof *items);
  if (items == NULL) abort();
  size_t at = 0;
  for (const Json* each = given->first; each != NULL; each = each->next, ++at) {
    items[at].id = id_of(each);
    items[at].data = bytes_of(each, &items[at].size);
  }
  dolium_failures* failures = NULL;
  const dolium_code code = dolium_put_many(client_of(step), items, count, &failures, &why);
  for (size_t i = 0; i < count; ++i) free((void*)items[i].data);
  free(items);
  if (code == DOLIUM_OK) check_failures(step, failures);
  return code;
}

static dolium_code put_deferred(const Json* step) {
  const dolium_id id = id_of(step);
  size_t size = 0;
  char* const bytes = bytes_of(step, &size);
  const dolium_code code = dolium_put_deferred(client_of(step), &id, bytes, size, options_of(step), &why);
  free(bytes);
  return code;
}

static dolium_code flush(const Json* step) {
  dolium_failures* failures = NULL;
  const dolium_code code = dolium_flush(client_of(step), &failures, &why);
  if (code == DOLIUM_OK) check_failures(step, failures);
  return code;
}

static dolium_code pin(const Json* step) {
  const dolium_id id = id_of(step);
  return dolium_pin(client_of(step), &id, &why);
}

static dolium_code unpin(const Json* step) {
  const dolium_id id = id_of(step);
  return dolium_unpin(client_of(step), &id, &why);
}

static dolium_code extend_grace(const Json* step) {
  const dolium_id id = id_of(step);
  return dolium_extend_grace(client_of(step), &id, json_number_at(step, "ms", 0) * 1000000,
                             (uint32_t)json_number_at(step, "readers", 1), &why);
}

static dolium_code remove_object(const Json* step) {
  const dolium_id id = id_of(step);
  bool removed = false;
  const dolium_code code = dolium_remove(client_of(step), &id, &removed, &why);
  EXPECT(removed == json_flag_at(step, "removed", false), "removed is %d", removed);
  return code;
}

static dolium_code evict(const Json* step) {
  uint64_t freed = 0, object_bytes = 0;
  const dolium_code code =
      dolium_evict(client_of(step), (uint64_t)json_number_at(step, "bytes", 0), &freed, &object_bytes, &why);
  EXPECT(object_bytes == (uint64_t)json_number_at(step, "object_bytes", 0), "evicted %llu bytes of objects",
         (unsigned long long)object_bytes);
  return code;
}

static dolium_code trim(const Json* step) {
  return dolium_trim(client_of(step), NULL, &why);
}

static dolium_code clear(const Json* step) {
  return dolium_clear(client_of(step), &why);
}

const Step write_steps[] = {{"connect", connect_client},
                            {"close", close_client},
                            {"create", create},
                            {"write", write_bytes},
                            {"seal", seal},
                            {"abort", abort_builder},
                            {"put", put},
                            {"put_many", put_many},
                            {"put_deferred", put_deferred},
                            {"flush", flush},
                            {"pin", pin},
                            {"unpin", unpin},
                            {"extend_grace", extend_grace},
                            {"remove", remove_object},
                            {"evict", evict},
                            {"trim", trim},
                            {"clear", clear},
                            {NULL, NULL}};
