// Leases, told to the store directly: what is cut off them, and what becomes of the rest.

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

const ObjectId kLease = ObjectId::from_name("a lease");

/// A lease, and its client's side of it.
struct Leased : StoreFixture {
  explicit Leased(std::uint64_t bytes, const StoreConfig& config = {.capacity = kMiB}) : StoreFixture(config) {
    const Placement placed = store.leases().lease(writer, kLease, bytes, now).value();
    slot = placed.slot;
    memory = store.rows().bytes(slot);
  }
  /// Writes the object's bytes, all alike, and its type's name where the client would, and tells of it.
  Result<SlotIndex> put(NewObject object, std::byte content) {
    const std::span<std::byte> piece = memory.last(Arena::taken_by(total_size(object)));
    memory = memory.first(memory.size() - piece.size());
    std::ranges::fill(piece.first(object.data_size + object.metadata_size), content);
    if (!object.type_name.empty())
      std::memcpy(piece.data() + object.data_size + object.metadata_size, object.type_name.data(),
                  object.type_name.size());
    if (!object.label.empty())
      std::memcpy(piece.data() + total_size(object) - object.label.size(), object.label.data(), object.label.size());
    return store.leases().put(writer, slot, object, ++now);
  }
  Result<SlotIndex> put(std::uint64_t number, std::uint64_t size) {
    return put({.id = id_of(number), .data_size = size}, static_cast<std::byte>(number));
  }
  [[nodiscard]] std::uint64_t left() const { return store.leases().bytes(slot).size(); }

  SlotIndex slot = kNoSlot;
  std::span<std::byte> memory;  // what is left of it
};

}  // namespace

TEST_CASE("objects are cut off a lease's end, and lie where they were written") {
  Leased lease(4096);
  TestClient reader = lease.client();
  REQUIRE(lease.put(
      {.id = id_of(1), .data_size = 100, .metadata_size = 20, .type_tag = 9, .type_name = "name", .label = "lbl"},
      std::byte{1}));
  REQUIRE(lease.put(2, 0));
  REQUIRE(lease.put(3, 1000));
  CHECK(lease.left() == 4096 - 128 - 64 - 1024);
  const Held first = reader.hold(id_of(1));
  CHECK(first.offset == lease.store.rows().fields(lease.slot).offset + 4096 - 128);
  CHECK(first.data_size == 100);
  CHECK(first.metadata_size == 20);
  CHECK(first.type_tag == 9);
  CHECK(all(reader.bytes(first), 1));
  CHECK(all(reader.bytes(reader.hold(id_of(3))), 3));
  CHECK(lease.store.report().metadata(id_of(1), {lease.now, {}}).value().type_name == "name");
  CHECK(lease.store.report().metadata(id_of(1), {lease.now, {}}).value().label == "lbl");
  CHECK(lease.store.report().metadata(id_of(1), {lease.now, {}}).value().creator_pid == 77);
  const StoreStats stats = lease.store.stats(lease.now);
  CHECK(stats.total_objects == 3);
  CHECK(stats.put_count == 3);
  CHECK(stats.unsealed_count == 1);
  CHECK(stats.unsealed_bytes == lease.left());
  CHECK(stats.used_bytes == 4096);
}

TEST_CASE("the last object takes the lease's place") {
  Leased lease(1024);
  TestClient reader = lease.client();
  REQUIRE(lease.put(1, 512));
  const SlotIndex rest = lease.put({.id = id_of(2), .data_size = 512, .pinned = true}, std::byte{2}).value();
  CHECK(rest == lease.slot);
  CHECK(all(reader.bytes(reader.hold(id_of(2))), 2));
  CHECK(outcome(lease.store.leases().find(lease.writer, kLease)) == "not_found");
  CHECK(lease.store.report().metadata(id_of(2), {lease.now, {}}).value().is_pinned);
  const StoreStats stats = lease.store.stats(lease.now);
  CHECK(stats.unsealed_count == 0);
  CHECK(stats.used_bytes == 1024);
  CHECK(stats.aborted_count == 0);
}

TEST_CASE("a put that fails takes its bytes off the lease all the same, and they are free") {
  Leased lease(1024);
  REQUIRE(lease.put(1, 256));
  CHECK(outcome(lease.put(1, 256)) == "already_exists");
  CHECK(lease.left() == 512);
  CHECK(lease.store.stats(lease.now).used_bytes == 768);
  CHECK(outcome(lease.put(1, 512)) == "already_exists");  // all that is left
  CHECK(outcome(lease.store.leases().find(lease.writer, kLease)) == "not_found");
  CHECK(lease.store.stats(lease.now).used_bytes == 256);
  CHECK(lease.store.stats(lease.now).unsealed_count == 0);
}

TEST_CASE("what is left of a lease comes back: when it is given back, and when its client is gone") {
  const bool dies = GENERATE(true, false);
  Leased lease(4096);
  REQUIRE(lease.put(1, 100));
  const std::uint64_t offset = lease.store.rows().fields(lease.slot).offset;
  if (dies)
    lease.store.detach(lease.writer, lease.now);
  else
    REQUIRE(lease.store.abort(lease.writer, kLease, offset));
  const StoreStats stats = lease.store.stats(lease.now);
  CHECK(stats.used_bytes - stats.quarantined_bytes == 128);
  CHECK(stats.quarantined_bytes == (dies ? 4096 - 128 : 0));  // shares its page with the object
  CHECK(stats.unsealed_count == 0);
  CHECK(stats.aborted_count == 0);  // nobody has given up an object
  CHECK(lease.exists(1));
}

