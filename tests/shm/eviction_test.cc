// Which objects eviction chooses, case by case.

#include "shm/eviction/eviction.h"

#include <vector>

#include "shm/eviction/eviction_order.h"
#include "tests/shm/eviction_fixture.h"

using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

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
  for (std::uint32_t rests = 0; rests <= Eviction::kMostRests && victims.empty(); ++rests)
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
  FakeStore store(kEvictionSlots);
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

TEST_CASE("members cost 8 bytes a slot, and 4 more when they are parked or were touched") {
  FakeStore store(kEvictionSlots);
  const std::uint64_t empty = store.eviction.bookkeeping_bytes();
  store.fill(kEvictionSlots, 1);
  constexpr std::uint64_t kColdSetBytes = 2 * Eviction::kMaxCold * sizeof(SlotIndex);
  const std::uint64_t untouched = empty + kEvictionSlots * 8 + kColdSetBytes;
  const std::uint64_t most = untouched + kEvictionSlots * 4;
  REQUIRE(store.plan(1).size() == 1);
  REQUIRE(store.eviction.bookkeeping_bytes() <= untouched);
  for (auto& [slot, object] : store.objects) object.in_use = true;
  REQUIRE(store.plan(kEvictionSlots).empty());
  REQUIRE(store.eviction.bookkeeping_bytes() <= most);
  for (auto& [slot, object] : store.objects) object.in_use = false;
  REQUIRE(store.plan(kEvictionSlots).size() == kEvictionSlots);
  REQUIRE(store.eviction.bookkeeping_bytes() <= most);
}
