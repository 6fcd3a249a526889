// A store is killed at every store instruction of everything that it does, and another goes on with its memory.

#include <map>
#include <random>

#include "tests/shm/recovery_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;
using std::chrono::milliseconds;

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

TEST_CASE("a store is killed at every point of every operation") {
  const EvictionPolicy policy = GENERATE(EvictionPolicy::lru, EvictionPolicy::lfu, EvictionPolicy::adaptive);
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
  kill([&] { REQUIRE(store.extend_grace(fixture.writer, id_of(1), {.duration = milliseconds(9)}, fixture.now)); });
  kill([&] { REQUIRE(store.extend_grace(reader.id(), id_of(1), {.duration = milliseconds(20)}, fixture.now)); });
  kill([&] { store.expire(fixture.now += 20 * 1'000'000); });  // it is over
  kill([&] {
    // Evicts two neighbours.
    REQUIRE(store.create_object(fixture.writer,
                                {.id = id_of(10),
                                 .data_size = 18 * kKiB,
                                 .pinned = true,
                                 .lifetimes = {milliseconds(9), {}},
                                 .grace = {.duration = milliseconds(9)}},
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
  put({.id = id_of(11),
       .data_size = 0,
       .pinned = true,
       .lifetimes = {milliseconds(9), {}},
       .grace = {.duration = milliseconds(9)}});
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
  StoreFixture fixture({.capacity = 64 * kKiB,
                        .max_objects = 32,
                        .eviction_policy = static_cast<EvictionPolicy>(seed % kEvictionPolicyNames.size())});
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
                                                   .lifetimes = {{}, milliseconds(below(2))},
                                                   .grace = {.duration = milliseconds(below(2))}},
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
