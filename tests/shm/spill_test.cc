#include "shm/store/spill.h"

#include <catch2/catch.hpp>

#include "shm/os/monotonic_clock.h"

#include "tests/shm/spill_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

std::string verdict_of(const Holder::Attempt& attempt) {
  switch (attempt.verdict) {
    case Holder::Verdict::held: return "held";
    case Holder::Verdict::absent: return "absent";
    case Holder::Verdict::undecided: break;
  }
  return "undecided";
}

}  // namespace

TEST_CASE("keep is refused in words by a store without a spill tier") {
  StoreFixture fixture;
  const auto refused = fixture.store.create_object(
      fixture.writer, {.id = id_of(1), .data_size = 10, .retention = Retention::keep}, fixture.now);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::invalid_argument);
  CHECK_THAT(refused.error().message, Catch::Contains("no spill tier"));
  CHECK(outcome(Store::create({.retention = Retention::keep}, 0)) == "invalid_argument");
}

TEST_CASE("a dirty object is a wall to eviction, and a clean one is spilled") {
  SpillFixture fixture;
  Store& store = fixture.store;
  TestClient reader = fixture.client();
  const SlotIndex slot = fixture.keep(1, 60 * kKiB);
  CHECK(store.spill().dirty().count == 1);
  CHECK(store.stats(fixture.now).evictable_bytes == 0);
  CHECK(outcome(fixture.create(2, 30 * kKiB)) == "out_of_memory");
  CHECK(store.room().dirty_in_the_way(30 * kKiB, fixture.now).slots == std::vector<SlotIndex>{slot});
  REQUIRE(fixture.write(1, 77));
  CHECK(store.spill().clean().count == 1);
  CHECK(store.stats(fixture.now).evictable_bytes == 60 * kKiB);
  CHECK(reader.bytes(reader.get(id_of(1), fixture.now))[0] == std::byte{1});
  fixture.now += kSecond;  // a look at what is in the way rests for a moment
  const auto held = fixture.create(2, 30 * kKiB);
  REQUIRE(outcome(held) == "out_of_memory");
  CHECK_THAT(held.error().message, Catch::Contains("are taken (0 B pinned, 60 KiB in use"));
  static_cast<void>(reader.holder().release(slot));
  REQUIRE(fixture.create(2, 30 * kKiB));
  CHECK(store.rows().is_spilled(slot));
  CHECK(store.spill().spilled() == Tally{1, 60 * kKiB});
  CHECK(reader.sees(id_of(1)));
  CHECK(verdict_of(reader.holder().hold(id_of(1))) == "undecided");
  CHECK(outcome(fixture.create(1, 10)) == "already_exists");  // the id stays taken
  const StoreStats stats = store.stats(fixture.now);
  CHECK(stats.total_objects == 1);
  CHECK(stats.eviction_count == 0);
  store.check_invariants();
}

TEST_CASE("a spilled object is told of without its bytes") {
  SpillFixture fixture;
  const NewObject object = {.id = id_of(1),
                            .data_size = 5 * kKiB,
                            .metadata_size = 100,
                            .type_tag = 9,
                            .type_name = "name",
                            .label = "label",
                            .retention = Retention::keep};
  const SlotIndex slot = fixture.put(object);
  REQUIRE(fixture.write(1, 5));
  REQUIRE(fixture.store.sealed().evict_unused({slot}));
  const ObjectMetadata told = fixture.store.report().metadata(id_of(1), {fixture.now, {}}).value();
  CHECK(told.data_size == 5 * kKiB);
  CHECK(told.metadata_size == 100);
  CHECK(told.type_tag == 9);
  CHECK(told.type_name.empty());
  CHECK(told.label.empty());
  CHECK(fixture.store.spill().spilled().bytes == 5 * kKiB + 100 + 4 + 5);
}

TEST_CASE("a spilled object is read back with its bytes, as one that was just accessed") {
  SpillFixture fixture;
  TestClient reader = fixture.client();
  const SlotIndex slot = fixture.spill(1, 20 * kKiB);
  fixture.now += kSecond;
  fixture.read_back(1);
  const Held held = reader.hold(id_of(1));
  CHECK(held.slot == slot);
  CHECK(std::ranges::all_of(reader.bytes(held), [](std::byte each) { return each == std::byte{1}; }));
  reader.release(held);
  CHECK(fixture.store.rows().row(slot).accessed == fixture.now);
  CHECK(fixture.store.spill().clean().count == 1);
  CHECK(fixture.store.stats(fixture.now).total_objects == 1);
  REQUIRE(fixture.store.sealed().evict_unused({slot}));  // again, without another write
  CHECK(fixture.store.rows().is_spilled(slot));
}

