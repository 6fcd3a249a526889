// What a server finds that goes on with the memory of another.

#include "tests/shm/recovery_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;
using std::chrono::milliseconds;

TEST_CASE("a store that ended between two operations is what it was") {
  const EvictionPolicy policy =
      GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu, EvictionPolicy::fifo, EvictionPolicy::adaptive);
  StoreFixture fixture({.capacity = 64 * kKiB, .max_objects = 32, .eviction_policy = policy});
  TestClient reader = fixture.client();
  fixture.put({.id = id_of(1), .data_size = 100, .type_name = "text", .label = "a label"});
  fixture.put({.id = id_of(2), .data_size = 200, .pinned = true});
  fixture.put({.id = id_of(3), .data_size = 300, .lifetimes = {.to_live = milliseconds(5000)}});
  fixture.put({.id = id_of(4), .data_size = 400, .lifetimes = {.to_idle = milliseconds(7)}});
  fixture.put(5, 500);
  fixture.put(6, 600);
  const Held held = reader.get(id_of(5), fixture.now);
  REQUIRE(fixture.store.remove(id_of(5), fixture.now).value());
  REQUIRE(fixture.create(7, 700));
  const StoreStats before = fixture.store.stats(fixture.now);
  const auto objects = objects_of(fixture.store, fixture.now);

  const auto store = recovered(fixture.store, image_of(fixture.store), {fixture.writer, reader.id()}, fixture.now);
  store->check_invariants();
  CHECK(objects_of(*store, fixture.now) == objects);
  CHECK(store->recovery().sealed == 5);
  CHECK(store->recovery().retired == 1);
  CHECK(store->recovery().dropped == 1);  // nobody had been told where number 7 is
  CHECK(store->report().metadata(id_of(1), {fixture.now, {}}).value().type_name == "text");
  CHECK(store->report().metadata(id_of(1), {fixture.now, {}}).value().label == "a label");
  const StoreStats after = store->stats(fixture.now);
  CHECK(after.put_count == before.put_count);
  CHECK(after.removed_count == before.removed_count);
  CHECK(after.hit_count == before.hit_count);
  CHECK(after.pinned_bytes == before.pinned_bytes);
  CHECK(after.retired_bytes == before.retired_bytes);
  CHECK(after.reserved_bytes == before.reserved_bytes);
  CHECK(after.used_bytes == before.used_bytes - Arena::taken_by(700));
  CHECK(after.uptime == before.uptime);
  // Time goes on where it was.
  CHECK(store->next_expiry() == fixture.store.next_expiry());
  store->expire(fixture.now + kSecond);
  CHECK(store->rows().find(id_of(4)) == kNoSlot);
  store->expire(fixture.now + 10 * kSecond);
  CHECK(store->rows().find(id_of(3)) == kNoSlot);
  // The client's table goes on counting, and nobody is given its number.
  CHECK(store->attach({}, fixture.now).value() > reader.id());
  reader.release(held);
  store->check_invariants();
}

