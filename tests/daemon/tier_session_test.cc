// Which process the tier takes, the catalogue that it tells, and its misbehaviour.

#include <catch2/catch.hpp>

#include "shm/os/monotonic_clock.h"
#include "tests/daemon/tier_fixture.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::daemon::test;

TEST_CASE("the spill tier's token must be that of the keeper") {
  TierFixture fixture(0.25);
  CHECK(fixture.tier->is_token({1, 2}));
  CHECK_FALSE(fixture.tier->is_token({1, 3}));
  CHECK_FALSE(fixture.tier->is_token({2, 1}));
  Tier none(fixture.engine, {}, {});
  CHECK_FALSE(none.is_token({0, 0}));  // a server without a token has no spill process
  fixture.make_tier();
}

TEST_CASE("a second spill process is refused while the first lives") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  FakeSpiller second(fixture.engine);
  const auto refused = second.connect(*fixture.tier, fixture.moment());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::already_exists);
  fixture.spiller.end(*fixture.tier, fixture.moment());
  CHECK_FALSE(second.connect(*fixture.tier, fixture.moment(), 78));  // another directory
  CHECK(second.connect(*fixture.tier, fixture.moment()));
}

TEST_CASE("a new store makes its objects of the records, without those that have expired") {
  TierFixture first(1.0);
  REQUIRE(first.spiller.connect(*first.tier, first.moment()));
  first.spill(1, 10 * kKiB);
  first.spill(2, 20 * kKiB);
  TierFixture next(1.0);
  CHECK_FALSE(next.tier->has_catalogue());
  next.spiller.disk = first.spiller.disk;
  auto& expired = next.spiller.disk.rbegin()->second.head;
  expired = {expired.location(), 2, 0, {}, 1, 1000, 0, expired.data_size(), 0, 0, 0, expired.id(), 0, 0};
  REQUIRE(next.spiller.connect(*next.tier, next.moment()));
  CHECK(next.tier->has_catalogue());
  CHECK(next.spiller.disk.size() == 1);
  CHECK(next.spilled(1));
  CHECK_FALSE(next.spilled(2));
  const std::string& answer = next.get({1});
  next.run();
  CHECK(answer == "+");
}

TEST_CASE("a store that has its catalogue believes its rows") {
  TierFixture fixture(1.0);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  fixture.spill(1, 10 * kKiB);
  fixture.spill(2, 10 * kKiB);
  fixture.spill(3, 10 * kKiB);
  const std::string& answer = fixture.get({3});
  fixture.run();
  REQUIRE(answer == "+");  // clean, in memory
  const auto location_of = [&](std::uint64_t number) {
    return fixture.store.rows().ledger.spill(fixture.store.rows().find(id_of(number))).location;
  };
  fixture.spiller.end(*fixture.tier, fixture.moment());
  const std::uint64_t removed = location_of(1);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now));
  fixture.spiller.disk.erase(location_of(2));
  fixture.spiller.disk.erase(location_of(3));
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  CHECK_FALSE(fixture.spiller.disk.contains(removed));
  CHECK(fixture.store.rows().find(id_of(2)) == shm::kNoSlot);  // was on disk only: lost
  CHECK(fixture.store.spill().is_dirty(fixture.store.rows().find(id_of(3))));
}

TEST_CASE("messages that the server did not ask for are misbehaviour") {
  TierFixture fixture(0.25);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  protocol::TierWriteDoneRequestT written;
  written.written.emplace_back(5, 6, 1'000'000, protocol::TierWriteOutcome::done);
  const auto refused =
      fixture.tier->written(fixture.spiller.client(), *Packed<protocol::TierWriteDoneRequest>(written), fixture.now);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::protocol_error);
  CHECK_FALSE(fixture.tier->written(fixture.writer, *Packed<protocol::TierWriteDoneRequest>(written), fixture.now));
}

TEST_CASE("the objects of a large store are compared with the catalogue in turns, and gets go on meanwhile") {
  constexpr std::uint64_t kObjects = 30'000;  // more than one turn compares
  TierFixture fixture(1.0, 16 * kKiB * kKiB, 40'000);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  for (std::uint64_t number = 0; number < kObjects; ++number) fixture.keep(number, 8);
  for (int turns = 0; fixture.store.spill().dirty().count != 0; ++turns) {
    REQUIRE(turns < 1000);
    fixture.tier->work(fixture.moment());
    fixture.spiller.work(*fixture.tier, fixture.now);
    fixture.now += Tier::kPlanPause;
  }
  const auto slot_of = [&](std::uint64_t number) { return fixture.store.rows().find(id_of(number)); };
  REQUIRE(fixture.store.sealed().evict_unused({slot_of(1), slot_of(kObjects - 2)}));
  fixture.spiller.end(*fixture.tier, fixture.moment());
  for (const std::uint64_t number : {std::uint64_t{1}, std::uint64_t{2}, kObjects - 2, kObjects - 1})
    fixture.spiller.disk.erase(fixture.store.rows().ledger.spill(slot_of(number)).location);
  REQUIRE(fixture.spiller.connect(*fixture.tier, fixture.moment()));
  CHECK(fixture.tier->state() == Tier::State::catalogue);
  CHECK_FALSE(fixture.spiller.end_of_catalogue);
  CHECK(fixture.tier->next_deadline(fixture.now) == fixture.now);
  CHECK(slot_of(1) == shm::kNoSlot);
  CHECK(slot_of(kObjects - 2) != shm::kNoSlot);                               // its turn has not come
  CHECK_FALSE(fixture.store.sealed().evict_unused({slot_of(kObjects - 1)}));  // it would be lost
  CHECK(fixture.store.sealed().evict_unused({slot_of(kObjects - 4)}));
  const std::uint64_t removed = fixture.store.rows().ledger.spill(slot_of(kObjects - 3)).location;
  REQUIRE(fixture.store.remove(id_of(kObjects - 3), fixture.now));
  fixture.keep(kObjects, 8);  // in its slot: it was not there at the catalogue
  for (int turns = 0; !fixture.spiller.end_of_catalogue; ++turns) {
    REQUIRE(turns < 10);
    fixture.tier->work(fixture.moment());
  }
  CHECK(fixture.spiller.end_of_catalogue->lost == 2);
  CHECK(fixture.spiller.end_of_catalogue->dirty == 2);
  CHECK(fixture.tier->state() == Tier::State::ready);
  CHECK(slot_of(kObjects - 2) == shm::kNoSlot);
  CHECK(fixture.store.spill().is_dirty(slot_of(2)));
  CHECK(fixture.store.spill().dirty().count == 3);
  fixture.run(2);
  CHECK_FALSE(fixture.spiller.disk.contains(removed));
  CHECK(fixture.store.spill().dirty().count == 0);
}
