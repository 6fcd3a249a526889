// How objects are created: create, write, seal, abort, put.

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

TEST_CASE("what was created, written and sealed can be got, data and metadata alike") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Bytes data = pattern(10'000);
  const Bytes metadata = pattern(333, 5);
  Result<ObjectBuilder> builder = store->create(id_of("a"), data.size(), {.metadata = metadata, .type_tag = 77});
  REQUIRE(outcome(builder) == "ok");
  CHECK(builder->id() == id_of("a"));
  REQUIRE(builder->data().size() == data.size());
  CHECK(reinterpret_cast<std::uintptr_t>(builder->data().data()) % 64 == 0);
  std::copy(data.begin(), data.end(), builder->data().begin());
  CHECK(builder->seal().value() == id_of("a"));

  const Object object = store.other().get_raw(id_of("a")).value();
  CHECK(same(object.data(), data));
  CHECK(same(object.metadata(), metadata));
  CHECK(object.type_tag() == 77);
  CHECK(object.id() == id_of("a"));
  CHECK(reinterpret_cast<std::uintptr_t>(object.data().data()) % 64 == 0);
}

TEST_CASE("nobody sees an object before it is sealed") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  ObjectBuilder builder = store->create(id_of("a"), 100).value();
  for (ObjectStore* client : {&*store, &store.other()}) {
    CHECK_FALSE(client->exists(id_of("a")).value());
    CHECK(outcome(client->get_raw(id_of("a"))) == "not_found");
    CHECK(client->metadata(id_of("a")).value().state == ObjectState::unsealed);
    CHECK(outcome(client->pin(id_of("a"))) == "not_sealed");
    CHECK(outcome(client->unpin(id_of("a"))) == "not_sealed");
    CHECK(outcome(client->remove(id_of("a"))) == "not_sealed");
  }
  REQUIRE(outcome(builder.seal()) == "ok");
  CHECK(store.other().exists(id_of("a")).value());
  CHECK(store->metadata(id_of("a")).value().state == ObjectState::sealed);
}

TEST_CASE("a duplicate create is already_exists, sealed or not, and leaves nothing behind") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  ObjectBuilder builder = store->create(id_of("a"), 1000).value();
  const std::uint64_t used = store->stats().value().used_bytes;
  CHECK(outcome(store->create(id_of("a"), 5000)) == "already_exists");
  CHECK(outcome(store.other().put(id_of("a"), pattern(5000))) == "already_exists");
  CHECK(outcome(store.other().put(id_of("a"), pattern(100'000))) == "already_exists");
  REQUIRE(outcome(builder.write(pattern(1000))) == "ok");
  REQUIRE(outcome(builder.seal()) == "ok");
  CHECK(outcome(store->create(id_of("a"), 0)) == "already_exists");
  CHECK(outcome(store.other().create(id_of("a"), 5000, {.timeout = kPatience})) == "already_exists");
  CHECK(store->stats().value().used_bytes == used);
  CHECK(store->stats().value().unsealed_count == 0);
  CHECK(same(store->get_raw(id_of("a")).value().data(), pattern(1000)));
}

TEST_CASE("a failed create leaves no ghost id") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB);
  Object held = store->get_raw(id_of(0)).value();
  CHECK(outcome(store->create(id_of("a"), 1000)) == "out_of_memory");
  CHECK(outcome(store->put(id_of("a"), pattern(1000))) == "out_of_memory");
  CHECK(outcome(store->create(id_of("a"), 2 * kMiB)) == "too_large");
  CHECK_FALSE(store->exists(id_of("a")).value());
  CHECK(outcome(store->metadata(id_of("a"))) == "not_found");
  CHECK(store->list().value().size() == 1);
  held.reset();
  CHECK(outcome(store->put(id_of("a"), pattern(1000))) == "ok");
}

TEST_CASE("objects of no data, of no metadata and of neither are objects like any other") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Bytes some = pattern(9);
  REQUIRE(outcome(store->put(id_of("neither"), {})) == "ok");
  REQUIRE(outcome(store->put(id_of("metadata"), {}, {.metadata = some})) == "ok");
  REQUIRE(outcome(store->put(id_of("data"), some)) == "ok");
  ObjectBuilder builder = store->create(id_of("built"), 0).value();
  CHECK(builder.data().empty());
  CHECK(outcome(builder.write({})) == "ok");
  REQUIRE(outcome(builder.seal()) == "ok");

  CHECK(store->get_raw(id_of("neither")).value().data().empty());
  CHECK(store->get_raw(id_of("neither")).value().metadata().empty());
  CHECK(store->get_raw(id_of("metadata")).value().data().empty());
  CHECK(same(store->get_raw(id_of("metadata")).value().metadata(), some));
  CHECK(same(store->get_raw(id_of("data")).value().data(), some));
  CHECK(store->get_raw(id_of("data")).value().metadata().empty());
  CHECK(store->exists(id_of("built")).value());
  CHECK(store->stats().value().total_size == 18);
  CHECK(store->remove(id_of("neither")).value());
  CHECK_FALSE(store->exists(id_of("neither")).value());
}