TEST_CASE("a client that finds an object spilled does not keep it from being read back") {
  SpillFixture fixture;
  TestClient reader = fixture.client();
  const SlotIndex slot = fixture.spill(1, 20 * kKiB);
  reader.table().add_reference(slot);  // as it stands for a moment, or for ever
  fixture.read_back(1);
  CHECK_FALSE(fixture.store.rows().is_spilled(slot));
  static_cast<void>(reader.table().drop_reference(slot));
}

TEST_CASE("a record counts only for the object that was written") {
  SpillFixture fixture;
  Store& store = fixture.store;
  const SlotIndex slot = fixture.keep(1, kKiB);
  const TimeNs stamp = store.rows().sealed_at(slot);
  REQUIRE(store.remove(id_of(1), fixture.now));
  CHECK_FALSE(store.sealed().written(slot, stamp, 5));  // gone
  const SlotIndex again = fixture.keep(1, kKiB);
  REQUIRE(again == slot);
  CHECK_FALSE(store.sealed().written(slot, stamp, 5));  // made again
  CHECK(store.spill().is_dirty(slot));
  CHECK(store.sealed().written(slot, store.rows().sealed_at(slot), 6));
  CHECK_FALSE(store.sealed().written(slot, store.rows().sealed_at(slot), 7));  // has one
  CHECK_FALSE(store.sealed().written(1'000'000, 1, 7));                        // no such slot
  const SlotIndex cached = fixture.put(2, kKiB);
  CHECK_FALSE(store.sealed().written(cached, store.rows().sealed_at(cached), 8));
}

TEST_CASE("records whose objects are gone are dropped") {
  SpillFixture fixture;
  Store& store = fixture.store;
  fixture.spill(1, kKiB);
  REQUIRE(store.remove(id_of(1), fixture.now));
  CHECK_FALSE(store.spill().dropped().any());  // there is no tier
  store.spill().dropped().collect(true);
  fixture.spill(2, kKiB);
  fixture.keep(3, kKiB);
  REQUIRE(fixture.write(3, 33));
  fixture.keep(4, kKiB);  // dirty: no record
  for (const std::uint64_t number : {2, 3, 4}) REQUIRE(store.remove(id_of(number), fixture.now));
  const std::vector<DroppedRecords::Record> drops = store.spill().dropped().take();
  REQUIRE(drops.size() == 2);
  CHECK(drops[0].id == id_of(2));
  CHECK(drops[0].location == 1002);
  CHECK(drops[1].location == 33);
  CHECK(store.stats(fixture.now).total_objects == 0);
}

TEST_CASE("spilled objects expire, and count against max_objects") {
  SpillFixture fixture;
  Store& store = fixture.store;
  fixture.put({.id = id_of(1),
               .data_size = kKiB,
               .lifetimes = {std::chrono::milliseconds(5), {}},
               .retention = Retention::keep});
  REQUIRE(fixture.write(1, 5));
  REQUIRE(store.sealed().evict_unused({store.rows().find(id_of(1))}));
  for (std::uint64_t number = 2; number <= 32; ++number) fixture.spill(number, kKiB);
  CHECK(outcome(fixture.create(50, 10)) == "out_of_memory");
  store.expire(fixture.now += kSecond);
  CHECK_FALSE(fixture.exists(1));
  REQUIRE(fixture.put(50, 10) != kNoSlot);
  REQUIRE(fixture.put(51, 10) != kNoSlot);  // evicts 50
  CHECK_FALSE(fixture.exists(50));
  CHECK(store.spill().spilled().count == 31);
}

TEST_CASE("an object that is removed while it is read back keeps its extent until the reader is done") {
  SpillFixture fixture;
  Store& store = fixture.store;
  const SlotIndex slot = fixture.spill(1, 60 * kKiB);
  static_cast<void>(fixture.begin_reading(slot));
  REQUIRE(store.remove(id_of(1), fixture.now));
  CHECK(outcome(fixture.create(2, 60 * kKiB)) == "out_of_memory");
  store.check_invariants();
  const bool comes = GENERATE(true, false);
  if (comes)
    store.sealed().end_reading(slot, fixture.now);
  else
    store.spill().give_up_reading(slot);
  CHECK_FALSE(fixture.exists(1));
  CHECK(fixture.create(2, 60 * kKiB));
}

