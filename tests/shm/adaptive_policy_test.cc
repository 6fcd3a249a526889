// AdaptivePolicy, without a store: which queue an object is in, and whether it stays.

#include "shm/eviction/adaptive_policy.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

using namespace dolium;
using namespace dolium::shm;

namespace {

constexpr std::uint32_t kPolicySlots = 1000;
using Lane = Policy::Lane;
using Arrival = Policy::Arrival;

/// Hits and ids of objects that no client uses.
class Facts final : public Candidates {
 public:
  Use refresh(SlotIndex) override { return Use::unused; }
  std::uint32_t hit_sum(SlotIndex slot) override { return hits.contains(slot) ? hits.at(slot) : 0; }
  std::uint64_t id_hash(SlotIndex slot) const override {
    return (ids.contains(slot) ? ids.at(slot) : slot) << 40 | slot;
  }
  void prefetch(SlotIndex, int) const override {}

  std::map<SlotIndex, std::uint32_t> hits;
  std::map<SlotIndex, std::uint64_t> ids;
};

struct PolicyFixture {
  void put(SlotIndex slot, Arrival arrival = Arrival::sealed, Policy::LaneBytes bytes = {}) {
    REQUIRE(ledger.reserve(slot));
    ++now;
    ledger.row(slot) = {now, now};
    policy.enter(slot, arrival, bytes);
  }
  void get(SlotIndex slot) {
    ++facts.hits[slot];
    ledger.row(slot).accessed = ++now;  // as Candidates::refresh() does
  }

  Ledger ledger = Ledger::create(kPolicySlots, EvictionPolicy::adaptive, 1).value();
  Arena arena{kPolicySlots * kUnitBytes, kPolicySlots};
  Facts facts;
  TimeNs now = 100;
  AdaptivePolicy policy{PolicyView{arena, ledger, facts, kPolicySlots}};
};

}  // namespace

TEST_CASE("adaptive: a newcomer stays if it was got since its seal, and is in the main queue then") {
  PolicyFixture fixture;
  fixture.facts.hits[1] = 40;  // of an object that was in this slot before
  fixture.put(1);
  CHECK(fixture.policy.lane(1) == Lane::first);
  CHECK_FALSE(fixture.policy.stays(1));
  fixture.get(1);
  CHECK(fixture.policy.stays(1));
  fixture.policy.requeue(1);
  CHECK(fixture.policy.lane(1) == Lane::second);
  CHECK_FALSE(fixture.policy.stays(1));  // that get has counted
}

TEST_CASE("adaptive: in the main queue, an object stays once for each get, three times at most") {
  PolicyFixture fixture;
  fixture.put(1, Arrival::recovered);
  CHECK(fixture.policy.lane(1) == Lane::second);
  CHECK_FALSE(fixture.policy.stays(1));
  const std::uint32_t gets = GENERATE(1U, 2U, 3U, 7U, 4095U, 5000U);
  for (std::uint32_t n = 0; n < gets; ++n) fixture.get(1);
  std::uint32_t stays = 0;
  for (; fixture.policy.stays(1); ++stays) fixture.policy.requeue(1);
  CHECK(stays == (gets == 4095 ? 0 : std::min(gets, 3U)));  // of 4095 nothing is seen: see AdaptivePolicy::State
  CHECK(fixture.policy.lane(1) == Lane::second);
}

TEST_CASE("adaptive: a newcomer that was evicted has proven itself when its id comes again, once") {
  PolicyFixture fixture;
  fixture.put(1);
  fixture.policy.evicted(1, 10);
  fixture.put(1);
  CHECK(fixture.policy.lane(1) == Lane::second);
  fixture.policy.evicted(1, 10);  // from the main queue: no ghost
  fixture.put(1);
  CHECK(fixture.policy.lane(1) == Lane::first);
  fixture.facts.ids[1] = 99;  // another object in the same slot
  fixture.put(1);
  CHECK(fixture.policy.lane(1) == Lane::first);
}

