// The arena's bytes: reserved before they are handed out, by steps, ahead of use when wanted, never beyond the end.

#include "shm/arena_memory.h"

#include <catch2/catch.hpp>

using namespace dolium;
using namespace dolium::shm;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

StoreConfig config_of(std::uint64_t capacity, bool preallocate, bool prefault) {
  StoreConfig config;
  config.capacity = capacity;
  config.preallocate = preallocate;
  config.prefault = prefault;
  return config;
}

}  // namespace

TEST_CASE("memory is reserved by steps as it is used, and kept") {
  ArenaMemory memory = ArenaMemory::create(config_of(10 * kMiB, false, false)).value();
  CHECK(memory.reserved_bytes() == 0);
  REQUIRE(memory.reserve_to(1));
  CHECK(memory.reserved_bytes() == ArenaMemory::kReserveStep);
  REQUIRE(memory.reserve_to(10));
  CHECK(memory.reserved_bytes() == ArenaMemory::kReserveStep);
  REQUIRE(memory.reserve_to(10 * kMiB));  // the last step ends with the arena
  CHECK(memory.reserved_bytes() == 10 * kMiB);
  memory.bytes(10 * kMiB - 1, 1).front() = std::byte{7};
  CHECK_FALSE(memory.reserve_ahead().value());
}

TEST_CASE("preallocate reserves everything at once") {
  CHECK(ArenaMemory::create(config_of(6 * kMiB, true, false)).value().reserved_bytes() == 6 * kMiB);
}

TEST_CASE("with prefault idle moments reserve ahead of what was used, and no further") {
  const std::uint64_t capacity = ArenaMemory::kReserveAhead + 20 * kMiB;
  ArenaMemory memory = ArenaMemory::create(config_of(capacity, false, true)).value();
  while (memory.reserve_ahead().value()) {
  }
  CHECK(memory.reserved_bytes() == ArenaMemory::kReserveAhead);
  REQUIRE(memory.reserve_to(10 * kMiB));
  while (memory.reserve_ahead().value()) {
  }
  CHECK(memory.reserved_bytes() == ArenaMemory::kReserveAhead + 10 * kMiB);
  REQUIRE(memory.reserve_to(capacity));
  CHECK_FALSE(memory.reserve_ahead().value());
  CHECK(memory.reserved_bytes() == capacity);
}
