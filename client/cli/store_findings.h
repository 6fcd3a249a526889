#pragma once
// The doctor's findings from a daemon's own report: whether there is room, why a create was refused, which clients use
// the store, and which clients are stuck. Pure functions of the report.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string_view>

#include "client/cli/finding.h"
#include "client/cli/stats_report.h"

namespace dolium::cli {

/// The state of a client's process.
enum class ProcessState : std::uint8_t {
  alive,
  stopped,  ///< by a signal or a debugger
  gone,
  unknown,  ///< it is in a PID namespace that is not visible here
};
using ProcessStates = std::map<std::int32_t, ProcessState>;

/// Reads /proc below `root`. All states are unknown if the daemon's PID namespace is another one.
[[nodiscard]] ProcessStates read_process_states(const StatsReport& report, const std::filesystem::path& root = "/");
/// Whether the daemon's pids are valid in this process and in /proc below `root`, according to the kernel. Only then
/// may they be used to send signals.
[[nodiscard]] bool shares_pid_namespace(const StoreStats& stats, const std::filesystem::path& root = "/");

/// Findings about the server, and whether its version is `own_version`, that of this command.
[[nodiscard]] Findings daemon_findings(const StatsReport& report, std::string_view own_version);
/// Refusals that the operator knows already: all up to this time, to the second.
struct KnownRefusals {
  std::chrono::system_clock::time_point until{};
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
};

[[nodiscard]] Findings room_findings(const StatsReport& report, const KnownRefusals& known = {});
/// The last refused create: when, why, whether the same create would still fail, and what helps. It is a problem for
/// ten minutes at most, and is reported for a day.
[[nodiscard]] Finding refusal_finding(const StoreStats& stats, const KnownRefusals& known = {});
/// The spill tier's; none if the store has no tier.
[[nodiscard]] Findings tier_findings(const StatsReport& report, const ProcessStates& processes);
/// Of all clients but doliumd-spill, for which tier_findings() speaks.
[[nodiscard]] Findings client_findings(const StatsReport& report, const ProcessStates& processes);

}  // namespace dolium::cli
