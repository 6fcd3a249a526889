#include "client/cli/store_findings.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "client/cli/client_names.h"
#include "client/cli/printable.h"
#include "client/cli/time_text.h"
#include "shm/os/proc_file.h"
#include "shm/text/size_text.h"
#include "shm/types/obstacles_text.h"

namespace dolium::cli {
namespace {

constexpr Section kStore{"store"};
constexpr Section kDaemon{"daemon"};

// ---- room ----

Finding room(const StatsReport& report) {
  const StoreStats& stats = report.stats;
  const std::string state = explain(report);
  if (stats.waiting_creates != 0)
    return kStore("room", Finding::Level::problem, state,
                  "Creates wait until a client releases, unpins or removes objects.",
                  "see which clients hold objects (below, and `dolium clients`); unpin or remove objects, end clients "
                  "that keep them, or raise --capacity");
  // What waits for the disk is the spill tier's finding.
  const bool stuck = stats.evictable_bytes + stats.dirty_bytes == 0 && stats.free_bytes < stats.capacity / 10;
  if (stuck)
    return kStore("room", Finding::Level::note, state,
                  "Less than a tenth is free and nothing can be evicted: larger creates fail.",
                  "see which clients hold objects (below, and `dolium clients`), or raise --capacity");
  return kStore("room", Finding::Level::fine, state);
}

void examine_rows(const StoreStats& stats, Findings& out) {
  const std::uint64_t rows = stats.total_objects + stats.unsealed_count + stats.retired_count + stats.quarantined_count;
  if (stats.max_objects == 0 || rows < stats.max_objects) return;
  out.push_back(kStore("objects", Finding::Level::note,
                       fmt::format("there are {} objects, as many as max_objects allows", grouped(rows)),
                       "Each new object must evict another one, however much memory is free.", "raise max_objects"));
}

void examine_pieces(const StoreStats& stats, Findings& out) {
  const bool much = stats.free_bytes > stats.capacity / 20;
  if (!much || stats.largest_free_extent >= stats.free_bytes / 4) return;
  out.push_back(kStore("fragmentation", Finding::Level::note,
                       fmt::format("{} are free, in pieces of at most {}", format_size(stats.free_bytes),
                                   format_size(stats.largest_free_extent)),
                       "A larger object needs the eviction of objects between the pieces.",
                       "if creates fail, unpin or release objects"));
}

/// Obstacles that fragment the arena, even if they are small.
void examine_obstacles(const StoreStats& stats, Findings& out) {
  const Obstacles& obstacles = stats.obstacles;
  if (obstacles.count == 0) return;
  const std::uint64_t stays = std::min(stats.capacity, obstacles.bytes() + obstacles.movable_bytes);
  const bool cut = obstacles.largest_run < (stats.capacity - stays) / 2;
  out.push_back(
      kStore("in the way", cut ? Finding::Level::note : Finding::Level::fine,
             fmt::format("{}, in {}; without all other objects, {} would be contiguous", obstacles_text(obstacles),
                         counted(obstacles.count, "piece"), format_size(obstacles.largest_run)),
             cut ? "A larger object is refused, even if the obstacles are small." : "",
             cut ? "see which clients hold or write them (below, and `dolium clients`)" : ""));
}

void examine_pins(const StatsReport& report, Findings& out) {
  if (report.pinned_by.empty()) return;
  const PinnedBy& most = report.pinned_by.front();
  const auto creator = std::ranges::find(report.clients, most.creator_pid, &ClientInfo::pid);
  const std::string name = most.creator_pid == 0 ? "processes that are not visible in the daemon's PID namespace"
                           : creator == report.clients.end()
                               ? fmt::format("pid {}, which is no longer connected", most.creator_pid)
                               : who(*creator);
  const bool half = report.stats.pinned_bytes > report.stats.capacity / 2;
  out.push_back(kStore(
      "pins", half ? Finding::Level::note : Finding::Level::fine,
      fmt::format("{} in {} are pinned; the largest share, {}, was put by {}", format_size(report.stats.pinned_bytes),
                  counted(report.stats.pinned_count, "object"), format_size(most.bytes), name),
      half ? "More than half of the store cannot be evicted." : "",
      half ? "`dolium list` shows pinned objects; `dolium unpin ID` unpins one" : ""));
}

void examine_graces(const StatsReport& report, Findings& out) {
  const GraceShare& graces = report.graces;
  if (graces.count == 0) return;
  const std::string ends = graces.count == 1
                               ? fmt::format("it ends in {}", format_duration(graces.first_end))
                               : fmt::format("the first ends in {}, the last in {}", format_duration(graces.first_end),
                                             format_duration(graces.last_end));
  const bool half = graces.bytes > report.stats.capacity / 2;
  out.push_back(kStore("graces", half ? Finding::Level::note : Finding::Level::fine,
                       fmt::format("{} in {} are kept for readers by a grace; {}, or when the readers have got the "
                                   "objects",
                                   format_size(graces.bytes), counted(graces.count, "object"), ends),
                       half ? "More than half of the store cannot be evicted until then." : "",
                       half ? "give creates a timeout to wait, or senders shorter graces; `dolium remove` removes an "
                              "object in a grace, too"
                            : ""));
}

}  // namespace

Findings daemon_findings(const StatsReport& report, std::string_view own_version) {
  const StoreStats& stats = report.stats;
  Findings out{kDaemon(
      "server", Finding::Level::fine,
      fmt::format("answers; pid {}{}, its store is {} old, {} besides this command are connected", stats.server_pid,
                  shares_pid_namespace(stats) ? "" : " in another PID namespace than this command",
                  format_duration(stats.uptime), counted(report.clients.size(), "client")))};
  if (stats.server_version == own_version)
    out.push_back(kDaemon("version", Finding::Level::fine, fmt::format("{}, the same as this command", own_version)));
  else
    out.push_back(
        kDaemon("version", Finding::Level::note,
                fmt::format("the daemon has version {}, this command {}",
                            stats.server_version.empty() ? "an older one" : stats.server_version, own_version),
                "They are compatible, but one of them lacks features of the other.",
                "after an installation: `doliumd --replace` (`systemctl reload`) loses no object"));
  out.push_back(kDaemon("eviction", Finding::Level::fine, fmt::format("policy {}", to_string(stats.eviction_policy))));
  return out;
}

Findings room_findings(const StatsReport& report, const KnownRefusals& known) {
  Findings out{room(report)};
  examine_rows(report.stats, out);
  examine_pieces(report.stats, out);
  examine_pins(report, out);
  examine_graces(report, out);
  examine_obstacles(report.stats, out);
  out.push_back(refusal_finding(report.stats, known));
  return out;
}

// ---- processes ----

bool shares_pid_namespace(const StoreStats& stats, const std::filesystem::path& root) {
  struct stat own {};
  if (stats.pid_namespace == 0 || ::stat((root / "proc/self/ns/pid").c_str(), &own) != 0) return false;
  // A /proc of another PID namespace shows other pids.
  const auto number = shm::read_number(root / "proc/self/status", "Pid:");
  return own.st_ino == stats.pid_namespace && number == static_cast<std::uint64_t>(::getpid());
}

ProcessStates read_process_states(const StatsReport& report, const std::filesystem::path& root) {
  ProcessStates states;
  const bool known = shares_pid_namespace(report.stats, root);
  for (const ClientInfo& client : report.clients) {
    const auto status = shm::read_line(root / "proc" / std::to_string(client.pid) / "status", "State:");
    ProcessState& state = states[client.pid];
    if (!known || client.pid <= 0)
      state = ProcessState::unknown;
    else if (!status || status->starts_with('Z') || status->starts_with('X'))
      state = ProcessState::gone;
    else
      state = status->starts_with('T') || status->starts_with('t') ? ProcessState::stopped : ProcessState::alive;
  }
  return states;
}

}  // namespace dolium::cli
