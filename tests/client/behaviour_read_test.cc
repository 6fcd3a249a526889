// How objects are got, how long they are held, and the errors of a get that finds no object.

#include <future>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

namespace {

/// Runs a blocking call in a thread of its own.
template <class F>
auto in_thread(F call) {
  return std::async(std::launch::async, std::move(call));
}

}  // namespace

TEST_CASE("a get that does not wait says not_found, one that waited says timed_out") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  CHECK(outcome(store->get_raw(id_of("a"))) == "not_found");
  CHECK(outcome(store->get_raw(id_of("a"), std::chrono::seconds(-1))) == "not_found");
  CHECK(outcome(store->get_raw(id_of("a"), kShortly)) == "timed_out");
  const ObjectBuilder unsealed = store->create(id_of("a"), 10).value();
  CHECK(outcome(store->get_raw(id_of("a"))) == "not_found");
  CHECK(outcome(store->get_raw(id_of("a"), kShortly)) == "timed_out");
  CHECK(store->stats().value().waiting_gets == 0);
}

TEST_CASE("try_get finds what is there, and counts a hit, but no miss") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  CHECK_FALSE(store->try_get(id_of("a")));
  REQUIRE(outcome(store->put(id_of("a"), pattern(10))) == "ok");
  const std::optional<Object> there = store->try_get(id_of("a"));
  REQUIRE(there);
  CHECK(same(there->data(), pattern(10)));
  REQUIRE(store->remove(id_of("a")).value());
  CHECK_FALSE(store->try_get(id_of("a")));
  CHECK(same(there->data(), pattern(10)));
  const StoreStats stats = store->stats().value();
  CHECK(stats.hit_count == 1);
  CHECK(stats.miss_count == 0);
}

TEST_CASE("a waiting get is woken by the seal") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Timeout timeout = GENERATE(Timeout(kPatience), wait_forever);
  auto got = in_thread([&] { return store.other().get_raw(id_of("a"), timeout); });
  REQUIRE(gets_wait(*store, 1));
  ObjectBuilder builder = store->create(id_of("a"), 1000).value();
  REQUIRE(outcome(builder.write(pattern(1000))) == "ok");
  REQUIRE(outcome(builder.seal()) == "ok");
  CHECK(same(got.get().value().data(), pattern(1000)));
  CHECK(store->stats().value().waiting_gets == 0);
}

TEST_CASE("a thread that gets_wait holds up no other") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  auto first = in_thread([&] { return store->get_raw(id_of("a"), kPatience); });
  auto second = in_thread([&] { return store->get_raw(id_of("b"), kPatience); });
  REQUIRE(gets_wait(*store, 2));
  put_numbered(*store, 0, 3, 100);
  CHECK(present(*store, 3).size() == 3);
  REQUIRE(outcome(store->put(id_of("b"), pattern(2))) == "ok");
  CHECK(second.get().value().data().size() == 2);
  REQUIRE(outcome(store->put(id_of("a"), pattern(1))) == "ok");
  CHECK(first.get().value().data().size() == 1);
}

TEST_CASE("an object that arrives for a waiting get cannot be lost on the way") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  auto got = in_thread([&] { return store.other().get_raw(id_of(0), kPatience); });
  REQUIRE(gets_wait(*store, 1));
  put_numbered(*store, 0, 1, kMiB);
  // Full of one object that the getter has been promised, whether it has taken it up yet or not.
  CHECK(store->evict(kMiB).value() == 0);
  CHECK(same(got.get().value().data(), pattern(kMiB, 0)));
}

