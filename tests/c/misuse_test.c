// Wrong arguments: null handles, structs of another size, what has ended.

#define _POSIX_C_SOURCE 200809L
#include <signal.h>

#include "check.h"

TEST("c: null where something is needed is an error that says so") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("any");
  dolium_object object;
  CHECK_IS(dolium_get(NULL, &id, 0, &object, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("dolium_get: the dolium_store is NULL");
  CHECK_IS(dolium_get(store.mine, NULL, 0, &object, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("id is NULL");
  CHECK_IS(dolium_get(store.mine, &id, 0, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("object is NULL");
  CHECK_IS(dolium_put(store.mine, &id, NULL, 5, NULL, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("data is NULL, but its size is 5");
  CHECK_IS(dolium_put(store.mine, NULL, "x", 1, NULL, NULL, NULL), DOLIUM_INVALID_ARGUMENT);
  CHECK_IS(dolium_builder_seal(NULL, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_IS(dolium_create(store.mine, &id, 1, NULL, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_OK(dolium_builder_abort(NULL, &why));
  CHECK_IS(dolium_get_many(store.mine, NULL, 1, 0, 0, &object, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_IS(dolium_try_get(NULL, &id, &object), DOLIUM_INVALID_ARGUMENT);
  dolium_object_release(NULL);
  dolium_object_drop(NULL);
  dolium_failures_free(NULL);
  close_store(&store);
}

TEST("c: a struct whose size was not set is an error that says so") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("any");
  dolium_create_options options;
  memset(&options, 0, sizeof options);
  CHECK_IS(dolium_put(store.mine, &id, "x", 1, &options, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("set it to sizeof(dolium_create_options) before the call");
  options.struct_size = SIZE_MAX;
  CHECK_IS(dolium_put(store.mine, &id, "x", 1, &options, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  dolium_store_stats stats;
  stats.struct_size = 1704 - 1;  // of version 1 of the interface
  CHECK_IS(dolium_stats(store.mine, &stats, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("dolium_store_stats");
  stats.struct_size = 1704;
  stats.dirty_count = 7;  // unknown to a program of that version
  CHECK_OK(dolium_stats(store.mine, &stats, &why));
  CHECK(stats.struct_size == 1704 && stats.capacity == 16 * MIB && stats.dirty_count == 7);
  close_store(&store);
}

TEST("c: flags and reserved members that are unknown are refused") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("any");
  dolium_create_options options = DOLIUM_CREATE_OPTIONS_INIT;
  options.flags = 1u << 31;
  CHECK_IS(dolium_put(store.mine, &id, "x", 1, &options, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  options.flags = 0;
  options.retention = 3;
  CHECK_IS(dolium_put(store.mine, &id, "x", 1, &options, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  options.retention = DOLIUM_RETENTION_KEEP;  // without a spill tier
  CHECK_IS(dolium_put(store.mine, &id, "x", 1, &options, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  options.retention = DOLIUM_RETENTION_CACHE;
  CHECK_OK(dolium_put(store.mine, &id, "x", 1, &options, NULL, &why));
  options.retention = DOLIUM_RETENTION_DEFAULT;
  options.grace_ns = -1;
  CHECK_IS(dolium_put(store.mine, &id, "x", 1, &options, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  options.grace_ns = 0;
  options.time_to_live_ns = -1;
  CHECK_IS(dolium_put(store.mine, &id, "x", 1, &options, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  close_store(&store);
}

/// A program of a later version, whose structs have grown.
typedef struct LaterOptions {
  dolium_create_options known;
  uint64_t added;
} LaterOptions;
typedef struct LaterStats {
  dolium_store_stats known;
  uint64_t added[2];
} LaterStats;

TEST("c: structs of a later version are taken if the library can do what they ask") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("later");
  LaterOptions options;
  memset(&options, 0, sizeof options);
  options.known.struct_size = sizeof options;
  options.known.label = "label";
  options.added = 1;
  CHECK_IS(dolium_put(store.mine, &id, "x", 1, &options.known, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("members that this library does not know");
  options.added = 0;
  CHECK_OK(dolium_put(store.mine, &id, "x", 1, &options.known, NULL, &why));
  LaterStats stats;
  stats.known.struct_size = sizeof stats;
  stats.added[0] = stats.added[1] = 7;
  CHECK_OK(dolium_stats(store.mine, &stats.known, &why));
  CHECK(stats.known.total_objects == 1 && stats.added[0] == 0 && stats.added[1] == 0);
  CHECK(stats.known.struct_size == sizeof stats);
  close_store(&store);
}

TEST("c: an object that holds nothing cannot be retained") {
  dolium_object none, other;
  memset(&none, 0, sizeof none);
  CHECK_IS(dolium_object_retain(&none, &other, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("holds nothing");
  CHECK(kind == in_process || kind == daemon_store);
}

#ifdef DOLIUM_KEEPS_RECORD  // a debug build
static void release_copy(void* argument) { dolium_object_release(argument); }
static void drop_copy(void* argument) { dolium_object_drop(argument); }
static void close_again(void* argument) { dolium_close(argument); }

TEST("c: a debug build finds objects and handles that are used after their end") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("released"), never = id_of("never sealed");
  dolium_object object, copy, other;
  CHECK_OK(dolium_put(store.mine, &id, "x", 1, NULL, &object, &why));
  copy = object;
  dolium_object_release(&object);
  CHECK_IS(dolium_object_retain(&copy, &other, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("was released before");
  char said[512];
  int signal = 0;
  run_in_child(release_copy, &copy, &signal, said, sizeof said);
  CHECK(signal == SIGABRT && strstr(said, "dolium_object_release: this object was released before") != NULL);
  run_in_child(drop_copy, &copy, &signal, said, sizeof said);
  CHECK(signal == SIGABRT && strstr(said, "dolium_object_drop: this object was released before") != NULL);

  dolium_builder* builder = NULL;
  CHECK_OK(dolium_create(store.mine, &never, 1, NULL, &builder, &why));
  CHECK_OK(dolium_builder_abort(builder, &why));
  CHECK_IS(dolium_builder_write(builder, "x", 1, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_WHY("this is no dolium_builder");
  CHECK_IS(dolium_builder_seal(builder, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  dolium_store* brief = NULL;
  CHECK_OK(dolium_open(NULL, &brief, &why));
  dolium_close(brief);
  CHECK_IS(dolium_ping(brief, &why), DOLIUM_INVALID_ARGUMENT);
  run_in_child(close_again, brief, &signal, said, sizeof said);
  CHECK(signal == SIGABRT && strstr(said, "this is no dolium_store") != NULL);
  close_store(&store);
}
#endif
