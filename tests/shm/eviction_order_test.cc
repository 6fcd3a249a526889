// EvictionOrder by arrival: two lanes, against two plain queues.

#include "shm/eviction/eviction_order.h"

#include <algorithm>
#include <array>
#include <deque>
#include <random>

#include "tests/shm/eviction_fixture.h"

using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

using Lane = Policy::Lane;

/// Lanes as the test says.
class Lanes final : public Policy {
 public:
  Lanes() : Policy(Order::by_arrival) {}
  [[nodiscard]] EvictionKey key(SlotIndex slot) const override { return {slot, slot}; }
  [[nodiscard]] Lane lane(SlotIndex slot) const override { return lanes[slot]; }
  [[nodiscard]] Lane next(const LaneBytes& bytes) const override {
    return bytes.first > bytes.second ? Lane::first : Lane::second;
  }
  [[nodiscard]] bool stays(SlotIndex slot) const override { return std::ranges::find(warm, slot) != warm.end(); }
  Side requeue(SlotIndex slot) override {
    lanes[slot] = lanes[slot] == Lane::first || stays(slot) ? Lane::second : Lane::first;
    std::erase(warm, slot);
    return lanes[slot] == Lane::first ? side : Side::beginning;
  }
  Side side = Side::beginning;  // at which objects join the first lane again
  std::array<Lane, kEvictionSlots> lanes{};
  std::vector<SlotIndex> warm;  // that stay, once
};

/// Equal objects of one unit each, in an arena that is full.
struct LaneStore final : Candidates {
  explicit LaneStore(SlotIndex slots) : arena(slots * kUnitBytes, kEvictionSlots) {
    for (SlotIndex slot = 0; slot < slots; ++slot) REQUIRE(arena.allocate(kUnitBytes, slot));
  }
  Use refresh(SlotIndex slot) override {
    return std::ranges::find(in_use, slot) != in_use.end() ? Use::in_use : Use::unused;
  }
  std::uint32_t hit_sum(SlotIndex) override { return 0; }
  std::uint64_t id_hash(SlotIndex slot) const override { return slot; }
  void prefetch(SlotIndex, int) const override {}

  Arena arena;
  Lanes policy;
  std::vector<SlotIndex> in_use;
  Eviction eviction{arena, *this, policy, kEvictionSlots};
};

struct OrderFixture {
  explicit OrderFixture(SlotIndex slots) {
    for (SlotIndex slot = 0; slot < slots; ++slot) REQUIRE(arena.allocate((1 + slot % 3) * kUnitBytes, slot));
  }
  [[nodiscard]] std::uint64_t bytes_of(SlotIndex slot) const { return arena.size_of(ExtentRef::live(slot)); }

  Arena arena{kEvictionSlots * 3 * kUnitBytes, kEvictionSlots};
  Lanes policy;
  EvictionOrder order{arena, policy, kEvictionSlots};
};

/// The same, as plain as possible.
struct PlainOrder {
  std::deque<SlotIndex> lanes[2], cold[2], parked;

  std::deque<SlotIndex>* holding(SlotIndex slot) {
    for (auto* const place : {&lanes[0], &lanes[1], &cold[0], &cold[1], &parked})
      if (std::ranges::find(*place, slot) != place->end()) return place;
    return nullptr;
  }
};

}  // namespace

TEST_CASE("two lanes: each is a queue, the first goes first, and the policy chooses where to look by their bytes") {
  OrderFixture fixture(6);
  fixture.policy.lanes[1] = fixture.policy.lanes[4] = Lane::second;
  for (const SlotIndex slot : {5U, 1U, 0U, 4U}) fixture.order.enqueue(slot);
  CHECK(fixture.order.lane_bytes().first == fixture.bytes_of(5) + fixture.bytes_of(0));
  CHECK(fixture.order.lane_bytes().second == fixture.bytes_of(1) + fixture.bytes_of(4));
  CHECK(fixture.order.front() == 5);
  CHECK(fixture.order.is_second_next());  // 4 units in each
  fixture.order.remove(1);
  CHECK_FALSE(fixture.order.is_second_next());
  fixture.order.remove(5);
  CHECK(fixture.order.front() == 0);
  CHECK(fixture.order.is_second_next());
  fixture.order.put_back(5);
  CHECK(fixture.order.first_of(Lane::first) == 5);
  CHECK(fixture.order.behind(5) == 0);
  CHECK(fixture.order.behind(0) == kNoSlot);
  fixture.order.remove(5);
  fixture.order.remove(0);
  CHECK(fixture.order.front() == 4);  // the only lane that has any
  fixture.order.check_invariants();
}

