// Waits for the spill tier's disk: each ends by its own deadline, and at once where waiting cannot help.

#include <catch2/catch.hpp>

#include "tests/daemon/tier_fixture.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::daemon::test;

namespace {

/// The tier does not read, and knows it. Objects 1 and 2 are on disk; the memory is full of dirty ones.
struct UnreadableTier : TierFixture {
  explicit UnreadableTier(Tier::State state) : TierFixture(1.0) {
    REQUIRE(spiller.connect(*tier, moment()));
    spill(1, 10 * kKiB);
    spill(2, 10 * kKiB);
    make(state);
    for (std::uint64_t number = 11; number < 15; ++number) keep(number, 50 * kKiB);
    turn();
    REQUIRE(tier->state() == state);
    REQUIRE_FALSE(tier->can_write());
  }
  void make(Tier::State state) {
    if (state == Tier::State::failed) return spiller.tell_phase(*tier, protocol::TierPhase::failed);
    if (state == Tier::State::absent)
      spiller.end(*tier, moment());
    else
      get({1}, 1000 * kSecond);
    turn();
    now += Tier::kStalledAfter;
    turn();
  }
};

constexpr auto kUnreadable = {Tier::State::stalled, Tier::State::failed, Tier::State::absent};

}  // namespace

TEST_CASE("a tier that is known not to read is not waited for, unless the get has a deadline") {
  const auto state = GENERATE(values(kUnreadable));
  CAPTURE(static_cast<int>(state));
  UnreadableTier fixture(state);
  const std::string& one = fixture.get({2});
  const std::string& many = fixture.get({2, 1});
  const std::string& patient = fixture.get({2}, kSecond);
  fixture.turn();
  CHECK(one == "tier_unavailable");
  CHECK(many == "tier_unavailable");
  CHECK(patient.empty());
  fixture.now += kSecond;
  fixture.turn();
  CHECK(patient == "tier_unavailable");
  const std::string& resident = fixture.get({11});
  CHECK(resident == "+");
}

TEST_CASE("a tier that is known not to write is not waited for, unless the create has a deadline") {
  const auto state = GENERATE(values(kUnreadable));
  CAPTURE(static_cast<int>(state));
  UnreadableTier fixture(state);
  const std::string& hasty = fixture.create(20, 100 * kKiB);
  const std::string& patient = fixture.create(21, 100 * kKiB, kSecond);
  fixture.turn();
  CHECK(hasty == "out_of_memory");
  CHECK(patient.empty());
  fixture.now += kSecond;
  fixture.turn();
  CHECK(patient == "timed_out");
}

TEST_CASE("a create that waits for the disk ends by its own deadline, however slow the disk is") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 1; number < 5; ++number) fixture.keep(number, 50 * kKiB);
  const std::string& answer = fixture.create(20, 100 * kKiB, kSecond);
  const std::string& hasty = fixture.create(21, 100 * kKiB);
  fixture.turn();
  CHECK(fixture.tier->writing_count() != 0);
  CHECK(answer.empty());
  fixture.now += kSecond;
  fixture.turn();
  CHECK(answer == "timed_out");
  CHECK(hasty.empty());
  SECTION("the disk answers") {
    fixture.run();
    CHECK(hasty == "ok");
  }
  SECTION("the disk becomes full") {
    fixture.spiller.full = true;
    fixture.run(2);
    CHECK(fixture.tier->state() == Tier::State::full);
    CHECK(hasty == "out_of_memory");
  }
  SECTION("the disk never answers") {
    fixture.now += Tier::kStalledAfter;
    fixture.turn();
    CHECK(hasty == "out_of_memory");
  }
}

TEST_CASE("a process that is away for a moment is waited for") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.spiller.end(*fixture.tier, fixture.moment());
  for (std::uint64_t number = 11; number < 15; ++number) fixture.keep(number, 50 * kKiB);
  const std::string& get = fixture.get({1});
  const std::string& create = fixture.create(20, 100 * kKiB);
  fixture.turn();
  CHECK(get.empty());
  CHECK(create.empty());
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.run();
  CHECK(get == "+");
  CHECK(create == "ok");
}

TEST_CASE("the tier wakes to see that the disk has stalled, and a disk that answers slowly has not") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 1; number < 3; ++number) {  // a notice each
    fixture.keep(number, 10 * kKiB);
    fixture.turn();
    fixture.now += Tier::kPlanPause;
  }
  REQUIRE(fixture.tier->writing_count() == 2);
  CHECK(fixture.tier->next_deadline(fixture.now) <= fixture.now + Tier::kStalledAfter);
  fixture.now += 20 * kSecond;
  fixture.spiller.work(*fixture.tier, fixture.now, 1);
  fixture.now += 20 * kSecond;
  fixture.turn();
  CHECK(fixture.tier->writing_count() == 1);
  CHECK(fixture.tier->state() == Tier::State::ready);
  fixture.now += 11 * kSecond;
  fixture.turn();
  CHECK(fixture.tier->state() == Tier::State::stalled);
}

TEST_CASE("objects are read back for ever while the disk is full, and the memory as full as it may be") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  constexpr std::uint64_t kOnDisk = 12;
  for (std::uint64_t number = 0; number < kOnDisk; ++number) fixture.keep(number, (1 + number) * 2 * kKiB);
  fixture.tier->drain(true);
  fixture.run(5);
  fixture.tier->drain(false);
  REQUIRE(fixture.store.room().evict(256 * kKiB, fixture.now) != 0);
  REQUIRE(fixture.store.spill().spilled().count == kOnDisk);
  fixture.spiller.full = true;
  std::uint64_t dirty = 100;
  for (; dirty < 150 && fixture.try_keep(dirty, 1 + dirty * 2477 % (9 * kKiB)); ++dirty) fixture.run(1);
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::full);
  fixture.turn();
  const auto refused = fixture.try_keep(200, 12 * kKiB);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == RefusalCause::disk);
  CHECK_THAT(refused.error().message, Catch::Contains("the spill tier is full") && Catch::Contains("the test says so"));
  // Holes among the dirty objects, and others of retention `cache` in them.
  for (std::uint64_t number = 100; number < dirty; number += 3)
    REQUIRE(fixture.store.remove(id_of(number), fixture.now).value());
  while (fixture.try_keep(dirty, 3 * kKiB)) ++dirty;
  for (std::uint64_t round = 0; round < 5; ++round)
    for (std::uint64_t number = 0; number < kOnDisk; ++number) {
      const std::string& answer = fixture.get({number});
      fixture.run(3);
      CAPTURE(round, number);
      CHECK(answer == "+");
    }
}