TEST_CASE("get_many keeps positions, and answers the same id twice") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 3, 100);
  const std::vector<ObjectId> ids = {id_of(2), id_of("absent"), id_of(0), id_of(2), id_of("absent")};
  const auto got = store->get_many(ids).value();
  REQUIRE(got.size() == ids.size());
  for (const std::size_t position : {0U, 2U, 3U}) {
    REQUIRE(got[position].has_value());
    CHECK(got[position]->id() == ids[position]);
  }
  CHECK(same(got[0]->data(), pattern(100, 2)));
  CHECK(same(got[2]->data(), pattern(100, 0)));
  CHECK(same(got[3]->data(), pattern(100, 2)));
  CHECK_FALSE(got[1].has_value());
  CHECK_FALSE(got[4].has_value());
  CHECK(store->metadata(id_of(2)).value().ref_count == 2);
  CHECK(store->get_many({}).value().empty());
  CHECK(store->get_many({}, wait_forever).value().empty());
}

TEST_CASE("get_many returns what is there when its time is over") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 2, 100);
  const std::vector<ObjectId> ids = {id_of(0), id_of("absent"), id_of(1)};
  const auto got = store->get_many(ids, kShortly).value();
  REQUIRE(got.size() == 3);
  CHECK(got[0].has_value());
  CHECK_FALSE(got[1].has_value());
  CHECK(got[2].has_value());
  CHECK(store->stats().value().waiting_gets == 0);
}

TEST_CASE("get_many gets_wait for all, and keeps what came first until the last is there") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::vector<ObjectId> ids = {id_of(0), id_of(1), id_of(0)};
  auto got = in_thread([&] { return store.other().get_many(ids, kPatience); });
  REQUIRE(gets_wait(*store, 1));
  put_numbered(*store, 0, 1, 100);
  CHECK(store->evict(kMiB).value() == 0);
  put_numbered(*store, 1, 1, 100);
  const auto objects = got.get().value();
  REQUIRE(objects.size() == 3);
  for (const auto& object : objects) CHECK(object.has_value());
}

TEST_CASE("exists counts neither as hit nor as miss, a get that gets_wait counts once") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 100);
  CHECK(store->exists_many(std::vector{id_of(0), id_of(1), id_of(0)}).value() == std::vector{true, false, true});
  CHECK(store->stats().value().get_count == 0);

  static_cast<void>(store->get_raw(id_of(0)));
  static_cast<void>(store->get_raw(id_of(1)));
  static_cast<void>(store->get_raw(id_of(1), kShortly));
  auto got = in_thread([&] { return store->get_raw(id_of(1), kPatience); });
  REQUIRE(gets_wait(*store, 1));
  put_numbered(*store, 1, 1, 100);
  REQUIRE(outcome(got.get()) == "ok");
  static_cast<void>(store->get_many(std::vector{id_of(0), id_of(0), id_of("absent")}));
  const StoreStats stats = store->stats().value();
  CHECK(stats.hit_count == 4);
  CHECK(stats.miss_count == 3);
  CHECK(stats.get_count == 7);
}

TEST_CASE("as_span checks the size") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::vector<std::uint32_t> numbers = {1, 2, 3};
  REQUIRE(outcome(store->put(id_of("twelve"), std::as_bytes(std::span(numbers)))) == "ok");
  REQUIRE(outcome(store->put(id_of("ten"), pattern(10))) == "ok");
  REQUIRE(outcome(store->put(id_of("none"), {})) == "ok");
  const Object twelve = store->get_raw(id_of("twelve")).value();
  CHECK(std::ranges::equal(twelve.as_span<std::uint32_t>().value(), numbers));
  CHECK(outcome(twelve.as_span<std::uint64_t>()) == "type_mismatch");
  CHECK(outcome(store->get_raw(id_of("ten")).value().as_span<std::uint32_t>()) == "type_mismatch");
  CHECK(store->get_raw(id_of("ten")).value().as_span<std::uint16_t>().value().size() == 5);
  CHECK(store->get_raw(id_of("none")).value().as_span<std::uint64_t>().value().empty());
}

TEST_CASE("an object is held while any copy of it lives") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 1000);
  Object first = store->get_raw(id_of(0)).value();
  Object copy = first;
  Object assigned;
  assigned = copy;
  CHECK(store->metadata(id_of(0)).value().ref_count == 3);
  const Object moved = std::move(copy);
  CHECK_FALSE(copy.holds());
  CHECK(copy.data().empty());
  CHECK(store->metadata(id_of(0)).value().ref_count == 3);
  first.reset();
  assigned = Object();
  CHECK(store->metadata(id_of(0)).value().ref_count == 1);
  CHECK(store->evict(kMiB).value() == 0);
  CHECK(same(moved.data(), pattern(1000, 0)));
}