TEST_CASE("adaptive: newcomers are evicted first while they have more than a tenth of the bytes") {
  const PolicyFixture fixture;
  CHECK(fixture.policy.next({101, 900}) == Lane::first);
  CHECK(fixture.policy.next({100, 900}) == Lane::second);
  CHECK(fixture.policy.next({0, 900}) == Lane::second);
  CHECK(fixture.policy.next({1, 0}) == Lane::first);
}

TEST_CASE("adaptive: while the store fills, newcomers beyond their tenth begin in the main queue") {
  PolicyFixture fixture;
  const Policy::LaneBytes crowded{20, 80};
  const Policy::LaneBytes uncrowded{10, 90};
  fixture.put(1, Arrival::sealed, uncrowded);
  CHECK(fixture.policy.lane(1) == Lane::first);
  fixture.put(2, Arrival::sealed, crowded);
  CHECK(fixture.policy.lane(2) == Lane::second);
  for (SlotIndex slot = 0; slot < 800; ++slot) REQUIRE(fixture.arena.allocate(kUnitBytes, slot));
  fixture.policy.evicted(1, 800);  // the store is full
  fixture.facts.ids[3] = 77;
  fixture.put(3, Arrival::sealed, crowded);
  CHECK(fixture.policy.lane(3) == Lane::first);
  for (SlotIndex slot = 0; slot < 101; ++slot) fixture.arena.free(slot);  // removed, more than an eighth
  fixture.put(4, Arrival::sealed, crowded);
  CHECK(fixture.policy.lane(4) == Lane::second);
}

TEST_CASE("adaptive: an object that is read back is a newcomer, and the get that reads it back is no proof") {
  PolicyFixture fixture;
  fixture.facts.hits[1] = 5;
  fixture.put(1, Arrival::read_back);
  fixture.ledger.row(1).accessed = ++fixture.now;  // SealedObjects::end_reading()
  CHECK(fixture.policy.lane(1) == Lane::first);
  CHECK_FALSE(fixture.policy.stays(1));
  fixture.get(1);
  CHECK_FALSE(fixture.policy.stays(1));
  fixture.get(1);
  CHECK(fixture.policy.stays(1));
  fixture.policy.evicted(1, 10);
  fixture.put(1, Arrival::read_back);  // its ghost is there
  CHECK(fixture.policy.lane(1) == Lane::second);
  fixture.get(1);
  CHECK_FALSE(fixture.policy.stays(1));
  fixture.get(1);
  CHECK(fixture.policy.stays(1));
}

TEST_CASE("adaptive: the hits of a client that left still count") {
  PolicyFixture fixture;
  fixture.facts.hits[1] = 1000;
  fixture.put(1, Arrival::recovered);
  fixture.get(1);
  fixture.facts.hits[1] -= 700;
  fixture.policy.forget_hits(1, 700);
  fixture.policy.forget_hits(900, 3);  // a slot that never had an object
  CHECK(fixture.policy.stays(1));
  fixture.policy.requeue(1);
  CHECK_FALSE(fixture.policy.stays(1));
}

TEST_CASE("adaptive: a client that takes back its hits after the look does no harm") {
  PolicyFixture fixture;
  fixture.put(1, Arrival::recovered);
  fixture.get(1);
  REQUIRE(fixture.policy.stays(1));
  fixture.facts.hits[1] = 0;
  fixture.policy.requeue(1);
  CHECK_FALSE(fixture.policy.stays(1));
}

TEST_CASE("adaptive: an object costs two bytes, and a ghost four") {
  PolicyFixture fixture;
  const std::uint64_t empty = fixture.policy.bookkeeping_bytes();
  for (SlotIndex slot = 0; slot < 800; ++slot) fixture.put(slot);
  CHECK(fixture.policy.bookkeeping_bytes() - empty == 2 * 800);
  for (SlotIndex slot = 0; slot < 800; ++slot) fixture.policy.evicted(slot, 800);
  CHECK(fixture.policy.bookkeeping_bytes() - empty == (2 + 4) * 800);
}
