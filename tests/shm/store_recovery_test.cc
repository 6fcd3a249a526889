// A store is killed at every store instruction of everything that it does, and another goes on with its memory.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "tests/shm/crash_points.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;
using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t kKiB = 1024;
/// Few slots: their tables are a page each, and copied often.
const StoreConfig kSmall = {.capacity = 64 * kKiB, .max_objects = 32};

/// All that is told of the sealed objects.
std::map<ObjectId, std::string> objects_of(Store& store, TimeNs now) {
  std::vector<ObjectMetadata> listed;
  const Moment moment{now, std::chrono::system_clock::time_point(std::chrono::nanoseconds(now))};
  std::uint32_t cursor = 0;
  do cursor = store.report().list(cursor, moment, listed);
  while (cursor != 0);
  std::map<ObjectId, std::string> out;
  for (const ObjectMetadata& object : listed) {
    if (object.state != ObjectState::sealed) continue;
    const SlotFields fields = store.rows().fields(store.rows().find(object.id));
    out[object.id] = fmt::format(
        "{} bytes at {}, of type {} and label {}, pinned {}, lives {} idle {}, sealed {}, by {}, held {}",
        object.data_size, fields.offset, object.type_name, object.label, object.is_pinned, object.time_to_live.count(),
        object.time_to_idle.count(), object.sealed_at.time_since_epoch().count(), object.creator_pid, object.ref_count);
  }
  return out;
}

/// What a process may still read or write: nobody else may be given any of it.
struct Lease {
  std::uint64_t offset;
  std::uint64_t bytes;
};

/// So large that all slots together fill the arena.
constexpr std::uint64_t kFill = 2 * kKiB;

/// Fills what is free, and evicts what may be: nothing that is given is anybody's.
void use_up(Store& store, const std::vector<Lease>& leases, TimeNs now) {
  const ClientId user = store.attach({.pid = 99, .uid = 99}, now).value();
  for (std::uint64_t number = 0;; ++number) {
    const auto placed = store.create_object(user, {.id = id_of(1'000'000 + number), .data_size = kFill}, now);
    if (!placed) break;
    for (const Lease& lease : leases)
      REQUIRE((placed->offset + kFill <= lease.offset || placed->offset >= lease.offset + lease.bytes));
    REQUIRE(store.seal(user, id_of(1'000'000 + number), ++now));
    if (number >= kSmall.max_objects) break;
  }
  store.check_invariants();
  store.detach(user, now);
}

/// Runs `operation`, and recovers from each of its points: whatever was there before and after it is there; what
/// comes or goes with it may be.
std::size_t kill_everywhere(StoreFixture& fixture, const std::vector<ClientId>& clients,
                            const std::vector<Lease>& leases, const std::function<void()>& operation) {
  const auto before = objects_of(fixture.store, fixture.now);
  const std::vector<Image> images = images_during(fixture.store, operation);
  const auto after = objects_of(fixture.store, fixture.now);
  for (std::size_t i = 0; i < images.size(); ++i) {
    CAPTURE(i, images.size());
    const auto store = recovered(fixture.store, images[i], clients, fixture.now);
    store->check_invariants();
    CHECK(store->recovery().damaged == 0);
    const auto found = objects_of(*store, fixture.now);
    for (const auto& [id, told] : found) {
      const bool was = before.contains(id) && before.at(id) == told;
      const bool will = after.contains(id) && after.at(id) == told;
      REQUIRE((was || will));
    }
    for (const auto& [id, told] : before)
      if (after.contains(id)) REQUIRE(found.contains(id));
    use_up(*store, leases, fixture.now);
  }
  return images.size();
}

}  // namespace

TEST_CASE("a store that ended between two operations is what it was") {
  const EvictionPolicy policy = GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu, EvictionPolicy::fifo);
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

