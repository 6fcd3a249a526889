// Writing: builders, puts, many puts, deferred puts.

#include <dolium/c/write.h>

#include "check.h"

TEST("c: create, write in place, seal, get") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("squares");
  dolium_builder* builder = NULL;
  CHECK_OK(dolium_create(store.mine, &id, 8000, NULL, &builder, &why));
  CHECK(dolium_builder_size(builder) == 8000);
  double* squares = dolium_builder_data(builder);
  CHECK((uintptr_t)squares % 64 == 0);
  for (int i = 0; i < 1000; ++i) squares[i] = (double)i * i;
  dolium_object object;
  CHECK_IS(dolium_get(store.other, &id, 0, &object, &why), DOLIUM_NOT_FOUND);
  CHECK_OK(dolium_builder_seal(builder, NULL, &why));

  CHECK_OK(dolium_get(store.other, &id, PATIENCE, &object, &why));
  CHECK(object.size == 8000 && object.metadata_size == 0 && object.type_tag == 0);
  CHECK(memcmp(&object.id, &id, sizeof id) == 0);
  CHECK(((const double*)object.data)[999] == 998001.0);
  dolium_object_release(&object);
  CHECK(!dolium_object_holds(&object) && object.data == NULL);
  close_store(&store);
}

TEST("c: an id is used once, sealed or not") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("once");
  dolium_builder *first = NULL, *second = NULL;
  CHECK_OK(dolium_create(store.mine, &id, 10, NULL, &first, &why));
  CHECK_IS(dolium_create(store.other, &id, 10, NULL, &second, &why), DOLIUM_ALREADY_EXISTS);
  CHECK(second == NULL);
  CHECK_OK(dolium_builder_seal(first, NULL, &why));
  CHECK_IS(dolium_put(store.other, &id, "x", 1, NULL, NULL, &why), DOLIUM_ALREADY_EXISTS);
  close_store(&store);
}

TEST("c: an aborted object is gone, and its id is free") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("aborted");
  dolium_builder* builder = NULL;
  CHECK_OK(dolium_create(store.mine, &id, 10, NULL, &builder, &why));
  CHECK_OK(dolium_builder_write(builder, "abc", 3, &why));
  CHECK(dolium_builder_written(builder) == 3);
  CHECK_IS(dolium_builder_write(builder, "defghijk", 8, &why), DOLIUM_TOO_LARGE);
  CHECK_OK(dolium_builder_abort(builder, &why));
  CHECK_OK(dolium_put(store.mine, &id, "again", 5, NULL, NULL, &why));
  close_store(&store);
}

TEST("c: abort_and_keep frees the id, and keeps the memory until the abort") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("kept");
  dolium_builder* builder = NULL;
  CHECK_OK(dolium_create(store.mine, &id, 4096, NULL, &builder, &why));
  char* bytes = dolium_builder_data(builder);
  CHECK_OK(dolium_builder_abort_and_keep(builder, &why));
  CHECK(dolium_builder_data(builder) == NULL);
  CHECK_OK(dolium_put(store.mine, &id, "salve", 5, NULL, NULL, &why));
  memset(bytes, 1, 4096);
  CHECK_IS(dolium_builder_write(builder, "x", 1, &why), DOLIUM_ALREADY_SEALED);
  CHECK_OK(dolium_builder_abort(builder, &why));
  close_store(&store);
}

TEST("c: a put with all options, and a reference to it") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("options");
  dolium_create_options options = DOLIUM_CREATE_OPTIONS_INIT;
  options.flags = DOLIUM_CREATE_PINNED;
  options.metadata = "meta";
  options.metadata_size = 4;
  options.type_tag = DOLIUM_TAG_F64_ARRAY;
  options.label = "epoch-1/loss, and more";
  options.label_size = 12;
  options.time_to_live_ns = 3600 * SECOND + 1;
  const double values[] = {1, 2};
  dolium_object held;
  CHECK_OK(dolium_put(store.mine, &id, values, sizeof values, &options, &held, &why));
  CHECK(held.size == 16 && memcmp(held.data, values, 16) == 0 && held.type_tag == DOLIUM_TAG_F64_ARRAY);
  CHECK(held.metadata_size == 4 && memcmp(held.metadata, "meta", 4) == 0);

  dolium_object_info info;
  info.struct_size = sizeof info;
  CHECK_OK(dolium_metadata(store.other, &id, &info, NULL, &why));
  CHECK(info.state == DOLIUM_SEALED && info.pinned == 1 && info.data_size == 16 && info.metadata_size == 4);
  CHECK(strcmp(info.label, "epoch-1/loss") == 0 && info.label_size == 12);
  CHECK(strcmp(info.type_name, "f64[]") == 0 && info.type_tag == DOLIUM_TAG_F64_ARRAY);
  CHECK(info.time_to_live_ns == 3600 * SECOND + 1000000);  // rounded up to milliseconds
  CHECK(info.ref_count == 1 && info.created_at_ns > 0 && info.sealed_at_ns >= info.created_at_ns);
  dolium_object_release(&held);
  close_store(&store);
}

TEST("c: a large put and a put of nothing") {
  Store store = open_store(kind, NULL);
  const dolium_id large = id_of("large"), nothing = id_of("nothing");
  const size_t size = (size_t)(8 * MIB);
  char* bytes = malloc(size);
  CHECK(bytes != NULL);
  for (size_t i = 0; i < size; ++i) bytes[i] = (char)(i * 7 + i / 4096);
  dolium_object object;
  CHECK_OK(dolium_put(store.mine, &large, bytes, size, NULL, &object, &why));
  CHECK(object.size == size && memcmp(object.data, bytes, size) == 0);
  dolium_object_release(&object);
  CHECK_OK(dolium_put(store.mine, &nothing, NULL, 0, NULL, NULL, &why));
  CHECK_OK(dolium_get(store.other, &nothing, 0, &object, &why));
  CHECK(object.size == 0 && object.data != NULL && dolium_object_holds(&object));
  dolium_object_release(&object);
  free(bytes);
  close_store(&store);
}

