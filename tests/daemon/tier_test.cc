#include "daemon/tier/tier.h"

#include <catch2/catch.hpp>
#include <random>

#include "shm/os/monotonic_clock.h"
#include "tests/daemon/tier_fixture.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::daemon::test;

namespace {

constexpr std::uint64_t kCapacityOfSmall = 512 * kKiB;

}  // namespace

TEST_CASE("dirty objects are written ahead, and make room without being lost") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 40; ++number) {
    while (!fixture.try_keep(number, 16 * kKiB)) fixture.run(1);
    fixture.run(1);
  }
  CHECK(fixture.store.spill().spilled().count >= 24);
  CHECK(fixture.store.stats(fixture.now).total_objects == 40);
  for (std::uint64_t number = 0; number < 40; ++number) {
    const std::string& answer = fixture.get({number});
    fixture.run();
    CHECK(answer == "+");
  }
}

TEST_CASE("small objects are written ahead many at a time") {
  TierFixture fixture(0.25, kCapacityOfSmall, 1024);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 500; ++number) {
    fixture.keep(number, kKiB);
    fixture.turn();
    fixture.spiller.work(*fixture.tier, fixture.now);
  }
  const std::uint64_t written = fixture.spiller.disk.size();
  CHECK(written >= 110);
  // Each time a step of an eighth of the 128 KiB that are written ahead, less what has room already.
  CHECK(fixture.spiller.notices_of_writes <= written / 8);
}

TEST_CASE("an answer of the disk is followed by the next writes at once") {
  TierFixture fixture(1);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 12; ++number) fixture.keep(number, 16 * kKiB);
  for (int turns = 0; turns < 12; ++turns) {  // 12 ms: less than a pause. No more than two objects are under way
    fixture.turn();
    fixture.spiller.work(*fixture.tier, fixture.now);
  }
  CHECK(fixture.store.spill().dirty().count == 0);
}

TEST_CASE("of very many small objects a bounded number is written and dropped at a time") {
  constexpr std::uint32_t kObjects = Tier::kMaxWrites + 2000;
  TierFixture fixture(1, 64 * 1024 * kKiB, kObjects);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < kObjects; ++number) fixture.keep(number, 8);
  const auto plan = [&fixture](std::size_t turns) {
    for (std::size_t turn = 0; turn < turns; ++turn) fixture.tier->work(fixture.moment());
  };
  plan(kObjects / Tier::kMaxPerNotice + 10);
  CHECK(fixture.tier->writing_count() == Tier::kMaxWrites);
  fixture.spiller.work(*fixture.tier, fixture.now);
  plan(10);
  fixture.spiller.work(*fixture.tier, fixture.now);
  CHECK(fixture.store.spill().clean().count == kObjects);
  for (std::uint64_t number = 0; number < kObjects; ++number)
    REQUIRE(fixture.store.remove(id_of(number), fixture.now).value());
  plan(kObjects / Tier::kMaxPerNotice + 1);
  fixture.spiller.work(*fixture.tier, fixture.now);
  CHECK(fixture.spiller.disk.empty());
  CHECK(fixture.spiller.most_in_notice == Tier::kMaxPerNotice);
}

TEST_CASE("nothing is written as long as there is room") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 8; ++number) fixture.keep(number, 16 * kKiB);
  fixture.run();
  CHECK(fixture.spiller.disk.empty());
}

TEST_CASE("a create that waits has what stands in its way written") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < 4; ++number) fixture.keep(number, 50 * kKiB);
  std::string outcome;
  fixture.engine.creates().add({fixture.writer, 1}, {.id = id_of(9), .data_size = 200 * kKiB},
                               fixture.now + 100 * kSecond, fixture.now,
                               [&](const Result<shm::Placement>& placed) { outcome = placed ? "ok" : "refused"; });
  CHECK(outcome.empty());
  fixture.run();
  CHECK(outcome == "ok");
  CHECK(fixture.store.spill().spilled().count >= 3);
}

TEST_CASE("records whose objects were removed are dropped, also those under way") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  REQUIRE(fixture.spiller.disk.size() == 1);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now));
  fixture.run();
  CHECK(fixture.spiller.disk.empty());
  for (std::uint64_t number = 2; number < 6; ++number) fixture.keep(number, 50 * kKiB);
  fixture.turn();
  REQUIRE(fixture.spiller.has_work());
  fixture.store.clear(fixture.now);
  fixture.run();
  CHECK(fixture.spiller.disk.empty());
}

TEST_CASE("a pinned object that was written lets another one be dirty") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.keep(1, 150 * kKiB);
  REQUIRE(fixture.store.pin(fixture.writer, id_of(1), fixture.now));
  std::string outcome;
  fixture.engine.creates().add({fixture.writer, 1},
                               {.id = id_of(9), .data_size = 90 * kKiB, .retention = Retention::keep},
                               fixture.now + 1000 * kSecond, fixture.now,
                               [&](const Result<shm::Placement>& placed) { outcome = placed ? "ok" : "refused"; });
  CHECK(outcome.empty());
  fixture.run();
  CHECK(outcome == "ok");
}

TEST_CASE("spilling and reading back, at random: every object has its bytes") {
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  std::map<std::uint64_t, std::uint64_t> sizes;  // of the objects that exist
  for (int step = 0; step < 600; ++step) {
    const std::uint64_t number = random() % 48;
    switch (random() % 8) {
      case 0:
      case 1:
      case 2: {
        const std::uint64_t size = 1 + random() % (24 * kKiB);
        if (!sizes.contains(number) && fixture.try_keep(number, size)) sizes[number] = size;
        break;
      }
      case 3:
        if (sizes.contains(number)) REQUIRE(fixture.store.remove(id_of(number), fixture.now).value());
        sizes.erase(number);
        break;
      case 4:
        if (fixture.spiller.client() == 0)
          REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
        else if (random() % 4 == 0)
          fixture.spiller.end(*fixture.tier, fixture.moment());
        break;
      case 5: fixture.turn(); break;
      default:
        if (fixture.spiller.client() != 0) fixture.run(1);
        break;
    }
    for (const auto& [each, size] : sizes) REQUIRE(fixture.store.rows().find(id_of(each)) != shm::kNoSlot);
  }
  if (fixture.spiller.client() == 0) REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (const auto& [number, size] : sizes) {
    const std::string& answer = fixture.get({number});
    fixture.run();
    CHECK(answer == "+");
  }
  fixture.store.clear(fixture.now);
  fixture.run();
  CHECK(fixture.spiller.disk.empty());
}
