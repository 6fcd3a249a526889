// Reading: gets, waits, takes; and what holds or frees an object.

#include <dolium/c/read.h>

#include <dirent.h>

#include "check.h"

static void put_text(dolium_store* store, const char* name, const char* text) {
  const dolium_id id = id_of(name);
  CHECK_OK(dolium_put(store, &id, text, strlen(text), NULL, NULL, &why));
}

TEST("c: references are retained, released, and outlive the removal and the store") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("held");
  put_text(store.mine, "held", "salve");
  dolium_object first, second;
  CHECK_OK(dolium_get(store.mine, &id, 0, &first, &why));
  CHECK_OK(dolium_object_retain(&first, &second, &why));
  dolium_object_release(&first);
  dolium_object_release(&first);  // no effect
  bool removed = false;
  CHECK_OK(dolium_remove(store.other, &id, &removed, &why));
  CHECK(removed && holds_text(&second, "salve"));
  CHECK_OK(dolium_remove(store.other, &id, &removed, &why));
  CHECK(!removed);
  CHECK_IS(dolium_get(store.mine, &id, 0, &first, &why), DOLIUM_NOT_FOUND);
  CHECK(!dolium_object_holds(&first));
  dolium_object_release(&second);
  close_store(&store);
}

TEST("c: a reference that is dropped is gone, and its struct as it was") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("dropped");
  put_text(store.mine, "dropped", "salve");
  dolium_object object, copy;
  CHECK_OK(dolium_get(store.mine, &id, 0, &object, &why));
  memcpy(&copy, &object, sizeof copy);
  dolium_object_info info = {.struct_size = sizeof info};
  CHECK_OK(dolium_metadata(store.other, &id, &info, NULL, &why));
  CHECK(info.ref_count == 1);
  dolium_object_drop(&object);
  CHECK(memcmp(&copy, &object, sizeof copy) == 0);
  CHECK_OK(dolium_metadata(store.other, &id, &info, NULL, &why));
  CHECK(info.ref_count == 0);
  const dolium_object none = {0};
  dolium_object_drop(&none);
  CHECK_OK(dolium_get(store.mine, &object.id, 0, &object, &why));  // the id in the struct that is filled
  CHECK(holds_text(&object, "salve"));
  dolium_object_release(&object);
  close_store(&store);
}

TEST("c: an object and a builder outlive their store") {
  Store store = open_store(kind, NULL);
  dolium_connect_options how = DOLIUM_CONNECT_OPTIONS_INIT;
  dolium_store* brief = store.mine;
  if (kind == daemon_store) CHECK_OK(dolium_connect(store.socket, &how, &brief, &why));
  const dolium_id id = id_of("outlives"), sealed = id_of("sealed later");
  put_text(brief, "outlives", "salve");
  dolium_object object;
  dolium_builder* builder = NULL;
  CHECK_OK(dolium_get(brief, &id, 0, &object, &why));
  CHECK_OK(dolium_create(brief, &sealed, 3, NULL, &builder, &why));
  if (kind == daemon_store) dolium_close(brief);
  CHECK(holds_text(&object, "salve"));
  CHECK_OK(dolium_builder_write(builder, "abc", 3, &why));
  CHECK_OK(dolium_builder_seal(builder, NULL, &why));
  dolium_object_release(&object);
  CHECK_OK(dolium_get(store.mine, &sealed, PATIENCE, &object, &why));
  CHECK(holds_text(&object, "abc"));
  dolium_object_release(&object);
  close_store(&store);
}

TEST("c: a get waits until its deadline") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("late");
  dolium_object object;
  CHECK_IS(dolium_get(store.mine, &id, SHORTLY, &object, &why), DOLIUM_TIMED_OUT);
  CHECK(!dolium_object_holds(&object));
  CHECK_IS(dolium_try_get(store.mine, &id, &object), DOLIUM_NOT_FOUND);
  put_text(store.other, "late", "now");
  CHECK_OK(dolium_get(store.mine, &id, -1, &object, &why));
  CHECK(holds_text(&object, "now"));
  dolium_object_release(&object);
  CHECK_OK(dolium_try_get(store.mine, &id, &object));
  CHECK(holds_text(&object, "now"));
  dolium_object_release(&object);
  close_store(&store);
}

