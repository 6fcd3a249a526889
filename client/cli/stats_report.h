#pragma once
// StatsReport: the answer to the operator's question, "how full, why, and who holds it". Pure: what was learned
// goes in, text comes out.

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
/// What a client says of itself beyond the `pid` of the kernel: "pid 17 on web-1, pod trainer-0"; empty: nothing.
[[nodiscard]] std::string own_words(const ClientOrigin& origin, std::int32_t pid);
/// "?" for a process that the daemon does not see.
[[nodiscard]] inline std::string pid_text(std::int32_t pid) {
  return pid == 0 ? "?" : std::to_string(pid);
}
/// "python3 (pid 123)"; with whatever they call themselves in it, as is what explain() makes of it.
[[nodiscard]] std::string who(const ClientInfo& client);
[[nodiscard]] std::string who(const ClientUse& use);

/// One sentence that explains the state.
[[nodiscard]] std::string explain(const StatsReport& report);
[[nodiscard]] std::string text(const StatsReport& report);
[[nodiscard]] Json to_json(const StatsReport& report);

}  // namespace dolium::cli
