// Room that is there must not be refused: idle leases are taken back, pinned objects that no client uses are moved out
// of the way, and what really stands in the way is named.

#include <catch2/catch.hpp>
#include <cstring>

#include "shm/store/create_waits.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;
using Catch::Contains;

namespace {

constexpr std::uint64_t kRefusedCapacity = 16 * kMiB;
constexpr std::uint64_t kFifth = kRefusedCapacity / 5;
constexpr std::uint64_t kLeaseBytes = 64 * 1024;

ObjectId lease_id(std::size_t number) {
  return ObjectId::from_name("lease " + std::to_string(number));
}

/// A store that walls cut into pieces of less than a fifth, some of them by eight clients' leases.
struct Cut : StoreFixture {
  explicit Cut(const StoreConfig& config = {.capacity = kRefusedCapacity}) : StoreFixture(config) {}

  /// Eight walls with as much between any two of them: `put(n)` makes the next one, of `size` bytes.
  template <class Put>
  void at_equal_distances(std::uint64_t size, Put&& put) {
    const std::uint64_t between = kRefusedCapacity / 8 - size;
    for (std::uint64_t n = 0; n < 8; ++n) {
      this->put(100 + n, between);
      put(n);
    }
  }
  void lease_to(TestClient& client, std::size_t number) {
    client.table().lease_word(3).set_idle(kLeaseBytes / kUnitBytes);
    slots.push_back(store.leases().lease(client.id(), lease_id(number), kLeaseBytes, now, 3).value().slot);
  }
  void eight_leases() {
    at_equal_distances(kLeaseBytes, [&](std::uint64_t n) {
      clients.push_back(client());
      lease_to(clients.back(), n);
    });
  }
  [[nodiscard]] Obstacles obstacles() { return store.stats(now).obstacles; }

  std::vector<TestClient> clients;
  std::vector<SlotIndex> slots;
};

}  // namespace

// ---- leases ----

TEST_CASE("room that is there is refused: leases of eight idle clients are taken back") {
  Cut store;
  store.eight_leases();
  store.now += LeaseRecall::kIdle;
  REQUIRE(outcome(store.create(1, kFifth)) == "ok");
  for (TestClient& client : store.clients) CHECK_FALSE(client.table().lease_word(3).claim(kLeaseBytes / kUnitBytes));
  const StoreStats stats = store.store.stats(store.now);
  CHECK(stats.unsealed_count == 1);
  CHECK(stats.unsealed_bytes == Arena::taken_by(kFifth));
  CHECK(outcome(store.store.leases().find(store.clients[0].id(), lease_id(0))) == "not_found");
}

TEST_CASE("room that is there is refused: a lease is taken back between two puts, but not again and again") {
  Cut store;
  store.eight_leases();
  REQUIRE(outcome(store.create(1, kFifth)) == "ok");  // at once: it would be refused
  REQUIRE(store.store.abort(store.writer, id_of(1)).has_value());
  for (std::uint64_t n = 0; n < 8; ++n) static_cast<void>(store.store.remove(id_of(100 + n), store.now));
  store.slots.clear();
  store.eight_leases();
  CHECK(outcome(store.create(2, kFifth)) == "out_of_memory");
  CHECK(outcome(store.store.leases().find(store.clients.back().id(), lease_id(7))) == "ok");
  store.now += LeaseRecall::kIdle;
  CHECK(outcome(store.create(2, kFifth)) == "ok");
}

TEST_CASE("room that is there is refused: idle leases make way for another lease, those in use do not") {
  Cut store;
  constexpr std::size_t kMost = kRefusedCapacity / Leases::kShare / kLeaseBytes;
  for (std::size_t n = 0; n < kMost; ++n) {
    store.clients.push_back(store.client());
    store.lease_to(store.clients.back(), n);
  }
  const auto ask = [&] {
    return outcome(store.store.leases().lease(store.writer, lease_id(99), kLeaseBytes, store.now));
  };
  CHECK(ask() == "out_of_memory");  // a client that puts keeps its lease
  store.now += LeaseRecall::kIdle;
  REQUIRE(store.clients[0].table().lease_word(3).claim(kLeaseBytes / kUnitBytes));
  CHECK(ask() == "ok");
  CHECK(outcome(store.store.leases().find(store.clients[0].id(), lease_id(0))) == "ok");
  CHECK_FALSE(store.clients[1].table().lease_word(3).claim(kLeaseBytes / kUnitBytes));
  CHECK(store.store.stats(store.now).unsealed_bytes == 2 * kLeaseBytes);
}

