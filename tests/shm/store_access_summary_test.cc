// Eviction beside very many clients: the same victims as beside few, for a fraction of the reading.

#include "shm/store/access_summary.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <optional>
#include <random>

#include "tests/shm/recovery_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::size_t kMany = AccessSummary::kManyClients + 4;
constexpr std::uint64_t kSize = kKiB;

/// A store with many clients, and what a plain map says of its objects.
struct Crowd {
  explicit Crowd(EvictionPolicy policy, std::size_t size = kMany, std::uint64_t capacity = kMiB)
      : fixture({.capacity = capacity, .eviction_policy = policy}) {
    for (std::size_t i = 0; i < size; ++i) clients.push_back(fixture.client());
  }

  void put(std::uint64_t number) {
    fixture.put(number, kSize);
    known[number] = {.accessed = fixture.now, .sealed = fixture.now};
  }
  void touch(std::uint64_t number, std::size_t client) {
    clients[client].touch(id_of(number), ++fixture.now);
    known[number].accessed = fixture.now;
    ++known[number].hits;
  }
  [[nodiscard]] std::uint64_t coldest() const {
    const bool by_hits = fixture.store.rows().config.eviction_policy == EvictionPolicy::lfu;
    return std::ranges::min_element(known, {},
                                    [&](const auto& entry) {
                                      return std::pair(by_hits ? entry.second.hits : entry.second.accessed,
                                                       entry.second.sealed);
                                    })
        ->first;
  }
  /// Evicts one object, and says which.
  std::uint64_t evict() {
    REQUIRE(fixture.store.room().evict(kSize, ++fixture.now) == kSize);
    for (const auto& [number, object] : known) {
      if (fixture.exists(number)) continue;
      const std::uint64_t gone = number;
      known.erase(gone);
      return gone;
    }
    FAIL("nothing was evicted");
    return 0;
  }

  struct Known {
    std::uint64_t accessed = 0, hits = 0, sealed = 0;
  };
  StoreFixture fixture;
  std::deque<TestClient> clients;
  std::map<std::uint64_t, Known> known;
};

}  // namespace

TEST_CASE("beside very many clients each victim is the coldest object, by lru and by lfu") {
  const auto policy = GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu);
  Crowd crowd(policy);
  std::mt19937 random(7);
  constexpr std::uint64_t kObjects = 700;  // more than two pages of slots
  std::uint64_t next = 0;
  while (next < kObjects) crowd.put(next++);
  for (int step = 0; step < 6000; ++step) {
    const auto at = std::next(crowd.known.begin(), static_cast<std::ptrdiff_t>(random() % crowd.known.size()));
    if (random() % 4 != 0) {
      crowd.touch(at->first, random() % kMany);
      continue;
    }
    const std::uint64_t expected = crowd.coldest();
    CAPTURE(step);
    REQUIRE(crowd.evict() == expected);
    crowd.put(next++);
  }
}

TEST_CASE("an object that any of very many clients holds is kept, also when its page was settled before") {
  Crowd crowd(EvictionPolicy::lru);
  for (std::uint64_t number = 0; number < 100; ++number) crowd.put(number);
  for (std::size_t client = 0; client < kMany; ++client) crowd.touch(client, client);
  const Held before = crowd.clients[3].get(id_of(0), ++crowd.fixture.now);
  for (int times = 0; times < 50; ++times) static_cast<void>(crowd.evict());  // settles the page
  const Held after = crowd.clients[4].get(id_of(1), ++crowd.fixture.now);
  REQUIRE(crowd.fixture.exists(0));
  REQUIRE(crowd.fixture.exists(1));
  CHECK(crowd.fixture.store.room().evict(kMiB, ++crowd.fixture.now) == 48 * kSize);
  CHECK(crowd.fixture.present(100) == std::vector<std::uint64_t>{0, 1});
  crowd.clients[3].release(before);
  CHECK(crowd.fixture.store.room().evict(kMiB, ++crowd.fixture.now) == kSize);
  crowd.clients[4].release(after);
  CHECK(crowd.fixture.store.room().evict(kMiB, ++crowd.fixture.now) == kSize);
  CHECK(crowd.fixture.present(100).empty());
}

TEST_CASE("what a client that left had touched stays as warm as it was") {
  Crowd crowd(EvictionPolicy::lru);
  for (std::uint64_t number = 0; number < 100; ++number) crowd.put(number);
  for (std::uint64_t number = 0; number < 100; ++number) crowd.touch(99 - number, number % kMany);
  for (std::uint64_t number = 99; number >= 80; --number) REQUIRE(crowd.evict() == number);
  for (std::size_t client = 0; client < kMany; client += 2)
    crowd.fixture.store.detach(crowd.clients[client].id(), ++crowd.fixture.now);
  const bool folded = GENERATE(true, false);
  while (folded && crowd.fixture.store.room().wants_tidying()) crowd.fixture.store.room().tidy();
  for (std::uint64_t number = 79; number > 0; --number) REQUIRE(crowd.evict() == number);
}

TEST_CASE("a successor finds references and accesses on pages that the dead server had settled") {
  const auto policy = GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu);
  Crowd crowd(policy);
  for (std::uint64_t number = 0; number < 100; ++number) crowd.put(number);
  for (std::uint64_t number = 0; number < 100; ++number) crowd.touch(99 - number, number % kMany);
  for (std::uint64_t number = 20; number < 40; ++number) crowd.touch(number, 0);
  for (int times = 0; times < 20; ++times) {
    const std::uint64_t expected = crowd.coldest();
    REQUIRE(crowd.evict() == expected);
  }
  static_cast<void>(crowd.clients[5].hold(id_of(77)));
  crowd.known.erase(77);  // may not go
  std::vector<ClientId> ids;
  for (const TestClient& client : crowd.clients) ids.push_back(client.id());
  StoreFixture& fixture = crowd.fixture;
  const auto next = recovered(fixture.store, image_of(fixture.store), ids, ++fixture.now);
  while (!crowd.known.empty()) {
    const std::uint64_t expected = crowd.coldest();
    CAPTURE(expected);
    REQUIRE(next->room().evict(kSize, ++fixture.now) == kSize);
    REQUIRE(next->rows().find(id_of(expected)) == kNoSlot);
    crowd.known.erase(expected);
  }
  CHECK(next->room().evict(kSize, ++fixture.now) == 0);
  CHECK(next->rows().find(id_of(77)) != kNoSlot);
  next->check_invariants();
}

TEST_CASE("a put into a full store reads few of very many pin tables, all of which touched everything") {
  constexpr std::size_t kClients = 200;
  constexpr std::uint64_t kCapacity = 4 * kMiB;
  Crowd crowd(EvictionPolicy::lru, kClients, kCapacity);
  constexpr std::uint64_t kObjects = kCapacity / kSize;
  for (std::uint64_t number = 0; number < kObjects; ++number) crowd.put(number);
  for (std::size_t client = 0; client < kClients; ++client)
    for (std::uint64_t number = 0; number < kObjects; ++number) crowd.touch(number, client);
  const std::uint64_t before = crowd.fixture.store.room().looks();
  for (std::uint64_t number = kObjects; number < 2 * kObjects; ++number) crowd.fixture.put(number, kSize);
  const std::uint64_t looks = (crowd.fixture.store.room().looks() - before) / kObjects;
  CAPTURE(looks);
  CHECK(looks < kClients / 2);  // it was more than twice kClients when each look read all tables
  CHECK(crowd.fixture.present(kObjects).empty());
  CHECK(crowd.fixture.store.rows().arena.free_bytes() <= kCapacity / Room::kBatchShare);
}
