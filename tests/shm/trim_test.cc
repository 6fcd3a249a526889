// Free memory is given back to the system, and taken again when it is needed.

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/shm/recovery_fixture.h"
#include "tests/shm/short_host.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint64_t kTrimCapacity = 32 * kMiB;

/// What the kernel has allocated for the arena.
std::uint64_t allocated(const Store& store) {
  struct stat status {};
  REQUIRE(::fstat(store.rows().memory.segment().fd().get(), &status) == 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

/// 24 objects of 1 MiB, of which every second one is removed again.
struct Trimmed : StoreFixture {
  explicit Trimmed(const HostQuery& host = {}) : StoreFixture({.capacity = kTrimCapacity, .prefault = false}, host) {
    fill(24, kMiB);
    std::memset(store.rows().memory.bytes(0, 24 * kMiB).data(), 1, 24 * kMiB);
    for (std::uint64_t number = 0; number < 24; number += 2) REQUIRE(store.remove(id_of(number), now));
  }
  std::uint64_t trim() {
    std::uint64_t bytes = 0;
    for (bool more = true; more;) {
      const auto piece = store.room().trim_piece().value();
      CHECK(piece.bytes <= Room::kMostTrimmed);
      bytes += piece.bytes;
      more = piece.more;
    }
    return bytes;
  }
};

}  // namespace

TEST_CASE("trim gives the whole free pages back, and no others") {
  Trimmed fixture;
  REQUIRE(allocated(fixture.store) == 24 * kMiB);
  CHECK(fixture.store.stats(fixture.now).reserved_bytes == 24 * kMiB);
  CHECK(fixture.trim() == 12 * kMiB);
  CHECK(allocated(fixture.store) == 12 * kMiB);
  CHECK(fixture.store.stats(fixture.now).reserved_bytes == 12 * kMiB);
  CHECK(fixture.store.stats(fixture.now).free_bytes == kTrimCapacity - 12 * kMiB);
  CHECK(fixture.trim() == 0);
  TestClient reader = fixture.client();
  for (std::uint64_t number = 1; number < 24; number += 2) CHECK(reader.sees(id_of(number)));
}

TEST_CASE("memory that was given back is reserved again before an object is there") {
  Trimmed fixture;
  REQUIRE(fixture.trim() == 12 * kMiB);
  for (std::uint64_t number = 100; number < 112; ++number) {
    const Placement placed = fixture.create(number, kMiB).value();
    CHECK_FALSE(fixture.store.rows().memory.is_in_hole(placed.offset, placed.offset + kMiB));
  }
  CHECK(allocated(fixture.store) >= 24 * kMiB);
  CHECK(fixture.store.stats(fixture.now).reserved_bytes == allocated(fixture.store));
}

TEST_CASE("leases and objects that are being written keep their memory") {
  StoreFixture fixture({.capacity = kTrimCapacity, .prefault = false});
  const Placement written = fixture.create(1, kMiB).value();
  std::memset(fixture.store.rows().memory.bytes(written.offset, kMiB).data(), 7, kMiB);
  const auto lease = fixture.store.leases().lease(fixture.writer, id_of(2), kMiB, fixture.now);
  REQUIRE(lease);
  const std::uint64_t before = allocated(fixture.store);
  CHECK(fixture.store.room().trim_piece().value().bytes == 0);
  CHECK(allocated(fixture.store) == before);
  CHECK(fixture.store.rows().memory.bytes(written.offset, kMiB).back() == std::byte{7});
}

TEST_CASE("a store that has reserved its memory for good gives none back") {
  StoreFixture fixture({.capacity = kMiB, .preallocate = true});
  CHECK(outcome(fixture.store.room().trim_piece()) == "invalid_argument");
  CHECK(allocated(fixture.store) == kMiB);
}

TEST_CASE("without memory for what was given back a create is refused, and later it is not") {
  const ShortHost host("90000000");
  Trimmed fixture(host.query());
  REQUIRE(fixture.trim() == 12 * kMiB);
  host.add("proc/meminfo", "MemTotal: 8000000 kB\nSwapFree: 0 kB\nMemAvailable: 1 kB\n");
  const auto refused = fixture.create(100, kMiB);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::out_of_memory);
  CHECK(refused.error().cause == RefusalCause::memory);
  fixture.store.check_invariants();
  host.add("proc/meminfo", "MemTotal: 8000000 kB\nSwapFree: 0 kB\nMemAvailable: 90000000 kB\n");
  fixture.now += kSecond;
  CHECK(outcome(fixture.create(100, kMiB)) == "ok");
}

TEST_CASE("another server knows what was given back") {
  Trimmed fixture;
  REQUIRE(fixture.trim() == 12 * kMiB);
  std::vector<UniqueFd> memory;
  for (const Segment* segment : fixture.store.rows().segments()) memory.push_back(segment->duplicate().value());
  fixture.owned.reset();
  const auto next =
      Store::recover({.capacity = kTrimCapacity, .prefault = false}, std::move(memory), {}, fixture.now).value();
  CHECK(next->stats(fixture.now).reserved_bytes == 12 * kMiB);
  const ClientId writer = next->attach({.pid = 5, .uid = 5}, fixture.now).value();
  const Placement placed = next->create_object(writer, {.id = id_of(200), .data_size = kMiB}, fixture.now).value();
  CHECK_FALSE(next->rows().memory.is_in_hole(placed.offset, placed.offset + kMiB));
  CHECK(next->stats(fixture.now).reserved_bytes == allocated(*next));
  next->check_invariants();
}

TEST_CASE("a server that is killed while it trims loses no object") {
  StoreFixture fixture(kSmall);
  fixture.fill(4, 8 * kKiB);
  REQUIRE(fixture.store.remove(id_of(2), fixture.now));
  CHECK(kill_everywhere(fixture, {fixture.writer}, {},
                        [&] { REQUIRE(fixture.store.room().trim_piece().value().bytes == 8 * kKiB); }) > 0);
}