TEST_CASE("what was being written is kept from others until its writer is gone or lets go of it") {
  StoreFixture fixture(kSmall);
  const ClientId other = fixture.attach();
  const Placement mine = fixture.create(1, 1000).value();
  const Placement theirs = fixture.store.create_object(other, {.id = id_of(2), .data_size = 2000}, fixture.now).value();
  fixture.store.writing().lend(mine.slot);
  fixture.store.writing().lend(theirs.slot);
  const auto store = recovered(fixture.store, image_of(fixture.store), {fixture.writer, other}, fixture.now);
  CHECK(store->recovery().abandoned == 2);
  CHECK(store->report().client_info(other, fixture.now).unsealed_bytes == Arena::taken_by(2000));
  CHECK(outcome(store->seal(fixture.writer, id_of(1), fixture.now)) == "not_found");
  // Its id is free, for the same client too; letting go of the old one is not letting go of the new.
  REQUIRE(store->create_object(fixture.writer, {.id = id_of(1), .data_size = 10}, fixture.now));
  CHECK(outcome(store->writing().give_up_abandoned(other, id_of(1), mine.offset)) == "not_found");
  CHECK(outcome(store->writing().give_up_abandoned(fixture.writer, id_of(1), mine.offset + 64)) == "not_found");
  CHECK(outcome(store->writing().give_up_abandoned(fixture.writer, id_of(1), mine.offset)) == "ok");
  CHECK(outcome(store->writing().give_up_abandoned(fixture.writer, id_of(1), {})) == "not_found");
  store->check_invariants();
  // Through another restart.
  const auto again = recovered(*store, image_of(*store), {fixture.writer, other}, fixture.now);
  CHECK(again->recovery().abandoned == 1);
  CHECK(again->stats(fixture.now).used_bytes == Arena::taken_by(2000));
  again->detach(other, fixture.now);
  CHECK(again->stats(fixture.now).quarantined_bytes == Arena::taken_by(2000));
  again->check_invariants();
  again->quarantine().tend(fixture.now + 60 * kSecond);
  CHECK(again->stats(fixture.now).used_bytes == 0);
  // What a writer that did not survive may still have I/O for rests from here on.
  const auto third = recovered(*store, image_of(*store), {fixture.writer}, fixture.now);
  CHECK(third->recovery().quarantined == 1);
  CHECK(third->stats(fixture.now).used_bytes == Arena::taken_by(2000));
  CHECK(third->stats(fixture.now).quarantined_bytes == Arena::taken_by(2000));
  third->check_invariants();
  third->quarantine().tend(fixture.now + 60 * kSecond);
  CHECK(third->stats(fixture.now).used_bytes == 0);
}

TEST_CASE("a dead writer's I/O: what is in quarantine is renewed in the next server, and rests") {
  StoreFixture fixture({.capacity = 64 * kKiB, .max_objects = 32});
  const ClientId victim = fixture.attach();
  fixture.put(0, 100);
  const Placement placed =
      fixture.store.create_object(victim, {.id = id_of(1), .data_size = 20 * kKiB}, fixture.now).value();
  fixture.store.writing().lend(placed.slot);
  fixture.store.detach(victim, fixture.now);
  const auto store = recovered(fixture.store, image_of(fixture.store), {fixture.writer}, fixture.now);
  CHECK(store->recovery().quarantined == 1);
  CHECK(store->stats(fixture.now).quarantined_bytes == 20 * kKiB);
  while (const auto piece = store->quarantine().next_to_renew())
    store->quarantine().renewed(store->rows().memory.renew(*piece), fixture.now);
  CHECK(store->stats(fixture.now).quarantined_bytes == kPageBytes);
  const auto again = recovered(*store, image_of(*store), {fixture.writer}, fixture.now);
  CHECK(again->recovery().quarantined == 2);
  CHECK(again->recovery().damaged == 0);
  CHECK(again->stats(fixture.now).quarantined_bytes == kPageBytes);
  again->check_invariants();
}

TEST_CASE("a dead writer's I/O: however often the server is replaced, the memory is free when its rest is over") {
  StoreFixture fixture({.capacity = 64 * kKiB, .max_objects = 32});
  const ClientId victim = fixture.attach();
  fixture.put(0, 100);
  for (const std::uint64_t bytes : {std::uint64_t{1000}, 20 * kKiB})
    fixture.store.writing().lend(
        fixture.store.create_object(victim, {.id = id_of(bytes), .data_size = bytes}, fixture.now).value().slot);
  const TimeNs over = fixture.now + 60 * kSecond;
  fixture.store.detach(victim, fixture.now);
  auto store = recovered(fixture.store, image_of(fixture.store), {fixture.writer}, fixture.now);
  while (const auto piece = store->quarantine().next_to_renew())
    store->quarantine().renewed(store->rows().memory.renew(*piece), fixture.now);
  REQUIRE(store->stats(fixture.now).quarantined_count == 3);  // the small one, and both ends of the large one
  for (TimeNs now = fixture.now; now < over; now += 20 * kSecond) {
    store = recovered(*store, image_of(*store), {fixture.writer}, now);
    CHECK(store->recovery().quarantined == 3);
    CHECK(store->quarantine().next_deadline() == over);
    store->check_invariants();
  }
  store->quarantine().tend(over - 1);
  CHECK(store->stats(over - 1).quarantined_count == 3);
  store->quarantine().tend(over);
  CHECK(store->stats(over).quarantined_count == 0);
}

