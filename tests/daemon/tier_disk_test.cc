// A tier whose disk is damaged, full, hung or gone, or whose process dies.

#include <catch2/catch.hpp>

#include "shm/os/monotonic_clock.h"
#include "tests/daemon/tier_fixture.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::daemon::test;

TEST_CASE("a spill process that does not read gets no more work, and is seen to stall") {
  TierFixture fixture(1);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.keep(1, kKiB);
  fixture.turn();
  REQUIRE(fixture.tier->writing_count() == 1);
  const TimeNs asked = fixture.now;
  fixture.spiller.behind = true;
  fixture.keep(2, kKiB);
  fixture.turn();
  CHECK(fixture.tier->writing_count() == 1);
  CHECK(fixture.tier->next_deadline(fixture.now) == asked + Tier::kStalledAfter);
  fixture.now = asked + Tier::kStalledAfter;
  fixture.turn();
  CHECK(fixture.tier->state() == Tier::State::stalled);
  fixture.spiller.behind = false;
  fixture.spiller.work(*fixture.tier, fixture.now);
  fixture.turn();
  CHECK(fixture.tier->state() == Tier::State::ready);
  CHECK(fixture.tier->writing_count() == 1);
}

TEST_CASE("a damaged record is the end of its object, and a failing disk is not") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  SECTION("damaged") {
    fixture.spiller.damaged.push_back(fixture.spiller.disk.begin()->first);
    const std::string& answer = fixture.get({1});
    fixture.run();
    CHECK(answer == "-");
    CHECK(fixture.store.rows().find(id_of(1)) == shm::kNoSlot);
    CHECK(fixture.spiller.disk.empty());
  }
  SECTION("failing for a while") {
    fixture.spiller.broken = true;
    const std::string& answer = fixture.get({1});
    fixture.run(5);
    CHECK(answer.empty());
    CHECK(fixture.spilled(1));
    fixture.spiller.broken = false;
    fixture.run(20);
    CHECK(answer == "+");
  }
}

TEST_CASE("a spill process that dies loses nothing") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  const std::string& answer = fixture.get({1});
  fixture.turn();
  REQUIRE(fixture.spiller.has_work());
  fixture.spiller.end(*fixture.tier, fixture.moment());
  CHECK(fixture.store.spill().reading().empty());
  fixture.run(3);
  CHECK(answer.empty());
  CHECK(fixture.tier->state() == Tier::State::absent);
  SECTION("and another reads back") {
    REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
    fixture.run();
    CHECK(answer == "+");
  }
  SECTION("and what it should have read is refused after 30 s") {
    fixture.now += shm::GetWaits::kDiskPatience;
    fixture.turn();
    CHECK(answer == "tier_unavailable");
    CHECK(fixture.spilled(1));
  }
}

TEST_CASE("a stalled disk is seen, and gets no more work") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.spill(2, 10 * kKiB);
  const std::string& first = fixture.get({1});
  fixture.turn();
  fixture.now += Tier::kStalledAfter;
  fixture.turn();
  CHECK(fixture.tier->state() == Tier::State::stalled);
  CHECK(first == "tier_unavailable");
  const std::string& second = fixture.get({2}, 100 * kSecond);
  fixture.turn();
  CHECK(fixture.tier->reading_count() == 1);
  fixture.spiller.work(*fixture.tier, fixture.now);  // the disk is there again
  CHECK(fixture.tier->state() == Tier::State::ready);
  fixture.run();
  CHECK(second == "+");
}

TEST_CASE("a full disk is read, and not written") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.spiller.full = true;
  for (std::uint64_t number = 2; number < 6; ++number) fixture.keep(number, 50 * kKiB);
  fixture.run();
  CHECK(fixture.tier->state() == Tier::State::full);
  CHECK(fixture.store.spill().dirty().count == 4);
  const std::string& answer = fixture.get({1});
  fixture.run();
  CHECK(answer == "+");
  CHECK_FALSE(fixture.try_keep(7, 100 * kKiB));
  fixture.spiller.full = false;
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::ready);
  fixture.run();
  CHECK(fixture.store.spill().dirty().count < 4);
}

