// How room is made: the order of eviction, objects that are never evicted, expiry, remove and clear.

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

namespace {

using Numbers = std::vector<std::size_t>;

constexpr std::size_t kSixteenth = 64 * kKiB;  // of a store of 1 MiB

/// A store of 1 MiB that is full of 16 objects, numbers 0 to 15, sealed in this order.
StoreConfig with_policy(EvictionPolicy policy) {
  return {.capacity = kMiB, .eviction_policy = policy};
}
void fill(ObjectStore& store) {
  put_numbered(store, 0, 16, kSixteenth);
}
void touch(ObjectStore& store, std::size_t number) {
  REQUIRE(outcome(store.get_raw(id_of(number))) == "ok");
}

/// Puts one more object of a sixteenth, and says which of the first 16 had to go for it.
Numbers victims_of_one_more(ObjectStore& store, std::size_t number) {
  const Numbers before = present(store, number);
  put_numbered(store, number, 1, kSixteenth);
  const Numbers after = present(store, number);
  Numbers gone;
  std::ranges::set_difference(before, after, std::back_inserter(gone));
  return gone;
}

}  // namespace

TEST_CASE("lru evicts what was got longest ago, and a seal counts as a get") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  fill(*store);
  for (const std::size_t number : {0U, 2U, 1U}) touch(store.other(), number);
  CHECK(store->exists(id_of(3)).value());        // a look is no use
  CHECK(store->metadata(id_of(3)).has_value());  // nor is this
  CHECK(victims_of_one_more(*store, 16) == Numbers{3});
  for (std::size_t n = 4; n < 16; ++n) CHECK(victims_of_one_more(*store, n + 13) == Numbers{n});
  CHECK(victims_of_one_more(*store, 29) == Numbers{0});
  CHECK(victims_of_one_more(*store, 30) == Numbers{2});
  CHECK(victims_of_one_more(*store, 31) == Numbers{1});
  CHECK(victims_of_one_more(*store, 32) == Numbers{16});
}

TEST_CASE("lfu evicts what was got least often, the oldest of equals first") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lfu));
  fill(*store);
  for (std::size_t n = 0; n < 16; ++n)
    for (std::size_t hits = 0; hits < (n < 3 ? 3 - n : n == 3 ? 0 : 4); ++hits) touch(store.other(), n);
  // hits: 0 has 3, 1 has 2, 2 has 1, 3 has none, the others 4
  CHECK(victims_of_one_more(*store, 16) == Numbers{3});
  for (int hits = 0; hits < 5; ++hits) touch(*store, 16);
  CHECK(victims_of_one_more(*store, 17) == Numbers{2});
  for (int hits = 0; hits < 5; ++hits) touch(*store, 17);
  CHECK(victims_of_one_more(*store, 18) == Numbers{1});
  CHECK(victims_of_one_more(*store, 19) == Numbers{18});  // never got: colder than any
}

TEST_CASE("lfu does not credit an object with the hits of what lived in its place before") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lfu));
  fill(*store);
  for (int hits = 0; hits < 10; ++hits) touch(*store, 7);
  REQUIRE(store->remove(id_of(7)).value());
  put_numbered(*store, 16, 1, kSixteenth);
  for (const std::size_t n : present(*store, 16)) touch(*store, n);
  CHECK(victims_of_one_more(*store, 17) == Numbers{16});
}

TEST_CASE("fifo evicts in the order of seals, whatever was got since") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::fifo));
  fill(*store);
  for (const std::size_t number : {0U, 1U, 0U}) touch(*store, number);
  for (std::size_t n = 0; n < 5; ++n) CHECK(victims_of_one_more(*store, 16 + n) == Numbers{n});
}

TEST_CASE("adaptive keeps what is got again and again through scans of other objects") {
  const EvictionPolicy policy = GENERATE(EvictionPolicy::adaptive, EvictionPolicy::lru);
  OpenStore store = open_store(GENERATE(implementations()), with_policy(policy));
  constexpr std::size_t kRounds = 40;
  constexpr std::size_t kScan = 24;  // of objects; the store has room for 16
  std::size_t hits = 0;              // of the last rounds
  std::size_t scanned = 1000;
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (const std::size_t number : {0U, 1U, 2U}) {
      if (!store->exists(id_of(number)).value()) {
        put_numbered(*store, number, 1, kSixteenth);
        continue;
      }
      touch(store.other(), number);
      if (round >= kRounds / 2) ++hits;
    }
    put_numbered(*store, scanned, kScan, kSixteenth);
    scanned += kScan;
  }
  CHECK(hits == (policy == EvictionPolicy::adaptive ? 3 * kRounds / 2 : 0));
}

