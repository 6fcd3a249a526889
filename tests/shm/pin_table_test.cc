#include "shm/table/pin_table.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using namespace dolium::shm;

namespace {

constexpr std::uint32_t kPinSlots = 1000;
constexpr std::uint32_t kPerPage = PinTableGeometry::kEntriesPerPage;

/// One table as both sides have it mapped.
struct PinTableFixture {
  PinTableFixture()
      : segment(Segment::create("pins", PinTableGeometry::for_slots(kPinSlots).total_bytes).value()),
        client(segment.map(Mapping::Mode::read_write).value(), kPinSlots),
        daemon(segment.map(Mapping::Mode::read_write).value(), kPinSlots) {}

  Segment segment;
  PinTable client;
  PinTable daemon;
};

std::vector<SlotIndex> touched(const PinTable& table, std::uint32_t limit) {
  std::vector<SlotIndex> slots;
  table.for_each_touched(0, limit, [&](SlotIndex slot) { slots.push_back(slot); });
  return slots;
}

}  // namespace

TEST_CASE("the pin table's geometry has an entry for every slot and a bit for every page") {
  for (const std::uint32_t slots : {1U, 255U, 256U, 257U, 64U * 256U + 1U, 1U << 30}) {
    CAPTURE(slots);
    const PinTableGeometry geometry = PinTableGeometry::for_slots(slots);
    CHECK(std::uint64_t{geometry.page_count} * kPerPage >= slots);
    CHECK(geometry.map_at >= sizeof(PinTableHeader));
    CHECK(geometry.settled_at >= geometry.map_at + (geometry.page_count + 7) / 8);
    CHECK(geometry.entries_at >= geometry.settled_at + (geometry.page_count + 7) / 8);
    CHECK(geometry.entries_at % kPageBytes == 0);
    CHECK(geometry.total_bytes >= geometry.entries_at + std::uint64_t{slots} * sizeof(PinEntry));
  }
}

TEST_CASE("the daemon sees a client's references, and the client knows its last") {
  PinTableFixture fixture;
  fixture.client.add_reference(7);
  fixture.client.add_reference(7);
  fixture.client.copy_reference(7);
  fixture.client.add_reference(999);
  CHECK(fixture.daemon.references(7) == 3);
  CHECK(fixture.daemon.references(8) == 0);
  CHECK(fixture.daemon.references(999) == 1);
  CHECK_FALSE(fixture.client.drop_reference(7));
  CHECK_FALSE(fixture.client.drop_reference(7));
  CHECK(fixture.client.drop_reference(7));
  CHECK(fixture.daemon.references(7) == 0);
  CHECK(fixture.client.drop_reference(999));
}

TEST_CASE("pages that were never referenced are neither looked at nor counted") {
  PinTableFixture fixture;
  CHECK(touched(fixture.daemon, kPinSlots).empty());
  const std::uint64_t empty = fixture.daemon.bookkeeping_bytes();
  fixture.client.add_reference(kPerPage + 3);
  CHECK(fixture.daemon.touched(kPerPage));
  CHECK_FALSE(fixture.daemon.touched(0));
  CHECK_FALSE(fixture.daemon.touched(2 * kPerPage));
  CHECK(fixture.daemon.bookkeeping_bytes() == empty + kPageBytes);
  const std::vector<SlotIndex> slots = touched(fixture.daemon, kPinSlots);
  CHECK(slots.size() == kPerPage);
  CHECK(slots.front() == kPerPage);
  CHECK(slots.back() == 2 * kPerPage - 1);
  CHECK(touched(fixture.daemon, kPerPage + 5).size() == 5);
  CHECK(touched(fixture.daemon, kPerPage).empty());
}

TEST_CASE("looking at a table that nobody touched allocates none of its entries") {
  const PinTableFixture fixture;
  const auto blocks = [&] {
    struct stat status {};
    REQUIRE(::fstat(fixture.segment.fd().get(), &status) == 0);
    return status.st_blocks;
  };
  static_cast<void>(fixture.daemon.granted_through());
  static_cast<void>(fixture.daemon.references(0));
  const auto before = blocks();
  for (SlotIndex slot = 0; slot < kPinSlots; ++slot) {
    CHECK(fixture.daemon.references(slot) == 0);
    CHECK(fixture.daemon.hits(slot) == 0);
    CHECK(fixture.daemon.last_access(slot) == 0);
  }
  CHECK(blocks() == before);
}

TEST_CASE("hits leave their time and their count, misses their count") {
  PinTableFixture fixture;
  fixture.client.add_reference(3);
  fixture.client.record_hit(3, 500);
  fixture.client.record_hit(3, 600);
  fixture.client.record_miss();
  CHECK(fixture.daemon.hits(3) == 2);
  CHECK(fixture.daemon.last_access(3) == 600);
  CHECK(fixture.daemon.access_counts().hits == 2);
  CHECK(fixture.daemon.access_counts().misses == 1);
  CHECK(fixture.daemon.hits(4) == 0);
  CHECK(fixture.daemon.last_access(4) == 0);
}