TEST("c: many gets, and as soon as enough are there") {
  Store store = open_store(kind, NULL);
  put_text(store.mine, "a", "one");
  put_text(store.mine, "c", "three");
  const dolium_id ids[] = {id_of("a"), id_of("b"), id_of("c")};
  dolium_object objects[3];
  size_t found = 9;
  CHECK_OK(dolium_get_many(store.mine, ids, 3, 0, SHORTLY, objects, &found, &why));
  CHECK(found == 2 && holds_text(&objects[0], "one") && !dolium_object_holds(&objects[1]) &&
        holds_text(&objects[2], "three"));
  for (int i = 0; i < 3; ++i) dolium_object_release(&objects[i]);
  CHECK_OK(dolium_get_many(store.mine, ids, 3, 2, -1, objects, &found, &why));
  CHECK(found == 2);
  for (int i = 0; i < 3; ++i) dolium_object_release(&objects[i]);
  CHECK_IS(dolium_get_many(store.mine, ids, 3, 4, 0, objects, NULL, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_OK(dolium_get_many(store.mine, NULL, 0, 0, 0, NULL, &found, &why));
  CHECK(found == 0);
  close_store(&store);
}

TEST("c: wait and exists tell what is there") {
  Store store = open_store(kind, NULL);
  put_text(store.mine, "a", "one");
  const dolium_id ids[] = {id_of("a"), id_of("b")}, twice[] = {id_of("a"), id_of("a")};
  bool there[2];
  size_t found = 0;
  CHECK_OK(dolium_wait(store.mine, ids, 2, 1, -1, there, &found, &why));
  CHECK(found == 1 && there[0] && !there[1]);
  CHECK_OK(dolium_wait(store.mine, ids, 2, 0, SHORTLY, there, &found, &why));
  CHECK(found == 1);
  CHECK_IS(dolium_wait(store.mine, twice, 2, 0, 0, there, &found, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK(found == 0);
  CHECK_OK(dolium_exists_many(store.mine, ids, 2, there, &why));
  CHECK(there[0] && !there[1]);
  bool exists = true;
  CHECK_OK(dolium_exists(store.mine, &ids[1], &exists, &why));
  CHECK(!exists);
  close_store(&store);
}

TEST("c: a take gets and removes, once, and minds the type") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("queue");
  dolium_create_options options = DOLIUM_CREATE_OPTIONS_INIT;
  options.type_tag = DOLIUM_TAG_UTF8;
  CHECK_OK(dolium_put(store.mine, &id, "salve", 5, &options, NULL, &why));
  dolium_object object;
  CHECK_IS(dolium_take_typed(store.mine, &id, DOLIUM_TAG_F64, 0, &object, &why), DOLIUM_TYPE_MISMATCH);
  CHECK_OK(dolium_take_typed(store.other, &id, DOLIUM_TAG_UTF8, 0, &object, &why));
  CHECK(holds_text(&object, "salve"));
  dolium_object_release(&object);
  CHECK_IS(dolium_take(store.mine, &id, 0, &object, &why), DOLIUM_NOT_FOUND);
  CHECK_IS(dolium_take(store.mine, &id, SHORTLY, &object, &why), DOLIUM_TIMED_OUT);
  put_text(store.mine, "queue", "next");
  CHECK_OK(dolium_take(store.mine, &id, PATIENCE, &object, &why));
  CHECK(holds_text(&object, "next"));
  dolium_object_release(&object);
  close_store(&store);
}

TEST("c: pins, graces and evictions") {
  dolium_open_options limited = DOLIUM_OPEN_OPTIONS_INIT;
  limited.max_pinned_bytes_per_user = 200 * 1024;
  Store store = open_store(kind, &limited);
  const dolium_id pinned = id_of("pinned"), graced = id_of("graced"), cold = id_of("cold"), none = id_of("none");
  static const char bytes[100 * 1024];
  const dolium_id* const all[] = {&pinned, &graced, &cold};
  for (int i = 0; i < 3; ++i) CHECK_OK(dolium_put(store.mine, all[i], bytes, sizeof bytes, NULL, NULL, &why));
  CHECK_IS(dolium_pin(store.mine, &none, &why), DOLIUM_NOT_FOUND);
  CHECK_OK(dolium_pin(store.mine, &pinned, &why));
  CHECK_OK(dolium_extend_grace(store.mine, &graced, 60 * SECOND, 0, &why));
  CHECK_IS(dolium_pin(store.mine, &cold, &why), DOLIUM_OUT_OF_MEMORY);
  CHECK(why.cause == DOLIUM_CAUSE_PINS);
  CHECK_IS(dolium_extend_grace(store.mine, &graced, 2 * DOLIUM_MAX_GRACE_NS, 1, &why), DOLIUM_INVALID_ARGUMENT);
  dolium_object_info info;
  info.struct_size = sizeof info;
  CHECK_OK(dolium_metadata(store.mine, &graced, &info, NULL, &why));
  CHECK(info.grace_left_ns > 50 * SECOND && info.grace_left_ns <= 60 * SECOND && info.grace_readers_left == 1);

  uint64_t freed = 0, object_bytes = 0;
  CHECK_OK(dolium_evict(store.mine, 10 * MIB, &freed, &object_bytes, &why));
  CHECK(freed >= sizeof bytes && freed < 2 * sizeof bytes && object_bytes == sizeof bytes);
  bool there[3];
  const dolium_id ids[] = {pinned, graced, cold};
  CHECK_OK(dolium_exists_many(store.mine, ids, 3, there, &why));
  CHECK(there[0] && there[1] && !there[2]);
  CHECK_OK(dolium_unpin(store.mine, &pinned, &why));
  CHECK_OK(dolium_evict(store.mine, 10 * MIB, NULL, NULL, &why));
  CHECK_OK(dolium_exists_many(store.mine, ids, 3, there, &why));
  CHECK(!there[0] && there[1]);
  CHECK_OK(dolium_clear(store.mine, &why));
  CHECK_OK(dolium_exists_many(store.mine, ids, 3, there, &why));
  CHECK(!there[1]);
  close_store(&store);
}

TEST("c: a private copy is written without a change to the object") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("copied");
  static const char bytes[100000];
  dolium_object object;
  CHECK_OK(dolium_put(store.mine, &id, bytes, sizeof bytes, NULL, &object, &why));
  dolium_private_copy* copy = NULL;
  CHECK_OK(dolium_object_private_copy(&object, &copy, &why));
  dolium_object_release(&object);
  char* mine = dolium_private_copy_data(copy);
  mine[0] = 1, mine[99999] = 2;
  CHECK_OK(dolium_get(store.mine, &id, 0, &object, &why));
  CHECK(((const char*)object.data)[0] == 0 && ((const char*)object.data)[99999] == 0 && mine[99999] == 2);
  dolium_object_release(&object);
  dolium_private_copy_free(copy);
  close_store(&store);
}

/// Resident memory, in KiB.
static long resident(void) {
  FILE* const file = fopen("/proc/self/statm", "r");
  long size = 0, pages = 0;
  CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &pages) == 2);
  fclose(file);
  return pages * 4;
}

static int descriptors(void) {
  DIR* const folder = opendir("/proc/self/fd");
  CHECK(folder != NULL);
  int count = 0;
  while (readdir(folder) != NULL) ++count;
  closedir(folder);
  return count;
}

static void get_often(dolium_store* store, int times) {
  const dolium_id id = id_of("often"), none = id_of("none");
  dolium_object object, other;
  for (int i = 0; i < times; ++i) {
    CHECK_OK(dolium_get(store, &id, 0, &object, &why));
    CHECK_OK(dolium_object_retain(&object, &other, &why));
    dolium_object_release(&object);
    dolium_object_release(&other);
    CHECK_IS(dolium_get(store, &none, 0, &object, &why), DOLIUM_NOT_FOUND);
  }
}

TEST("c: a hundred thousand gets leave nothing behind") {
  Store store = open_store(kind, NULL);
  put_text(store.mine, "often", "salve");
  get_often(store.mine, 1000);
  const long memory = resident();
  const int open_files = descriptors();
  get_often(store.mine, 100000);
  CHECK(descriptors() == open_files);
  if (getenv("DOLIUM_WATCHED") == NULL)  // sanitizers and valgrind use memory of their own
    CHECK(resident() <= memory + 256);
  close_store(&store);
}
