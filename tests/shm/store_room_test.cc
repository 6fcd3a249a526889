// How a store makes room: what a put evicts, and what it leaves for those that follow.

#include <catch2/catch.hpp>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint64_t kCapacity = 16 * kMiB;  // of which kAheadShare is 8 KiB
constexpr std::uint64_t kNew = 1 << 20;         // numbers of objects that come when it is full

/// Full of objects of two sizes; what comes is larger than one of the smaller ones, and smaller than the larger.
struct FullStore : StoreFixture {
  FullStore() : StoreFixture({.capacity = kCapacity, .eviction_policy = EvictionPolicy::lru}) {
    for (std::uint64_t number = 0; evictions() == 0; ++number) put(number, number % 2 == 0 ? 1024 : 2048);
  }
  [[nodiscard]] std::uint64_t evictions() const { return store.rows().counters().evictions; }  // stats() takes long
  [[nodiscard]] std::uint64_t evicted_by_put(std::uint64_t number) {
    const std::uint64_t before = evictions();
    REQUIRE(put(kNew + number, 1536) != kNoSlot);
    return evictions() - before;
  }
};

}  // namespace

TEST_CASE("where a put has to search for room, it makes room for the next ones too") {
  FullStore full;
  std::uint64_t number = 0;
  while (full.evicted_by_put(number++) < 3) REQUIRE(number < 100);
  for (int others = 0; others < 3; ++others) CHECK(full.evicted_by_put(number++) == 0);
  const std::uint64_t free = kCapacity - full.store.stats(full.now).used_bytes;
  CHECK(free <= 2 * kCapacity / Room::kAheadShare);
  full.store.check_invariants();
}

TEST_CASE("for a small object no large one goes, however cold") {
  StoreFixture fixture({.capacity = kCapacity});
  constexpr std::uint64_t kLarge = kCapacity / 4;
  fixture.put(0, kLarge);
  for (std::uint64_t number = 1; fixture.store.rows().counters().evictions == 0; ++number)
    fixture.put(number, number % 2 == 0 ? 1024 : 2048);
  for (std::uint64_t number = 0; number < 200 && fixture.exists(0); ++number)
    CHECK(fixture.put(kNew + number, number % 3) != kNoSlot);
  CHECK(fixture.store.stats(fixture.now).evicted_bytes < kLarge);
}

TEST_CASE("a put makes no room ahead at the cost of what is still warm") {
  FullStore full;
  TestClient reader = full.client();
  for (std::uint64_t number = 0; number < kCapacity / 1536; number += 2)
    if (full.exists(number)) reader.touch(id_of(number), full.now);
  for (std::uint64_t number = 0; number < 100; ++number) CHECK(full.evicted_by_put(number) <= 2);
}
