// take: a get and a removal in one step. And get_many() that ends when some of many objects are there.

#include <future>
#include <optional>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

namespace {

auto begin_take(ObjectStore& store, const ObjectId& id) {
  return std::async(std::launch::async, [&store, id] { return store.take_raw(id, kPatience); });
}

/// An asynchronous take and its answer.
struct Taking {
  std::optional<Result<Object>> answer;
  int calls = 0;
  AsyncHandle handle;
};

std::unique_ptr<Taking> begin_take_async(ObjectStore& store, const ObjectId& id, Timeout timeout = wait_forever) {
  auto taking = std::make_unique<Taking>();
  taking->handle = store.take_async(id, timeout, [raw = taking.get()](Result<Object> taken) {
    raw->answer.emplace(std::move(taken));
    ++raw->calls;
  });
  return taking;
}

std::vector<bool> presence_of(const std::vector<std::optional<Object>>& objects) {
  std::vector<bool> all;
  for (const auto& object : objects) all.push_back(object.has_value());
  return all;
}

}  // namespace

TEST_CASE("take gets an object and removes it: the taker reads it, nobody else finds it") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Bytes metadata = pattern(10, 5);
  REQUIRE(outcome(store->put(id_of(0), pattern(1000, 7), {.metadata = metadata, .pinned = true})) == "ok");
  {
    const Object taken = store.other().take_raw(id_of(0)).value();
    CHECK(taken.id() == id_of(0));
    CHECK(same(taken.data(), pattern(1000, 7)));
    CHECK(same(taken.metadata(), metadata));
    CHECK_FALSE(store->exists(id_of(0)).value());
    CHECK(outcome(store->get_raw(id_of(0))) == "not_found");
    CHECK(outcome(store->take_raw(id_of(0))) == "not_found");
    CHECK(store->stats().value().retired_count == 1);
    CHECK(store->stats().value().pinned_count == 0);
    REQUIRE(outcome(store->put(id_of(0), pattern(500))) == "ok");  // its id is free
    CHECK(same(taken.data(), pattern(1000, 7)));
    const Object copy = taken;
    CHECK(same(copy.data(), pattern(1000, 7)));
  }
  CHECK(store->stats().value().used_bytes == 512);
  CHECK(store->stats().value().removed_count == 1);
  CHECK(store->stats().value().hit_count == 1);
  CHECK(store->stats().value().miss_count == 2);
}

TEST_CASE("take waits for the seal, and gives up at its deadline") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  CHECK(outcome(store->take_raw(id_of(0), kShortly)) == "timed_out");
  auto taking = begin_take(*store, id_of(0));
  REQUIRE(gets_wait(*store, 1));
  ObjectBuilder builder = store.other().create(id_of(0), 100).value();
  CHECK(outcome(store->take_raw(id_of(0))) == "not_found");  // it is being written
  CHECK(builder.write(pattern(100)).has_value());
  REQUIRE(outcome(builder.seal()) == "ok");
  CHECK(same(taking.get().value().data(), pattern(100)));
  CHECK(store->stats().value().used_bytes == 0);
}

TEST_CASE("of several takers exactly one gets each object, and all waiting gets get it first") {
  constexpr std::size_t kTakers = 3;
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  std::vector<std::future<Result<Object>>> takers;
  for (std::size_t n = 0; n < kTakers; ++n) takers.push_back(begin_take(n % 2 == 0 ? *store : store.other(), id_of(0)));
  REQUIRE(gets_wait(*store, kTakers));
  auto getting = std::async(std::launch::async, [&] { return store.other().get_raw(id_of(0), kPatience); });
  auto both = std::async(std::launch::async, [&] {
    return store->get_many(std::vector{id_of(0), id_of(1)}, kPatience).value();
  });
  REQUIRE(gets_wait(*store, kTakers + 2));
  for (std::uint32_t n = 0; n < kTakers; ++n) {
    REQUIRE(outcome(store->put(id_of(0), pattern(100, n))) == "ok");  // the id is free at once: it was taken
    CHECK_FALSE(store->exists(id_of(0)).value());
  }
  CHECK(same(getting.get().value().data(), pattern(100, 0)));
  std::vector<std::uint32_t> got(kTakers);
  for (auto& taker : takers) {
    const Object taken = taker.get().value();
    for (std::uint32_t n = 0; n < kTakers; ++n) got[n] += same(taken.data(), pattern(100, n)) ? 1 : 0;
  }
  CHECK(got == std::vector<std::uint32_t>(kTakers, 1));
  put_numbered(*store, 1, 1, 100);
  const auto found = both.get();
  REQUIRE(presence_of(found) == std::vector{true, true});
  CHECK(same(found[0]->data(), pattern(100, 0)));  // it held it, though it was taken meanwhile
}

