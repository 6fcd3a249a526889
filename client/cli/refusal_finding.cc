// Why the last create failed: the part of store_findings.h that tells what was from what is. A refusal is of its
// moment, and so is who held the memory then; whether it would be refused now, and what helps, depends on what refused
// it and on how the store is now.

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "client/cli/printable.h"
#include "client/cli/store_findings.h"
#include "client/cli/time_text.h"
#include "client/types/size_text.h"

namespace dolium::cli {
namespace {

using Level = Finding::Level;

/// A refusal that long ago is history.
constexpr std::chrono::milliseconds kRecent = std::chrono::minutes(10);

/// What refused it.
enum class Cause : std::uint8_t { size, rows, pins, writing, room };

/// The daemon says it in words alone, which tests of both hold together.
Cause cause_of(const Refusal& refusal) {
  const auto says = [&](std::string_view words) { return refusal.reason.find(words) != std::string::npos; };
  if (refusal.code == Errc::too_large) return Cause::size;
  if (says("max_objects")) return Cause::rows;
  if (says("max_pinned_bytes_per_user")) return Cause::pins;
  if (says("this client is writing")) return Cause::writing;
  // Who waited in vain is not told for what. Nobody waits beside a piece that is large enough.
  const bool had_room = refusal.code == Errc::timed_out && refusal.largest_free_extent >= refusal.size;
  return had_room ? Cause::rows : Cause::room;
}

/// What would become of it now.
enum class Now : std::uint8_t { refused, perhaps, accepted };

struct Verdict {
  Now now;
  std::string why;
};

Verdict on_rows(const StoreStats& stats) {
  const std::uint64_t rows = stats.total_objects + stats.unsealed_count + stats.retired_count;
  const std::string exist =
      fmt::format("{} of {} objects that max_objects allows exist", grouped(rows), grouped(stats.max_objects));
  if (rows < stats.max_objects) return {Now::accepted, exist};
  return stats.evictable_bytes == 0 ? Verdict{Now::refused, exist + ", and none can be evicted"}
                                    : Verdict{Now::accepted, exist + ", and some can be evicted"};
}

Verdict on_room(const Refusal& refusal, const StoreStats& stats) {
  if (stats.largest_free_extent >= refusal.size)
    return {Now::accepted, fmt::format("{} are free in one piece", format_size(stats.largest_free_extent))};
  const std::string there_is =
      fmt::format("{} are free, in pieces of {} at most, and {} could be evicted", format_size(stats.free_bytes),
                  format_size(stats.largest_free_extent), format_size(stats.evictable_bytes));
  const bool enough = stats.free_bytes + stats.evictable_bytes >= refusal.size;
  return enough ? Verdict{Now::perhaps, there_is + ", which must lie together"} : Verdict{Now::refused, there_is};
}

Verdict verdict(Cause cause, const Refusal& refusal, const StoreStats& stats) {
  switch (cause) {
    case Cause::size: return {Now::refused, "the limit that it passes is the same"};
    case Cause::rows: return on_rows(stats);
    case Cause::pins: return {Now::perhaps, "that user's quota decides"};
    case Cause::writing: return {Now::perhaps, "what that client is writing decides"};
    case Cause::room: return on_room(refusal, stats);
  }
  return {Now::perhaps, ""};
}

std::string remedy(Cause cause, Now now, const Refusal& refusal, const StoreStats& stats) {
  const char* if_again = now == Now::accepted ? "nothing now; should it come back, " : "";
  switch (cause) {
    case Cause::size:
      return fmt::format("raise {}, or put it in parts",
                         refusal.size > stats.capacity ? "--capacity" : "max_unsealed_bytes_per_client");
    case Cause::rows:
      return if_again + std::string(
                            "release, unpin or remove objects; give creates a timeout to wait; or raise "
                            "max_objects");
    case Cause::pins: return "unpin what need not stay (`dolium list`), or raise max_pinned_bytes_per_user";
    case Cause::writing: return "have it seal or abort what it began before it creates more";
    case Cause::room:
      return if_again + std::string(
                            "have those that hold most (`dolium clients`) release, unpin or remove "
                            "objects; give creates a timeout to wait; or raise --capacity");
  }
  return "";
}

std::string in_words(const Verdict& verdict) {
  switch (verdict.now) {
    case Now::refused: return fmt::format("It would be refused now, too: {}.", verdict.why);
    case Now::perhaps: return fmt::format("It may be refused now, too: {}.", verdict.why);
    case Now::accepted: return fmt::format("It would not be refused now: {}.", verdict.why);
  }
  return "";
}

std::string holders(const Refusal& refusal) {
  std::vector<std::string> parts;
  for (const ClientUse& use : refusal.holders)
    parts.push_back(fmt::format("{}: {} held, {} being written", who(use), format_size(use.bytes_held),
                                format_size(use.unsealed_bytes)));
  return parts.empty() ? "no client held any" : fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

Finding refusal_finding(const StoreStats& stats) {
  Finding out{.section = "store", .topic = "last refusal", .found = "no create was refused for want of room"};
  if (!stats.last_refusal) return out;
  const Refusal& refusal = *stats.last_refusal;
  const Cause cause = cause_of(refusal);
  const Verdict verdict = cli::verdict(cause, refusal, stats);
  const bool matters = refusal.ago < kRecent && verdict.now != Now::accepted;
  out.level = matters ? Level::problem : Level::note;
  out.found = fmt::format("{} ago {} wanted {} for object {}, and was told: {}", format_duration(refusal.ago),
                          who(refusal.by), format_size(refusal.size), refusal.id.hex(), refusal.reason);
  out.meaning = fmt::format(
      "{} Then {} were free, in pieces of {} at most. Of the rest, {}. In all, {} {} "
      "refused or waited in vain.",
      in_words(verdict), format_size(refusal.free_bytes), format_size(refusal.largest_free_extent), holders(refusal),
      counted(stats.out_of_memory_count, "create"), stats.out_of_memory_count == 1 ? "was" : "were");
  out.remedy = remedy(cause, verdict.now, refusal, stats);
  return out;
}

}  // namespace dolium::cli
