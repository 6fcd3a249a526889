// A store is killed at every store instruction of what the spill tier does, and another goes on with its memory.

#include "tests/shm/recovery_fixture.h"
#include "tests/shm/spill_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

TEST_CASE("spilling and reading back: a store is killed at every point") {
  SpillFixture fixture;
  Store& store = fixture.store;
  store.spill().dropped().collect(true);
  const std::vector<ClientId> all = {fixture.writer, fixture.tier};
  std::vector<Lease> leases;
  const auto kill = [&](const std::function<void()>& operation) {
    CHECK(kill_everywhere(fixture, all, leases, operation) > 1);
  };
  kill([&] { fixture.keep(1, 10 * kKiB); });
  const SlotIndex slot = store.rows().find(id_of(1));
  kill([&] { REQUIRE(fixture.write(1, 77)); });
  kill([&] { store.spill().forget_record(slot); });
  REQUIRE(fixture.write(1, 78));
  kill([&] { REQUIRE(store.sealed().evict_unused({slot})); });
  std::uint64_t offset = 0;
  kill([&] { offset = fixture.begin_reading(slot); });
  leases.push_back({offset, 10 * kKiB});
  kill([&] { fixture.put(2, 10 * kKiB); });
  leases.clear();
  kill([&] { store.spill().give_up_reading(slot); });
  static_cast<void>(fixture.begin_reading(slot));
  kill([&] { store.sealed().end_reading(slot, fixture.now); });
  REQUIRE_FALSE(store.rows().is_spilled(slot));
  REQUIRE(store.sealed().evict_unused({slot}));
  kill([&] { REQUIRE(store.remove(id_of(1), fixture.now)); });
  kill([&] {
    REQUIRE(store.room().adopt_record(
        {.object = {.id = id_of(3), .data_size = kKiB, .retention = Retention::keep}, .location = 5, .uid = 1},
        fixture.now));
  });
}

TEST_CASE("a removed object that is being read back: a store is killed at every point") {
  SpillFixture fixture;
  Store& store = fixture.store;
  const SlotIndex slot = fixture.spill(1, 10 * kKiB);
  const std::uint64_t offset = fixture.begin_reading(slot);
  const std::vector<ClientId> all = {fixture.writer, fixture.tier};
  CHECK(kill_everywhere(fixture, all, {{offset, 10 * kKiB}}, [&] { REQUIRE(store.remove(id_of(1), fixture.now)); }) >
        1);
  CHECK(kill_everywhere(fixture, all, {}, [&] {
          store.spill().give_up_reading(slot);
          store.room().sweep();
        }) > 1);
}

TEST_CASE("after a crash, what a reader writes to is not used again until the reader has ended") {
  SpillFixture fixture;
  const SlotIndex slot = fixture.spill(1, 60 * kKiB);
  static_cast<void>(fixture.begin_reading(slot));
  const Image image = image_of(fixture.store);
  {
    const auto next = recovered(fixture.store, image, {fixture.writer, fixture.tier}, fixture.now);
    next->check_invariants();
    CHECK(next->spill().reading() == std::vector<SlotIndex>{slot});
    CHECK(outcome(next->create_object(fixture.writer, {.id = id_of(2), .data_size = 60 * kKiB}, fixture.now)) ==
          "out_of_memory");
    next->detach(fixture.tier, fixture.now);
    CHECK(outcome(next->create_object(fixture.writer, {.id = id_of(2), .data_size = 60 * kKiB}, fixture.now)) == "ok");
    CHECK(next->rows().is_spilled(slot));
  }
  const auto next = recovered(fixture.store, image, {fixture.writer}, fixture.now);  // the reader ended with the server
  CHECK(next->spill().reading().empty());
  CHECK(outcome(next->create_object(fixture.writer, {.id = id_of(2), .data_size = 60 * kKiB}, fixture.now)) == "ok");
}

TEST_CASE("after a crash, a store knows its clean and its spilled objects") {
  SpillFixture fixture;
  fixture.keep(1, kKiB);
  fixture.keep(2, kKiB);
  REQUIRE(fixture.write(2, 22));
  fixture.spill(3, kKiB);
  const auto next = recovered(fixture.store, image_of(fixture.store), {fixture.writer}, fixture.now);
  next->check_invariants();
  CHECK(next->spill().dirty().count == 1);
  CHECK(next->spill().clean().count == 1);
  CHECK(next->spill().spilled().count == 1);
  CHECK(next->recovery().damaged == 0);
  CHECK(next->rows().ledger.spill(next->rows().find(id_of(2))).location == 22);
  CHECK(next->rows().ledger.spill(next->rows().find(id_of(3))).location == 1003);
}