TEST_CASE("take<T> takes values of its type only: another object stays") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(store->put(id_of(0), 42).has_value());
  REQUIRE(outcome(store->put(id_of(1), pattern(10))) == "ok");
  const Result<double> wrong = store->take<double>(id_of(0));
  CHECK(outcome(wrong) == "type_mismatch");
  CHECK_THAT(wrong.error().message,
             Catch::Contains(id_of(0).hex()) && Catch::Contains("i32") && Catch::Contains("f64"));
  CHECK(outcome(store->take<int>(id_of(1))) == "type_mismatch");
  CHECK(store->take<int>(id_of(0)).value() == 42);
  CHECK(outcome(store->take<int>(id_of(0))) == "not_found");
  CHECK(same(store->take_raw(id_of(1)).value().data(), pattern(10)));
}

TEST_CASE("take sees deferred puts of its own store") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put_deferred(id_of(1), pattern(100))) == "ok");
  CHECK(same(store->take_raw(id_of(1)).value().data(), pattern(100)));
  CHECK(store->flush().value().empty());
}

TEST_CASE("an asynchronous take runs its callback in process_events, with the object or why there is none") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto late = begin_take_async(*store, id_of("absent"), kShortly);
  const auto none = begin_take_async(*store, id_of("absent"), no_wait);
  const auto taking = begin_take_async(*store, id_of(0));
  REQUIRE(run_until(*store, [&] { return late->answer && none->answer; }));
  CHECK(outcome(*late->answer) == "timed_out");
  CHECK(outcome(*none->answer) == "not_found");
  put_numbered(store.other(), 0, 1, 100);
  REQUIRE(run_until(*store, [&] { return taking->answer.has_value(); }));
  CHECK(same(taking->answer->value().data(), pattern(100, 0)));
  CHECK(taking->calls == 1);
  CHECK_FALSE(taking->handle.cancel());
  taking->answer.reset();
  CHECK(store->stats().value().used_bytes == 0);
}

TEST_CASE("a take that is cancelled while it waits takes nothing") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto taking = begin_take_async(*store, id_of(0));
  REQUIRE(gets_wait(*store, 1));
  CHECK(taking->handle.cancel());
  REQUIRE(gets_wait(*store, 0));
  put_numbered(*store, 0, 1, 100);
  REQUIRE(outcome(store->process_events()) == "ok");
  CHECK(taking->calls == 0);
  CHECK(store->exists(id_of(0)).value());
}

TEST_CASE("once a taken object is here, its take cannot be cancelled: the callback gets it") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 100);
  const auto taking = begin_take_async(*store, id_of(0));
  REQUIRE(outcome(store->ping()) == "ok");  // and so the answer before it was read
  CHECK_FALSE(taking->handle.cancel());
  REQUIRE(run_until(*store, [&] { return taking->answer.has_value(); }));
  CHECK(same(taking->answer->value().data(), pattern(100, 0)));
}

TEST_CASE("get_many with a count returns as soon as so many are there") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::vector ids = {id_of(0), id_of(1), id_of(2), id_of(3)};
  put_numbered(*store, 0, 1, 100);
  put_numbered(*store, 2, 1, 100);
  for (ObjectStore* client : {&*store, &store.other()}) {
    const auto found = client->get_many(ids, 1, wait_forever).value();
    CHECK(presence_of(found) == std::vector{true, false, true, false});
    CHECK(same(found[2]->data(), pattern(100, 2)));
    CHECK(presence_of(client->get_many(ids, 2, wait_forever).value()) == std::vector{true, false, true, false});
    CHECK(presence_of(client->get_many(ids, 3).value()) == std::vector{true, false, true, false});  // fewer: no error
    CHECK(presence_of(client->get_many(ids, 4, kShortly).value()) == std::vector{true, false, true, false});
  }
  auto waiting = std::async(std::launch::async, [&] { return store->get_many(ids, 3, kPatience).value(); });
  REQUIRE(gets_wait(*store, 1));
  put_numbered(store.other(), 3, 1, 100);
  const auto found = waiting.get();
  CHECK(presence_of(found) == std::vector{true, false, true, true});
  CHECK(same(found[3]->data(), pattern(100, 3)));
  CHECK(store->stats().value().waiting_gets == 0);
  CHECK(store->metadata(id_of(3)).value().ref_count == 1);
}

TEST_CASE("get_many refuses a count that cannot be, and too many ids for one") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::vector ids = {id_of(0), id_of(0)};
  CHECK(outcome(store->get_many(ids, 0, kShortly)) == "invalid_argument");
  CHECK(outcome(store->get_many(ids, 3, kShortly)) == "invalid_argument");
  CHECK(outcome(store->get_many(std::span<const ObjectId>(), 1, kShortly)) == "invalid_argument");
  put_numbered(*store, 0, 1, 100);
  CHECK(presence_of(store->get_many(ids, 2, kShortly).value()) == std::vector{true, true});  // an id may occur twice
  std::vector<ObjectId> many(ObjectStore::kMaxWaitIds, id_of(1));
  many.back() = id_of(0);
  CHECK(store->get_many(many, 1, kShortly).value().back().has_value());
  CHECK_FALSE(store->get_many(many, 2, kShortly).value().front().has_value());
  many.push_back(id_of(0));
  CHECK(outcome(store->get_many(many, 1, kShortly)) == "invalid_argument");
}
