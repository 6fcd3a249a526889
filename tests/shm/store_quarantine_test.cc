// What becomes of memory whose writer is gone: nobody is given what I/O of that writer may still reach.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "tests/shm/page_pin.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr TimeNs kStoreRest = 60 * kSecond;

/// A store in which one client is to end while it writes.
struct Writing : StoreFixture {
  explicit Writing(const StoreConfig& config = {.capacity = kMiB}) : StoreFixture(config), victim(attach()) {}

  Placement begin(std::uint64_t number, std::uint64_t size) {
    const Placement placed = store.create_object(victim, {.id = id_of(number), .data_size = size}, now).value();
    store.writing().lend(placed.slot);
    return placed;
  }
  void end_victim() { store.detach(victim, now); }
  [[nodiscard]] bool renew_one() {
    const auto piece = store.quarantine().next_to_renew();
    if (piece) store.quarantine().renewed(store.rows().memory.renew(*piece), now);
    return piece.has_value();
  }
  void renew_all() {
    while (renew_one()) store.check_invariants();
  }
  [[nodiscard]] std::uint64_t quarantined() { return store.stats(now).quarantined_bytes; }
  [[nodiscard]] std::uint64_t used() { return store.stats(now).used_bytes; }

  ClientId victim;
};

}  // namespace

TEST_CASE("a dead writer's I/O: whole pages are others when they are given to the next writer, the ends rest") {
  Writing fixture;
  REQUIRE(fixture.put(0, 100) != kNoSlot);  // so that the next one begins within a page
  const Placement placed = fixture.begin(1, 4 * kPageBytes);
  const std::span<std::byte> bytes = fixture.store.rows().bytes(placed.slot);
  std::ranges::fill(bytes, std::byte{1});
  const PagePin pin(bytes);
  fixture.end_victim();
  CHECK(fixture.store.stats(fixture.now).unsealed_count == 0);
  CHECK(fixture.store.stats(fixture.now).aborted_count == 1);
  CHECK(fixture.store.stats(fixture.now).quarantined_count == 1);
  CHECK(fixture.quarantined() == 4 * kPageBytes);
  CHECK(fixture.used() == 128 + 4 * kPageBytes);
  fixture.store.check_invariants();
  REQUIRE(fixture.create(1, 10));  // the id is free at once
  REQUIRE(fixture.store.abort(fixture.writer, id_of(1)));

  fixture.renew_all();
  CHECK(fixture.store.room().take_room_made());
  CHECK(fixture.store.stats(fixture.now).quarantined_count == 2);
  CHECK(fixture.quarantined() == kPageBytes);  // two parts of pages
  // All that is free is written to by others.
  while (const auto filler = fixture.create(100 + fixture.now++, 3 * kPageBytes))
    std::ranges::fill(fixture.store.rows().bytes(filler->slot), std::byte{2});
  CHECK(std::ranges::all_of(pin.read(), [](std::byte each) { return each == std::byte{1}; }));
}

TEST_CASE("a dead writer's I/O: what shares pages with neighbours is free when it has rested, not before") {
  Writing fixture;
  REQUIRE(fixture.put(0, 100) != kNoSlot);
  static_cast<void>(fixture.begin(1, 4 * kPageBytes));
  static_cast<void>(fixture.begin(2, 1000));
  const TimeNs death = fixture.now;
  fixture.end_victim();
  fixture.renew_all();
  CHECK(fixture.store.quarantine().next_deadline() == death + kStoreRest);
  fixture.store.quarantine().tend(death + kStoreRest - 1);
  CHECK(fixture.quarantined() == kPageBytes + 1024);
  static_cast<void>(fixture.store.room().take_room_made());
  fixture.store.quarantine().tend(death + kStoreRest);
  CHECK(fixture.quarantined() == 0);
  CHECK(fixture.used() == 128);
  CHECK(fixture.store.room().take_room_made());
  CHECK(fixture.store.quarantine().next_deadline() == kNever);
  CHECK(fixture.store.stats(fixture.now).largest_free_extent == kMiB - 128);
}

TEST_CASE("a dead writer's I/O: an extent of whole pages is free as soon as they are renewed") {
  Writing fixture;
  static_cast<void>(fixture.begin(1, 16 * kPageBytes));
  fixture.end_victim();
  CHECK(fixture.used() == 16 * kPageBytes);
  fixture.renew_all();
  CHECK(fixture.used() == 0);
}

TEST_CASE("a dead writer's I/O: what was never lent, given up, or sealed is nobody's I/O") {
  Writing fixture;
  REQUIRE(fixture.store.create_object(fixture.victim, {.id = id_of(1), .data_size = 5000}, fixture.now));
  static_cast<void>(fixture.begin(2, 5000));
  REQUIRE(fixture.store.abort(fixture.victim, id_of(2)));
  static_cast<void>(fixture.begin(3, 5000));
  REQUIRE(fixture.store.seal(fixture.victim, id_of(3), fixture.now));
  fixture.end_victim();
  CHECK(fixture.quarantined() == 0);
  CHECK(fixture.used() == 5056);
}