TEST_CASE("room that is there is refused: a lease in use stays, and is named") {
  Cut store;
  store.eight_leases();
  store.now += LeaseRecall::kIdle;
  for (TestClient& client : store.clients) REQUIRE(client.table().lease_word(3).claim(kLeaseBytes / kUnitBytes));
  const Result<Placement> refused = store.create(1, kFifth);
  REQUIRE(outcome(refused) == "out_of_memory");
  CHECK(refused.error().cause == RefusalCause::room);
  CHECK_THAT(refused.error().message, Contains("512 KiB in leases that clients do not give back"));
  CHECK(store.obstacles().leased_bytes == 8 * kLeaseBytes);
  CHECK(store.obstacles().count == 8);
  for (TestClient& client : store.clients) client.table().lease_word(3).set_idle(kLeaseBytes / kUnitBytes);
  CHECK(store.obstacles().count == 0);
  CHECK(outcome(store.create(1, kFifth)) == "ok");
}

TEST_CASE("room that is there is refused: the last row is an idle lease's") {
  Cut store({.capacity = kRefusedCapacity, .max_objects = 4});
  for (std::uint64_t n = 0; n < 3; ++n) store.put({.id = id_of(n), .data_size = 10, .pinned = true});
  TestClient client = store.client();
  store.lease_to(client, 0);
  CHECK(outcome(store.create(10, 10)) == "ok");
  CHECK(outcome(store.create(11, 10)) == "out_of_memory");
}

TEST_CASE("a client that lies about its lease loses no more than the lease") {
  Cut store({.capacity = kRefusedCapacity, .max_objects = 4});
  for (std::uint64_t n = 0; n < 3; ++n) store.put({.id = id_of(n), .data_size = 10, .pinned = true});
  TestClient client = store.client();
  store.lease_to(client, 0);  // and says that it is idle, while it puts
  CHECK(outcome(store.store.leases().put(client.id(), store.slots[0], {.id = id_of(10), .data_size = 10}, store.now)) ==
        "out_of_memory");
  CHECK(store.store.leases().bytes(store.slots[0]).size() == kLeaseBytes - kUnitBytes);
}

TEST_CASE("a lease is not taken back while puts into it are under way") {
  Cut store;
  TestClient client = store.client();
  store.lease_to(client, 0);
  store.put(100, kRefusedCapacity - 2 * kLeaseBytes);
  // The client has cut two units off it, and the daemon has not heard of that.
  client.table().lease_word(3).set_idle(kLeaseBytes / kUnitBytes - 2);
  store.now += LeaseRecall::kIdle;
  CHECK(outcome(store.create(1, kRefusedCapacity)) == "out_of_memory");
  std::memset(store.store.rows().bytes(store.slots[0]).data(), 1, kLeaseBytes);
  REQUIRE(
      store.store.leases().put(client.id(), store.slots[0], {.id = id_of(2), .data_size = 2 * kUnitBytes}, store.now));
  store.now += LeaseRecall::kIdle;
  CHECK(outcome(store.create(1, kRefusedCapacity)) == "ok");
  CHECK_FALSE(client.table().lease_word(3).claim(kLeaseBytes / kUnitBytes - 2));
}

TEST_CASE("a lease without a word, and one of another's word, stay with their clients") {
  Cut store;
  TestClient client = store.client();
  REQUIRE(store.store.leases().lease(client.id(), lease_id(0), kLeaseBytes, store.now));
  store.now += LeaseRecall::kIdle;
  CHECK(outcome(store.create(1, kRefusedCapacity)) == "out_of_memory");
  CHECK(store.obstacles().leased_bytes == kLeaseBytes);
}

