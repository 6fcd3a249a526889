// Creates that wait for room: what satisfies them, in which order, and how they end.

#include <future>
#include <optional>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

namespace {

constexpr std::size_t kHalf = kMiB / 2;

/// An asynchronous create and its answer.
struct Waiting {
  std::optional<Result<ObjectBuilder>> answer;
  AsyncHandle handle;
};

std::unique_ptr<Waiting> begin_create(ObjectStore& store, const ObjectId& id, std::uint64_t size,
                                      Timeout timeout = wait_forever) {
  auto waiting = std::make_unique<Waiting>();
  waiting->handle =
      store.create_async(id, size, {.timeout = timeout},
                         [&answer = waiting->answer](Result<ObjectBuilder> got) { answer.emplace(std::move(got)); });
  return waiting;
}

bool creates_wait(ObjectStore& store, std::uint64_t creates) {
  return eventually([&] { return store.stats().value().waiting_creates == creates; });
}

bool served(ObjectStore& store, const Waiting& waiting) {
  return run_until(store, [&] { return waiting.answer.has_value(); }) && outcome(*waiting.answer) == "ok";
}

}  // namespace

TEST_CASE("a create that waited in vain is timed_out, one that does not wait is out_of_memory") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB, {.pinned = true});
  CHECK(outcome(store->create(id_of("a"), 1)) == "out_of_memory");
  CHECK(outcome(store->create(id_of("a"), 1, {.timeout = kShortly})) == "timed_out");
  CHECK(outcome(store->put(id_of("a"), pattern(1), {.timeout = kShortly})) == "timed_out");
  CHECK(outcome(store->put(id_of("a"), pattern(kHalf), {.timeout = kShortly})) == "timed_out");
  CHECK(store->stats().value().waiting_creates == 0);
  CHECK(store->stats().value().out_of_memory_count == 4);
  CHECK(outcome(store->metadata(id_of("a"))) == "not_found");
}

TEST_CASE("a waiting create is served when a reference is released") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB);
  Object held = store.other().get_raw(id_of(0)).value();
  Object copy = held;
  const auto waiting = begin_create(*store, id_of("a"), kHalf);
  REQUIRE(creates_wait(*store, 1));
  held.reset();
  CHECK_FALSE(has_events(*store));  // there is another reference
  copy.reset();
  CHECK(served(*store, *waiting));
  CHECK(store->stats().value().waiting_creates == 0);
}

TEST_CASE("a waiting create is served when a removed object is released") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB);
  Object held = store.other().get_raw(id_of(0)).value();
  REQUIRE(store->remove(id_of(0)).value());
  const auto waiting = begin_create(*store, id_of("a"), kMiB);
  REQUIRE(creates_wait(*store, 1));
  held.reset();
  CHECK(served(*store, *waiting));
}

TEST_CASE("a waiting create is served when something is removed, unpinned, cleared, aborted or sealed") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  std::optional<ObjectBuilder> builder;
  const auto fill_pinned = [&] { put_numbered(*store, 0, 1, kMiB, {.pinned = true}); };
  const auto fill_unsealed = [&] { builder.emplace(store->create(id_of(0), kMiB).value()); };
  struct Case {
    const char* name;
    std::function<void()> fill;
    std::function<void()> make_room;
  };
  const std::vector<Case> cases = {
      {"remove", fill_pinned, [&] { REQUIRE(store.other().remove(id_of(0)).value()); }},
      {"unpin", fill_pinned, [&] { REQUIRE(outcome(store.other().unpin(id_of(0))) == "ok"); }},
      {"clear", fill_pinned, [&] { REQUIRE(outcome(store.other().clear()) == "ok"); }},
      {"abort", fill_unsealed, [&] { REQUIRE(outcome(builder->abort()) == "ok"); }},
      {"dropped", fill_unsealed, [&] { builder.reset(); }},
      {"seal", fill_unsealed, [&] { REQUIRE(outcome(builder->seal()) == "ok"); }},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    each.fill();
    auto waiting = begin_create(*store, id_of("a"), kMiB);
    REQUIRE(creates_wait(*store, 1));
    CHECK_FALSE(has_events(*store));
    each.make_room();
    CHECK(served(*store, *waiting));
    waiting.reset();
    builder.reset();
    REQUIRE(store->stats().value().used_bytes == 0);
  }
}

TEST_CASE("a blocking create and a blocking put are served as well") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB);
  Object held = store->get_raw(id_of(0)).value();
  auto put = std::async(std::launch::async,
                        [&] { return store.other().put(id_of("put"), pattern(100), {.timeout = kPatience}); });
  auto created = std::async(std::launch::async,
                            [&] { return store.other().create(id_of("created"), kHalf, {.timeout = wait_forever}); });
  REQUIRE(creates_wait(*store, 2));
  held.reset();
  CHECK(outcome(put.get()) == "ok");
  CHECK(outcome(created.get()) == "ok");
}