TEST_CASE("two lanes: the cold set has the first lane's objects before the second's, each in their order") {
  OrderFixture fixture(6);
  fixture.policy.lanes[1] = fixture.policy.lanes[4] = Lane::second;
  for (const SlotIndex slot : {4U, 5U, 1U, 0U}) fixture.order.add_cold(slot);
  CHECK(fixture.order.cold() == std::vector<SlotIndex>{5, 0, 4, 1});
  CHECK(fixture.order.lane_bytes().first == fixture.bytes_of(5) + fixture.bytes_of(0));
  fixture.order.enqueue(2);
  CHECK(fixture.order.front_goes_first());
  fixture.order.check_invariants();
}

TEST_CASE("two lanes: any history agrees with plain queues") {
  constexpr SlotIndex kMany = 60;
  constexpr int kSteps = 20'000;
  const std::uint64_t seed = eviction_seed();
  INFO("DOLIUM_SEED=" << seed);
  std::mt19937_64 random(seed);
  OrderFixture fixture(kMany);
  PlainOrder plain;
  for (int step = 0; step < kSteps; ++step) {
    const auto slot = static_cast<SlotIndex>(random() % kMany);
    if (auto* const place = plain.holding(slot)) {
      REQUIRE(fixture.order.contains(slot));
      REQUIRE(fixture.order.is_parked(slot) == (place == &plain.parked));
      fixture.order.remove(slot);
      std::erase(*place, slot);
    } else {
      REQUIRE_FALSE(fixture.order.contains(slot));
      const std::size_t lane = random() % 2;
      fixture.policy.lanes[slot] = static_cast<Lane>(lane);
      switch (random() % 5) {
        case 0: fixture.order.put_back(slot), plain.lanes[lane].push_front(slot); break;
        case 1: fixture.order.add_cold(slot), plain.cold[lane].push_back(slot); break;
        case 2: fixture.order.park(slot), plain.parked.push_back(slot); break;
        default: fixture.order.enqueue(slot), plain.lanes[lane].push_back(slot);
      }
    }
    std::vector<SlotIndex> cold(plain.cold[0].begin(), plain.cold[0].end());
    cold.insert(cold.end(), plain.cold[1].begin(), plain.cold[1].end());
    REQUIRE(fixture.order.cold() == cold);
    for (const Lane lane : {Lane::first, Lane::second}) {
      const auto& expected = plain.lanes[static_cast<std::size_t>(lane)];
      std::deque<SlotIndex> found;
      for (SlotIndex at = fixture.order.first_of(lane); at != kNoSlot; at = fixture.order.behind(at))
        found.push_back(at);
      REQUIRE(found == expected);
    }
    if (step % 50 == 0) fixture.order.check_invariants();  // counts the bytes anew
  }
}

TEST_CASE("two lanes: while the policy names the second, its objects join a lane again, and victims are of the first") {
  LaneStore store(10);
  for (SlotIndex slot = 2; slot < 10; ++slot) store.policy.lanes[slot] = Lane::second;
  for (SlotIndex slot = 0; slot < 10; ++slot) store.eviction.insert(slot);
  store.policy.warm = {3};
  store.in_use = {5};
  CHECK(store.eviction.plan(kUnitBytes) == std::vector<SlotIndex>{0});
  store.eviction.check_invariants();
  std::vector<SlotIndex> second;
  for (SlotIndex slot = 0; slot < 10; ++slot)
    if (store.policy.lane(slot) == Lane::second) second.push_back(slot);
  CHECK(second == std::vector<SlotIndex>{3, 5, 8, 9});  // 3 was warm, 5 is in use
}