TEST_CASE("an object of the full capacity fits into an idle store, one byte more is too_large") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 10, 50'000);
  CHECK(outcome(store->create(id_of("a"), kMiB + 1)) == "too_large");
  CHECK(outcome(store->create(id_of("a"), kMiB, {.metadata = bytes_of("m")})) == "too_large");
  CHECK(outcome(store->create(id_of("a"), UINT64_MAX, {.metadata = bytes_of("m"), .timeout = kPatience})) ==
        "too_large");
  CHECK(store->stats().value().eviction_count == 0);  // nothing is evicted for what can never fit
  const Bytes data = pattern(kMiB);
  REQUIRE(outcome(store->put(id_of("a"), data)) == "ok");
  CHECK(same(store->get_raw(id_of("a")).value().data(), data));
  CHECK(store->stats().value().free_bytes == 0);
  CHECK(store->stats().value().total_objects == 1);
}

TEST_CASE("capacity is exact: it can be filled to the last byte") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = 64 * kKiB});
  put_numbered(*store, 0, 1024, 64, {.pinned = true});
  CHECK(store->stats().value().used_bytes == 64 * kKiB);
  CHECK(store->stats().value().free_bytes == 0);
  CHECK(outcome(store->put(id_of("one too many"), {})) == "out_of_memory");
  REQUIRE(store->remove(id_of(500)).value());
  CHECK(outcome(store->put(id_of("one too many"), {})) == "ok");
}

TEST_CASE("a store of max_objects makes room for one more as it does for bytes") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB, .max_objects = 4});
  put_numbered(*store, 0, 5, 100);
  CHECK(present(*store, 5) == std::vector<std::size_t>{1, 2, 3, 4});
  for (std::size_t n = 1; n < 5; ++n) REQUIRE(outcome(store->pin(id_of(n))) == "ok");
  CHECK(outcome(store->put(id_of("one too many"), {})) == "out_of_memory");
  CHECK(store->stats().value().max_objects == 4);
}

TEST_CASE("a builder that is dropped unsealed takes its object with it") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  {
    const ObjectBuilder builder = store->create(id_of("a"), kMiB).value();
    CHECK(store->stats().value().unsealed_bytes == kMiB);
  }
  CHECK(store->stats().value().used_bytes == 0);
  CHECK(store->stats().value().unsealed_count == 0);
  CHECK(store->stats().value().aborted_count == 1);
  CHECK(outcome(store->metadata(id_of("a"))) == "not_found");
  CHECK(outcome(store->put(id_of("a"), pattern(kMiB))) == "ok");
}

TEST_CASE("after abort the id is free again at once") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  ObjectBuilder builder = store->create(id_of("a"), 10).value();
  REQUIRE(outcome(builder.abort()) == "ok");
  CHECK(outcome(store->put(id_of("a"), pattern(20))) == "ok");
  CHECK(outcome(builder.abort()) == "already_sealed");  // and does not touch the new object
  CHECK(same(store->get_raw(id_of("a")).value().data(), pattern(20)));
}

