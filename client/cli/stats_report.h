#pragma once
// StatsReport: how full the store is, why, and which clients use it, as text and as JSON.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <dolium/metadata.h>
#include <dolium/stats.h>

#include "client/cli/json_text.h"

namespace dolium::cli {

/// Pinned objects by creator. (The store does not report which client pinned an object.)
struct PinnedBy {
  std::int32_t creator_pid = 0;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

/// The graces that keep objects at the moment.
struct GraceShare {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::chrono::milliseconds first_end{0}, last_end{0};  ///< time until the first, and the last, ends by time
};

struct StatsReport {
  std::string socket;
  StoreStats stats;
  std::vector<ClientInfo> clients;  ///< without this command
  std::vector<PinnedBy> pinned_by;  ///< sorted, most bytes first
  GraceShare graces = {};
};

/// One sentence that explains the state.
[[nodiscard]] std::string explain(const StatsReport& report);
[[nodiscard]] std::string text(const StatsReport& report);
[[nodiscard]] Json to_json(const StatsReport& report);

}  // namespace dolium::cli
