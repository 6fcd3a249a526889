// The arena's bytes: reserved in steps before they are used, prepared ahead of use on request, never beyond the end.

#include "shm/arena/arena_memory.h"

#include <catch2/catch.hpp>

#include "shm/os/basic_types.h"
#include "tests/shm/short_host.h"
#include "tests/shm/test_values.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

StoreConfig config_of(std::uint64_t capacity, bool preallocate, bool prefault) {
  StoreConfig config;
  config.capacity = capacity;
  config.preallocate = preallocate;
  config.prefault = prefault;
  return config;
}

/// How many stretches there were.
std::uint64_t warm_all(ArenaMemory& memory) {
  std::uint64_t stretches = 0;
  for (; const auto next = memory.next_to_warm(); ++stretches) memory.warmed(*next, memory.warm(*next));
  return stretches;
}

}  // namespace

TEST_CASE("memory is reserved by steps as it is used, and kept") {
  ArenaMemory memory = ArenaMemory::create(config_of(10 * kMiB, false, false)).value();
  CHECK(memory.reserved_bytes() == 0);
  REQUIRE(memory.reserve_to(1));
  CHECK(memory.reserved_bytes() == ArenaMemory::kReserveStep);
  REQUIRE(memory.reserve_to(10));
  CHECK(memory.reserved_bytes() == ArenaMemory::kReserveStep);
  REQUIRE(memory.reserve_to(5 * kMiB));
  CHECK(memory.reserved_bytes() == 2 * ArenaMemory::kReserveStep);
  REQUIRE(memory.reserve_to(10 * kMiB));  // the last step ends with the arena
  CHECK(memory.reserved_bytes() == 10 * kMiB);
  memory.bytes(10 * kMiB - 1, 1).front() = std::byte{7};
  CHECK_FALSE(memory.next_to_warm());
}

TEST_CASE("preallocate reserves everything at once") {
  CHECK(ArenaMemory::create(config_of(6 * kMiB, true, false)).value().reserved_bytes() == 6 * kMiB);
}

TEST_CASE("with prefault memory is made warm ahead of what was used, and no further") {
  const std::uint64_t capacity = ArenaMemory::kWarmAhead + 20 * kMiB;
  ArenaMemory memory = ArenaMemory::create(config_of(capacity, false, true)).value();
  CHECK(warm_all(memory) == ArenaMemory::kWarmAhead / kHugePageBytes);
  CHECK(memory.reserved_bytes() == ArenaMemory::kWarmAhead);
  REQUIRE(memory.reserve_to(10 * kMiB));
  CHECK(warm_all(memory) == 10 * kMiB / kHugePageBytes);
  CHECK(memory.reserved_bytes() == ArenaMemory::kWarmAhead + 10 * kMiB);
  REQUIRE(memory.reserve_to(capacity));
  CHECK(warm_all(memory) == 0);
  CHECK(memory.reserved_bytes() == capacity);
}

TEST_CASE("an arena that is no multiple of 2 MiB is warmed to its end") {
  ArenaMemory memory = ArenaMemory::create(config_of(3 * kMiB, false, true)).value();
  CHECK(warm_all(memory) == 2);
  CHECK(memory.reserved_bytes() == 3 * kMiB);
}

TEST_CASE("what was handed out before it could be warmed is left alone; what was only reserved is not") {
  ArenaMemory memory = ArenaMemory::create(config_of(8 * kMiB, true, true)).value();
  REQUIRE(memory.reserve_to(3 * kMiB));
  CHECK(memory.next_to_warm().value().begin == 4 * kMiB);
  CHECK(warm_all(memory) == 2);
}

TEST_CASE("warming changes no byte, even where the stretch was handed out meanwhile") {
  ArenaMemory memory = ArenaMemory::create(config_of(8 * kMiB, false, true)).value();
  const ArenaMemory::Stretch next = memory.next_to_warm().value();
  REQUIRE(memory.reserve_to(kHugePageBytes));
  for (std::uint64_t at = 0; at < kHugePageBytes; at += kPageBytes)
    memory.bytes(at, 1).front() = std::byte(at / kPageBytes);
  memory.warmed(next, memory.warm(next));
  for (std::uint64_t at = 0; at < kHugePageBytes; at += kPageBytes)
    CHECK(memory.bytes(at, 1).front() == std::byte(at / kPageBytes));
}

TEST_CASE("where memory is short, nothing is taken ahead of use any more") {
  ArenaMemory memory = ArenaMemory::create(config_of(8 * kMiB, false, true)).value();
  const ArenaMemory::Stretch next = memory.next_to_warm().value();
  memory.warmed(next, {Error{Errc::out_of_memory, "none left"}, {}});
  CHECK_FALSE(memory.next_to_warm());
  CHECK(memory.reserved_bytes() == 0);
}

TEST_CASE("memory limits: the arena does not grow where the machine or the cgroup has no room for it") {
  const ShortHost machine("10240");  // 2 MiB beyond what is left free
  ArenaMemory memory = ArenaMemory::create(config_of(32 * kMiB, false, true), machine.query()).value();
  const Result<void> refused = memory.reserve_to(3 * kMiB);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::out_of_memory);
  CHECK(refused.error().cause == RefusalCause::memory);
  CHECK(memory.reserved_bytes() == 0);
  // Less than a step is what there is room for.
  REQUIRE(memory.reserve_to(2 * kMiB));
  CHECK(memory.reserved_bytes() == 2 * kMiB);

  machine.add("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 8000000 kB\nSwapFree: 16 kB\n");
  machine.add("proc/self/cgroup", "0::/here\n");
  machine.add("sys/fs/cgroup/here/memory.max", "20971520\n");
  machine.add("sys/fs/cgroup/here/memory.current", "16777216\n");
  machine.add("sys/fs/cgroup/here/memory.stat", "inactive_file 0\n");
  machine.add("sys/fs/cgroup/here/memory.swap.max", "0\n");
  CHECK(memory.reserve_to(2 * kMiB + 1).error().cause == RefusalCause::memory);
  // Nor is memory made warm ahead of use.
  const ArenaMemory::Stretch next = memory.next_to_warm().value();
  const ArenaMemory::Warmth warmth = memory.warm(next);
  REQUIRE_FALSE(warmth.reserved.has_value());
  memory.warmed(next, warmth);
  CHECK_FALSE(memory.next_to_warm());
  machine.add("sys/fs/cgroup/here/memory.stat", "inactive_file 8388608\n");  // the kernel drops that first
  CHECK(memory.reserve_to(2 * kMiB + 1).has_value());
}
