// What the tier and the store tell of spilled objects.

#include <catch2/catch.hpp>

#include "shm/os/monotonic_clock.h"
#include "tests/daemon/tier_fixture.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::daemon::test;

TEST_CASE("the tier's figures tell its process, its work and its age") {
  TierFixture fixture(1.0);
  CHECK(fixture.tier->report(fixture.now).state == SpillTierState::absent);
  CHECK(fixture.tier->report(fixture.now).pid == 0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.keep(1, 10 * kKiB);
  fixture.turn();
  fixture.now += 2 * kSecond;
  const SpillTierStats stats = fixture.tier->report(fixture.now);
  CHECK(stats.state == SpillTierState::ready);
  CHECK(stats.pid == 4);
  CHECK(stats.writing_count == 1);
  CHECK(stats.writing_bytes == 10 * kKiB);
  CHECK(stats.oldest_work == std::chrono::seconds(2));
  CHECK(stats.connected_for >= std::chrono::seconds(2));
  fixture.spiller.tell_phase(*fixture.tier, protocol::TierPhase::full);
  CHECK(fixture.tier->report(fixture.now).state == SpillTierState::full);
  CHECK(fixture.tier->report(fixture.now).reason == "the test says so");
}

TEST_CASE("an object's description tells where it is") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  const auto described = [&](std::uint64_t number) {
    return fixture.store.report().metadata(id_of(number), fixture.moment()).value();
  };
  fixture.keep(1, 10 * kKiB);
  CHECK(described(1).retention == Retention::keep);
  CHECK(described(1).place == ObjectPlace::memory);
  fixture.run(2);
  CHECK(described(1).place == ObjectPlace::memory_and_disk);
  REQUIRE(fixture.store.sealed().evict_unused({fixture.store.rows().find(id_of(1))}));
  CHECK(described(1).place == ObjectPlace::disk);
  fixture.get({1});
  fixture.turn();
  CHECK(described(1).place == ObjectPlace::reading_back);
  fixture.run(2);
  CHECK(described(1).place == ObjectPlace::memory_and_disk);
  std::vector<std::byte> byte(1);
  REQUIRE(fixture.store.put_object(fixture.writer, {.id = id_of(2), .data_size = 1}, byte, {}, fixture.now));
  CHECK(described(2).retention == Retention::cache);
  CHECK(described(2).place == ObjectPlace::memory);
}
