// Steps that look: metadata, listings, statistics, ids, types, tickets.

#define _POSIX_C_SOURCE 200809L  // nanosleep()
#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/// A figure of a report, by its name in the file.
typedef struct Figure {
  const char* name;
  int64_t value;
} Figure;

static void check_figures(const Json* has, const Figure* figures, size_t count) {
  for (const Json* each = has->first; each != NULL; each = each->next) {
    if (each->kind == json_text) continue;
    size_t at = 0;
    while (at < count && strcmp(figures[at].name, each->key) != 0) ++at;
    EXPECT(at < count, "there is no figure \"%s\"", each->key);
    const int64_t wanted = each->kind == json_bool ? each->flag : each->number;
    EXPECT(figures[at].value == wanted, "%s is %lld", each->key, (long long)figures[at].value);
  }
}

static void check_text(const Json* has, const char* key, const char* value) {
  const char* const wanted = json_text_at(has, key, NULL);
  if (wanted != NULL) EXPECT(strcmp(wanted, value) == 0, "%s is \"%s\"", key, value);
}

static dolium_code metadata(const Json* step) {
  const dolium_id id = id_of(step);
  dolium_object_info info;
  info.struct_size = sizeof info;
  const dolium_code code = dolium_metadata(client_of(step), &id, &info, NULL, &why);
  if (code != DOLIUM_OK) return code;
  const char* const name = json_text_at(step, "as", NULL);
  if (name != NULL) new_variable(a_description, name)->description = info;
  const Figure figures[] = {{"data_size", (int64_t)info.data_size},
                            {"metadata_size", (int64_t)info.metadata_size},
                            {"ref_count", (int64_t)info.ref_count},
                            {"pinned", info.pinned},
                            {"time_to_live_ms", info.time_to_live_ns / 1000000},
                            {"time_to_idle_ms", info.time_to_idle_ns / 1000000},
                            {"grace_readers_left", info.grace_readers_left}};
  const Json* const has = json_at(step, "has");
  check_figures(has, figures, sizeof figures / sizeof *figures);
  check_text(has, "label", info.label);
  check_text(has, "type_name", info.type_name);
  check_text(has, "state", info.state == DOLIUM_SEALED ? "sealed" : "unsealed");
  check_text(has, "retention", info.retention == DOLIUM_RETENTION_KEEP ? "keep" : "cache");
  static const char* const places[] = {"", "memory", "memory_and_disk", "disk", "reading_back"};
  EXPECT(info.place > 0 && info.place <= DOLIUM_PLACE_READING_BACK, "the place is %d", (int)info.place);
  check_text(has, "place", places[info.place]);
  return code;
}

static dolium_code remove_described(const Json* step) {
  bool removed = false;
  const dolium_object_info* const object = &variable_of(step, "object", a_description)->description;
  const dolium_code code = dolium_remove_described(client_of(step), object, &removed, &why);
  if (code == DOLIUM_OK) EXPECT(removed == json_flag_at(step, "removed", false), "removed: %d", removed);
  return code;
}

static const char* tier_name(int32_t state) {
  static const char* const names[] = {"none", "absent", "catalogue", "ready", "full", "read_only", "failed", "stalled"};
  return state < 0 || state > DOLIUM_TIER_STALLED ? "unknown" : names[state];
}

static dolium_code stats(const Json* step) {
  dolium_store_stats now;
  now.struct_size = sizeof now;
  const dolium_code code = dolium_stats(client_of(step), &now, &why);
  if (code != DOLIUM_OK) return code;
  const Figure figures[] = {{"total_objects", (int64_t)now.total_objects},
                            {"total_size", (int64_t)now.total_size},
                            {"used_bytes", (int64_t)now.used_bytes},
                            {"put_count", (int64_t)now.put_count},
                            {"get_count", (int64_t)now.get_count},
                            {"hit_count", (int64_t)now.hit_count},
                            {"miss_count", (int64_t)now.miss_count},
                            {"in_use_count", (int64_t)now.in_use_count},
                            {"pinned_count", (int64_t)now.pinned_count},
                            {"unsealed_count", (int64_t)now.unsealed_count},
                            {"retired_count", (int64_t)now.retired_count},
                            {"removed_count", (int64_t)now.removed_count},
                            {"aborted_count", (int64_t)now.aborted_count},
                            {"out_of_memory_count", (int64_t)now.out_of_memory_count},
                            {"waiting_gets", (int64_t)now.waiting_gets},
                            {"waiting_creates", (int64_t)now.waiting_creates},
                            {"spilled_count", (int64_t)now.spilled_count},
                            {"spilled_bytes", (int64_t)now.spilled_bytes},
                            {"read_back_count", (int64_t)now.read_back_count}};
  const Json* const has = json_at(step, "has");
  check_figures(has, figures, sizeof figures / sizeof *figures);
  check_text(has, "tier", tier_name(now.tier.state));
  return code;
}

