// A machine, or a cgroup, without memory for the rest of the capacity. The store works with the part that is reserved:
// it evicts there, and refuses a create only if there is no room either.

#include <catch2/catch.hpp>

#include "tests/shm/short_host.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;
using Catch::Contains;

namespace {

constexpr std::uint64_t kMuchMore = 64 * kMiB;

/// Eight objects of 1 MiB in a store that has reserved just these 8 MiB. Then the machine has no memory left.
struct Short : StoreFixture {
  explicit Short(StoreConfig config = {.capacity = kMuchMore}) : Short(std::make_unique<ShortHost>("900000"), config) {
    fill(8, kMiB);
    REQUIRE(stats().reserved_bytes == 8 * kMiB);
    set_available(0);
  }
  /// Beyond what a store leaves free.
  void set_available(std::uint64_t bytes) const {
    host->add("proc/meminfo", "MemTotal: 8000000 kB\nSwapFree: 0 kB\nMemAvailable: " +
                                  std::to_string((kMemoryLeftFree + bytes) / 1024) + " kB\n");
  }
  [[nodiscard]] StoreStats stats() { return store.stats(now); }
  void pin_all(std::uint64_t count) {
    for (std::uint64_t number = 0; number < count; ++number) REQUIRE(store.pin(writer, id_of(number), now));
  }

  std::unique_ptr<ShortHost> host;