TEST_CASE("a lease that an earlier server gave is taken back, too") {
  Cut before;
  TestClient client = before.client();
  before.lease_to(client, 0);
  std::vector<UniqueFd> memory;
  for (const Segment* segment : before.store.rows().segments()) memory.push_back(segment->duplicate().value());
  std::vector<SurvivingClient> survivors;
  survivors.push_back({client.id(),
                       {.pid = 77, .uid = 1000},
                       before.now,
                       before.store.clients().pin_table_segment(client.id()).duplicate().value()});
  survivors.push_back({before.writer,
                       {.pid = 77, .uid = 1000},
                       before.now,
                       before.store.clients().pin_table_segment(before.writer).duplicate().value()});
  before.owned.reset();
  const auto store =
      Store::recover({.capacity = kRefusedCapacity}, std::move(memory), std::move(survivors), before.now).value();
  REQUIRE(store->stats(before.now).unsealed_bytes == kLeaseBytes);
  CHECK(store->stats(before.now).obstacles.count == 0);
  CHECK(outcome(store->create_object(before.writer, {.id = id_of(1), .data_size = kRefusedCapacity}, before.now)) ==
        "ok");
  CHECK_FALSE(client.table().lease_word(3).claim(kLeaseBytes / kUnitBytes));
  store->check_invariants();
}

// ---- pinned objects ----

TEST_CASE("room that is there is refused: sixteen pinned objects that no client uses are moved aside") {
  Cut store;
  for (std::uint64_t n = 0; n < 16; ++n) {
    store.put(100 + n, kRefusedCapacity / 16 - 1024);
    store.put({.id = id_of(n), .data_size = 1000, .pinned = true});
  }
  const bool evicting = GENERATE(true, false);  // or nothing else is there
  if (!evicting)
    for (std::uint64_t n = 0; n < 16; ++n) REQUIRE(store.store.remove(id_of(100 + n), store.now).value());
  CHECK(store.obstacles().count == 0);
  CHECK(store.obstacles().movable_bytes == 16 * 1024);
  CHECK(store.obstacles().largest_run == kRefusedCapacity - 16 * 1024);
  CHECK(outcome(store.create(1000, kFifth)) == "ok");
  CHECK(outcome(store.create(1001, kFifth)) == "ok");
  CHECK(outcome(store.create(1002, 2 * kFifth)) == "ok");
  for (std::uint64_t n = 0; n < 16; ++n)
    CHECK(store.store.report().metadata(id_of(n), {store.now, {}}).value().is_pinned);
  CHECK(store.store.stats(store.now).relocation_count > 0);
  CHECK(store.store.stats(store.now).pinned_bytes == 16 * 1024);
}

TEST_CASE("a pinned object that is moved keeps its bytes, and a client that holds it keeps it in its place") {
  Cut store;
  TestClient reader = store.client();
  store.put(100, kRefusedCapacity / 2);
  const Placement placed =
      store.store.create_object(store.writer, {.id = id_of(1), .data_size = 1000, .pinned = true}, store.now).value();
  std::memset(store.store.rows().bytes(placed.slot).data(), 0x5a, 1000);
  REQUIRE(store.store.seal(store.writer, id_of(1), ++store.now).has_value());
  const Held held = reader.hold(id_of(1));
  const Result<Placement> refused = store.create(2, kRefusedCapacity - 4096);
  REQUIRE(outcome(refused) == "out_of_memory");
  CHECK_THAT(refused.error().message, Contains("1 KiB in use by clients cuts the arena") &&
                                          Contains("at most 8 MiB would be contiguous") && Contains("(pid 77)"));
  CHECK(store.obstacles().held_bytes == 1024);
  CHECK(store.obstacles().largest_run == kRefusedCapacity / 2);
  reader.release(held);
  REQUIRE(outcome(store.create(2, kRefusedCapacity - 4096)) == "ok");
  const Held moved = reader.hold(id_of(1));
  CHECK(moved.offset != held.offset);
  CHECK(std::ranges::all_of(reader.bytes(moved), [](std::byte byte) { return byte == std::byte{0x5a}; }));
}

