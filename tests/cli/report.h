#pragma once
// Sample reports of a daemon, for tests of code that evaluates them.

#include <cstdint>

#include "client/cli/stats_report.h"

namespace dolium::cli {

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// A store of 100 MiB, half full, of objects that nobody uses.
[[nodiscard]] inline StatsReport half_full() {
  StatsReport report;
  report.stats.capacity = 100 * kMiB;
  report.stats.used_bytes = 50 * kMiB;
  report.stats.free_bytes = 50 * kMiB;
  report.stats.largest_free_extent = 50 * kMiB;
  report.stats.evictable_bytes = 50 * kMiB;
  return report;
}

}  // namespace dolium::cli