TEST_CASE("adaptive keeps a part of a loop that is larger than the store") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::adaptive));
  constexpr std::size_t kRoom = 160;  // with few objects, the main queue has room for none, and nothing is learned
  std::size_t hits = 0;
  for (std::size_t round = 0; round < 20; ++round)
    for (std::size_t n = 0; n < 4 * kRoom; ++n) {
      if (store->exists(id_of(n)).value()) {
        touch(*store, n);
        ++hits;
      } else {
        put_numbered(*store, n, 1, kSixteenth / 10);
      }
    }
  CHECK(hits >= 10 * kRoom * 3 / 4);  // lru and fifo: none
}

TEST_CASE("an unknown eviction policy is refused with the names of all") {
  const auto opened = InProcessStore::open(with_policy(static_cast<EvictionPolicy>(77)));
  CHECK_THAT(opened.error().message, Catch::Contains("77") && Catch::Contains("lru, lfu, fifo, adaptive"));
}

TEST_CASE("what is pinned, held or being written is never evicted") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  put_numbered(*store, 0, 1, kSixteenth, {.pinned = true});
  put_numbered(*store, 1, 15, kSixteenth);
  REQUIRE(outcome(store.other().pin(id_of(1))) == "ok");
  const Object held = store->get_raw(id_of(2)).value();
  const Object held_by_another = store.other().get_raw(id_of(3)).value();
  REQUIRE(store->remove(id_of(15)).value());
  const ObjectBuilder unsealed = store->create(id_of("unsealed"), kSixteenth).value();

  put_numbered(*store, 100, 50, kSixteenth);
  CHECK(present(*store, 16) == Numbers{0, 1, 2, 3});
  CHECK(same(held.data(), pattern(kSixteenth, 2)));
  CHECK(same(held_by_another.data(), pattern(kSixteenth, 3)));
  CHECK(store->metadata(id_of("unsealed")).value().state == ObjectState::unsealed);
  CHECK(store->evict(kMiB).value() == 11 * kSixteenth);
  CHECK(present(*store, 16) == Numbers{0, 1, 2, 3});
}

TEST_CASE("an unpinned object may be evicted again, a pinned twice object needs one unpin") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  put_numbered(*store, 0, 1, 1000);
  REQUIRE(outcome(store->pin(id_of(0))) == "ok");
  REQUIRE(outcome(store.other().pin(id_of(0))) == "ok");
  CHECK(store->metadata(id_of(0)).value().is_pinned);
  CHECK(store->evict(1).value() == 0);
  REQUIRE(outcome(store->unpin(id_of(0))) == "ok");
  CHECK(outcome(store->unpin(id_of(0))) == "ok");
  CHECK_FALSE(store->metadata(id_of(0)).value().is_pinned);
  CHECK(store->evict(1).value() == 1024);
  CHECK(outcome(store->pin(id_of(0))) == "not_found");
  CHECK(outcome(store->unpin(id_of(0))) == "not_found");
}

TEST_CASE("a user's pin quota is a bound, and comes back with unpin and remove") {
  OpenStore store =
      open_store(GENERATE(implementations()), {.capacity = kMiB, .max_pinned_bytes_per_user = 2 * kSixteenth});
  put_numbered(*store, 0, 4, kSixteenth);
  REQUIRE(outcome(store->pin(id_of(0))) == "ok");
  REQUIRE(outcome(store->pin(id_of(1))) == "ok");
  CHECK(outcome(store->pin(id_of(0))) == "ok");  // it is pinned already
  CHECK(outcome(store->pin(id_of(2))) == "out_of_memory");
  CHECK(outcome(store->put(id_of(4), {}, {.pinned = true})) == "out_of_memory");
  REQUIRE(outcome(store->unpin(id_of(0))) == "ok");
  CHECK(outcome(store->pin(id_of(2))) == "ok");
  REQUIRE(store->remove(id_of(1)).value());
  CHECK(outcome(store->pin(id_of(3))) == "ok");
}

TEST_CASE("evict_and_count tells both what came free and how large the objects were") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  REQUIRE(outcome(store->put(id_of(0), pattern(1000), {.metadata = pattern(5)})) == "ok");
  REQUIRE(outcome(store->put(id_of(1), {})) == "ok");
  REQUIRE(outcome(store->put(id_of(2), pattern(100))) == "ok");
  CHECK(store->evict_and_count(0).value() == Evicted{0, 0});
  CHECK(store->evict_and_count(1).value() == Evicted{1024, 1005});
  CHECK(store->evict_and_count(65).value() == Evicted{64 + 128, 100});
  CHECK(store->evict_and_count(1).value() == Evicted{0, 0});
}

