#pragma once
// StatsReport: the answer to the operator's question, "how full, why, and which clients hold it", as text and as JSON.

#include <cstdint>
#include <string>
#include <vector>

#include <dolium/metadata.h>
#include <dolium/stats.h>

#include "client/cli/json_text.h"

namespace dolium::cli {

/// The store does not say who pinned an object; who made it is the best answer there is.
struct PinnedBy {
  std::int32_t creator_pid = 0;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

struct StatsReport {
  std::string socket;
  StoreStats stats;
  std::vector<ClientInfo> clients;  ///< without the one that asks
  std::vector<PinnedBy> pinned_by;  ///< most bytes first
};

/// One sentence that explains the state.
[[nodiscard]] std::string explain(const StatsReport& report);
[[nodiscard]] std::string text(const StatsReport& report);
[[nodiscard]] Json to_json(const StatsReport& report);

}  // namespace dolium::cli
