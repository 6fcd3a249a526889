#include "shm/eviction/eviction.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "shm/arena/arena.h"
#include "shm/eviction/eviction_order.h"
#include "shm/eviction/window.h"

using namespace dolium::shm;

namespace {

constexpr std::uint32_t kSlots = 4096;
constexpr std::uint64_t kDefaultSeed = 20230602;

std::uint64_t seed() {
  const char* given = std::getenv("DOLIUM_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : kDefaultSeed;
}

/// A store reduced to what eviction sees: what was recorded of each object, and what is true by now.
class FakeStore final : public Candidates {
 public:
  struct Object {
    EvictionKey recorded;
    std::uint64_t truth;  // the value that refresh() records
    bool in_use = false;
  };

  explicit FakeStore(std::uint64_t units) : arena(units * kUnitBytes, kSlots), eviction(arena, *this, kSlots) {}

  EvictionKey key(SlotIndex slot) const override { return objects.at(slot).recorded; }
  Use refresh(SlotIndex slot) override {
    ++refreshed[slot];
    Object& object = objects.at(slot);
    object.recorded.value = std::max(object.recorded.value, object.truth);
    if (on_refresh) on_refresh(slot);
    return object.in_use ? Use::in_use : Use::unused;
  }

  void prefetch(SlotIndex slot, int step) const override { prefetched[slot].push_back(step); }

  /// Keys rise with each object put: the first is the coldest.
  bool put(SlotIndex slot, std::uint64_t units) {
    if (!arena.allocate(units * kUnitBytes, slot)) return false;
    ++now;
    objects[slot] = {{now, now}, now, false};
    eviction.insert(slot);
    return true;
  }
  void fill(SlotIndex objects_wanted, std::uint64_t units) {
    for (SlotIndex slot = 0; slot < objects_wanted; ++slot) REQUIRE(put(slot, units));
  }
  void touch(SlotIndex slot) { objects.at(slot).truth = ++now; }
  void remove(SlotIndex slot) {
    if (eviction.contains(slot)) eviction.erase(slot);
    arena.free(slot);
    objects.erase(slot);
  }
  std::vector<SlotIndex> plan(std::uint64_t units, Eviction::Effort effort = Eviction::Effort::all) {
    std::vector<SlotIndex> victims = eviction.plan(units * kUnitBytes, effort);
    eviction.check_invariants();
    return victims;
  }

  Arena arena;
  std::map<SlotIndex, Object> objects;
  std::map<SlotIndex, int> refreshed;
  mutable std::map<SlotIndex, std::vector<int>> prefetched;  // steps
  std::function<void(SlotIndex)> on_refresh;
  std::uint64_t now = 0;
  Eviction eviction;
};

using Slots = std::vector<SlotIndex>;

}  // namespace

TEST_CASE("of a few equal objects the coldest goes first, exactly") {
  FakeStore store(10);
  store.fill(10, 1);
  for (SlotIndex expected = 0; expected < 10; ++expected) {
    REQUIRE(store.eviction.coldest() == expected);
    REQUIRE(store.plan(1) == Slots{expected});
    store.remove(expected);
  }
  REQUIRE(store.eviction.coldest() == kNoSlot);
  REQUIRE(store.plan(1).empty());
}

TEST_CASE("an access that was never reported saves an object") {
  FakeStore store(10);
  store.fill(10, 1);
  store.touch(0);
  store.touch(1);
  REQUIRE(store.plan(1) == Slots{2});
  store.touch(2);  // after it has entered the cold set
  REQUIRE(store.plan(1) == Slots{3});
  REQUIRE(store.eviction.coldest() == 3);
  store.touch(3);
  REQUIRE(store.eviction.coldest() == 4);
}

TEST_CASE("a cold object far larger than what is needed does not go when neighbours of the coldest lose less") {
  FakeStore store(1000);
  REQUIRE(store.put(0, 400));
  for (SlotIndex slot = 1; slot <= 60; ++slot) REQUIRE(store.put(slot, 10));
  for (SlotIndex slot = 1; slot <= 60; ++slot)
    if (slot % 10 != 0) store.touch(slot);  // 0 and six that lie far apart are the coldest tenth
  const Slots victims = store.plan(30);
  REQUIRE(victims.size() == 3);
  REQUIRE(std::ranges::find(victims, 0) == victims.end());
  REQUIRE(std::ranges::any_of(victims, [](SlotIndex slot) { return slot % 10 == 0; }));
  // What is not much larger goes as ever.
  REQUIRE(store.plan(380) == Slots{0});
}

TEST_CASE("for a window of more than the cold ones, of equal neighbours the colder go") {
  FakeStore store(3000);
  store.fill(3000, 1);
  for (SlotIndex slot = 0; slot < 1000; ++slot) store.remove(slot);
  for (SlotIndex slot = 3000; slot < 4000; ++slot) REQUIRE(store.put(slot, 1));  // where those were
  REQUIRE(store.arena.before(ExtentRef::live(1000)) == ExtentRef::live(3999));   // the coldest, behind the hottest
  const Slots victims = store.plan(700);
  REQUIRE(victims.size() == 700);
  REQUIRE(victims.front() == 1000);
  REQUIRE(victims.back() == 1699);
  // Asked again at once, and while the cold set rests.
  for (SlotIndex slot = 1000; slot < 1700; ++slot) store.remove(slot);
  REQUIRE(store.put(0, 700));
  REQUIRE(store.plan(600).front() == 1700);
}

TEST_CASE("a window of cold objects only: what was written together, one behind the other") {
  FakeStore store(1000);
  store.fill(1000, 1);
  SlotIndex behind = kNoSlot;
  for (SlotIndex times = 0; times < 2; ++times) {
    const Slots victims = store.plan(50, Eviction::Effort::cold);
    REQUIRE(victims.size() == 50);
    REQUIRE((behind == kNoSlot || victims.front() == behind));
    for (std::size_t i = 0; i < victims.size(); ++i) REQUIRE(victims[i] == victims.front() + i);
    REQUIRE(victims.back() < 500);  // a sample says what is cold
    for (const SlotIndex slot : victims) store.remove(slot);
    REQUIRE(store.put(1000 + times, 50));
    behind = victims.back() + 1;
  }
}

TEST_CASE("no window of cold objects goes at the cost of one that was touched") {
  FakeStore store(1000);
  store.fill(1000, 1);
  for (SlotIndex slot = 0; slot < 1000; slot += 8) store.touch(slot);
  for (int times = 0; times < 1000; ++times) REQUIRE(store.plan(16, Eviction::Effort::cold).empty());
  REQUIRE(store.plan(16).size() == 16);
  Slots victims;
  for (std::uint32_t rests = 0; rests <= Eviction::kMostHandRests && victims.empty(); ++rests)
    victims = store.plan(4, Eviction::Effort::cold);
  REQUIRE(victims.size() == 4);
  REQUIRE(std::ranges::none_of(victims, [](SlotIndex slot) { return slot % 8 == 0; }));
}

TEST_CASE("no window of cold objects has one that is far larger than what is needed") {
  FakeStore store(2000);
  REQUIRE(store.put(0, 1000));
  for (SlotIndex slot = 1; slot <= 1000; ++slot) REQUIRE(store.put(slot, 1));
  for (int times = 0; times < 1000; ++times) {
    const Slots victims = store.plan(10, Eviction::Effort::cold);
    REQUIRE(victims.size() == 10);
    REQUIRE(victims.front() != 0);
  }
}

TEST_CASE("what is in use is in no window of cold objects") {
  FakeStore store(1000);
  store.fill(1000, 1);
  for (SlotIndex slot = 0; slot < 1000; slot += 4) store.objects.at(slot).in_use = true;
  for (int times = 0; times < 1000; ++times) REQUIRE(store.plan(4, Eviction::Effort::cold).empty());
}

TEST_CASE("whoever is hotter than all, for good, stands in nobody's way") {
  FakeStore store(kSlots);
  store.fill(1000, 1);
  store.objects.at(0).truth = UINT64_MAX / 2;  // as an object that was got often is under lfu
  REQUIRE(store.plan(1) == Slots{1});
  const std::uint64_t before = store.eviction.bookkeeping_bytes();
  for (SlotIndex slot = 1000; slot < 2000; ++slot) REQUIRE(store.put(slot, 1));
  CHECK(store.eviction.bookkeeping_bytes() - before == 1000 * 8);  // in the list, all of them
  store.eviction.check_invariants();
}

TEST_CASE("what goes next has been announced, step by step") {
  FakeStore store(100);
  store.fill(100, 1);
  for (SlotIndex slot = 0; slot < 50; ++slot) {
    const Slots victims = store.plan(1);
    REQUIRE(victims == Slots{slot});
    if (slot >= Candidates::kPrefetchSteps) REQUIRE(store.prefetched[slot] == std::vector<int>{0, 1, 2, 3});
    store.remove(slot);
  }
}

TEST_CASE("equal keys go by seal order") {
  FakeStore store(10);
  store.fill(10, 1);
  for (SlotIndex slot = 0; slot < 10; ++slot) {
    store.eviction.erase(slot);
    store.objects.at(slot) = {{7, 100 - slot}, 7, false};
    store.eviction.insert(slot);
  }
  REQUIRE(store.plan(1) == Slots{9});
}

TEST_CASE("an object that appears colder than all others goes before them") {
  FakeStore store(10);
  store.fill(9, 1);
  REQUIRE(store.plan(2) == Slots{0, 1});
  REQUIRE(store.eviction.coldest() == 0);
  REQUIRE(store.put(9, 1));
  store.eviction.erase(9);
  store.objects.at(9) = {{0, 1000}, 0, false};
  store.eviction.insert(9);
  REQUIRE(store.eviction.coldest() == 9);
  REQUIRE(store.plan(1) == Slots{9});
}

TEST_CASE("objects in use are passed over, and come back when they are released") {
  FakeStore store(10);
  store.fill(10, 1);
  for (const SlotIndex slot : {0U, 1U, 2U}) store.objects.at(slot).in_use = true;
  REQUIRE(store.plan(1) == Slots{3});
  REQUIRE(store.plan(4) == Slots{3, 4, 5, 6});
  store.objects.at(1).in_use = false;
  REQUIRE(store.plan(1) == Slots{1});
  REQUIRE(store.eviction.coldest() == 1);
  REQUIRE(store.eviction.size() == 10);
}

TEST_CASE("each plan asks a bounded number of parked objects, in turn") {
  constexpr SlotIndex kHeld = 100;
  FakeStore store(kHeld + 100);
  store.fill(kHeld + 100, 1);
  for (SlotIndex slot = 0; slot < kHeld; ++slot) store.objects.at(slot).in_use = true;
  REQUIRE(store.plan(1) == Slots{kHeld});
  store.refreshed.clear();
  constexpr SlotIndex kRounds = (kHeld + Eviction::kParkedRechecks - 1) / Eviction::kParkedRechecks;
  for (SlotIndex round = 0; round < kRounds; ++round) REQUIRE(store.plan(1) == Slots{kHeld});
  for (SlotIndex slot = 0; slot < kHeld; ++slot) {
    REQUIRE(store.refreshed[slot] >= 1);
    REQUIRE(store.refreshed[slot] <= 2);
  }
}

TEST_CASE("before it gives up, a plan asks all parked objects once") {
  FakeStore store(100);
  store.fill(100, 1);
  for (auto& [slot, object] : store.objects) object.in_use = true;
  REQUIRE(store.plan(1).empty());
  REQUIRE(store.eviction.coldest() == kNoSlot);
  store.objects.at(93).in_use = false;
  REQUIRE(store.plan(1) == Slots{93});
  store.objects.at(93).in_use = true;
  REQUIRE(store.plan(1).empty());
  store.objects.at(50).in_use = false;
  REQUIRE(store.eviction.coldest() == 50);
}

TEST_CASE("a request that no eviction could satisfy costs nobody an object") {
  FakeStore store(10);
  store.fill(10, 1);
  store.objects.at(5).in_use = true;
  REQUIRE(store.plan(6).empty());
  REQUIRE(store.plan(11).empty());
  REQUIRE(store.eviction.plan(UINT64_MAX).empty());
  REQUIRE(store.plan(5) == Slots{0, 1, 2, 3, 4});
  REQUIRE(store.plan(4).size() == 4);
}

TEST_CASE("what is not a member ends a window") {
  FakeStore store(10);
  store.fill(10, 1);
  store.eviction.erase(1);  // pinned
  REQUIRE_FALSE(store.eviction.contains(1));
  REQUIRE(store.plan(2) == Slots{2, 3});
  store.eviction.insert(1);
  REQUIRE(store.plan(2) == Slots{0, 1});
}

TEST_CASE("who touches objects faster than they are looked at does not keep a plan looking for ever") {
  FakeStore store(20);
  store.fill(20, 1);
  store.on_refresh = [&](SlotIndex slot) { store.touch(slot); };
  REQUIRE(store.plan(1).size() == 1);
  REQUIRE(store.plan(3).size() == 3);
  REQUIRE(store.eviction.coldest() != kNoSlot);
}

/// Ranks as they stand in a list.
struct Listed final : Ranks {
  explicit Listed(const Slots& listed) : cold(listed) {}
  [[nodiscard]] std::uint32_t rank_of(SlotIndex slot) const override {
    const auto found = std::ranges::find(cold, slot);
    return found == cold.end() ? kNotCold : static_cast<std::uint32_t>(found - cold.begin());
  }
  const Slots& cold;
};

Slots cheapest(const Arena& arena, const Slots& cold, std::uint64_t needed) {
  return cheapest_window(arena, cold, needed, Listed(cold));
}

TEST_CASE("windows: free extents count, and the fewest live bytes win among equally cold ones") {
  Arena arena(20 * kUnitBytes, kSlots);
  // 0: 4 units, 1: 2 units, 2: 6 units, 3: 3 units, 4: 5 units
  const std::vector<std::uint64_t> units{4, 2, 6, 3, 5};
  for (SlotIndex slot = 0; slot < units.size(); ++slot) REQUIRE(arena.allocate(units[slot] * kUnitBytes, slot));
  arena.free(2);
  REQUIRE(cheapest(arena, {4, 1, 3}, 8 * kUnitBytes) == Slots{1});
  REQUIRE(cheapest(arena, {1, 3}, 9 * kUnitBytes) == Slots{3});
  REQUIRE(cheapest(arena, {3, 4, 1}, 11 * kUnitBytes) == Slots{1, 3});
  REQUIRE(cheapest(arena, {0, 4}, 6 * kUnitBytes).empty());
  REQUIRE(cheapest(arena, {0, 3}, 9 * kUnitBytes) == Slots{3});
  REQUIRE(cheapest(arena, {4, 3, 1, 0}, 20 * kUnitBytes) == Slots{0, 1, 3, 4});
  REQUIRE(cheapest(arena, {}, kUnitBytes).empty());
}

TEST_CASE("windows: none loses less than the one that is found") {
  std::mt19937_64 random(seed());
  for (int round = 0; round < 300; ++round) {
    Arena arena(400 * kUnitBytes, kSlots);
    SlotIndex count = 0;
    while (arena.allocate((1 + random() % 12) * kUnitBytes, count)) ++count;
    Slots cold;
    for (SlotIndex slot = 0; slot < count; ++slot) {
      if (random() % 3 == 0)
        cold.push_back(slot);
      else if (random() % 4 == 0)
        arena.free(slot);
    }
    std::shuffle(cold.begin(), cold.end(), random);
    const Listed ranks(cold);
    const std::uint64_t needed = (1 + random() % 40) * kUnitBytes;
    // Every stretch of the arena, told plainly.
    std::uint64_t least = UINT64_MAX;
    for (ExtentRef first = arena.first(); !first.is_none(); first = arena.after(first)) {
      std::uint64_t room = 0, live = 0, hottest = 0;
      for (ExtentRef extent = first; !extent.is_none(); extent = arena.after(extent)) {
        const std::uint32_t rank = extent.is_live() ? ranks.rank_of(extent.owner()) : 0;
        if (rank == Ranks::kNotCold) break;
        room += arena.size_of(extent);
        if (extent.is_live()) {
          live += arena.size_of(extent);
          hottest = std::max<std::uint64_t>(hottest, rank);
        }
        if (room >= needed && live > 0)
          least = std::min(least, live * (1024 + kHeatWeight * (1024 * hottest / cold.size())));
      }
    }
    const Slots found = cheapest_window(arena, cold, needed, ranks);
    REQUIRE(found.empty() == (least == UINT64_MAX));
    if (found.empty()) continue;
    std::uint64_t live = 0, hottest = 0;
    for (const SlotIndex slot : found) {
      live += arena.size_of(ExtentRef::live(slot));
      hottest = std::max<std::uint64_t>(hottest, ranks.rank_of(slot));
    }
    const bool coldest_alone = found == Slots{cold.front()};  // goes whatever else there is
    if (!coldest_alone) REQUIRE(live * (1024 + kHeatWeight * (1024 * hottest / cold.size())) == least);
    for (const SlotIndex slot : found) arena.free(slot);
    REQUIRE(arena.largest_free_extent() >= needed);
  }
}

TEST_CASE("members cost 8 bytes a slot, and 4 more when they are parked or were touched") {
  FakeStore store(kSlots);
  const std::uint64_t empty = store.eviction.bookkeeping_bytes();
  store.fill(kSlots, 1);
  constexpr std::uint64_t kColdSetBytes = 2 * Eviction::kMaxCold * sizeof(SlotIndex);
  const std::uint64_t untouched = empty + kSlots * 8 + kColdSetBytes;
  const std::uint64_t most = untouched + kSlots * 4;
  REQUIRE(store.plan(1).size() == 1);
  REQUIRE(store.eviction.bookkeeping_bytes() <= untouched);
  for (auto& [slot, object] : store.objects) object.in_use = true;
  REQUIRE(store.plan(kSlots).empty());
  REQUIRE(store.eviction.bookkeeping_bytes() <= most);
  for (auto& [slot, object] : store.objects) object.in_use = false;
  REQUIRE(store.plan(kSlots).size() == kSlots);
  REQUIRE(store.eviction.bookkeeping_bytes() <= most);
}

namespace {

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
  const std::uint64_t used_seed = seed();
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
  const std::uint64_t used_seed = seed();
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
