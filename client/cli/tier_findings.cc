// Findings about the spill tier: whether it works, and what to do. Part of store_findings.h.
//
// No finding advises to kill doliumd-spill: a process that waits for a disk cannot die, and keeps its directory locked.

#include <fmt/format.h>

#include <limits>

#include "client/cli/printable.h"
#include "client/cli/store_findings.h"
#include "client/cli/tier_report.h"
#include "client/cli/time_text.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

constexpr Section kTier{"spill tier"};

/// What does not work without writes.
std::string without_writes(const StoreStats& stats) {
  return fmt::format("Objects of retention `keep` stay in memory, now {}: creates fail when they fill it. ",
                     format_size(stats.dirty_bytes)) +
         "Objects on disk can be read back as long as there is room for them.";
}

std::string without_reads(const StoreStats& stats) {
  return fmt::format("Gets of the {} on disk fail. Objects of retention `keep` in memory, {}, cannot be evicted.",
                     counted(stats.spilled_count, "object"), format_size(stats.dirty_bytes + stats.clean_bytes));
}

/// How to see where a process waits.
std::string look(const SpillTierStats& tier) {
  return fmt::format(
      "see what it waits for (as root: cat /proc/{}/stack; dmesg | tail), and whether the disk of {} is "
      "there",
      tier.pid, tier.directory.empty() ? "the spill directory" : tier.directory);
}

Finding stalled(const StoreStats& stats, const SpillTierStats& tier) {
  return kTier("state", Finding::Level::problem,
               fmt::format("stalled: doliumd-spill (pid {}) has not answered for {}", tier.pid,
                           format_duration(tier.oldest_work)),
               without_reads(stats),
               look(tier) +
                   "; it resumes by itself when the disk answers. Do not kill it: a process that waits for a "
                   "disk cannot die, and keeps its directory locked");
}

Finding state_finding(const StoreStats& stats, const SpillTierStats& tier) {
  const std::string state = state_text(tier);
  switch (tier.state) {
    case SpillTierState::ready: return kTier("state", Finding::Level::fine, state + ", " + disk_use(tier) + " used");
    case SpillTierState::absent:
      return kTier(
          "state", Finding::Level::problem, state, without_reads(stats),
          "the daemon starts it again by itself; its log says why it ends (a directory that is missing, locked "
          "or of another host); if the disk is lost for good: `dolium spill forget`");
    case SpillTierState::catalogue:
      return kTier("state", Finding::Level::note, state, "Objects on disk can be read back when that is done.",
                   "wait; if it takes minutes, " + look(tier));
    case SpillTierState::full:
      return kTier("state", Finding::Level::problem, state, without_writes(stats),
                   "remove objects and run `dolium spill compact`; or make room in the file system; or give [spill] "
                   "capacity more, and run `doliumd --replace`");
    case SpillTierState::read_only:
      return kTier("state", Finding::Level::problem, state, without_writes(stats),
                   "see why the file system does not take writes (dmesg), and mount it read-write again; writing is "
                   "tried again by itself");
    case SpillTierState::failed:
      return kTier("state", Finding::Level::problem, state, without_reads(stats),
                   look(tier) + "; if the disk is lost for good: `dolium spill forget`");
    case SpillTierState::stalled: return stalled(stats, tier);
  }
  return kTier("state", Finding::Level::problem, state, "This command does not know that state.",
               "use the dolium of the daemon's version");
}

void examine_process(const StoreStats& stats, const SpillTierStats& tier, const ProcessStates& processes,
                     Findings& out) {
  const auto process = processes.find(tier.pid);
  if (tier.pid == 0 || process == processes.end() || process->second != ProcessState::stopped) return;
  out.push_back(kTier("process", Finding::Level::problem,
                      fmt::format("doliumd-spill (pid {}) is stopped by a signal", tier.pid), without_reads(stats),
                      fmt::format("continue it (kill -CONT {})", tier.pid)));
}

/// Files are reserved as a whole, so a small quota is used at once: only with many objects does that mean anything.
void examine_quota(const SpillTierStats& tier, Findings& out) {
  const std::uint64_t left = tier.capacity_bytes - std::min(tier.capacity_bytes, tier.used_bytes);
  if (tier.state != SpillTierState::ready || tier.capacity_bytes == 0 || left > tier.capacity_bytes / 4 ||
      tier.live_bytes < tier.capacity_bytes / 2)
    return;
  out.push_back(kTier("quota", Finding::Level::note,
                      fmt::format("{} are used, {} of it by objects", disk_use(tier), format_size(tier.live_bytes)),
                      "A quarter of the quota, or less, is left. When it is used, no more objects are written.",
                      "remove objects, or give [spill] capacity more, and run `doliumd --replace`"));
}

void examine_errors(const SpillTierStats& tier, Findings& out) {
  if (tier.damaged_count + tier.lost_records != 0)
    out.push_back(kTier("damaged", Finding::Level::problem,
                        fmt::format("{} had a wrong checksum, and the files of {} were removed or cut by others",
                                    counted(tier.damaged_count, "record"), counted(tier.lost_records, "record")),
                        "An object that was on disk only is lost (events say so); one in memory is written again.",
                        "find others with `dolium spill verify`, test the disk (smartctl -a), and see who changes the "
                        "directory"));
  if (tier.write_errors + tier.read_errors != 0)
    out.push_back(kTier(
        "errors", Finding::Level::note,
        fmt::format("the disk failed: {}, {}", counted(tier.write_errors, "write"), counted(tier.read_errors, "read")),
        "What failed is tried again, and no object is lost by that alone.",
        "see dmesg, and test the disk (smartctl -a)"));
}

}  // namespace

Findings tier_findings(const StatsReport& report, const ProcessStates& processes) {
  Findings out;
  if (!report.stats.tier) return out;
  const SpillTierStats& tier = *report.stats.tier;
  out.push_back(state_finding(report.stats, tier));
  examine_process(report.stats, tier, processes, out);
  examine_quota(tier, out);
  examine_errors(tier, out);
  return out;
}

}  // namespace dolium::cli
