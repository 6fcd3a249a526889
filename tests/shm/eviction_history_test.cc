// Random histories of eviction, step by step against an oracle.

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "tests/shm/eviction_fixture.h"

using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

using Slots = std::vector<SlotIndex>;

/// Whether evicting all that nobody uses would make room: the arena's extents, told as a map.
bool could_fit(const FakeStore& store, std::uint64_t needed) {
  std::uint64_t run = 0;
  std::uint64_t longest = 0;
  for (ExtentRef extent = store.arena.first(); !extent.is_none(); extent = store.arena.after(extent)) {
    const bool fixed =
        extent.is_live() && (!store.eviction.contains(extent.owner()) || store.objects.at(extent.owner()).in_use);
    run = fixed ? 0 : run + store.arena.size_of(extent);
    longest = std::max(longest, run);
  }
  return longest >= needed;
}

/// The unused member with the smallest true key.
SlotIndex truly_coldest(const FakeStore& store) {
  SlotIndex coldest = kNoSlot;
  EvictionKey least{UINT64_MAX, UINT64_MAX};
  for (const auto& [slot, object] : store.objects) {
    const EvictionKey key{std::max(object.recorded.value, object.truth), object.recorded.seal_order};
    if (!store.eviction.contains(slot) || object.in_use || least < key) continue;
    coldest = slot;
    least = key;
  }
  return coldest;
}

void put_evicting(FakeStore& store, SlotIndex slot, std::uint64_t units) {
  if (store.put(slot, units)) return;
  const bool possible = could_fit(store, units * kUnitBytes);
  const Slots victims = store.plan(units);
  REQUIRE(victims.empty() != possible);
  if (!possible) return;
  std::uint64_t previous_end = 0;
  for (const SlotIndex victim : victims) {
    REQUIRE(store.eviction.contains(victim));
    REQUIRE_FALSE(store.objects.at(victim).in_use);
    REQUIRE(store.arena.offset_of(ExtentRef::live(victim)) >= previous_end);
    previous_end = store.arena.offset_of(ExtentRef::live(victim)) + store.arena.size_of(ExtentRef::live(victim));
  }
  // No more than needed: without its first or its last, the window would be too small.
  for (const SlotIndex victim : victims) {
    REQUIRE(store.arena.largest_free_extent() < units * kUnitBytes);
    store.remove(victim);
  }
  REQUIRE(store.put(slot, units));
}

void random_step(FakeStore& store, std::mt19937_64& random, SlotIndex slots, std::uint64_t most_units) {
  const auto slot = static_cast<SlotIndex>(random() % slots);
  const bool lives = store.arena.owns(slot);
  const auto what = random() % 16;
  if (!lives) {
    put_evicting(store, slot, 1 + random() % (random() % 8 == 0 ? most_units : 8));
  } else if (what < 7) {
    store.touch(slot);
  } else if (what < 9) {
    store.objects.at(slot).in_use = !store.objects.at(slot).in_use;
  } else if (what < 11) {
    store.eviction.contains(slot) ? store.eviction.erase(slot) : store.eviction.insert(slot);
  } else if (what < 12) {
    store.remove(slot);
  } else if (what < 14) {
    // In use and never asked since: such an object may still be parked, so exactness is owed only to a store at rest.
    const SlotIndex coldest = store.eviction.coldest();
    REQUIRE((coldest == kNoSlot) == (truly_coldest(store) == kNoSlot));
    if (coldest != kNoSlot) REQUIRE_FALSE(store.objects.at(coldest).in_use);
  }
}

}  // namespace

TEST_CASE("any history: members agree with a map, and a plan makes room exactly when room can be made") {
  const std::uint64_t used_seed = eviction_seed();
  INFO("DOLIUM_SEED=" << used_seed);
  std::mt19937_64 random(used_seed);
  for (const SlotIndex slots : {5U, 60U, 600U}) {
    FakeStore store(4 * slots);
    for (int step = 0; step < 6000; ++step) {
      std::set<SlotIndex> members;
      random_step(store, random, slots, slots);
      for (const auto& [slot, object] : store.objects) {
        if (store.eviction.contains(slot)) members.insert(slot);
      }
      REQUIRE(members.size() == store.eviction.size());
      store.eviction.check_invariants();
      store.arena.check_invariants();
    }
  }
}

TEST_CASE("while nothing is held, coldest() is the coldest of all") {
  const std::uint64_t used_seed = eviction_seed();
  INFO("DOLIUM_SEED=" << used_seed);
  std::mt19937_64 random(used_seed);
  FakeStore store(500);
  store.fill(500, 1);
  for (int step = 0; step < 3000; ++step) {
    const auto touched = static_cast<SlotIndex>(random() % 500);
    if (store.arena.owns(touched)) store.touch(touched);
    const SlotIndex expected = truly_coldest(store);
    REQUIRE(store.eviction.coldest() == expected);
    store.eviction.check_invariants();
    if (random() % 3 != 0) continue;
    store.remove(expected);
    REQUIRE(store.put(expected, 1));
  }
}