TEST_CASE("what is in memory is dirty again when the spill directory is gone, and is written again when it is back") {
  TierFixture tier(1);
  REQUIRE(tier.spiller.connect(*tier.tier, tier.moment()));
  tier.spill(1, 4 * kKiB);
  tier.keep(2, 4 * kKiB);
  tier.run(2);
  const std::uint64_t before = tier.spiller.disk.size();
  tier.keep(3, 4 * kKiB);
  tier.turn();  // its write is under way
  REQUIRE(tier.store.spill().clean().count == 1);
  tier.spiller.tell_phase(*tier.tier, protocol::TierPhase::failed, true);
  CHECK(tier.store.spill().clean().count == 0);
  CHECK(tier.store.spill().dirty().count == 2);
  tier.run(2);  // its answer counts for nothing
  CHECK(tier.store.spill().clean().count == 0);
  CHECK(tier.store.spill().dirty().count == 2);
  CHECK(tier.spilled(1));
  CHECK(tier.tier->next_deadline(tier.now) == shm::kNever);
  tier.spiller.tell_phase(*tier.tier, protocol::TierPhase::ready);
  tier.run(4);
  CHECK(tier.store.spill().clean().count == 2);
  CHECK(tier.spiller.disk.size() == before + 1);  // the old records are dropped
  CHECK(tier.get({1}).empty());
  tier.run(2);
  CHECK(*tier.answers.back() == "+");
}

TEST_CASE("a create that is larger than dirty objects may be is served when the disk takes objects again") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spiller.full = true;
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::full);
  fixture.turn();
  std::string outcome;
  fixture.engine.creates().add({fixture.writer, 1},
                               {.id = id_of(9), .data_size = 240 * kKiB, .retention = Retention::keep},
                               fixture.now + 100 * kSecond, fixture.now,
                               [&](const Result<shm::Placement>& placed) { outcome = placed ? "ok" : "refused"; });
  fixture.run(2);
  CHECK(outcome.empty());
  fixture.spiller.full = false;
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::ready);
  fixture.turn();
  CHECK(
      (!outcome.empty() || fixture.tier->next_deadline(fixture.now) == fixture.now));  // nothing else wakes the server
  fixture.turn();
  CHECK(outcome == "ok");
}

TEST_CASE("a get that the disk does not answer in time says so, however soon") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  const std::string& first = fixture.get({1}, 5 * kSecond);
  fixture.turn();  // it is asked for; then nothing wakes the server until the deadline
  fixture.now += 5 * kSecond;
  fixture.turn();
  CHECK(first == "tier_unavailable");
  CHECK_THAT(fixture.last_refusal,
             Catch::Contains("could not be read back in time: the disk has not answered for 5 s"));
}

TEST_CASE("a get whose object was asked for a moment ago does not blame other objects") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  const std::string& answer = fixture.get({1}, kSecond / 2);
  fixture.turn();
  fixture.now += kSecond / 2;
  fixture.turn();
  CHECK(answer == "tier_unavailable");
  CHECK_THAT(fixture.last_refusal, Catch::Contains("the disk has been asked for it, and has not answered yet"));
}

TEST_CASE(
    "a spill directory that is gone makes the objects of a large store dirty in turns, and none is evicted meanwhile") {
  constexpr std::uint64_t kObjects = 30'000;  // more than one turn visits
  TierFixture fixture(1.0, 16 * kKiB * kKiB, 40'000);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < kObjects; ++number) fixture.keep(number, 8);
  const auto work_off = [&] {
    for (int turns = 0; fixture.store.spill().dirty().count != 0; ++turns) {
      REQUIRE(turns < 1000);
      fixture.tier->work(fixture.moment());
      fixture.spiller.work(*fixture.tier, fixture.now);
      fixture.now += Tier::kPlanPause;
    }
  };
  work_off();
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::failed, true);
  const std::uint64_t clean = fixture.store.spill().clean().count;
  CHECK(clean != 0);
  CHECK(clean < kObjects);
  CHECK(fixture.tier->next_deadline(fixture.now) == fixture.now);
  const SlotIndex last = fixture.store.rows().find(id_of(kObjects - 1));
  REQUIRE_FALSE(fixture.store.spill().is_dirty(last));
  CHECK_FALSE(fixture.store.sealed().evict_unused({last}));  // its record is in no directory
  CHECK(fixture.store.room().evict(16 * kKiB * kKiB, fixture.now) == 0);
  SECTION("until all are dirty") {
    for (int turns = 0; fixture.store.spill().clean().count != 0; ++turns) {
      REQUIRE(turns < 100);
      fixture.tier->work(fixture.moment());
    }
    CHECK(fixture.tier->next_deadline(fixture.now) == shm::kNever);
    fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::ready);
  }
  SECTION("until it is back: then the others count again") {
    fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::ready);
    CHECK(fixture.store.spill().clean().count == clean);
    CHECK(fixture.store.sealed().evict_unused({last}));
  }
  work_off();
  fixture.run(40);
  CHECK(fixture.spiller.disk.size() == kObjects);  // the old records of objects that were written again are dropped
  CHECK(fixture.store.room().evict(16 * kKiB * kKiB, fixture.now) != 0);
}
