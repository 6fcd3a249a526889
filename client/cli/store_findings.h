#pragma once
// What the doctor makes of what a daemon says of itself: is there room, what was refused and why, who keeps it, which
// clients are stuck. Pure: what was learned goes in.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string_view>

#include "client/cli/finding.h"
#include "client/cli/stats_report.h"

namespace dolium::cli {

/// What has become of a client's process.
enum class ProcessState : std::uint8_t {
  alive,
  stopped,  ///< by a signal or a debugger
  gone,
  unknown,  ///< it is in a pid namespace that we do not see
};
using ProcessStates = std::map<std::int32_t, ProcessState>;

/// Reads /proc below `root`. Unless the daemon's PID namespace is ours, all states are unknown.
[[nodiscard]] ProcessStates read_process_states(const StatsReport& report, const std::filesystem::path& root = "/");
/// Whether the numbers that the daemon gives of processes mean the same processes here, and in /proc below `root`. As
/// the kernel says: only where they do, may a number be signalled.
[[nodiscard]] bool shares_pid_namespace(const StoreStats& stats, const std::filesystem::path& root = "/");

/// Who serves, and whether its version is `own_version`, this command's.
[[nodiscard]] Findings daemon_findings(const StatsReport& report, std::string_view own_version);
/// What the operator knows already: refusals up to a moment, to the second.
struct KnownRefusals {
  std::chrono::system_clock::time_point until{};
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
};

[[nodiscard]] Findings room_findings(const StatsReport& report, const KnownRefusals& known = {});
/// The last create that was refused: how long ago, why, whether it would be refused now, and what helps. It is a
/// problem for ten minutes at most, and told for a day.
[[nodiscard]] Finding refusal_finding(const StoreStats& stats, const KnownRefusals& known = {});
[[nodiscard]] Findings client_findings(const StatsReport& report, const ProcessStates& processes);

}  // namespace dolium::cli