static dolium_code until_tier(const Json* step) {
  const char* state = "";
  for (int tries = 0; tries < 60000; ++tries) {
    dolium_store_stats now;
    now.struct_size = sizeof now;
    const dolium_code code = dolium_stats(client_of(step), &now, &why);
    state = tier_name(now.tier.state);
    const int64_t records = json_number_at(step, "records", (int64_t)now.tier.records);
    const bool is_so = strcmp(state, json_text_at(step, "state", "")) == 0 && (int64_t)now.tier.records == records;
    if (code != DOLIUM_OK || is_so) return code;
    const struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
  }
  fail_step("the tier is %s", state);
  return DOLIUM_OK;
}

static bool is_listed(const Json* ids, const dolium_id* id) {
  for (const Json* each = ids->first; each != NULL; each = each->next) {
    const dolium_id wanted = id_named(each->text);
    if (memcmp(&wanted, id, sizeof wanted) == 0) return true;
  }
  return false;
}

static dolium_code list(const Json* step) {
  const Json* const given = json_at(step, "filter");
  dolium_filter filter = DOLIUM_FILTER_INIT;
  filter.label_prefix = json_text_at(given, "label_prefix", NULL);
  filter.type_name = json_text_at(given, "type_name", NULL);
  const char* const state = json_text_at(given, "state", NULL);
  if (state != NULL) filter.state = strcmp(state, "sealed") == 0 ? DOLIUM_SEALED : DOLIUM_UNSEALED;
  dolium_object_list* found = NULL;
  const dolium_code code = dolium_list(client_of(step), &filter, &found, &why);
  if (code != DOLIUM_OK) return code;
  const Json* const wanted = json_at(step, "ids");
  EXPECT(dolium_object_list_count(found) == json_count(wanted), "%zu objects", dolium_object_list_count(found));
  dolium_object_info info;
  info.struct_size = sizeof info;
  while (dolium_object_list_next(found, &info, &why) == DOLIUM_OK)
    EXPECT(is_listed(wanted, &info.id), "another object is listed");
  dolium_object_list_free(found);
  return code;
}

static dolium_code clients(const Json* step) {
  const size_t wanted = (size_t)json_number_at(step, "count", 0);
  // The end of a client reaches the daemon a moment after it.
  for (;;) {
    dolium_client_list* found = NULL;
    const dolium_code code = dolium_clients(client_of(step), &found, &why);
    const size_t count = dolium_client_list_count(found);
    dolium_client_list_free(found);
    if (code != DOLIUM_OK || count == wanted) return code;
    EXPECT(count > wanted, "%zu clients", count);
  }
}

static dolium_code ping(const Json* step) {
  return dolium_ping(client_of(step), &why);
}

static void check_hex(const dolium_id* id, const char* wanted) {
  char text[DOLIUM_ID_TEXT_SIZE];
  dolium_id_to_hex(id, text);
  EXPECT(strcmp(text, wanted) == 0, "the id is %s", text);
}

static dolium_code id_from_name(const Json* step) {
  const dolium_id id = id_named(json_text_at(step, "name", ""));
  check_hex(&id, json_text_at(step, "hex", ""));
  return DOLIUM_OK;
}

static dolium_code id_from_hex(const Json* step) {
  const char* const hex = json_text_at(step, "hex", "");
  dolium_id id;
  const dolium_code code = dolium_id_from_hex(hex, strlen(hex), &id, &why);
  if (code == DOLIUM_OK) check_hex(&id, json_text_at(step, "to", hex));
  return code;
}

static dolium_code tag(const Json* step) {
  const unsigned long long wanted = strtoull(json_text_at(step, "tag", ""), NULL, 16);
  const unsigned long long found = tag_of(json_text_at(step, "type", ""));
  EXPECT(found == wanted, "the tag is %016llx", found);
  return DOLIUM_OK;
}

static dolium_code ticket(const Json* step) {
  const dolium_id id = id_of(step);
  const char* const type = json_text_at(step, "type", "bytes");
  Variable* const made = new_variable(a_ticket, json_text_at(step, "as", ""));
  return dolium_ticket(client_of(step), &id, type, strlen(type), made->ticket, sizeof made->ticket, &why);
}

static dolium_code ticket_get(const Json* step) {
  const char* const text = variable_of(step, "ticket", a_ticket)->ticket;
  const char* const type = json_text_at(step, "type", "");
  dolium_object object;
  const dolium_code code =
      dolium_ticket_get(client_of(step), text, strlen(text), type, strlen(type), timeout_of(step), &object, &why);
  if (code == DOLIUM_OK) {
    check_object(step, &object);
    keep_or_release(step, object);
  }
  return code;
}

static dolium_code ticket_text(const Json* step) {
  const char* const text = json_text_at(step, "text", "");
  dolium_ticket_info info;
  info.struct_size = sizeof info;
  const dolium_code code = dolium_ticket_read(text, strlen(text), &info, &why);
  if (code == DOLIUM_OK) check_hex(&info.id, json_text_at(step, "hex", ""));
  return code;
}

const Step report_steps[] = {{"metadata", metadata},
                             {"remove_described", remove_described},
                             {"stats", stats},
                             {"until_tier", until_tier},
                             {"list", list},
                             {"clients", clients},
                             {"ping", ping},
                             {"id", id_from_name},
                             {"id_from_hex", id_from_hex},
                             {"tag", tag},
                             {"ticket", ticket},
                             {"ticket_get", ticket_get},
                             {"ticket_text", ticket_text},
                             {NULL, NULL}};