TEST("c: many puts in one call, and those that failed") {
  Store store = open_store(kind, NULL);
  dolium_put_item items[3];
  memset(items, 0, sizeof items);
  items[0].id = id_of("a"), items[0].data = "one", items[0].size = 3;
  items[1].id = id_of("a"), items[1].data = "two", items[1].size = 3;
  items[2].id = id_of("b"), items[2].data = "three", items[2].size = 5;
  dolium_failures* failures = NULL;
  CHECK_OK(dolium_put_many(store.mine, items, 3, &failures, &why));
  CHECK(dolium_failures_count(failures) == 1);
  dolium_failure failure;
  failure.struct_size = sizeof failure;
  CHECK_OK(dolium_failures_at(failures, 0, &failure, &why));
  CHECK(failure.code == DOLIUM_ALREADY_EXISTS && failure.index == 1 && strlen(failure.message) > 10);
  CHECK(memcmp(&failure.id, &items[1].id, sizeof failure.id) == 0);
  CHECK_IS(dolium_failures_at(failures, 1, &failure, &why), DOLIUM_NOT_FOUND);
  dolium_failures_free(failures);

  CHECK_OK(dolium_put_many(store.mine, NULL, 0, &failures, &why));
  CHECK(failures == NULL && dolium_failures_count(NULL) == 0);
  close_store(&store);
}

TEST("c: deferred puts report their failures at the flush") {
  Store store = open_store(kind, NULL);
  dolium_failures* failures = NULL;
  for (int i = 0; i < 100; ++i) {
    char name[16];
    const int size = snprintf(name, sizeof name, "deferred %d", i % 99);
    const dolium_id id = id_of(name);
    CHECK_OK(dolium_put_deferred(store.mine, &id, name, (size_t)size, NULL, &why));
  }
  CHECK_OK(dolium_flush(store.mine, &failures, &why));
  CHECK(dolium_failures_count(failures) == 1);
  dolium_failure failure;
  failure.struct_size = sizeof failure;
  CHECK_OK(dolium_failures_at(failures, 0, &failure, &why));
  CHECK(failure.code == DOLIUM_ALREADY_EXISTS);
  dolium_failures_free(failures);
  CHECK_OK(dolium_flush(store.mine, &failures, &why));
  CHECK(failures == NULL);

  const dolium_id last = id_of("deferred 98");
  dolium_object object;
  CHECK_OK(dolium_get(store.other, &last, PATIENCE, &object, &why));
  CHECK(holds_text(&object, "deferred 98"));
  dolium_object_release(&object);
  static char large[DOLIUM_MAX_DEFERRED + 1];
  CHECK_IS(dolium_put_deferred(store.mine, &last, large, sizeof large, NULL, &why), DOLIUM_TOO_LARGE);
  close_store(&store);
}

TEST("c: a refusal has a code, a cause and a text") {
  dolium_open_options small = DOLIUM_OPEN_OPTIONS_INIT;
  small.capacity = MIB;
  Store store = open_store(kind, &small);
  const dolium_id id = id_of("small"), first = id_of("first"), second = id_of("second");
  CHECK_OK(dolium_put(store.mine, &id, "x", 1, NULL, NULL, &why));
  dolium_builder *builder = NULL, *none = NULL;
  CHECK_OK(dolium_create(store.mine, &first, 600 * 1024, NULL, &builder, &why));
  CHECK_IS(dolium_create(store.mine, &second, 600 * 1024, NULL, &none, &why), DOLIUM_OUT_OF_MEMORY);
  CHECK(why.cause == DOLIUM_CAUSE_ROOM && strcmp(dolium_cause_name(why.cause), "room") == 0);
  dolium_create_options patient = DOLIUM_CREATE_OPTIONS_INIT;
  patient.timeout_ns = SHORTLY;
  CHECK_IS(dolium_create(store.mine, &second, 600 * 1024, &patient, &none, &why), DOLIUM_TIMED_OUT);

  dolium_refusal refusal;
  refusal.struct_size = sizeof refusal;
  dolium_use_list* holders = NULL;
  CHECK_OK(dolium_last_refusal(store.mine, &refusal, &holders, &why));
  CHECK(memcmp(&refusal.id, &second, sizeof second) == 0 && refusal.cause == DOLIUM_CAUSE_ROOM);
  CHECK(refusal.size >= 600 * 1024 && refusal.reason[0] != '\0' && refusal.free_bytes < 600 * 1024);
  dolium_use use;
  use.struct_size = sizeof use;
  CHECK(dolium_use_list_count(holders) == 1);
  CHECK_OK(dolium_use_list_next(holders, &use, &why));
  CHECK(use.unsealed_bytes >= 600 * 1024);
  CHECK_IS(dolium_use_list_next(holders, &use, &why), DOLIUM_NOT_FOUND);
  dolium_use_list_free(holders);
  CHECK_OK(dolium_builder_abort(builder, &why));
  CHECK_IS(dolium_create(store.mine, &first, 2 * MIB, NULL, &builder, &why), DOLIUM_TOO_LARGE);
  CHECK(why.cause == DOLIUM_CAUSE_CAPACITY && why.code == DOLIUM_TOO_LARGE && strlen(why.message) == why.message_size);
  close_store(&store);
}
