#pragma once
// Shares: the capacity of a store, divided by use, and the texts for it.

#include <cstddef>
#include <cstdint>
#include <string>

#include <dolium/stats.h>

namespace dolium::cli {

/// The capacity in shares that add up to it, where the store's own figures overlap.
struct Shares {
  std::uint64_t in_use = 0;       ///< sealed and held by somebody, not pinned
  std::uint64_t pinned = 0;       ///< held or not
  std::uint64_t writing = 0;      ///< created, not sealed
  std::uint64_t retired = 0;      ///< removed, but still held
  std::uint64_t quarantined = 0;  ///< its writer is gone, but I/O of that writer may be under way
  std::uint64_t evictable = 0;
  std::uint64_t free = 0;
};
[[nodiscard]] Shares shares_of(const StoreStats& stats) noexcept;

/// "[####PPww====......]", `width` characters between the brackets; a share that is not zero has one at least.
[[nodiscard]] std::string bar(const Shares& shares, std::size_t width);
/// "93 %"; "100 %" only when not a byte is free.
[[nodiscard]] std::string fullness(const StoreStats& stats);
/// "99.3 %", or "-" before the first get.
[[nodiscard]] std::string hit_ratio(std::uint64_t hits, std::uint64_t gets);

}  // namespace dolium::cli
