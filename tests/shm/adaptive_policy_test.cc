// AdaptivePolicy, without a store: which queue an object is in, and whether it stays.

#include "shm/eviction/adaptive_policy.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
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

/// Of a store whose last server left this newcomers' share.
Ledger ledger_with(double newcomers_share) {
  Ledger ledger = Ledger::create(kPolicySlots, EvictionPolicy::adaptive, 1).value();
  ledger.state().newcomers_share = newcomers_share;
  return ledger;
}

struct PolicyFixture {
  explicit PolicyFixture(double kept_share = 0) : ledger(ledger_with(kept_share)) {}
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

  Ledger ledger;
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

TEST_CASE(
    "adaptive: an object of the main queue that was not got joins the newcomers, and the main queue when it was") {
  PolicyFixture fixture;
  fixture.put(1, Arrival::recovered);
  fixture.get(1);
  fixture.policy.requeue(1);
  CHECK(fixture.policy.lane(1) == Lane::second);
  fixture.policy.requeue(1);
  CHECK(fixture.policy.lane(1) == Lane::first);
  CHECK_FALSE(fixture.policy.stays(1));  // although it was got since its seal
  fixture.get(1);
  CHECK(fixture.policy.stays(1));
  fixture.policy.requeue(1);
  CHECK(fixture.policy.lane(1) == Lane::second);
}

TEST_CASE("adaptive: in the main queue, an object stays once for each get, twice at most") {
  PolicyFixture fixture;
  fixture.put(1, Arrival::recovered);
  CHECK(fixture.policy.lane(1) == Lane::second);
  CHECK_FALSE(fixture.policy.stays(1));
  const std::uint32_t gets = GENERATE(1U, 2U, 3U, 7U, 4095U, 5000U);
  for (std::uint32_t n = 0; n < gets; ++n) fixture.get(1);
  std::uint32_t stays = 0;
  for (; fixture.policy.stays(1); ++stays) fixture.policy.requeue(1);
  CHECK(stays == (gets == 4095 ? 0 : std::min(gets, 2U)));  // of 4095 nothing is seen: see AdaptivePolicy::State
  CHECK(fixture.policy.lane(1) == Lane::second);
}

TEST_CASE("adaptive: an object that was evicted has proven itself when its id comes again, once") {
  PolicyFixture fixture;
  fixture.put(1);
  fixture.policy.evicted(1, 10);
  fixture.put(1);
  CHECK(fixture.policy.lane(1) == Lane::second);
  fixture.put(1);
  CHECK(fixture.policy.lane(1) == Lane::first);
  fixture.put(1, Arrival::recovered);
  fixture.policy.evicted(1, 10);  // as one of the main queue
  fixture.put(1);
  CHECK(fixture.policy.lane(1) == Lane::first);
  fixture.policy.evicted(1, 10);
  fixture.facts.ids[1] = 99;  // another object in the same slot
  fixture.put(1);
  CHECK(fixture.policy.lane(1) == Lane::first);
}

TEST_CASE("adaptive: after a restart, the newcomers have the share of the server before, and are the coldest objects") {
  PolicyFixture fixture(0.2);
  for (SlotIndex slot = 0; slot < 10; ++slot) REQUIRE(fixture.arena.allocate(kUnitBytes, slot));
  Policy::LaneBytes bytes;
  for (SlotIndex slot = 0; slot < 10; ++slot) {
    fixture.put(slot, Arrival::recovered, bytes);
    CHECK(fixture.policy.lane(slot) == (slot < 2 ? Lane::first : Lane::second));
    CHECK_FALSE(fixture.policy.stays(slot));
    (fixture.policy.lane(slot) == Lane::first ? bytes.first : bytes.second) += kUnitBytes;
  }
  CHECK(fixture.policy.newcomers_share() == 0.2);
  fixture.get(1);  // a get before the restart does not count, this does
  CHECK(fixture.policy.stays(1));
}

TEST_CASE("adaptive: each adjusted share is kept for the next server, and a senseless one is not taken") {
  PolicyFixture fixture(GENERATE(0.0, -1.0, 1e-300, std::numeric_limits<double>::quiet_NaN()));
  fixture.put(1, Arrival::recovered);
  CHECK(fixture.policy.newcomers_share() == NewcomersShare::kAtFirst);
  for (std::uint32_t n = 0; n < AdaptivePolicy::kEvictionsPerStep; ++n) fixture.policy.evicted(1, 10);
  CHECK(fixture.ledger.state().newcomers_share == fixture.policy.newcomers_share());
  fixture.ledger.state().newcomers_share = 7;
  AdaptivePolicy next(PolicyView{fixture.arena, fixture.ledger, fixture.facts, kPolicySlots});
  next.enter(1, Arrival::recovered, {});
  CHECK(next.newcomers_share() == NewcomersShare::kMost);
}

TEST_CASE("adaptive: the main queue is looked at while it has more than its share of the bytes") {
  const PolicyFixture fixture;
  CHECK(fixture.policy.newcomers_share() == 0.9);
  CHECK(fixture.policy.next({899, 101}) == Lane::second);
  CHECK(fixture.policy.next({901, 99}) == Lane::first);
  CHECK(fixture.policy.next({0, 1}) == Lane::second);
  CHECK(fixture.policy.next({1, 0}) == Lane::first);
}

TEST_CASE("adaptive: while the main queue has less than its share, newcomers begin in it") {
  PolicyFixture fixture;
  fixture.put(1, Arrival::sealed, {950, 50});
  CHECK(fixture.policy.lane(1) == Lane::second);
  fixture.put(2, Arrival::sealed, {901, 99});
  CHECK(fixture.policy.lane(2) == Lane::first);
  fixture.put(3, Arrival::sealed, {800, 200});
  CHECK(fixture.policy.lane(3) == Lane::first);
  fixture.put(4, Arrival::read_back, {950, 50});
  CHECK(fixture.policy.lane(4) == Lane::first);
}

TEST_CASE(
    "adaptive: newcomers get a larger share if they return and the main queue's objects do not, and the reverse") {
  PolicyFixture fixture;
  const Arrival returning = GENERATE(Arrival::sealed, Arrival::recovered);
  const Arrival other = returning == Arrival::sealed ? Arrival::recovered : Arrival::sealed;
  for (std::uint64_t id = 1000; id < 1400; ++id) {
    fixture.facts.ids[1] = id;
    fixture.put(1, other);
    fixture.policy.evicted(1, 10);
    for (int twice = 0; twice < 2; ++twice) {
      fixture.facts.ids[2] = id + 1000;
      fixture.put(2, returning);
      fixture.policy.evicted(2, 10);
    }
  }
  CHECK(fixture.policy.newcomers_share() ==
        (returning == Arrival::sealed ? NewcomersShare::kMost : NewcomersShare::kLeast));
}

TEST_CASE("adaptive: if no object returns, the share depends on whether the main queue's objects are got again") {
  PolicyFixture fixture;
  const bool got = GENERATE(true, false);
  for (SlotIndex slot = 0; slot < 100; ++slot) {
    REQUIRE(fixture.arena.allocate(kUnitBytes, slot));
    fixture.put(slot, Arrival::recovered, {1'000'000, 0});  // the newcomers have their share
  }
  for (std::uint64_t id = 1000; id < 60'000; ++id) {
    fixture.facts.ids[200] = id;
    fixture.put(200, Arrival::sealed, {500, 500});
    fixture.policy.evicted(200, 100);
    if (got) fixture.get(static_cast<SlotIndex>(id % 100));
  }
  CHECK(fixture.policy.newcomers_share() == (got ? NewcomersShare::kLeast : NewcomersShare::kMost));
}

TEST_CASE("adaptive: newcomers begin in the main queue while the store fills, not because windows took its objects") {
  PolicyFixture fixture;
  const Policy::LaneBytes under{950, 50};
  for (SlotIndex slot = 0; slot < 800; ++slot) REQUIRE(fixture.arena.allocate(kUnitBytes, slot));
  fixture.put(1);
  fixture.policy.evicted(1, 800);  // the store is full
  fixture.facts.ids[2] = 77;
  fixture.put(2, Arrival::sealed, under);
  CHECK(fixture.policy.lane(2) == Lane::first);
  for (SlotIndex slot = 0; slot < 101; ++slot) fixture.arena.free(slot);  // removed, more than an eighth
  fixture.put(2, Arrival::sealed, under);
  CHECK(fixture.policy.lane(2) == Lane::second);
}

TEST_CASE("adaptive: newcomers take the room that the main queue's share gains, once") {
  NewcomersShare share;
  const Policy::LaneBytes under{950, 50};
  CHECK_FALSE(share.take_room_in_main(under, 1, false));
  for (int n = 0; n < 1000; ++n) share.looked(true);
  for (int n = 0; n < 4; ++n) share.adjust(16, 64);  // the main queue is worth more
  const double gained = NewcomersShare::kAtFirst - share.share();
  CHECK(gained > 0.1);
  double taken = 0;
  for (; share.take_room_in_main(under, 10, false); taken += 0.01) REQUIRE(taken < 1);
  CHECK(taken >= gained - 1e-9);
  CHECK(taken < gained + 0.01 + 1e-9);
}

TEST_CASE("adaptive: newcomers that lack room at one place get a larger least share, for a while") {
  NewcomersShare share;
  for (int n = 0; n < 1000; ++n) share.looked(true);
  for (int n = 0; n < 100; ++n) share.adjust(16, 64);
  CHECK(share.share() == NewcomersShare::kLeast);
  for (int n = 0; n < 100; ++n) share.lacked_window();
  CHECK(share.share() == NewcomersShare::kMostLeast);
  for (int n = 0; n < 100; ++n) share.adjust(16, 64);
  CHECK(share.share() == NewcomersShare::kLeast);
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