TEST_CASE("a dead writer's I/O: what is left of a lease is in quarantine, what was cut off it is an object") {
  Writing fixture;
  const Placement lease = fixture.store.leases().lease(fixture.victim, id_of(9), 8 * kPageBytes, fixture.now).value();
  REQUIRE(fixture.store.leases().put(fixture.victim, lease.slot, {.id = id_of(1), .data_size = 1000}, fixture.now));
  fixture.end_victim();
  CHECK(fixture.quarantined() == 8 * kPageBytes - 1024);
  CHECK(fixture.store.stats(fixture.now).aborted_count == 0);  // nobody has given up an object
  fixture.renew_all();
  CHECK(fixture.quarantined() == kPageBytes - 1024);
  CHECK(fixture.exists(1));
}

TEST_CASE("a dead writer's I/O: pins and quotas end with the writer, not with its memory") {
  Writing fixture({.capacity = kMiB, .max_pinned_bytes_per_user = 5056});
  const NewObject object = {.id = id_of(1), .data_size = 5000, .pinned = true};
  fixture.store.writing().lend(fixture.store.create_object(fixture.victim, object, fixture.now).value().slot);
  fixture.end_victim();
  CHECK(fixture.quarantined() == 5056);
  CHECK(fixture.store.stats(fixture.now).pinned_bytes == 0);
  CHECK(outcome(fixture.store.create_object(fixture.writer, object, fixture.now)) == "ok");
}

TEST_CASE("a dead writer's I/O: memory that cannot be reserved again stays where it is, and is tried again") {
  Writing fixture;
  static_cast<void>(fixture.begin(1, 16 * kPageBytes));
  fixture.end_victim();
  const auto piece = fixture.store.quarantine().next_to_renew();
  REQUIRE(piece.has_value());
  fixture.store.quarantine().renewed({.replaced = true, .reserved = Error{Errc::out_of_memory, "none left"}},
                                     fixture.now);
  CHECK(fixture.quarantined() == 16 * kPageBytes);
  CHECK_FALSE(fixture.store.quarantine().next_to_renew());
  fixture.now = fixture.store.quarantine().next_deadline();
  REQUIRE(fixture.now != kNever);
  fixture.store.quarantine().tend(fixture.now);
  fixture.now += 2 * kStoreRest;  // however long it took: what has no memory is not given away
  CHECK(fixture.quarantined() == 16 * kPageBytes);
  fixture.renew_all();
  CHECK(fixture.quarantined() == 0);
}

TEST_CASE("a dead writer's I/O: where no row is free for the second end, one is evicted for it, or all of it rests") {
  const bool evictable = GENERATE(true, false);
  Writing fixture({.capacity = kMiB, .max_objects = 4});
  for (std::uint64_t number = 10; number < 13; ++number)
    REQUIRE(fixture.put({.id = id_of(number), .data_size = 100, .pinned = !evictable}) != kNoSlot);
  const TimeNs death = fixture.now;
  static_cast<void>(fixture.begin(1, 8 * kPageBytes));
  fixture.end_victim();
  fixture.renew_all();
  CHECK(fixture.quarantined() == (evictable ? kPageBytes : 8 * kPageBytes));
  CHECK(fixture.store.stats(fixture.now).eviction_count == (evictable ? 1 : 0));
  fixture.store.quarantine().tend(death + kStoreRest);
  CHECK(fixture.quarantined() == 0);
}

TEST_CASE("a dead writer's I/O: a create that waits for room is served when the memory comes back") {
  Writing fixture;
  const SlotIndex neighbour = fixture.put({.id = id_of(0), .data_size = 128, .pinned = true});
  REQUIRE(neighbour != kNoSlot);
  static_cast<void>(fixture.begin(1, kMiB - 128));
  Engine engine(std::move(fixture.owned));
  Store& store = engine.store();
  std::vector<std::string> outcomes;
  const auto create = [&](std::uint64_t key, std::uint64_t size) {
    engine.creates().add({fixture.writer, key}, {.id = id_of(key), .data_size = size}, fixture.now + 2 * kStoreRest,
                         fixture.now, [&](const Result<Placement>& placed) { outcomes.push_back(outcome(placed)); });
  };
  create(2, kMiB - kPageBytes);
  create(3, kPageBytes - 128);
  const TimeNs death = fixture.now;
  engine.drop_client(fixture.victim, death);
  engine.settle(death);
  CHECK(outcomes.empty());
  while (const auto piece = store.quarantine().next_to_renew())
    store.quarantine().renewed(store.rows().memory.renew(*piece), death);
  engine.settle(death);
  CHECK(outcomes == std::vector<std::string>{"ok"});
  CHECK(engine.next_deadline() <= death + kStoreRest);
  engine.tick(death + kStoreRest);
  CHECK(outcomes == std::vector<std::string>{"ok", "ok"});
  store.check_invariants();
}

TEST_CASE("a dead writer's I/O: with a rest of 0 s only whole pages are waited for") {
  Writing fixture({.capacity = kMiB, .quarantine_seconds = 0});
  REQUIRE(fixture.put(0, 100) != kNoSlot);
  static_cast<void>(fixture.begin(1, 4 * kPageBytes));
  static_cast<void>(fixture.begin(2, 1000));
  fixture.end_victim();
  fixture.store.quarantine().tend(fixture.now);
  CHECK(fixture.quarantined() == 4 * kPageBytes);
  fixture.renew_all();
  CHECK(fixture.quarantined() == 0);
}