TEST_CASE("assigning one held object to another lets go of the second") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 2, 1000);
  Object a = store->get_raw(id_of(0)).value();
  const Object b = store->get_raw(id_of(1)).value();
  a = b;
  CHECK(store->metadata(id_of(0)).value().ref_count == 0);
  CHECK(store->metadata(id_of(1)).value().ref_count == 2);
  Object& itself = a;
  a = itself;
  CHECK(store->metadata(id_of(1)).value().ref_count == 2);
  CHECK(same(a.data(), pattern(1000, 1)));
}

TEST_CASE("a reference to the metadata alone keeps the object") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Bytes metadata = pattern(500, 3);
  REQUIRE(outcome(store->put(id_of("a"), {}, {.metadata = metadata})) == "ok");
  const Object held = store->get_raw(id_of("a")).value();
  CHECK(store->remove(id_of("a")).value());
  put_numbered(*store, 0, 15, 64 * kKiB);
  CHECK(same(held.metadata(), metadata));
}

TEST_CASE("objects outlive the store they came from") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 300'000);
  Object held = store->get_raw(id_of(0)).value();
  store.close();
  const Object copy = held;
  held.reset();
  CHECK(same(copy.data(), pattern(300'000, 0)));
}

TEST_CASE("many threads that get, copy and drop the same objects leave no reference behind") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  constexpr std::size_t kObjects = 16;
  put_numbered(*store, 0, kObjects, 1000);
  std::vector<std::future<std::size_t>> threads;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    threads.push_back(in_thread([&store, thread] {
      std::size_t wrong = 0;
      for (std::size_t round = 0; round < 2000; ++round) {
        const std::size_t n = (round * 7 + thread) % kObjects;
        const Object object = store->get_raw(id_of(n)).value();
        const Object copy = object;
        if (!same(copy.data(), pattern(1000, static_cast<std::uint32_t>(n)))) ++wrong;
      }
      return wrong;
    }));
  }
  for (auto& thread : threads) CHECK(thread.get() == 0);
  const StoreStats stats = store->stats().value();
  CHECK(stats.in_use_count == 0);
  CHECK(stats.hit_count == 8000);
  for (std::size_t n = 0; n < kObjects; ++n) CHECK(store->metadata(id_of(n)).value().ref_count == 0);
}

TEST_CASE("objects whose ids hash alike hide nobody's object, and of too many the last are refused") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB, .max_objects = 1024});
  std::vector<ObjectId> alike;
  for (std::size_t n = 0; alike.size() < 300; ++n)
    if (id_of(n).hash() % 512 == 7) alike.push_back(id_of(n));  // as many buckets as such an index has
  const auto refused = std::ranges::find_if(
      alike, [&](const ObjectId& id) { return outcome(store->put(id, bytes_of(id.hex()))) != "ok"; });
  REQUIRE(refused != alike.end());
  const Result<void> again = store->put(*refused, bytes_of("too many"));
  REQUIRE(outcome(again) == "invalid_argument");
  CHECK_THAT(again.error().message, Catch::Contains("hash like its own") && Catch::Contains("choose another id"));
  alike.erase(refused, alike.end());
  CHECK(alike.size() > 100);
  const auto all = store.other().get_many(alike).value();
  for (std::size_t n = 0; n < alike.size(); ++n) {
    CAPTURE(n);
    CHECK(store->exists(alike[n]).value());
    CHECK(outcome(store->get_raw(alike[n])) == "ok");
    CHECK(text_of(store->get_raw(alike[n], kPatience).value().data()) == alike[n].hex());
    CHECK(all[n].has_value());
  }
  CHECK(store->stats().value().miss_count == 0);
}