TEST_CASE("a dead writer's I/O: a server with a shorter rest keeps nothing for longer") {
  StoreFixture fixture({.capacity = 64 * kKiB, .max_objects = 32});
  const ClientId victim = fixture.attach();
  fixture.store.writing().lend(
      fixture.store.create_object(victim, {.id = id_of(1), .data_size = 100}, fixture.now).value().slot);
  fixture.store.detach(victim, fixture.now);
  const auto deadline_with = [&](std::uint32_t rest_s) {
    StoreConfig config = fixture.store.rows().config;
    config.quarantine_seconds = rest_s;
    const Image image = image_of(fixture.store);
    return recovered(fixture.store, image, {fixture.writer}, fixture.now, &config)->quarantine().next_deadline();
  };
  CHECK(deadline_with(10) == fixture.now + 10 * kSecond);
  CHECK(deadline_with(600) == fixture.now + 60 * kSecond);
}

TEST_CASE("what was aborted and kept is its writer's after a crash, and in quarantine when that is gone") {
  StoreFixture fixture(kSmall);
  Store& store = fixture.store;
  const Placement placed =
      store.create_object(fixture.writer, {.id = id_of(1), .data_size = 2000, .pinned = true}, fixture.now).value();
  store.writing().lend(placed.slot);
  CHECK(kill_everywhere(fixture, {fixture.writer}, {{placed.offset, Arena::taken_by(2000)}}, [&] {
          REQUIRE(store.writing().abort_and_keep(fixture.writer, id_of(1)).value() == placed.offset);
        }) > 1);
  const auto again = recovered(store, image_of(store), {fixture.writer}, fixture.now);
  CHECK(again->recovery().abandoned == 1);
  CHECK(again->report().client_info(fixture.writer, fixture.now).unsealed_bytes == Arena::taken_by(2000));
  CHECK(again->stats(fixture.now).pinned_bytes == 0);
  REQUIRE(again->create_object(fixture.writer, {.id = id_of(1), .data_size = 10}, fixture.now));  // the id is free
  REQUIRE(again->abort(fixture.writer, id_of(1)));
  CHECK(outcome(again->writing().give_up_abandoned(fixture.writer, id_of(1), placed.offset)) == "ok");
  CHECK(again->stats(fixture.now).used_bytes == 0);
  again->check_invariants();

  const auto without = recovered(store, image_of(store), {}, fixture.now);
  CHECK(without->recovery().quarantined == 1);
  CHECK(without->quarantine().next_deadline() == fixture.now + 60 * kSecond);
}

TEST_CASE("what is left of a lease when a server dies is its client's, until that gives it up") {
  StoreFixture fixture(kSmall);
  const Placement placed = fixture.store.leases().lease(fixture.writer, id_of(100), 8 * kKiB, fixture.now).value();
  REQUIRE(fixture.store.leases().put(fixture.writer, placed.slot, {.id = id_of(1), .data_size = kKiB}, ++fixture.now));
  const auto store = recovered(fixture.store, image_of(fixture.store), {fixture.writer}, fixture.now);
  CHECK(store->recovery().abandoned == 1);
  CHECK(store->rows().find(id_of(1)) != kNoSlot);
  CHECK(outcome(store->leases().find(fixture.writer, id_of(100))) == "not_found");
  CHECK(store->report().client_info(fixture.writer, fixture.now).unsealed_bytes == 7 * kKiB);
  REQUIRE(store->writing().give_up_abandoned(fixture.writer, id_of(100), placed.offset));
  CHECK(store->stats(fixture.now).used_bytes == kKiB);
  CHECK(store->stats(fixture.now).aborted_count == 0);
  store->check_invariants();
}
