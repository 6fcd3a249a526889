#pragma once
// Basic types and constants of shm/.

#include <cstdint>

namespace dolium::shm {

/// Number of a row in the index. The ledger and every pin table have the same rows.
using SlotIndex = std::uint32_t;
inline constexpr SlotIndex kNoSlot = 0xffffffff;

/// CLOCK_MONOTONIC in nanoseconds. State machines never read a clock: time is an argument.
using TimeNs = std::uint64_t;
inline constexpr TimeNs kNever = UINT64_MAX;

/// Allocation granularity of the arena, one cache line. Extents start and end at a multiple of it: every object is
/// aligned for any SIMD load, and no two objects share a cache line.
inline constexpr std::uint64_t kUnitBytes = 64;
inline constexpr std::uint64_t kPageBytes = 4096;
inline constexpr std::uint64_t kHugePageBytes = std::uint64_t{2} << 20;

[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t grain) noexcept {
  return (value + grain - 1) / grain * grain;
}

}  // namespace dolium::shm