TEST_CASE("what is not read back stays on disk") {
  SpillFixture fixture;
  Store& store = fixture.store;
  const SlotIndex slot = fixture.spill(1, 60 * kKiB);
  static_cast<void>(fixture.begin_reading(slot));
  const bool ends = GENERATE(true, false);
  if (ends)
    store.detach(fixture.tier, fixture.now);
  else
    store.spill().give_up_reading(slot);
  CHECK(store.rows().is_spilled(slot));
  CHECK(store.spill().reading().empty());
  CHECK(fixture.create(2, 60 * kKiB));
}

TEST_CASE("a spilled object can be neither pinned nor kept by a grace") {
  SpillFixture fixture;
  fixture.spill(1, kKiB);
  CHECK(outcome(fixture.store.pin(fixture.writer, id_of(1), fixture.now)) == "out_of_memory");
  CHECK(outcome(fixture.store.extend_grace(fixture.writer, id_of(1), {.duration = std::chrono::seconds(1)},
                                           fixture.now)) == "out_of_memory");
  fixture.read_back(1);
  CHECK(outcome(fixture.store.pin(fixture.writer, id_of(1), fixture.now)) == "ok");
}

TEST_CASE("a record of an earlier store becomes a spilled object") {
  SpillFixture fixture;
  Store& store = fixture.store;
  const Spill::Record record = {.object = {.id = id_of(1),
                                           .data_size = 3 * kKiB,
                                           .metadata_size = 7,
                                           .type_tag = 4,
                                           .type_name = "name",
                                           .lifetimes = {std::chrono::milliseconds(10), {}},
                                           .retention = Retention::keep},
                                .location = 9,
                                .uid = 5};
  const SlotIndex slot = store.room().adopt_record(record, fixture.now).value();
  store.check_invariants();
  CHECK(store.rows().is_spilled(slot));
  CHECK(store.rows().ledger.spill(slot).location == 9);
  CHECK(store.rows().ledger.spill(slot).uid == 5);
  CHECK(store.report().metadata(id_of(1), {fixture.now, {}}).value().data_size == 3 * kKiB);
  CHECK(store.next_expiry() <= fixture.now + 11'000'000);
  for (std::uint64_t number = 2; number <= 32; ++number) fixture.put(number, 10);
  CHECK(outcome(store.room().adopt_record({.object = {.id = id_of(99), .retention = Retention::keep}, .location = 1},
                                          fixture.now)) == "out_of_memory");
}

TEST_CASE("drops of a clear are held back until its last piece, or for some seconds") {
  SpillFixture fixture;
  Spill& spill = fixture.store.spill();
  spill.dropped().collect(true);
  for (const std::uint64_t number : {1, 2, 3}) fixture.spill(number, kKiB);
  const TimeNs through = fixture.store.rows().last_seal;
  REQUIRE(spill.dropped().begin_clear_piece(0, through));
  spill.dropped().end_clear_piece(7);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now));
  CHECK_FALSE(spill.dropped().any());
  CHECK(spill.dropped().next() == fixture.now + DroppedRecords::kClearPatience);
  CHECK_FALSE(spill.dropped().begin_clear_piece(8, through));      // not the next piece
  CHECK_FALSE(spill.dropped().begin_clear_piece(7, through + 1));  // of another clear
  SECTION("its client does not finish it") {
    fixture.now += DroppedRecords::kClearPatience;
    REQUIRE(fixture.store.remove(id_of(2), fixture.now));
    CHECK(spill.dropped().take().size() == 2);
    CHECK_FALSE(spill.dropped().begin_clear_piece(7, through));
    CHECK_FALSE(spill.dropped().take_cleared().has_value());
  }
  SECTION("its client finishes it") {
    fixture.spill(4, kKiB);
    REQUIRE(fixture.store.remove(id_of(4), fixture.now));  // is not covered
    REQUIRE(spill.dropped().begin_clear_piece(7, through));
    spill.dropped().end_clear_piece(0);
    CHECK(spill.dropped().take_cleared() == through);
    CHECK(spill.dropped().take().size() == 1);
  }
  SECTION("another clear begins") {
    REQUIRE(spill.dropped().begin_clear_piece(0, through + 5));
    CHECK(spill.dropped().take().size() == 1);
  }
  SECTION("the tier has gone") {
    spill.dropped().collect(false);
    CHECK_FALSE(spill.dropped().begin_clear_piece(0, through));
    CHECK_FALSE(spill.dropped().any());
  }
}