TEST_CASE("an abort that keeps the memory frees the id at once, and the memory with the builder") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::uint64_t used = store->stats().value().used_bytes;
  std::optional<ObjectBuilder> first = store->create(id_of("a"), 1000, {.pinned = true}).value();
  const std::span<std::byte> view = first->data();
  REQUIRE(outcome(first->abort_and_keep()) == "ok");
  CHECK_FALSE(store->exists(id_of("a")).value());
  CHECK(outcome(first->seal()) == "already_sealed");
  CHECK(outcome(first->abort()) == "already_sealed");
  CHECK(outcome(first->abort_and_keep()) == "already_sealed");
  CHECK(first->data().empty());
  std::optional<ObjectBuilder> second = store->create(id_of("a"), 1000).value();
  std::ranges::fill(view, std::byte{1});  // harms nobody
  REQUIRE(outcome(second->abort_and_keep()) == "ok");
  REQUIRE(outcome(store->put(id_of("a"), pattern(20))) == "ok");
  CHECK(store->stats().value().unsealed_count == 2);
  first = std::nullopt;
  CHECK(store->stats().value().unsealed_count == 1);
  ObjectBuilder moved = *std::move(second);
  second = std::nullopt;
  CHECK(store->stats().value().unsealed_count == 1);
  moved = store->create(id_of("b"), 1).value();
  CHECK(same(store->get_raw(id_of("a")).value().data(), pattern(20)));
  REQUIRE(outcome(moved.abort()) == "ok");
  REQUIRE(store->remove(id_of("a")).value());
  CHECK(store->stats().value().used_bytes == used);
  CHECK(store->stats().value().aborted_count == 3);
}

TEST_CASE("a builder is done after seal, abort or move") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  ObjectBuilder sealed = store->create(id_of("sealed"), 10).value();
  REQUIRE(outcome(sealed.seal()) == "ok");
  ObjectBuilder aborted = store->create(id_of("aborted"), 10).value();
  REQUIRE(outcome(aborted.abort()) == "ok");
  ObjectBuilder moved = store->create(id_of("moved"), 10).value();
  ObjectBuilder target = std::move(moved);
  for (ObjectBuilder* builder : {&sealed, &aborted, &moved}) {
    CHECK(builder->data().empty());
    CHECK(outcome(builder->write(pattern(1))) == "already_sealed");
    CHECK(outcome(builder->seal()) == "already_sealed");
    CHECK(outcome(builder->seal_and_hold()) == "already_sealed");
    CHECK(outcome(builder->abort()) == "already_sealed");
  }
  REQUIRE(outcome(target.write(pattern(10))) == "ok");
  CHECK(outcome(target.seal()) == "ok");
  CHECK(same(store->get_raw(id_of("moved")).value().data(), pattern(10)));
}

TEST_CASE("a builder that another is moved into aborts its own object first") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  ObjectBuilder builder = store->create(id_of("a"), 10).value();
  builder = store->create(id_of("b"), 20).value();
  CHECK(outcome(store->metadata(id_of("a"))) == "not_found");
  CHECK(builder.id() == id_of("b"));
  CHECK(builder.data().size() == 20);
  CHECK(outcome(builder.seal()) == "ok");
}

TEST_CASE("write appends, and refuses what does not fit without writing any of it") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  ObjectBuilder builder = store->create(id_of("a"), 10).value();
  CHECK(outcome(builder.write(bytes_of("01234"))) == "ok");
  CHECK(builder.written() == 5);
  CHECK(outcome(builder.write(bytes_of("abcdef"))) == "too_large");
  CHECK(builder.written() == 5);
  CHECK(outcome(builder.write(bytes_of("56789"))) == "ok");
  CHECK(outcome(builder.write(bytes_of("x"))) == "too_large");
  REQUIRE(outcome(builder.seal()) == "ok");
  CHECK(text_of(store->get_raw(id_of("a")).value().data()) == "0123456789");
}

TEST_CASE("seal_and_hold leaves no moment at which the object could be evicted") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  ObjectBuilder builder = store->create(id_of("a"), 1000).value();
  REQUIRE(outcome(builder.write(pattern(1000))) == "ok");
  const Object held = builder.seal_and_hold().value();
  CHECK(held.holds());
  CHECK(same(held.data(), pattern(1000)));
  CHECK(store->evict(kMiB).value() == 0);
  CHECK(store->metadata(id_of("a")).value().ref_count == 1);
  CHECK(store->stats().value().get_count == 0);  // it was no get
}

TEST_CASE("put keeps objects on both sides of the limits of a message whole") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Bytes metadata = pattern(100, 9);
  for (const std::size_t size : {std::size_t{1}, kOneMessagePut, kOneMessagePut + 1, kInlinePutLimit,
                                 kInlinePutLimit + 1, kInlinePutLimit * 3}) {
    CAPTURE(size);
    REQUIRE(outcome(store->put(id_of(size), pattern(size), {.metadata = metadata})) == "ok");
    const Object object = store->get_raw(id_of(size)).value();
    CHECK(same(object.data(), pattern(size)));
    CHECK(same(object.metadata(), metadata));
  }
  CHECK(store->stats().value().put_count == 6);
}