 private:
  Short(std::unique_ptr<ShortHost> machine, const StoreConfig& config)
      : StoreFixture(config, machine->query()), host(std::move(machine)) {}
};

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("short memory: a create evicts within the reserved part") {
  Short shop;
  REQUIRE(shop.put(8, kMiB) != kNoSlot);
  CHECK(shop.present(9) == Numbers{1, 2, 3, 4, 5, 6, 7, 8});
  REQUIRE(shop.put(9, 2 * kMiB) != kNoSlot);
  CHECK(shop.present(10) == Numbers{3, 4, 5, 6, 7, 8, 9});
  const StoreStats stats = shop.stats();
  CHECK(stats.reserved_bytes == 8 * kMiB);
  CHECK(stats.eviction_count == 3);
  CHECK(stats.out_of_memory_count == 0);
  CHECK(stats.used_bytes == 8 * kMiB);
  CHECK(stats.free_bytes == kMuchMore - 8 * kMiB);  // as ever: the rest of the capacity
  CHECK(stats.largest_free_extent == kMuchMore - 8 * kMiB);
}

TEST_CASE("short memory: free bytes of the reserved part are used before anything is evicted") {
  Short shop;
  REQUIRE(shop.store.remove(id_of(3), shop.now).value());
  REQUIRE(shop.put(8, kMiB) != kNoSlot);
  CHECK(shop.stats().eviction_count == 0);
}

TEST_CASE("short memory: a create is refused for want of memory when the reserved part has no room either") {
  Short shop;
  shop.pin_all(8);
  const Result<Placement> refused = shop.create(8, kMiB);
  REQUIRE(outcome(refused) == "out_of_memory");
  CHECK(refused.error().cause == RefusalCause::memory);
  CHECK_THAT(refused.error().message,
             Contains("the arena cannot grow beyond 8 MiB") && Contains("machine, or this cgroup, has only") &&
                 Contains("no room for 1 MiB in one piece: 8 MiB of 8 MiB are taken (8 MiB pinned"));
}

TEST_CASE("short memory: an object larger than the reserved part costs no other object") {
  Short shop;
  const Result<Placement> refused = shop.create(8, 9 * kMiB);
  REQUIRE(outcome(refused) == "out_of_memory");
  CHECK(refused.error().cause == RefusalCause::memory);
  CHECK(shop.present(8) == Numbers{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("short memory: no object is evicted for a window that reaches beyond the reserved part") {
  Short shop({.capacity = 9 * kMiB});
  TestClient reader = shop.client();
  for (std::uint64_t number = 0; number < 7; ++number) reader.touch(id_of(number), ++shop.now);
  // The coldest is the last one. With the free MiB behind it, it would be a window.
  REQUIRE(shop.put(8, 2 * kMiB) != kNoSlot);
  const StoreStats stats = shop.stats();
  CHECK(stats.eviction_count == 2);
  CHECK(stats.total_size == 8 * kMiB);
}

TEST_CASE("short memory: a smaller object may still get memory") {
  Short shop;
  shop.set_available(2 * kMiB);
  REQUIRE(shop.put(8, 4 * kMiB) != kNoSlot);
  CHECK(shop.stats().eviction_count == 4);
  REQUIRE(shop.put(9, kMiB) != kNoSlot);
  CHECK(shop.stats().eviction_count == 4);
  CHECK(shop.stats().reserved_bytes == 9 * kMiB);
}

TEST_CASE("short memory: the arena grows again when there is memory, after a while or before a refusal") {
  Short shop;
  REQUIRE(shop.put(8, kMiB) != kNoSlot);
  shop.set_available(100 * kMiB);
  REQUIRE(shop.put(9, kMiB) != kNoSlot);  // not tried again so soon
  CHECK(shop.stats().eviction_count == 2);
  shop.now += Room::kGrowthRest;
  REQUIRE(shop.put(10, kMiB) != kNoSlot);
  CHECK(shop.stats().eviction_count == 2);
  CHECK(shop.stats().reserved_bytes == 12 * kMiB);

  shop.set_available(0);
  for (std::uint64_t number = 11; number < 14; ++number) REQUIRE(shop.put(number, kMiB) != kNoSlot);
  CHECK(shop.stats().eviction_count == 2);
  REQUIRE(shop.put(14, kMiB) != kNoSlot);
  CHECK(shop.stats().eviction_count == 3);
  for (std::uint64_t number = 3; number < 15; ++number) REQUIRE(shop.store.pin(shop.writer, id_of(number), shop.now));
  shop.set_available(100 * kMiB);
  CHECK(outcome(shop.create(15, kMiB)) == "ok");
  CHECK(shop.stats().eviction_count == 3);
}

TEST_CASE("short memory: the low-water mark is a share of the reserved part") {
  Short shop({.capacity = kMuchMore, .low_water_mark = 0.25});
  REQUIRE(shop.put(8, kMiB) != kNoSlot);
  CHECK(shop.present(9) == Numbers{3, 4, 5, 6, 7, 8});  // 2 of 8 MiB are free
}

TEST_CASE("short memory: a lease is taken within the reserved part") {
  Short shop;
  const ObjectId id = ObjectId::from_name("lease");
  REQUIRE(outcome(shop.store.leases().lease(shop.writer, id, kMiB, shop.now)) == "ok");
  CHECK(shop.stats().eviction_count == 1);
  CHECK(shop.stats().reserved_bytes == 8 * kMiB);
}

TEST_CASE("short memory: where the index cannot grow, an evicted object gives its row") {
  constexpr std::uint64_t kRows = ObjectIndex::kReserveStep / sizeof(Slot);
  const ShortHost enough("900000");
  StoreFixture shop({.capacity = kMuchMore, .max_objects = 4 * kRows}, enough.query());
  shop.fill(kRows, 64);
  enough.add("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 8192 kB\nSwapFree: 0 kB\n");
  REQUIRE(shop.put(kRows, 64) != kNoSlot);
  CHECK_FALSE(shop.exists(0));
  CHECK(shop.store.stats(shop.now).eviction_count == 1);

  for (std::uint64_t number = 1; number <= kRows; ++number)
    REQUIRE(shop.store.pin(shop.writer, id_of(number), shop.now));
  const Result<Placement> refused = shop.create(kRows + 1, 64);
  REQUIRE(outcome(refused) == "out_of_memory");
  CHECK(refused.error().cause == RefusalCause::memory);
  CHECK_THAT(refused.error().message, Contains("the table of objects cannot grow beyond 4096 rows"));
  enough.add("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 900000 kB\nSwapFree: 0 kB\n");
  CHECK(outcome(shop.create(kRows + 1, 64)) == "ok");
}