TEST_CASE("two lanes: an object that joins the first lane at its end is the next victim") {
  LaneStore store(10);
  for (SlotIndex slot = 5; slot < 10; ++slot) store.policy.lanes[slot] = Lane::second;
  for (SlotIndex slot = 0; slot < 10; ++slot) store.eviction.insert(slot);
  store.policy.side = Policy::Side::end;
  CHECK(store.eviction.plan(kUnitBytes) == std::vector<SlotIndex>{5});
  CHECK(store.policy.lane(5) == Lane::first);
  store.eviction.check_invariants();
}

TEST_CASE("two lanes: a plan looks at few of the second, unless the first has none") {
  constexpr SlotIndex kMany = 100;
  const bool has_first = GENERATE(true, false);
  LaneStore store(kMany);
  for (SlotIndex slot = has_first ? 1 : 0; slot < kMany; ++slot) store.policy.lanes[slot] = Lane::second;
  for (SlotIndex slot = 0; slot < kMany; ++slot) store.eviction.insert(slot);
  for (SlotIndex slot = 1; slot <= 20 && !has_first; ++slot) store.policy.warm.push_back(slot - 1);
  CHECK(store.eviction.plan(kUnitBytes) == std::vector<SlotIndex>{has_first ? 0U : 20U});
  store.eviction.check_invariants();
  const auto first = std::count(store.policy.lanes.begin(), store.policy.lanes.begin() + kMany, Lane::first);
  CHECK(first == (has_first ? 1 + static_cast<int>(Eviction::kMaxDemotions) : 1));
}

TEST_CASE("two lanes: batches of victims, too, are objects that left the second lane, while there are any") {
  constexpr SlotIndex kMany = 1000, kSecond = 400, kWarm = 900;
  constexpr std::size_t kBatch = 2 * Eviction::kMaxDemotions;
  LaneStore store(kMany);
  for (SlotIndex slot = 0; slot < kSecond; ++slot) store.policy.lanes[slot] = Lane::second;
  for (SlotIndex slot = 0; slot < kMany; ++slot) store.eviction.insert(slot);
  for (SlotIndex slot = kSecond; slot < kWarm; ++slot) store.policy.warm.push_back(slot);
  store.policy.side = Policy::Side::end;
  for (SlotIndex evicted = 0; evicted < kSecond;) {
    std::vector<SlotIndex> victims = store.eviction.plan(kUnitBytes);
    REQUIRE(victims.size() == 1);
    const auto next = store.eviction.next_victims(victims[0], kBatch, kMany * kUnitBytes, kUnitBytes);
    victims.insert(victims.end(), next.begin(), next.end());
    CAPTURE(evicted, victims);
    for (const SlotIndex slot : victims) {
      CHECK(slot < kWarm);
      store.eviction.erase_evicted(slot);
      store.arena.free(slot);
      REQUIRE(store.arena.allocate(kUnitBytes, slot));  // stays full
    }
    evicted += static_cast<SlotIndex>(victims.size());
    store.eviction.check_invariants();
  }
}

TEST_CASE("two lanes: a batch of victims comes from the lane of the first, and what stays is not among them") {
  constexpr SlotIndex kMany = 100;
  LaneStore store(kMany);
  for (SlotIndex slot = 0; slot < kMany; ++slot) store.policy.lanes[slot] = slot % 2 == 0 ? Lane::first : Lane::second;
  for (SlotIndex slot = 0; slot < kMany; ++slot) store.eviction.insert(slot);
  store.policy.warm = {4};
  store.in_use = {8};
  const std::vector<SlotIndex> victims = store.eviction.plan(kUnitBytes);
  REQUIRE(victims == std::vector<SlotIndex>{0});
  const std::vector<SlotIndex> next = store.eviction.next_victims(0, 5, kMany * kUnitBytes, kUnitBytes);
  CHECK(next == std::vector<SlotIndex>{2, 6, 10});  // 4 stays, 8 is in use
  CHECK(store.policy.lane(4) == Lane::second);
  store.eviction.check_invariants();
  for (const SlotIndex slot : next) store.eviction.erase_evicted(slot);
  store.eviction.check_invariants();
}
