// explain(): the state of a store in one sentence.

#include <fmt/format.h>

#include <algorithm>

#include "client/cli/client_names.h"
#include "client/cli/printable.h"
#include "client/cli/shares.h"
#include "client/cli/stats_report.h"
#include "client/cli/time_text.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

/// " by python3 (pid 1)", " by 3 clients, the largest share, 4 MiB, by python3 (pid 1)", or "".
std::string by_whom(const std::vector<const ClientInfo*>& clients, std::uint64_t (*bytes)(const ClientInfo&)) {
  if (clients.empty()) return "";
  const std::string first = who(*clients.front());
  if (clients.size() == 1) return " by " + first;
  return fmt::format(" by {} clients, the largest share, {}, by {}", clients.size(),
                     format_size(bytes(*clients.front())), first);
}

// ---- the clauses of the sentence; each function adds its clause if it applies ----

using Clauses = std::vector<std::string>;

void say_what_can_go(const StoreStats& stats, Clauses& out) {
  if (stats.used_bytes == 0) return;
  if (stats.evictable_bytes == stats.used_bytes)
    out.push_back("no object is in use: all could be evicted at once");
  else if (stats.evictable_bytes == 0)
    out.push_back("nothing can be evicted");
  else
    out.push_back(format_size(stats.evictable_bytes) + " could be evicted at once");
}

void say_when_rows_are_scarce(const StoreStats& stats, Clauses& out) {
  const std::uint64_t rows = stats.total_objects + stats.unsealed_count + stats.retired_count + stats.quarantined_count;
  if (stats.max_objects != 0 && rows >= stats.max_objects)
    out.push_back(fmt::format("there are {} objects, the maximum (max_objects): each new one must evict one",
                              grouped(stats.max_objects)));
}

void say_who_holds(const StatsReport& report, Clauses& out) {
  const StoreStats& stats = report.stats;
  if (stats.in_use_bytes == 0) return;
  std::string clause = format_size(stats.in_use_bytes) + " are held" + by_whom(top(report.clients, held_by), held_by);
  if (stats.retired_bytes != 0)
    clause +=
        fmt::format(", {} of it removed already, to be freed at the last release", format_size(stats.retired_bytes));
  out.push_back(std::move(clause));
}

/// The creator of a pinned object, with its name if it is still connected.
std::string creator_of(const StatsReport& report, const PinnedBy& pinned) {
  const auto creator = std::ranges::find(report.clients, pinned.creator_pid, &ClientInfo::pid);
  if (pinned.creator_pid == 0) return "processes that are not visible in the daemon's PID namespace";
  return creator == report.clients.end() ? fmt::format("pid {}, which is no longer connected", pinned.creator_pid)
                                         : who(*creator);
}

void say_who_pins(const StatsReport& report, Clauses& out) {
  const StoreStats& stats = report.stats;
  if (stats.pinned_bytes == 0) return;
  std::string clause = format_size(stats.pinned_bytes) + " are pinned";
  if (!report.pinned_by.empty()) {
    const std::string creator = creator_of(report, report.pinned_by.front());
    clause += report.pinned_by.size() == 1
                  ? fmt::format(", put by {}", creator)
                  : fmt::format(", put by {} processes, the largest share, {}, by {}", report.pinned_by.size(),
                                format_size(report.pinned_by.front().bytes), creator);
  }
  out.push_back(std::move(clause));
}

void say_what_is_kept_for_readers(const StoreStats& stats, Clauses& out) {
  if (stats.graced_bytes == 0) return;
  out.push_back(format_size(stats.graced_bytes) +
                " are kept by a grace, until readers have got the objects or their time has passed");
}

void say_what_is_on_disk(const StoreStats& stats, Clauses& out) {
  if (stats.dirty_bytes != 0)
    out.push_back(format_size(stats.dirty_bytes) + " wait to be written to disk before they can be evicted");
  if (stats.spilled_count != 0)
    out.push_back(
        fmt::format("{} objects, {}, are on disk alone", stats.spilled_count, format_size(stats.spilled_bytes)));
}

void say_who_writes(const StatsReport& report, Clauses& out) {
  if (report.stats.unsealed_bytes == 0) return;
  out.push_back(format_size(report.stats.unsealed_bytes) + " are being written" +
                by_whom(top(report.clients, written_by), written_by));
}

void say_what_rests(const StoreStats& stats, Clauses& out) {
  if (stats.quarantined_bytes == 0) return;
  out.push_back(format_size(stats.quarantined_bytes) +
                " are in quarantine: their writers have ended, but I/O of theirs may still be running; they are free "
                "within a minute");
}

void say_who_waits(const StoreStats& stats, Clauses& out) {
  if (stats.waiting_creates != 0)
    out.push_back(fmt::format(
        "{} for room, until something is released, unpinned{} or removed",
        stats.waiting_creates == 1 ? "a create waits" : fmt::format("{} creates wait", stats.waiting_creates),
        stats.dirty_bytes == 0 ? "" : ", written to disk"));
  // A few free bytes are always fragmented.
  const bool much = stats.free_bytes > stats.capacity / 20;
  if (much && stats.largest_free_extent < stats.free_bytes / 2)
    out.push_back(
        fmt::format("the free space is fragmented: the largest piece has {}", format_size(stats.largest_free_extent)));
}

void say_who_misbehaved(const std::vector<ClientInfo>& clients, Clauses& out) {
  for (const ClientInfo& client : clients)
    if (client.quarantined)
      out.push_back(who(client) + " misbehaved and was cut off; the memory that it can access is kept until it ends");
}

}  // namespace

std::string explain(const StatsReport& report) {
  const StoreStats& stats = report.stats;
  Clauses clauses;
  say_what_can_go(stats, clauses);
  say_when_rows_are_scarce(stats, clauses);
  say_who_holds(report, clauses);
  say_who_pins(report, clauses);
  say_what_is_kept_for_readers(stats, clauses);
  say_what_is_on_disk(stats, clauses);
  say_who_writes(report, clauses);
  say_what_rests(stats, clauses);
  say_who_waits(stats, clauses);
  say_who_misbehaved(report.clients, clauses);
  const std::string head = stats.used_bytes == 0 ? "Empty" : fullness(stats) + " full";
  return clauses.empty() ? head + "." : fmt::format("{}: {}.", head, fmt::join(clauses, "; "));
}

}  // namespace dolium::cli