TEST_CASE("a lease is its client's, is no object, and says in a list what it is") {
  Leased lease(4096);
  const ClientId other = lease.attach();
  CHECK(outcome(lease.store.leases().find(other, kLease)) == "not_found");
  REQUIRE(lease.create(5, 100));
  CHECK(outcome(lease.store.leases().find(lease.writer, id_of(5))) == "not_found");
  CHECK(lease.store.rows().find(kLease) == kNoSlot);
  CHECK(lease.store.report().metadata(kLease, {lease.now, {}}).value().type_name == "dolium::lease");
  CHECK(lease.store.report().client_info(lease.writer, lease.now).unsealed_bytes == 4096 + 128);
}

TEST_CASE("a lease is not evicted, nor moved, and what is cut off it is like any other object") {
  Leased lease(32 * 1024, {.capacity = 256 * 1024, .max_objects = 64});
  for (std::uint64_t number = 0; number < 4; ++number) REQUIRE(lease.put(number, 4096));
  for (std::uint64_t number = 100; number < 150; ++number)
    lease.StoreFixture::put(number, 16 * 1024);  // evicts them all
  CHECK(lease.left() == 16 * 1024);
  CHECK_FALSE(lease.exists(0));
  for (std::uint64_t number = 200; number < 203; ++number) REQUIRE(lease.put(number, 4096));
  CHECK(lease.store.room().evict(kMiB, lease.now) > 0);
  CHECK(lease.left() == 4096);
  CHECK(lease.store.stats(lease.now).used_bytes == 4096);
}

TEST_CASE("where there is no slot for an object of a lease, one is evicted for it") {
  Leased lease(4096, {.capacity = kMiB, .max_objects = 4});
  for (std::uint64_t number = 0; number < 6; ++number) REQUIRE(lease.put(number, 64));
  CHECK(lease.present(6) == std::vector<std::uint64_t>{3, 4, 5});
  for (std::uint64_t number = 3; number < 6; ++number) REQUIRE(lease.store.pin(lease.writer, id_of(number), lease.now));
  CHECK(outcome(lease.put(6, 64)) == "out_of_memory");
  CHECK(lease.left() == 4096 - 7 * 64);
}

TEST_CASE("all leases together take an eighth of the arena, and what is cut off them counts no more") {
  StoreFixture fixture({.capacity = kMiB});
  const ClientId other = fixture.attach();
  REQUIRE(fixture.store.leases().lease(fixture.writer, kLease, 64 * 1024, fixture.now));
  const SlotIndex second = fixture.store.leases().lease(other, id_of(1), 64 * 1024, fixture.now).value().slot;
  CHECK(outcome(fixture.store.leases().lease(other, id_of(2), 4096, fixture.now)) == "out_of_memory");
  REQUIRE(fixture.store.leases().put(other, second, {.id = id_of(3), .data_size = 4096}, ++fixture.now));
  CHECK(outcome(fixture.store.leases().lease(other, id_of(2), 4096, fixture.now)) == "ok");
  CHECK(fixture.store.clients().unsealed_bytes(other) == 0);  // nothing that it will soon have written
  fixture.store.detach(other, fixture.now);
  CHECK(outcome(fixture.store.leases().lease(fixture.writer, id_of(4), 64 * 1024, fixture.now)) == "ok");
}

TEST_CASE("a lease is refused where it would cost objects that are still warm, and nothing goes for that") {
  StoreFixture fixture({.capacity = kMiB});
  TestClient reader = fixture.client();
  fixture.fill(1024, 1024);
  for (std::uint64_t number = 0; number < 1024; number += 8) reader.get(id_of(number), fixture.now);
  constexpr std::uint64_t kFour = 4096;
  for (int times = 0; times < 1000; ++times)
    REQUIRE(outcome(fixture.store.leases().lease(fixture.writer, kLease, 4 * kFour, fixture.now)) == "out_of_memory");
  CHECK(fixture.present(1024).size() == 1024);
  // Not each time: it rests, and has to find out what was touched.
  bool given = false;
  for (int times = 0; times < 1000 && !given; ++times)
    given = fixture.store.leases().lease(fixture.writer, kLease, kFour, fixture.now).has_value();
  CHECK(given);
  for (std::uint64_t number = 0; number < 1024; number += 8) CHECK(fixture.exists(number));
  CHECK(fixture.present(1024).size() == 1024 - 4);
}

TEST_CASE("a lease leaves its client half of what it may write") {
  StoreFixture fixture({.capacity = kMiB, .max_unsealed_bytes_per_client = 8192});
  CHECK(outcome(fixture.store.leases().lease(fixture.writer, kLease, 8192, fixture.now)) == "out_of_memory");
  REQUIRE(fixture.store.leases().lease(fixture.writer, kLease, 4096, fixture.now));
  CHECK(outcome(fixture.store.leases().lease(fixture.writer, id_of(1), 64, fixture.now)) == "out_of_memory");
  REQUIRE(fixture.create(2, 4096));
  // What it is writing is counted once.
  const SlotIndex lease = fixture.store.leases().find(fixture.writer, kLease).value();
  REQUIRE(fixture.store.leases().put(fixture.writer, lease, {.id = id_of(3), .data_size = 4032}, ++fixture.now));
  CHECK(fixture.store.report().client_info(fixture.writer, fixture.now).unsealed_bytes == 4096 + 64);
}
