// Which objects the tier writes without need: when the disk is idle, for evict(), and before the server's end.

#include <catch2/catch.hpp>

#include "daemon/tier/drain.h"
#include "tests/daemon/tier_fixture.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::daemon::test;

namespace {

struct IdleTier : TierFixture {
  IdleTier() : TierFixture(0.125, 256 * kKiB, 64, 10 * kSecond) { REQUIRE(spiller.connect(*tier, moment())); }
};

/// evict(bytes) that waits for the disk.
struct Eviction {
  Eviction(TierFixture& fixture, std::uint64_t bytes) {
    fixture.tier->evictions().add({fixture.writer, 77}, bytes, {.bytes = 0, .object_bytes = 0, .more = false},
                                  fixture.now, [this](const shm::Room::Evicted& evicted) { answer = evicted; });
    fixture.turn();
  }
  std::optional<shm::Room::Evicted> answer;
};

}  // namespace

TEST_CASE("an idle disk writes what is old enough, in batches") {
  IdleTier fixture;
  fixture.keep(1, kKiB);
  fixture.keep(2, kKiB);
  fixture.turn();
  CHECK(fixture.tier->writing_count() == 0);
  CHECK(fixture.tier->next_deadline(fixture.now) > fixture.now + 9 * kSecond);
  fixture.now = fixture.tier->next_deadline(fixture.now) + 1'000'000;
  fixture.turn();
  CHECK(fixture.tier->writing_count() == 2);  // together
  fixture.keep(3, kKiB);
  fixture.spiller.work(*fixture.tier, fixture.now);
  CHECK(fixture.store.spill().dirty().count == 1);
  CHECK(fixture.store.spill().clean().count == 2);
  CHECK(fixture.store.spill().spilled().count == 0);
  fixture.turn();
  CHECK(fixture.tier->next_deadline(fixture.now) > fixture.now + 9 * kSecond);
}

TEST_CASE("idle writes are small, and wait for needed work") {
  IdleTier fixture;
  for (std::uint64_t number = 1; number < 9; ++number) fixture.keep(number, 8 * kKiB);
  fixture.now += 11 * kSecond;
  fixture.turn();
  CHECK(fixture.tier->writing_count() == 1);  // 256 KiB / kInFlightShare / kIdleShare is one object
  fixture.turn();
  CHECK(fixture.tier->writing_count() == 1);
  fixture.run(20);
  CHECK(fixture.store.spill().dirty().count == 0);
  const SlotIndex slot = fixture.store.rows().find(id_of(1));
  REQUIRE(fixture.store.sealed().evict_unused({slot}));
  fixture.keep(20, kKiB);
  fixture.now += 11 * kSecond;
  fixture.get({1});
  fixture.turn();
  CHECK(fixture.tier->reading_count() == 1);
  CHECK(fixture.tier->writing_count() == 0);
  fixture.run(3);
  CHECK(fixture.store.spill().dirty().count == 0);
}

TEST_CASE("an object that is removed in time is never written") {
  IdleTier fixture;
  fixture.keep(1, kKiB);
  fixture.turn();
  REQUIRE(fixture.store.remove(id_of(1), fixture.now));
  fixture.now += 20 * kSecond;
  fixture.run(5);
  CHECK(fixture.spiller.disk.empty());
  CHECK(fixture.tier->next_deadline(fixture.now) == shm::kNever);
}

TEST_CASE("evict() frees dirty objects, when they are written") {
  TierFixture fixture(0.125);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 1; number < 5; ++number) fixture.keep(number, 32 * kKiB);
  CHECK(fixture.store.room().evict(64 * kKiB, fixture.now) == 0);
  const Eviction eviction(fixture, 64 * kKiB);
  CHECK_FALSE(eviction.answer);
  CHECK(fixture.tier->writing_count() == 1);
  fixture.run(4);
  REQUIRE(eviction.answer);
  CHECK(eviction.answer->bytes == 64 * kKiB);
  CHECK(eviction.answer->object_bytes == 64 * kKiB);
  CHECK_FALSE(eviction.answer->more);
  CHECK(fixture.store.spill().spilled().count == 2);
  CHECK(fixture.store.spill().dirty().count == 2);  // no more than was asked for
}