TEST_CASE("trim gives free memory back, and objects can be put there again") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = 32 * kMiB, .prefault = false});
  for (std::size_t i = 0; i < 8; ++i) REQUIRE(outcome(store->put(id_of(i), pattern(2 * kMiB))) == "ok");
  for (std::size_t i = 0; i < 8; i += 2) REQUIRE(store->remove(id_of(i)).value());
  const std::uint64_t before = store->stats().value().reserved_bytes;
  CHECK(store->trim().value() >= 8 * kMiB);
  CHECK(store->stats().value().reserved_bytes <= before - 8 * kMiB);
  CHECK(store->trim().value() == 0);
  for (std::size_t i = 0; i < 8; i += 2) REQUIRE(outcome(store->put(id_of(i), pattern(2 * kMiB))) == "ok");
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(std::ranges::equal(store->get_raw(id_of(i)).value().data(), pattern(2 * kMiB)));
  CHECK(store->stats().value().reserved_bytes >= 16 * kMiB);
}

TEST_CASE("evict returns the bytes that it really freed, coldest first, and no more than needed") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  fill(*store);
  touch(*store, 0);
  CHECK(store->evict(0).value() == 0);
  CHECK(store->evict(1).value() == kSixteenth);
  CHECK(present(*store, 3) == Numbers{0, 2});
  CHECK(store->evict(2 * kSixteenth).value() == 2 * kSixteenth);
  CHECK(present(*store, 5) == Numbers{0, 4});
  const Object held = store->get_raw(id_of(10)).value();
  CHECK(store->evict(UINT64_MAX).value() == 12 * kSixteenth);
  CHECK(present(*store, 16) == Numbers{10});
  CHECK(store->evict(1).value() == 0);
  CHECK(store->stats().value().eviction_count == 15);
  CHECK(store->stats().value().evicted_bytes == 15 * kSixteenth);
}

TEST_CASE("nothing is evicted for a request that cannot be satisfied") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  fill(*store);
  std::vector<Object> held;
  for (std::size_t n = 0; n < 16; n += 2) held.push_back(store->get_raw(id_of(n)).value());
  CHECK(outcome(store->create(id_of("two sixteenths"), 2 * kSixteenth)) == "out_of_memory");
  CHECK(store->stats().value().eviction_count == 0);
  CHECK(present(*store, 16).size() == 16);
  CHECK(store->stats().value().out_of_memory_count == 1);
  held.erase(held.begin() + 3);  // number 6: now 5, 6 and 7 are neighbours that nobody holds
  CHECK(outcome(store->create(id_of("three sixteenths"), 3 * kSixteenth)) == "ok");
  CHECK(store->stats().value().eviction_count == 3);
}

TEST_CASE("with a low-water mark eviction goes on until that share is free") {
  StoreConfig config = with_policy(EvictionPolicy::lru);
  config.low_water_mark = 0.25;
  OpenStore store = open_store(GENERATE(implementations()), config);
  fill(*store);
  put_numbered(*store, 16, 1, kSixteenth);
  CHECK(present(*store, 17) == Numbers{5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  CHECK(store->stats().value().free_bytes == kMiB / 4);
}

TEST_CASE("an object expires when its time to live is over, used or not") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  Subscription events = store->subscribe().value();
  REQUIRE(outcome(store->put(id_of("short"), pattern(10), {.time_to_live = kShortly})) == "ok");
  REQUIRE(outcome(store->put(id_of("long"), pattern(10), {.time_to_live = std::chrono::hours(1)})) == "ok");
  while (store->exists(id_of("short")).value()) static_cast<void>(store->get_raw(id_of("short")));
  CHECK(outcome(store->get_raw(id_of("short"))) == "not_found");
  CHECK(store->exists(id_of("long")).value());
  CHECK(store->stats().value().expired_count == 1);
  CHECK(outcome(store->put(id_of("short"), pattern(20))) == "ok");
}

TEST_CASE("an object expires when nobody has got it for its time to idle") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  REQUIRE(outcome(store->put(id_of("held"), pattern(10), {.time_to_idle = kShortly})) == "ok");
  REQUIRE(outcome(store->put(id_of("idle"), pattern(10), {.time_to_idle = kShortly})) == "ok");
  REQUIRE(outcome(store->put(id_of("pinned"), pattern(10), {.pinned = true, .time_to_idle = kShortly})) == "ok");
  Result<Object> held = store->get_raw(id_of("held"));
  const bool was_held = held.has_value();  // else this thread was away for longer than the object's life
  CHECK(eventually([&] { return !store->exists(id_of("idle")).value(); }));
  CHECK(store->exists(id_of("held")).value() == was_held);  // what is held is not idle
  CHECK(store->exists(id_of("pinned")).value());
  held = Error{Errc::not_found, "let go"};
  CHECK(eventually([&] { return !store->exists(id_of("held")).value(); }));
  REQUIRE(outcome(store->unpin(id_of("pinned"))) == "ok");
  CHECK(eventually([&] { return !store->exists(id_of("pinned")).value(); }));
  CHECK(store->stats().value().expired_count == 3);
}

