#pragma once
// Shares: the capacity of a store, divided by use, and the texts for it.

#include <cstddef>
#include <cstdint>
#include <string>

#include <dolium/stats.h>

namespace dolium::cli {

/// Shares that add up to the capacity. (The store's own numbers overlap.)
struct Shares {
  std::uint64_t in_use = 0;       ///< sealed, held by a client, not pinned
  std::uint64_t pinned = 0;       ///< held or not
  std::uint64_t graced = 0;       ///< kept by a grace alone
  std::uint64_t writing = 0;      ///< created, not sealed
  std::uint64_t retired = 0;      ///< removed, but still held
  std::uint64_t quarantined = 0;  ///< its writer has ended, but I/O of that writer may still be running
  std::uint64_t dirty = 0;        ///< unused, but not on disk yet
  std::uint64_t evictable = 0;    ///< unused, without a write to disk
  std::uint64_t free = 0;
};
[[nodiscard]] Shares shares_of(const StoreStats& stats) noexcept;

/// "[####PPww====......]" with `width` characters between the brackets. A share that is not zero has at least one.
[[nodiscard]] std::string bar(const Shares& shares, std::size_t width);
/// "93 %"; "100 %" only if no byte is free.
[[nodiscard]] std::string fullness(const StoreStats& stats);
/// "99.3 %", or "-" before the first get.
[[nodiscard]] std::string hit_ratio(std::uint64_t hits, std::uint64_t gets);

}  // namespace dolium::cli
