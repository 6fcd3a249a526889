#pragma once
// The bin (free list) for a free extent of a given size.
//
// Two levels, as in TLSF: a row for each power of two, which is split evenly into kBinsPerRow bins. Sizes below
// kBinsPerRow units share row 0, with one bin each. Up to twice kBinsPerRow units (8 KiB), all extents of a bin have
// the same size. Above, the sizes in a bin differ by less than 1/kBinsPerRow.

#include <bit>
#include <cstdint>

namespace dolium::shm {

inline constexpr std::uint32_t kBinsPerRowLog2 = 6;
inline constexpr std::uint32_t kBinsPerRow = 1U << kBinsPerRowLog2;
inline constexpr std::uint32_t kMaxUnitsLog2 = 32;
inline constexpr std::uint32_t kBinRows = kMaxUnitsLog2 - kBinsPerRowLog2 + 2;
inline constexpr std::uint32_t kBins = kBinRows * kBinsPerRow;
static_assert(kBinsPerRow == 64, "a row's bitmap is one 64-bit word");
static_assert(kBinRows < 32, "the bitmap of rows is one 32-bit word, and is shifted by row + 1");

/// The bin for a size of 1 to 2^kMaxUnitsLog2 units. Monotonic: a larger extent is never in a lower bin.
[[nodiscard]] constexpr std::uint32_t bin_of(std::uint64_t units) noexcept {
  if (units < kBinsPerRow) return static_cast<std::uint32_t>(units);
  const auto log2 = static_cast<std::uint32_t>(std::bit_width(units)) - 1;
  const auto within_row = static_cast<std::uint32_t>(units >> (log2 - kBinsPerRowLog2)) & (kBinsPerRow - 1);
  return (log2 - kBinsPerRowLog2 + 1) * kBinsPerRow + within_row;
}

static_assert(bin_of(kBinsPerRow - 1) + 1 == bin_of(kBinsPerRow));
static_assert(bin_of(2 * kBinsPerRow - 1) + 1 == bin_of(2 * kBinsPerRow));
static_assert(bin_of(std::uint64_t{1} << kMaxUnitsLog2) < kBins);

}  // namespace dolium::shm