TEST_CASE("a removed object is invisible at once, its id free at once, its memory at the last release") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  put_numbered(*store, 0, 1, kSixteenth);
  Object held = store.other().get_raw(id_of(0)).value();
  CHECK(store->remove(id_of(0)).value());
  for (ObjectStore* client : {&*store, &store.other()}) {
    CHECK_FALSE(client->exists(id_of(0)).value());
    CHECK(outcome(client->get_raw(id_of(0))) == "not_found");
    CHECK(outcome(client->metadata(id_of(0))) == "not_found");
    CHECK(client->list().value().empty());
  }
  CHECK(store->stats().value().retired_bytes == kSixteenth);
  CHECK(store->stats().value().used_bytes == kSixteenth);

  REQUIRE(outcome(store->put(id_of(0), pattern(10, 99))) == "ok");
  CHECK(same(held.data(), pattern(kSixteenth, 0)));
  CHECK(same(store->get_raw(id_of(0)).value().data(), pattern(10, 99)));
  held.reset();
  CHECK(store->stats().value().retired_count == 0);
  CHECK(store->stats().value().used_bytes == 64);
  CHECK(same(store->get_raw(id_of(0)).value().data(), pattern(10, 99)));
}

TEST_CASE("a pinned object can be removed, and remove of an unknown id is false") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  CHECK_FALSE(store->remove(id_of(0)).value());
  put_numbered(*store, 0, 1, 100, {.pinned = true});
  CHECK(store->remove(id_of(0)).value());
  CHECK_FALSE(store->remove(id_of(0)).value());
  CHECK(store->stats().value().pinned_bytes == 0);
  CHECK(store->stats().value().used_bytes == 0);
  CHECK(store->stats().value().removed_count == 1);
}

TEST_CASE("remove of an object as it was described spares what was put under its id since") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 2, 100);
  const ObjectMetadata described = store->metadata(id_of(0)).value();
  const std::vector<ObjectMetadata> listed = store->list().value();
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].seal_stamp != listed[1].seal_stamp);
  REQUIRE(store->remove(id_of(0)).value());
  CHECK_FALSE(store->remove(described).value());
  {
    const ObjectBuilder unsealed = store->create(id_of(0), 100).value();
    CHECK_FALSE(store->remove(described).value());
    CHECK(store->metadata(id_of(0)).value().seal_stamp == 0);
    CHECK(outcome(store->remove(store->metadata(id_of(0)).value())) == "not_sealed");
  }
  put_numbered(*store, 0, 1, 100);
  for (const ObjectMetadata& object : listed) CHECK(store->remove(object).value() == (object.id == id_of(1)));
  CHECK(store->exists(id_of(0)).value());
  CHECK(store->remove(store->metadata(id_of(0)).value()).value());
  CHECK_FALSE(store->exists(id_of(0)).value());
}

TEST_CASE("clear removes every sealed object, skips the unsealed, and leaves holders what they hold") {
  OpenStore store = open_store(GENERATE(implementations()), with_policy(EvictionPolicy::lru));
  put_numbered(*store, 0, 3, 1000);
  REQUIRE(outcome(store->pin(id_of(1))) == "ok");
  Object held = store->get_raw(id_of(2)).value();
  ObjectBuilder builder = store->create(id_of("unsealed"), 10).value();
  REQUIRE(outcome(store.other().clear()) == "ok");
  CHECK(present(*store, 3).empty());
  CHECK(store->stats().value().used_bytes == 1024 + 64);
  CHECK(same(held.data(), pattern(1000, 2)));
  REQUIRE(outcome(builder.seal()) == "ok");
  CHECK(store->exists(id_of("unsealed")).value());
  held.reset();
  REQUIRE(outcome(store->clear()) == "ok");
  CHECK(store->stats().value().used_bytes == 0);
  CHECK(store->stats().value().removed_count == 4);
}