TEST_CASE("creates are served in the order of their arrival") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB, {.pinned = true});
  std::vector<std::unique_ptr<Waiting>> waiting;
  for (std::size_t n = 1; n <= 3; ++n) {
    waiting.push_back(begin_create(*store, id_of(n), kMiB));
    REQUIRE(creates_wait(*store, n));
  }
  REQUIRE(outcome(store->unpin(id_of(0))) == "ok");
  for (std::size_t n = 0; n < 3; ++n) {
    REQUIRE(served(*store, *waiting[n]));
    for (std::size_t later = n + 1; later < 3; ++later) CHECK_FALSE(waiting[later]->answer.has_value());
    waiting[n]->answer.reset();
  }
}

TEST_CASE("what fits now need not stand behind what does not") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 2, kHalf, {.pinned = true});
  const auto large = begin_create(*store, id_of("large"), kMiB);
  REQUIRE(creates_wait(*store, 1));
  const auto small = begin_create(*store, id_of("small"), kHalf);
  REQUIRE(creates_wait(*store, 2));
  REQUIRE(outcome(store->unpin(id_of(1))) == "ok");
  CHECK(served(*store, *small));
  CHECK_FALSE(large->answer.has_value());
  CHECK(store->stats().value().waiting_creates == 1);
  REQUIRE(outcome(store->unpin(id_of(0))) == "ok");
  CHECK_FALSE(large->answer.has_value());
  small->answer.reset();
  CHECK(served(*store, *large));
}

TEST_CASE("nothing is evicted for a create that goes on waiting") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kHalf, {.pinned = true});
  put_numbered(*store, 1, 1, kHalf);
  const auto waiting = begin_create(*store, id_of("a"), kMiB);
  REQUIRE(creates_wait(*store, 1));
  CHECK(present(*store, 2).size() == 2);
  REQUIRE(outcome(store->unpin(id_of(0))) == "ok");
  CHECK(served(*store, *waiting));
}

TEST_CASE("of two creates that wait for the same id the second learns that it came too late") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB, {.pinned = true});
  const auto first = begin_create(*store, id_of("a"), 1000);
  REQUIRE(creates_wait(*store, 1));
  const auto second = begin_create(*store, id_of("a"), 1000);
  REQUIRE(creates_wait(*store, 2));
  REQUIRE(outcome(store->unpin(id_of(0))) == "ok");
  CHECK(served(*store, *first));
  REQUIRE(run_until(*store, [&] { return second->answer.has_value(); }));
  CHECK(outcome(*second->answer) == "already_exists");
}

TEST_CASE("a waiting create that is cancelled leaves the queue and no ghost") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB, {.pinned = true});
  const auto cancelled = begin_create(*store, id_of("a"), kMiB);
  REQUIRE(creates_wait(*store, 1));
  const auto other = begin_create(*store, id_of("b"), kMiB);
  REQUIRE(creates_wait(*store, 2));
  CHECK(cancelled->handle.cancel());
  CHECK_FALSE(cancelled->handle.cancel());
  REQUIRE(creates_wait(*store, 1));
  REQUIRE(outcome(store->unpin(id_of(0))) == "ok");
  CHECK(served(*store, *other));
  CHECK_FALSE(cancelled->answer.has_value());
  CHECK(outcome(store->metadata(id_of("a"))) == "not_found");
}

TEST_CASE("an asynchronous create that waited in vain is timed_out") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB, {.pinned = true});
  const auto waiting = begin_create(*store, id_of("a"), kMiB, kShortly);
  REQUIRE(run_until(*store, [&] { return waiting->answer.has_value(); }));
  CHECK(outcome(*waiting->answer) == "timed_out");
  CHECK(store->stats().value().waiting_creates == 0);
}

TEST_CASE("creates that wait when their store is let go end quietly, and builders may end after them") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  std::optional<ObjectBuilder> builder = store->create(id_of(0), kMiB).value();
  const auto waiting = begin_create(*store, id_of("a"), kMiB);
  REQUIRE(creates_wait(*store, 1));
  store.close();
  builder.reset();
  CHECK_FALSE((waiting->answer.has_value() && waiting->answer->has_value()));
}

TEST_CASE("many threads that put more than fits all get through, and the books are right afterwards") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  std::vector<std::future<std::size_t>> threads;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    threads.push_back(std::async(std::launch::async, [&store, thread] {
      std::size_t wrong = 0;
      for (std::size_t round = 0; round < 100; ++round) {
        const auto salt = static_cast<std::uint32_t>(thread * 1000 + round);
        const std::size_t size = 100'000 + 1000 * round;
        Result<ObjectBuilder> builder = store->create(id_of(salt), size, {.timeout = kPatience});
        if (!builder || !builder->write(pattern(size, salt))) {
          ++wrong;
          continue;
        }
        const Result<Object> held = builder->seal_and_hold();
        if (!held || !same(held->data(), pattern(size, salt))) ++wrong;
      }
      return wrong;
    }));
  }
  for (auto& thread : threads) CHECK(thread.get() == 0);
  const StoreStats stats = store->stats().value();
  CHECK(stats.put_count == 400);
  CHECK(stats.total_objects == 400 - stats.eviction_count);
  CHECK(stats.used_bytes + stats.free_bytes == stats.capacity);
  CHECK(stats.in_use_count == 0);
  CHECK(stats.waiting_creates == 0);
  CHECK(store->evict(kMiB).value() == stats.used_bytes);
}