TEST_CASE("a page that was settled is untouched until the next reference, and still tells of accesses") {
  PinTableFixture fixture;
  fixture.client.add_reference(kPerPage + 3);
  fixture.client.record_hit(kPerPage + 3, 500);
  CHECK(fixture.client.drop_reference(kPerPage + 3));
  const std::uint64_t bytes = fixture.daemon.bookkeeping_bytes();
  std::vector<SlotIndex> visited;
  TimeNs latest = 0;
  CHECK(fixture.daemon.settle(1, nullptr, [&](SlotIndex slot, PinEntry& entry) {
    visited.push_back(slot);
    latest = std::max(latest, entry.last_access.load());
  }));
  CHECK(visited.size() == kPerPage);
  CHECK(visited.front() == kPerPage);
  CHECK(latest == 500);
  CHECK_FALSE(fixture.daemon.touched(kPerPage));
  CHECK(touched(fixture.daemon, kPinSlots).empty());
  CHECK(fixture.daemon.has_page(kPerPage));
  CHECK_FALSE(fixture.daemon.has_page(0));
  CHECK(fixture.daemon.last_access(kPerPage + 3) == 500);
  CHECK(fixture.daemon.hits(kPerPage + 3) == 1);
  CHECK(fixture.daemon.bookkeeping_bytes() == bytes);
  fixture.client.add_reference(kPerPage + 4);
  CHECK(fixture.daemon.touched(kPerPage));
  CHECK(fixture.daemon.references(kPerPage + 4) == 1);
}

TEST_CASE("a page with a reference is not settled, and the last page ends with the slots") {
  PinTableFixture fixture;
  constexpr SlotIndex kLast = kPinSlots - 1;
  fixture.client.add_reference(kLast);
  std::size_t visits = 0;
  const auto count = [&](SlotIndex, PinEntry&) { ++visits; };
  CHECK_FALSE(fixture.daemon.settle(kLast / kPerPage, nullptr, count));
  CHECK(visits == kPinSlots % kPerPage);
  CHECK(fixture.daemon.references(kLast) == 1);
  CHECK(fixture.client.drop_reference(kLast));
  CHECK(fixture.daemon.settle(kLast / kPerPage, nullptr, count));
  CHECK_FALSE(fixture.daemon.touched(kLast));
}

TEST_CASE("references are found by the successor of a daemon that died while it settled their page") {
  PinTableFixture fixture;
  fixture.client.add_reference(7);
  std::uint32_t during = 1, after = 0;
  CHECK_FALSE(fixture.daemon.settle(0, nullptr, [&](SlotIndex slot, PinEntry&) {
    if (slot != 7) return;
    during = fixture.client.references(7);
    fixture.client.unsettle(kPinSlots);  // the other mapping of the same memory
    after = fixture.client.references(7);
  }));
  CHECK(during == 0);
  CHECK(after == 1);
}

TEST_CASE("threads that get while their page is settled over and over lose no reference") {
  PinTableFixture fixture;
  constexpr std::uint32_t kRounds = 20'000;
  std::atomic<bool> stop = false;
  std::thread client([&] {
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      fixture.client.add_reference(round % kPerPage);
      static_cast<void>(fixture.client.drop_reference(round % kPerPage));
    }
    fixture.client.add_reference(5);
    stop = true;
  });
  while (!stop) static_cast<void>(fixture.daemon.settle(0, nullptr, [](SlotIndex, PinEntry&) {}));
  client.join();
  CHECK_FALSE(fixture.daemon.settle(0, nullptr, [](SlotIndex, PinEntry&) {}));
  CHECK(fixture.daemon.references(5) == 1);
  for (SlotIndex slot = 0; slot < kPerPage; ++slot) CHECK(fixture.daemon.references(slot) == (slot == 5 ? 1U : 0U));
}

TEST_CASE("granted_through reaches the daemon") {
  PinTableFixture fixture;
  CHECK(fixture.daemon.granted_through() == 0);
  fixture.client.set_granted_through(42);
  CHECK(fixture.daemon.granted_through() == 42);
}

TEST_CASE("threads that share a table lose no reference and no count") {
  PinTableFixture fixture;
  constexpr std::uint32_t kThreads = 10;  // more than there are stripes
  constexpr std::uint32_t kRounds = 1000;
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (std::uint32_t round = 0; round < kRounds; ++round) {
        fixture.client.add_reference(round % kPinSlots);
        fixture.client.record_hit(round % kPinSlots, round);
        fixture.client.record_miss();
        if (round % 2 == 0) static_cast<void>(fixture.client.drop_reference(round % kPinSlots));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(fixture.daemon.access_counts().hits == kThreads * kRounds);
  CHECK(fixture.daemon.access_counts().misses == kThreads * kRounds);
  for (SlotIndex slot = 0; slot < kPinSlots; ++slot) REQUIRE(fixture.daemon.references(slot) == slot % 2 * kThreads);
}
