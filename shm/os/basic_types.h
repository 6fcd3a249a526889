#pragma once
// The few words that every part of shm/ shares.

#include <cstdint>

namespace dolium::shm {

/// A row of the index, and with it of the ledger and of every pin table.
using SlotIndex = std::uint32_t;
inline constexpr SlotIndex kNoSlot = 0xffffffff;

/// CLOCK_MONOTONIC in nanoseconds, always passed in: nothing in the state machines reads a clock.
using TimeNs = std::uint64_t;
inline constexpr TimeNs kNever = UINT64_MAX;

/// The arena's grain. Extents start and end on it, so every object is aligned for any SIMD load and never
/// shares a cache line with another.
inline constexpr std::uint64_t kUnitBytes = 64;
inline constexpr std::uint64_t kPageBytes = 4096;
inline constexpr std::uint64_t kHugePageBytes = std::uint64_t{2} << 20;

[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t grain) noexcept {
  return (value + grain - 1) / grain * grain;
}

}  // namespace dolium::shm