TEST_CASE("put_many tells how each item fared, in order") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Bytes small = pattern(100, 1);
  const Bytes large = pattern(kInlinePutLimit * 2, 2);
  const Bytes too_large = pattern(kMiB + 1);
  REQUIRE(outcome(store->put(id_of("there"), small)) == "ok");
  const std::vector<PutItem> items = {
      {.id = id_of("a"), .data = small, .options = {.metadata = bytes_of("meta"), .type_tag = 3}},
      {.id = id_of("there"), .data = small},
      {.id = id_of("b"), .data = large},
      {.id = id_of("a"), .data = large},
      {.id = id_of("c"), .data = too_large},
      {.id = id_of("d"), .data = {}},
  };
  const std::vector<Result<void>> outcomes = store->put_many(items).value();
  REQUIRE(outcomes.size() == items.size());
  CHECK(outcome(outcomes[0]) == "ok");
  CHECK(outcome(outcomes[1]) == "already_exists");
  CHECK(outcome(outcomes[2]) == "ok");
  CHECK(outcome(outcomes[3]) == "already_exists");
  CHECK(outcome(outcomes[4]) == "too_large");
  CHECK(outcome(outcomes[5]) == "ok");
  CHECK(same(store->get_raw(id_of("a")).value().data(), small));
  CHECK(text_of(store->get_raw(id_of("a")).value().metadata()) == "meta");
  CHECK(store->get_raw(id_of("a")).value().type_tag() == 3);
  CHECK(same(store->get_raw(id_of("b")).value().data(), large));
  CHECK(store->get_raw(id_of("d")).value().data().empty());
  CHECK(store->stats().value().total_objects == 4);
  CHECK(store->put_many({}).value().empty());
}

TEST_CASE("options beyond their limits are refused") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Bytes metadata(kMaxMetadata + 1);
  const std::string name(kMaxTypeName + 1, 'n');
  using std::chrono::milliseconds;
  CHECK(outcome(store->put(id_of("a"), {}, {.metadata = metadata})) == "too_large");
  CHECK(outcome(store->put(id_of("a"), {}, {.type_name = name})) == "too_large");
  const std::string label(kMaxLabel + 1, 'l');
  CHECK(outcome(store->put(id_of("a"), {}, {.label = label})) == "too_large");
  CHECK(outcome(store->put(id_of("a"), {}, {.label = "\xed\xa0\x80"})) == "invalid_argument");
  CHECK(outcome(store->create(id_of("a"), 1, {.label = "\x80"})) == "invalid_argument");
  CHECK(outcome(store->put(id_of("a"), {}, {.time_to_live = milliseconds(-1)})) == "invalid_argument");
  CHECK(outcome(store->put(id_of("a"), {}, {.time_to_idle = milliseconds(-1)})) == "invalid_argument");
  CHECK(store->stats().value().used_bytes == 0);

  const std::string longest(kMaxTypeName, 'n');
  REQUIRE(outcome(store->put(id_of("a"), {},
                             {.metadata = std::span(metadata).first(kMaxMetadata),
                              .type_name = longest,
                              .label = std::string_view(label).substr(1)})) == "ok");
  CHECK(store->get_raw(id_of("a")).value().metadata().size() == kMaxMetadata);
  CHECK(store->metadata(id_of("a")).value().type_name == longest);
  CHECK(store->metadata(id_of("a")).value().label == label.substr(1));
}

TEST_CASE("an unsealed object counts against what its client may write at once") {
  OpenStore store =
      open_store(GENERATE(implementations()), {.capacity = kMiB, .max_unsealed_bytes_per_client = 128 * kKiB});
  CHECK(outcome(store->create(id_of("a"), 128 * kKiB + 1)) == "too_large");
  ObjectBuilder builder = store->create(id_of("a"), 100 * kKiB).value();
  CHECK(outcome(store->create(id_of("b"), 64 * kKiB)) == "out_of_memory");
  REQUIRE(outcome(builder.seal()) == "ok");
  CHECK(outcome(store->create(id_of("b"), 64 * kKiB)) == "ok");
}

TEST_CASE("a builder's memory stays when its store is let go") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  ObjectBuilder builder = store->create(id_of("a"), 100'000).value();
  store.close();
  REQUIRE(outcome(builder.write(pattern(100'000))) == "ok");
  CHECK(same(builder.data(), pattern(100'000)));
  static_cast<void>(builder.abort());
  CHECK(builder.data().empty());
}
