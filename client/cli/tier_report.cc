#include "client/cli/tier_report.h"

#include <fmt/format.h>

#include <limits>

#include "client/cli/printable.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"
#include "shm/text/printable.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

bool has_quota(const SpillTierStats& tier) noexcept {
  return tier.capacity_bytes != std::numeric_limits<std::uint64_t>::max();
}

const char* meaning_of(SpillTierState state) noexcept {
  switch (state) {
    case SpillTierState::absent: return "absent: doliumd-spill does not run, or is not connected";
    case SpillTierState::catalogue: return "reading its directory";
    case SpillTierState::ready: return "ready";
    case SpillTierState::full: return "full: objects are read back, and none are written";
    case SpillTierState::read_only: return "read-only: objects are read back, and none are written";
    case SpillTierState::failed: return "failed: objects are neither read back nor written";
    case SpillTierState::stalled: return "stalled: the disk does not answer";
  }
  return "unknown";
}

std::string process_text(const SpillTierStats& tier) {
  if (tier.pid == 0) return "none";
  return fmt::format("doliumd-spill, pid {}, connected for {}{}", tier.pid, format_duration(tier.connected_for),
                     tier.io.empty() ? "" : ", " + tier.io);
}

std::string objects_text(std::uint64_t count, std::uint64_t bytes) {
  return fmt::format("{}, {}", counted(count, "object"), format_size(bytes));
}

std::string work_text(const StoreStats& stats, const SpillTierStats& tier) {
  std::string out =
      fmt::format("{} being written, {} being read back", objects_text(tier.writing_count, tier.writing_bytes),
                  objects_text(stats.reading_count, tier.reading_bytes));
  if (tier.oldest_work.count() != 0) out += fmt::format(", the oldest for {}", format_duration(tier.oldest_work));
  return out;
}

std::string traffic_text(const SpillTierStats& tier) {
  return fmt::format("{} written, {} read, {} rewritten by compaction; the last sync took {}",
                     format_size(tier.written_bytes), format_size(tier.read_bytes), format_size(tier.compacted_bytes),
                     format_latency(tier.last_sync));
}

std::string trouble_text(const SpillTierStats& tier) {
  return fmt::format("{}, {}; {} damaged, {} unreadable, {} lost", counted(tier.write_errors, "write error"),
                     counted(tier.read_errors, "read error"), grouped(tier.damaged_count),
                     grouped(tier.unreadable_count), grouped(tier.lost_records));
}

}  // namespace

std::string state_text(const SpillTierStats& tier) {
  const bool has_reason = !tier.reason.empty() && tier.state != SpillTierState::ready;  // an earlier one
  return has_reason ? fmt::format("{} ({})", meaning_of(tier.state), tier.reason) : meaning_of(tier.state);
}

std::string disk_use(const SpillTierStats& tier) {
  return has_quota(tier) ? fmt::format("{} of {}", format_size(tier.used_bytes), format_size(tier.capacity_bytes))
                         : format_size(tier.used_bytes) + ", without a quota";
}

std::string tier_text(const StoreStats& stats, const std::string& indent) {
  if (!stats.tier) return "";
  const SpillTierStats& tier = *stats.tier;
  Table table({{""}, {""}});
  table.add({"spill tier", printable(state_text(tier))});
  table.add({"process", process_text(tier)});
  if (!tier.directory.empty()) table.add({"directory", printable(tier.directory)});
  table.add({"dirty", objects_text(stats.dirty_count, stats.dirty_bytes) + ": in memory, and not on disk yet"});
  table.add({"clean", objects_text(stats.clean_count, stats.clean_bytes) + ": in memory and on disk"});
  table.add({"spilled", objects_text(stats.spilled_count, stats.spilled_bytes) + ": on disk only"});
  table.add({"at work", work_text(stats, tier)});
  if (!tier.directory.empty()) {
    table.add({"disk", fmt::format("{}; {} of it live, in {}, {}", disk_use(tier), format_size(tier.live_bytes),
                                   counted(tier.records, "record"), counted(tier.files, "file"))});
    table.add({"traffic", traffic_text(tier)});
    table.add({"trouble", trouble_text(tier)});
  }
  table.add(
      {"so far", fmt::format("{} spilled, {} read back", grouped(stats.spill_count), grouped(stats.read_back_count))});
  return table.text(indent);
}

const char* tier_word(const ObjectMetadata& object) noexcept {
  switch (object.place) {
    case ObjectPlace::memory: return object.retention == Retention::keep ? "dirty" : "";
    case ObjectPlace::memory_and_disk: return "clean";
    case ObjectPlace::disk: return "spilled";
    case ObjectPlace::reading_back: return "reading";
  }
  return "";
}

const char* place_text(const ObjectMetadata& object) noexcept {
  switch (object.place) {
    case ObjectPlace::memory:
      return object.retention == Retention::keep ? "in memory, and not on disk yet (dirty)" : "in memory";
    case ObjectPlace::memory_and_disk: return "in memory and on disk (clean)";
    case ObjectPlace::disk: return "on disk only (spilled)";
    case ObjectPlace::reading_back: return "on disk, and being read back";
  }
  return "";
}

Json to_json(const SpillTierStats& tier) {
  return {{"state", to_string(tier.state)},
          {"reason", tier.reason},
          {"pid", tier.pid},
          {"directory", tier.directory},
          {"io", tier.io},
          {"connected_ms", tier.connected_for.count()},
          {"oldest_work_ms", tier.oldest_work.count()},
          {"writing_count", tier.writing_count},
          {"writing_bytes", tier.writing_bytes},
          {"reading_bytes", tier.reading_bytes},
          {"damaged_count", tier.damaged_count},
          {"unreadable_count", tier.unreadable_count},
          {"lost_records", tier.lost_records},
          {"capacity_bytes", has_quota(tier) ? Json(tier.capacity_bytes) : Json()},
          {"used_bytes", tier.used_bytes},
          {"live_bytes", tier.live_bytes},
          {"records", tier.records},
          {"files", tier.files},
          {"written_bytes", tier.written_bytes},
          {"read_bytes", tier.read_bytes},
          {"compacted_bytes", tier.compacted_bytes},
          {"write_errors", tier.write_errors},
          {"read_errors", tier.read_errors},
          {"last_sync_ns", tier.last_sync.count()}};
}

}  // namespace dolium::cli