TEST_CASE("evict() returns what it has freed when the disk does not go on") {
  TierFixture fixture(0.125);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 1; number < 5; ++number) fixture.keep(number, 32 * kKiB);
  const Eviction eviction(fixture, 256 * kKiB);
  SECTION("it has written everything") {
    fixture.run(10);
    REQUIRE(eviction.answer);
    CHECK(eviction.answer->bytes == 128 * kKiB);
  }
  SECTION("it becomes full") {
    fixture.spiller.work(*fixture.tier, fixture.now);
    fixture.turn();
    fixture.spiller.full = true;
    fixture.run(3);
    REQUIRE(eviction.answer);
    CHECK(eviction.answer->bytes == 32 * kKiB);
  }
  SECTION("it does not answer") {
    fixture.now += DiskEvictions::kPatience;
    fixture.turn();
    REQUIRE(eviction.answer);
    CHECK(eviction.answer->bytes == 0);
  }
  SECTION("its process is away") {
    fixture.spiller.end(*fixture.tier, fixture.moment());
    fixture.turn();
    CHECK_FALSE(eviction.answer);
    CHECK(fixture.tier->next_deadline(fixture.now) <= fixture.now + DiskEvictions::kPatience);
    fixture.now += DiskEvictions::kPatience;
    fixture.turn();
    REQUIRE(eviction.answer);
    CHECK(eviction.answer->bytes == 0);
  }
  SECTION("its client leaves") {
    fixture.tier->on_client_gone(fixture.writer);
    fixture.run(10);
    CHECK_FALSE(eviction.answer);
    CHECK(fixture.tier->evictions().empty());
  }
}

TEST_CASE("before a stop, everything is written") {
  TierFixture fixture(0.125);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 1; number < 5; ++number) fixture.keep(number, 50 * kKiB);
  Drain drain(*fixture.tier, fixture.store.spill(), Drain::Before::stop, 60 * kSecond, fixture.now);
  CHECK_THAT(drain.plan(), Catch::Contains("4 kept objects (200 KiB)") && Catch::Contains("for 1 min at most"));
  CHECK_FALSE(drain.is_over(fixture.now));
  SECTION("in time") {
    fixture.run(10);
    CHECK(drain.is_over(fixture.now));
    CHECK(drain.is_complete());
    CHECK(drain.outcome() == "all kept objects are on disk");
  }
  SECTION("not in time") {
    fixture.turn();
    fixture.now += 5 * kSecond;
    CHECK_THAT(drain.report(fixture.now).value_or(""), Catch::Contains("4 kept objects (200 KiB) are not on disk yet"));
    CHECK_FALSE(drain.report(fixture.now));
    CHECK(drain.next_deadline() <= fixture.now + Drain::kReportEvery);
    fixture.now += 55 * kSecond;
    fixture.turn();
    CHECK(drain.is_over(fixture.now));
    CHECK_FALSE(drain.is_complete());
    CHECK_THAT(drain.outcome(),
               Catch::StartsWith("4 kept objects (200 KiB) were not written to disk, and are lost: the "
                                 "time limit of 1 min is over; the spill tier is stalled"));
  }
  SECTION("the disk is full") {
    fixture.spiller.full = true;
    fixture.run(2);
    CHECK_FALSE(drain.is_over(fixture.now));
    fixture.now += Drain::kHopeless;
    CHECK(drain.is_over(fixture.now));
    CHECK_THAT(drain.outcome(), Catch::Contains("the disk accepts no writes; the spill tier is full"));
  }
  SECTION("the process ends, and comes again") {
    fixture.spiller.end(*fixture.tier, fixture.moment());
    fixture.now += 50 * kSecond;
    fixture.turn();
    CHECK_FALSE(drain.is_over(fixture.now));
    REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
    fixture.run(10);
    CHECK(drain.is_over(fixture.now));
    CHECK(drain.is_complete());
  }
  SECTION("an operator does not wait") {
    drain.end("SIGTERM came again");
    CHECK(drain.is_over(fixture.now));
    CHECK_THAT(drain.outcome(), Catch::EndsWith("are lost: SIGTERM came again"));
  }
}

TEST_CASE("before a restart, what was dirty at its beginning is written, and a disk that fails is not waited for") {
  TierFixture fixture(0.125);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 1; number < 4; ++number) fixture.keep(number, 20 * kKiB);
  Drain drain(*fixture.tier, fixture.store.spill(), Drain::Before::restart, 10 * kSecond, fixture.now);
  SECTION("while objects are put") {
    for (std::uint64_t number = 11; !drain.is_over(fixture.now); ++number) {
      REQUIRE(number < 20);
      fixture.keep(number, kKiB);
      fixture.run(1);
    }
    CHECK_FALSE(fixture.store.spill().is_dirty(fixture.store.rows().find(id_of(3))));
  }
  SECTION("no disk") {
    fixture.spiller.full = true;
    fixture.run(2);
    CHECK(drain.is_over(fixture.now));
    CHECK_THAT(drain.outcome(), Catch::Contains("stay in memory: the disk accepts no writes"));
  }
}
