#define _POSIX_C_SOURCE 200809L  // setenv()
// Listings, clients, statistics, and what a store says of itself.

#include <dolium/c/report.h>

#include "check.h"

TEST("c: a listing passes a filter, and is read to its end") {
  Store store = open_store(kind, NULL);
  dolium_create_options options = DOLIUM_CREATE_OPTIONS_INIT;
  options.type_tag = DOLIUM_TAG_UTF8;
  const char* const labels[] = {"run-1/a", "run-1/b", "run-2/a"};
  for (int i = 0; i < 3; ++i) {
    const dolium_id id = id_of(labels[i]);
    options.label = labels[i];
    CHECK_OK(dolium_put(store.mine, &id, labels[i], strlen(labels[i]), &options, NULL, &why));
  }
  dolium_object_list* list = NULL;
  CHECK_OK(dolium_list(store.other, NULL, &list, &why));
  CHECK(dolium_object_list_count(list) == 3);
  dolium_object_list_free(list);

  dolium_filter filter = DOLIUM_FILTER_INIT;
  filter.label_prefix = "run-1/";
  filter.type_name = "utf8";
  filter.state = DOLIUM_SEALED;
  CHECK_OK(dolium_list(store.other, &filter, &list, &why));
  CHECK(dolium_object_list_count(list) == 2);
  dolium_object_info info;
  info.struct_size = sizeof info;
  int seen = 0;
  while (dolium_object_list_next(list, &info, &why) == DOLIUM_OK) {
    CHECK(strncmp(info.label, "run-1/", 6) == 0 && info.data_size == 7 && strcmp(info.type_name, "utf8") == 0);
    ++seen;
  }
  CHECK(seen == 2 && why.code == DOLIUM_NOT_FOUND);
  dolium_object_list_free(list);
  filter.state = DOLIUM_UNSEALED;
  CHECK_OK(dolium_list(store.other, &filter, &list, &why));
  CHECK(dolium_object_list_count(list) == 0);
  dolium_object_list_free(list);
  close_store(&store);
}

TEST("c: holders and waiters of an object are named") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("held");
  dolium_object object;
  CHECK_OK(dolium_put(store.mine, &id, "salve", 5, NULL, &object, &why));
  dolium_object_info info;
  info.struct_size = sizeof info;
  dolium_use_list* uses = NULL;
  CHECK_OK(dolium_metadata(store.other, &id, &info, &uses, &why));
  CHECK(info.ref_count == 1 && dolium_use_list_count(uses) == 1);
  dolium_use use;
  use.struct_size = sizeof use;
  CHECK_OK(dolium_use_list_next(uses, &use, &why));
  CHECK(use.role == DOLIUM_HOLDER && use.references == 1);
  if (kind == daemon_store) CHECK(strcmp(use.name, "mine") == 0 && use.session_id == dolium_session_id(store.mine));
  dolium_use_list_free(uses);
  dolium_object_release(&object);
  const dolium_id none = id_of("none");
  CHECK_IS(dolium_metadata(store.other, &none, &info, &uses, &why), DOLIUM_NOT_FOUND);
  CHECK(uses == NULL);
  close_store(&store);
}

TEST("c: clients") {
  Store store = open_store(kind, NULL);
  dolium_client_list* list = NULL;
  CHECK_OK(dolium_clients(store.mine, &list, &why));
  CHECK(dolium_client_list_count(list) == (kind == daemon_store ? 2 : 1));
  dolium_client_info info;
  info.struct_size = sizeof info;
  int mine = 0;
  while (dolium_client_list_next(list, &info, &why) == DOLIUM_OK) {
    CHECK((info.flags & DOLIUM_CLIENT_READ_ONLY) == 0);
    if (strcmp(info.name, "mine") == 0) mine += info.session_id == dolium_session_id(store.mine);
  }
  CHECK(mine == (kind == daemon_store));
  dolium_client_list_free(list);
  close_store(&store);
}

TEST("c: statistics") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("counted");
  static const char bytes[3000];
  CHECK_OK(dolium_put(store.mine, &id, bytes, sizeof bytes, NULL, NULL, &why));
  dolium_store_stats stats;
  stats.struct_size = sizeof stats;
  CHECK_OK(dolium_stats(store.mine, &stats, &why));
  CHECK(stats.struct_size == sizeof stats && stats.capacity == 16 * MIB && stats.total_objects == 1);
  CHECK(stats.total_size == 3000 && stats.put_count == 1 && stats.used_bytes + stats.free_bytes == stats.capacity);
  CHECK(stats.histogram_rows == 1 && stats.histogram[0].bytes == 4096 && stats.histogram[0].count == 1);
  CHECK(stats.client_count == (kind == daemon_store ? 2 : 1));
  if (kind == daemon_store) CHECK(stats.server_pid > 0 && strcmp(stats.server_version, dolium_version()) == 0);
  dolium_refusal refusal;
  refusal.struct_size = sizeof refusal;
  CHECK_IS(dolium_last_refusal(store.mine, &refusal, NULL, &why), DOLIUM_NOT_FOUND);
  close_store(&store);
}