TEST_CASE("a dead writer's I/O: a store is killed at every point of its quarantine") {
  StoreFixture fixture({.capacity = 64 * kKiB, .max_objects = 32});
  Store& store = fixture.store;
  const ClientId victim = fixture.attach();
  for (std::uint64_t number = 0; number < 2; ++number) fixture.put(number, 10 * kKiB + 64);
  const NewObject object = {
      .id = id_of(10), .data_size = 20 * kKiB, .metadata_size = 100, .type_name = "a name", .label = "a label"};
  const Placement placed = store.create_object(victim, object, fixture.now).value();
  store.writing().lend(placed.slot);
  const Placement lease = store.leases().lease(victim, id_of(11), 2 * kKiB, fixture.now).value();
  const std::uint64_t end = placed.offset + Arena::taken_by(total_size(object));
  const std::uint64_t pages_begin = round_up(placed.offset, kPageBytes);
  const std::uint64_t pages_end = end / kPageBytes * kPageBytes;
  REQUIRE((pages_begin > placed.offset && pages_end < end));
  std::vector<Lease> leases = {{placed.offset, end - placed.offset}, {lease.offset, 2 * kKiB}};
  const auto kill = [&](const std::function<void()>& operation) {
    CHECK(kill_everywhere(fixture, {fixture.writer}, leases, operation) > 1);
  };
  kill([&] { store.detach(victim, fixture.now); });
  const auto piece = store.quarantine().next_to_renew().value();
  const Renewal renewal = store.rows().memory.renew(piece);
  REQUIRE(renewal.reserved);
  // From here on the middle is anybody's.
  leases.front() = {placed.offset, pages_begin - placed.offset};
  leases.push_back({pages_end, end - pages_end});
  kill([&] { store.quarantine().renewed(renewal, fixture.now); });
  CHECK(store.stats(fixture.now).quarantined_count == 3);
  leases.clear();
  kill([&] { store.quarantine().tend(fixture.now + 60 * kSecond); });
  CHECK(store.stats(fixture.now).quarantined_count == 0);
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
  const auto deadline_with = [&](std::uint32_t seconds) {
    StoreConfig config = fixture.store.rows().config;
    config.quarantine_seconds = seconds;
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

TEST_CASE("a store is killed at every point of every operation") {
  const EvictionPolicy policy = GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu);
  StoreFixture fixture({.capacity = 64 * kKiB, .max_objects = 32, .eviction_policy = policy});
  TestClient reader = fixture.client();
  const std::vector<ClientId> clients = {fixture.writer, reader.id()};
  for (std::uint64_t number = 0; number < 6; ++number) fixture.put(number, 10 * kKiB);
  const Held held = reader.get(id_of(2), fixture.now);
  std::vector<Lease> leases = {{held.offset, 10 * kKiB}};
  const auto kill = [&](const std::function<void()>& operation) {
    CHECK(kill_everywhere(fixture, clients, leases, operation) > 1);
  };
  Store& store = fixture.store;
  kill([&] { REQUIRE(store.pin(fixture.writer, id_of(1), fixture.now)); });
  kill([&] { REQUIRE(store.unpin(id_of(1), fixture.now)); });
  kill([&] {
    // Evicts two neighbours.
    REQUIRE(store.create_object(
        fixture.writer, {.id = id_of(10), .data_size = 18 * kKiB, .pinned = true, .lifetimes = {milliseconds(9), {}}},
        fixture.now));
  });
  kill([&] { REQUIRE(store.seal(fixture.writer, id_of(10), ++fixture.now)); });
  kill([&] { REQUIRE(store.remove(id_of(10), fixture.now).value()); });
  kill([&] { REQUIRE(store.remove(id_of(2), fixture.now).value()); });  // is held
  kill([&] { REQUIRE(fixture.create(11, 100)); });
  kill([&] { REQUIRE(store.abort(fixture.writer, id_of(11))); });
  kill([&] {
    const std::vector<std::byte> bytes(18 * kKiB);  // evicts
    REQUIRE(store.put_object(fixture.writer, {.id = id_of(12), .data_size = bytes.size()}, bytes, {}, ++fixture.now));
  });
  reader.release(held);
  leases.clear();
  kill([&] { store.room().sweep(); });
  kill([&] { CHECK(store.room().evict(1, fixture.now) > 0); });
  kill([&] { store.clear(fixture.now); });
}

TEST_CASE("a store is killed at every point of a take: the object is there as before, or is lost") {
  StoreFixture fixture(kSmall);
  Store& store = fixture.store;
  TestClient taker = fixture.client();
  const std::vector<ClientId> clients = {fixture.writer, taker.id()};
  fixture.put({.id = id_of(0), .data_size = 10 * kKiB, .pinned = true});
  for (std::uint64_t number = 1; number < 4; ++number) fixture.put(number, 10 * kKiB);
  const SlotIndex slot = store.rows().find(id_of(0));
  const SlotFields fields = store.rows().fields(slot);
  const Held where{slot, fields.offset, fields.data_size, fields.metadata_size, fields.type_tag};
  std::uint64_t grant = 0;
  CHECK(kill_everywhere(fixture, clients, {}, [&] {
          GetWaits(store).add_take({taker.id(), 1}, id_of(0), 0, kNever, fixture.now, [](const auto&) {});
          grant = store.usage().grant(taker.id(), {slot});
        }) > 1);
  CHECK_FALSE(fixture.exists(0));
  {
    // Its server dies before the taker has its reference: nobody has the object, and nothing is left of it.
    const auto next = recovered(store, image_of(store), clients, fixture.now);
    CHECK(next->recovery().retired == 1);  // until the first sweep
    CHECK(next->recovery().sealed == 3);
    CHECK(next->stats(fixture.now).used_bytes == 30 * kKiB);
    CHECK(next->stats(fixture.now).pinned_bytes == 0);
    CHECK(taker.holder().hold_granted({where, 0}).verdict == Holder::Verdict::held);  // in the first server's memory
  }
  REQUIRE_FALSE(taker.holder().take_up_grants(grant));
  {
    const auto next = recovered(store, image_of(store), clients, fixture.now);
    CHECK(next->recovery().retired == 1);
    use_up(*next, {{where.offset, 10 * kKiB}}, fixture.now);
  }
  taker.release(where);
  CHECK(store.stats(fixture.now).used_bytes == 30 * kKiB);
}

TEST_CASE("a store is killed at every point of every use of a lease") {
  StoreFixture fixture(kSmall);
  Store& store = fixture.store;
  const std::vector<ClientId> clients = {fixture.writer};
  const ObjectId id = id_of(100);
  std::vector<Lease> leases;
  const auto kill = [&](const std::function<void()>& operation) {
    CHECK(kill_everywhere(fixture, clients, leases, operation) > 1);
  };
  for (std::uint64_t number = 0; number < 6; ++number) fixture.put(number, 10 * kKiB);
  kill([&] { REQUIRE(store.leases().lease(fixture.writer, id, 8 * kKiB, fixture.now)); });  // evicts
  const SlotIndex lease = store.leases().find(fixture.writer, id).value();
  const std::uint64_t offset = store.rows().fields(lease).offset;
  const auto put = [&](const NewObject& object) {
    // What it has said is written may be anybody's; what is left of the lease is its client's, whatever happens.
    const std::uint64_t taken = Arena::taken_by(total_size(object));
    leases = {{offset, store.leases().bytes(lease).size() - taken}};
    kill([&] { static_cast<void>(store.leases().put(fixture.writer, lease, object, ++fixture.now)); });
  };
  put({.id = id_of(10), .data_size = kKiB});
  put({.id = id_of(10), .data_size = kKiB});  // is there
  put({.id = id_of(11), .data_size = 0, .pinned = true, .lifetimes = {milliseconds(9), {}}});
  while (store.leases().bytes(lease).size() > 4 * kKiB)
    REQUIRE(store.leases().put(fixture.writer, lease, {.id = ObjectId::random(), .data_size = 64}, ++fixture.now));
  put({.id = id_of(12), .data_size = 3 * kKiB, .type_name = "text", .label = std::string_view("label")});
  put({.id = id_of(13), .data_size = store.leases().bytes(lease).size()});  // the last
  CHECK(outcome(store.leases().find(fixture.writer, id)) == "not_found");
  CHECK(store.rows().find(id_of(13)) == lease);
  leases.clear();
  REQUIRE(store.leases().lease(fixture.writer, id, 8 * kKiB, fixture.now));
  kill([&] { REQUIRE(store.abort(fixture.writer, id)); });
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

TEST_CASE("a store that dies in its own recovery is recovered all the same") {
  StoreFixture fixture(kSmall);
  TestClient reader = fixture.client();
  for (std::uint64_t number = 0; number < 6; ++number) fixture.put(number, 10 * kKiB);
  reader.get(id_of(0), fixture.now);  // and keeps it
  const std::vector<ClientId> clients = {fixture.writer, reader.id()};
  const std::vector<Image> images = images_during(fixture.store, [&] {
    REQUIRE(fixture.store.remove(id_of(0), fixture.now).value());
    REQUIRE(fixture.create(10, 15 * kKiB));
    REQUIRE(fixture.store.seal(fixture.writer, id_of(10), ++fixture.now));
  });
  for (const Image& image : images) {
    const auto first = recovered(fixture.store, image, clients, fixture.now);
    const auto objects = objects_of(*first, fixture.now);
    const auto second = recovered(*first, image_of(*first), clients, fixture.now);
    second->check_invariants();
    CHECK(objects_of(*second, fixture.now) == objects);
    CHECK(second->recovery().undone + second->recovery().finished + second->recovery().damaged == 0);
  }
}

TEST_CASE("random histories, killed at every point") {
  const auto seed = GENERATE(range(1U, 9U));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t n) { return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(random); };
  StoreFixture fixture(
      {.capacity = 64 * kKiB, .max_objects = 32, .eviction_policy = static_cast<EvictionPolicy>(seed % 3)});
  TestClient reader = fixture.client();
  const std::vector<ClientId> clients = {fixture.writer, reader.id()};
  std::vector<Held> held;
  std::map<std::uint64_t, Placement> writing;
  Store& store = fixture.store;
  for (int step = 0; step < 60; ++step) {
    CAPTURE(step);
    const std::uint64_t number = below(24);
    const ObjectId id = id_of(number);
    std::vector<Lease> leases;
    for (const Held& each : held) leases.push_back({each.offset, each.data_size});
    for (const auto& [which, placed] : writing) leases.push_back({placed.offset, 64});
    ++fixture.now;
    switch (below(7)) {
      case 0:
      case 1:
        kill_everywhere(fixture, clients, leases, [&] {
          const auto placed = store.create_object(fixture.writer,
                                                  {.id = id,
                                                   .data_size = below(12 * 1024),
                                                   .pinned = below(8) == 0,
                                                   .lifetimes = {{}, milliseconds(below(2))}},
                                                  fixture.now);
          if (!placed) return;
          store.writing().lend(placed->slot);
          writing.emplace(number, *placed);
        });
        break;
      case 2:
        if (writing.empty()) break;
        kill_everywhere(fixture, clients, {}, [&] {
          REQUIRE(store.seal(fixture.writer, id_of(writing.begin()->first), fixture.now));
          writing.erase(writing.begin());
        });
        break;
      case 3:
        kill_everywhere(fixture, clients, leases, [&] { static_cast<void>(store.remove(id, fixture.now)); });
        break;
      case 4:
        if (reader.sees(id)) held.push_back(reader.get(id, fixture.now));
        break;
      case 5:
        if (held.empty()) break;
        reader.release(held.back());
        held.pop_back();
        break;
      case 6:
        kill_everywhere(fixture, clients, leases,
                        [&] { static_cast<void>(store.room().evict(1 + below(9000), fixture.now)); });
        break;
    }
  }
  for (const Held& each : held) reader.release(each);
}