TEST_CASE("a pinned object too large to be moved is a wall, and so are all where relocation is off") {
  const bool relocation = GENERATE(true, false);
  StoreConfig config{.capacity = 64 * kMiB};
  config.relocation = relocation;
  StoreFixture store(config);
  const std::uint64_t size = relocation ? SealedObjects::kMostMovedAside + 1 : 1000;
  store.put(100, 20 * kMiB);
  store.put({.id = id_of(1), .data_size = size, .pinned = true});
  const Result<Placement> refused = store.create(2, 63 * kMiB - size);
  REQUIRE(outcome(refused) == "out_of_memory");
  CHECK_THAT(refused.error().message, Contains("pinned and cannot be moved"));
  CHECK(store.store.stats(store.now).obstacles.pinned_bytes == Arena::taken_by(size));
}

// ---- what a refusal says ----

TEST_CASE("causes: each refusal says what refused it, as an enum") {
  StoreFixture store({.capacity = kMiB,
                      .max_objects = 1024,
                      .max_unsealed_bytes_per_client = kMiB / 4,
                      .max_pinned_bytes_per_user = kMiB / 4});
  const auto cause = [&](const NewObject& object) {
    const Result<Placement> refused = store.store.create_object(store.writer, object, store.now);
    REQUIRE_FALSE(refused.has_value());
    store.store.room().note_refusal(store.writer, object, refused.error(), store.now);
    CHECK(store.store.stats(store.now).last_refusal->cause == refused.error().cause);
    return refused.error().cause;
  };
  CHECK(cause({.id = id_of(1), .data_size = kMiB + 1}) == RefusalCause::capacity);
  CHECK(cause({.id = id_of(1), .data_size = kMiB / 4 + 1}) == RefusalCause::writing);
  CHECK(cause({.id = id_of(1), .data_size = 0, .metadata_size = static_cast<std::uint32_t>(kMaxMetadata + 1)}) ==
        RefusalCause::description);
  REQUIRE(store.create(2, kMiB / 4).has_value());
  CHECK(cause({.id = id_of(1), .data_size = 1}) == RefusalCause::writing);
  REQUIRE(store.store.seal(store.writer, id_of(2), store.now).has_value());
  store.put({.id = id_of(3), .data_size = kMiB / 4, .pinned = true});
  CHECK(cause({.id = id_of(1), .data_size = 1, .pinned = true}) == RefusalCause::pins);
  CHECK(store.store.create_object(store.writer, {.id = id_of(2), .data_size = 1}, store.now).error().cause ==
        RefusalCause::none);
}

TEST_CASE("causes: a create that waited in vain says what it waited for") {
  StoreFixture store({.capacity = kMiB});
  CreateWaits waits(store.store);
  store.put({.id = id_of(0), .data_size = kMiB, .pinned = true});
  Error told{Errc::not_found, {}};
  waits.add({store.writer, 1}, {.id = id_of(1), .data_size = 10}, store.now + kSecond, store.now,
            [&](const Result<Placement>& placed) { told = placed.error(); });
  store.now += kSecond;
  waits.tick(store.now);
  CHECK(told.code == Errc::timed_out);
  CHECK(told.cause == RefusalCause::room);
  CHECK_THAT(told.message, Contains("The last try was refused: no room for 64 B in one piece"));
  CHECK(store.store.stats(store.now).last_refusal->cause == RefusalCause::room);
}

TEST_CASE("causes: no row for one more object") {
  StoreFixture store({.capacity = kMiB, .max_objects = 4});
  for (std::uint64_t n = 0; n < 4; ++n) store.put({.id = id_of(n), .data_size = 10, .pinned = true});
  CHECK(store.create(10, 10).error().cause == RefusalCause::objects);
}