TEST("c: free memory goes back to the system") {
  dolium_open_options options = DOLIUM_OPEN_OPTIONS_INIT;
  Store store = open_store(kind, &options);
  const dolium_id id = id_of("large");
  char* const bytes = calloc(4, MIB);
  CHECK(bytes != NULL);
  CHECK_OK(dolium_put(store.mine, &id, bytes, 4 * MIB, NULL, NULL, &why));
  free(bytes);
  CHECK_OK(dolium_remove(store.mine, &id, NULL, &why));
  dolium_store_stats before, after;
  before.struct_size = after.struct_size = sizeof before;
  CHECK_OK(dolium_stats(store.mine, &before, &why));
  uint64_t given_back = 0;
  CHECK_OK(dolium_trim(store.other, &given_back, &why));
  CHECK_OK(dolium_stats(store.mine, &after, &why));
  CHECK(given_back >= 4 * MIB && after.reserved_bytes == before.reserved_bytes - given_back);
  CHECK(after.tier.state == DOLIUM_TIER_NONE && after.capacity == before.capacity);
  CHECK_OK(dolium_trim(store.other, NULL, &why));
  CHECK_IS(dolium_trim(NULL, &given_back, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK(given_back == 0);
  close_store(&store);
  if (kind == daemon_store) return;
  options.flags = DOLIUM_OPEN_PREALLOCATE;
  store = open_store(kind, &options);
  CHECK_IS(dolium_trim(store.mine, &given_back, &why), DOLIUM_INVALID_ARGUMENT);
  close_store(&store);
}

TEST("c: a description removes its own object, and no later one of the same id") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("described");
  CHECK_OK(dolium_put(store.mine, &id, "first", 5, NULL, NULL, &why));
  dolium_object_info info;
  info.struct_size = sizeof info;
  CHECK_OK(dolium_metadata(store.mine, &id, &info, NULL, &why));
  CHECK(info.seal_stamp != 0 && info.retention == DOLIUM_RETENTION_CACHE && info.place == DOLIUM_PLACE_MEMORY);
  bool removed = true;
  CHECK_OK(dolium_remove(store.mine, &id, NULL, &why));
  CHECK_OK(dolium_put(store.mine, &id, "second", 6, NULL, NULL, &why));
  CHECK_OK(dolium_remove_described(store.other, &info, &removed, &why));
  CHECK(!removed);
  CHECK_OK(dolium_metadata(store.mine, &id, &info, NULL, &why));
  CHECK_OK(dolium_remove_described(store.other, &info, NULL, &why));
  CHECK_IS(dolium_metadata(store.mine, &id, &info, NULL, &why), DOLIUM_NOT_FOUND);
  CHECK_IS(dolium_remove_described(store.other, NULL, &removed, &why), DOLIUM_INVALID_ARGUMENT);
  info.struct_size = 8;
  CHECK_IS(dolium_remove_described(store.other, &info, &removed, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("struct_size");
  close_store(&store);
}

TEST("c: what a store says of itself") {
  Store store = open_store(kind, NULL);
  CHECK(dolium_connected(store.mine) && !dolium_read_only(store.mine) && dolium_reconnections(store.mine) == 0);
  CHECK((dolium_session_id(store.mine) != 0) == (kind == daemon_store));
  CHECK_OK(dolium_ping(store.mine, &why));
  if (kind == daemon_store) {
    dolium_connect_options how = DOLIUM_CONNECT_OPTIONS_INIT;
    how.flags = DOLIUM_CONNECT_READ_ONLY | DOLIUM_CONNECT_RECONNECT;
    dolium_store* reader = NULL;
    CHECK_OK(dolium_connect(store.socket, &how, &reader, &why));
    CHECK(dolium_read_only(reader) && dolium_connected(reader));
    const dolium_id id = id_of("refused");
    CHECK_IS(dolium_put(reader, &id, "x", 1, NULL, NULL, &why), DOLIUM_PERMISSION_DENIED);
    dolium_close(reader);
  }
  dolium_connect_options brief = DOLIUM_CONNECT_OPTIONS_INIT;
  brief.connect_timeout_ns = 1;
  dolium_store* none = store.mine;
  CHECK_IS(dolium_connect("/nowhere/dolium.sock", &brief, &none, &why), DOLIUM_DISCONNECTED);
  CHECK(none == NULL);
  CHECK(!dolium_connected(NULL) && dolium_session_id(NULL) == 0 && dolium_event_fd(NULL) == -1);
  dolium_close(NULL);
  close_store(&store);
}

TEST("c: versions, names and ids") {
  CHECK(dolium_abi_version() == DOLIUM_ABI_VERSION && strchr(dolium_version(), '.') != NULL);
  CHECK(strcmp(dolium_code_name(DOLIUM_OK), "ok") == 0 && strcmp(dolium_code_name(DOLIUM_NOT_FOUND), "not_found") == 0);
  CHECK(strcmp(dolium_code_name(DOLIUM_TIER_UNAVAILABLE), "tier_unavailable") == 0);
  CHECK(strcmp(dolium_code_name(-1), "unknown") == 0 && strcmp(dolium_cause_name(99), "unknown") == 0);
  dolium_id first, second;
  CHECK_OK(dolium_id_random(&first, &why));
  char text[DOLIUM_ID_TEXT_SIZE];
  dolium_id_to_hex(&first, text);
  CHECK(strlen(text) == 40);
  CHECK_OK(dolium_id_from_hex(text, 40, &second, &why));
  CHECK(memcmp(&first, &second, sizeof first) == 0);
  CHECK_IS(dolium_id_from_hex(text, 39, &second, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_OK(dolium_id_from_name("squares", 7, &first, &why));
  dolium_id_to_hex(NULL, text);
  CHECK(text[0] == '\0');
  setenv("DOLIUM_SOCKET", "/some/where", 1);
  char path[64];
  CHECK_OK(dolium_default_socket_path(path, sizeof path, &why));
  CHECK(strcmp(path, "/some/where") == 0);
  CHECK_IS(dolium_default_socket_path(path, 11, &why), DOLIUM_TOO_LARGE);
  CHECK_OK(dolium_default_socket_path(path, 12, &why));
  CHECK(kind == in_process || kind == daemon_store);
}
