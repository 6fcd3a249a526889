// Why the last create failed. Part of store_findings.h. The refusal, and the clients that held the memory, belong to
// the past. Whether the same create would still fail now, and what helps, depends on the cause and on the store's
// current state.

#include <fmt/format.h>

#include <string>
#include <vector>

#include "client/cli/client_names.h"
#include "client/cli/printable.h"
#include "client/cli/store_findings.h"
#include "client/cli/time_text.h"
#include "shm/text/size_text.h"
#include "shm/types/obstacles_text.h"

namespace dolium::cli {
namespace {

/// A refusal is a problem for kRecent, and is reported for kHistory.
constexpr std::chrono::milliseconds kRecent = std::chrono::minutes(10);
constexpr std::chrono::milliseconds kHistory = std::chrono::hours(24);

using Cause = RefusalCause;

/// The cause. An older daemon does not send one; then it is derived.
Cause cause_of(const Refusal& refusal) {
  if (refusal.cause != Cause::none) return refusal.cause;
  if (refusal.code == Errc::too_large) return Cause::writing;
  // A create does not wait for room while there is a large enough piece.
  const bool had_room = refusal.code == Errc::timed_out && refusal.largest_free_extent >= refusal.size;
  return had_room ? Cause::objects : Cause::room;
}

/// Result of the same create now.
enum class Now : std::uint8_t { refused, perhaps, accepted };

struct Verdict {
  Now now;
  std::string why;
};

Verdict on_rows(const StoreStats& stats) {
  const std::uint64_t rows = stats.total_objects + stats.unsealed_count + stats.retired_count + stats.quarantined_count;
  const std::string exist =
      fmt::format("there are {} objects, of {} that max_objects allows", grouped(rows), grouped(stats.max_objects));
  if (rows < stats.max_objects) return {Now::accepted, exist};
  return stats.evictable_bytes == 0 ? Verdict{Now::refused, exist + ", and none can be evicted"}
                                    : Verdict{Now::accepted, exist + ", and some can be evicted"};
}

/// For a daemon that reports obstacles.
Verdict on_obstacles(const Refusal& refusal, const StoreStats& stats, const std::string& there_is) {
  const Obstacles& now = stats.obstacles;
  const std::string together = fmt::format("{}; after evicting all that can be evicted, {} would be contiguous",
                                           there_is, format_size(now.largest_run));
  if (now.largest_run >= refusal.size) return {now.movable_bytes == 0 ? Now::accepted : Now::perhaps, together};
  return {Now::refused, now.count == 0 ? together : fmt::format("{}, because of {}", together, obstacles_text(now))};
}

Verdict on_room(const Refusal& refusal, const StoreStats& stats) {
  if (stats.largest_free_extent >= refusal.size)
    return {Now::accepted, fmt::format("{} are free in one piece", format_size(stats.largest_free_extent))};
  const std::string there_is =
      fmt::format("{} are free, in pieces of at most {}, and {} could be evicted", format_size(stats.free_bytes),
                  format_size(stats.largest_free_extent), format_size(stats.evictable_bytes));
  const Obstacles& obstacles = stats.obstacles;
  if (obstacles.largest_run + obstacles.bytes() + obstacles.movable_bytes != 0)
    return on_obstacles(refusal, stats, there_is);
  const bool enough = stats.free_bytes + stats.evictable_bytes + stats.dirty_bytes >= refusal.size;
  return enough ? Verdict{Now::perhaps, there_is + ", which must be contiguous"} : Verdict{Now::refused, there_is};
}

Verdict verdict(Cause cause, const Refusal& refusal, const StoreStats& stats) {
  switch (cause) {
    case Cause::capacity:
    case Cause::description: return {Now::refused, "the limit that it exceeds is the same"};
    case Cause::objects: return on_rows(stats);
    case Cause::pins: return {Now::perhaps, "it depends on that user's quota"};
    case Cause::memory: return {Now::perhaps, "it depends on the free memory of the machine and its cgroup"};
    case Cause::disk: return {Now::perhaps, "it depends on how many of the `keep` objects are on disk"};
    case Cause::writing:
      if (refusal.code == Errc::too_large) return {Now::refused, "the limit that it exceeds is the same"};
      return {Now::perhaps, "it depends on what that client is writing"};
    case Cause::none:
    case Cause::room: break;
  }
  return on_room(refusal, stats);
}

std::string remedy(Cause cause, Now now, const Refusal& refusal, const StoreStats& stats) {
  const std::string if_again = now == Now::accepted ? "nothing now; if it happens again, " : "";
  switch (cause) {
    case Cause::capacity: return "raise --capacity, or split the object";
    case Cause::description: return "store long metadata in the object's data";
    case Cause::objects:
      return if_again + "release, unpin or remove objects; give creates a timeout to wait; or raise max_objects";
    case Cause::pins:
      return "unpin objects (`dolium list` shows them), wait for the end of a grace, or raise "
             "max_pinned_bytes_per_user";
    case Cause::memory: return "give the machine, or the daemon's cgroup, more memory, or lower --capacity";
    case Cause::disk:
      return if_again +
             "give creates a timeout to wait for the disk; if the disk is full or fails, make room on it, or remove "
             "objects";
    case Cause::writing:
      if (refusal.code == Errc::too_large)
        return fmt::format("raise {}, or split the object",
                           refusal.size > stats.capacity ? "--capacity" : "max_unsealed_bytes_per_client");
      return "make it seal or abort its objects before it creates more";
    case Cause::none:
    case Cause::room: break;
  }
  return if_again +
         "make the clients that hold most (`dolium clients`) release, unpin or remove objects; give creates a timeout "
         "to "
         "wait; or raise --capacity";
}

std::string in_words(const Verdict& verdict) {
  switch (verdict.now) {
    case Now::refused: return fmt::format("The same create would still fail now: {}.", verdict.why);
    case Now::perhaps: return fmt::format("The same create may still fail now: {}.", verdict.why);
    case Now::accepted: return fmt::format("The same create would succeed now: {}.", verdict.why);
  }
  return "";
}

std::string holders_text(const Refusal& refusal) {
  std::vector<std::string> parts;
  for (const ClientUse& use : refusal.holders)
    parts.push_back(fmt::format("{}: {} held, {} being written", who(use), format_size(use.bytes_held),
                                format_size(use.unsealed_bytes)));
  return parts.empty() ? "no client held any of it" : fmt::format("{}", fmt::join(parts, "; "));
}

/// The time of the refusal, rounded up to a second, so that the refusal is not after it.
std::string moment_of(const Refusal& refusal, const KnownRefusals& known) {
  const std::string precise = format_utc(known.now - refusal.ago + std::chrono::seconds(1));
  return precise.substr(0, precise.find('.')) + "Z";
}

std::string meaning(const Refusal& refusal, const Verdict& verdict, const StoreStats& stats) {
  const std::string walls = obstacles_text(refusal.obstacles);
  const std::string cut = walls.empty() ? ""
                                        : fmt::format(" Obstacles were {}: at most {} could have become contiguous.",
                                                      walls, format_size(refusal.obstacles.largest_run));
  return fmt::format(
      "{} At that time {} were free, in pieces of at most {}. Of the rest, {}.{} In total, {} {} refused or timed out.",
      in_words(verdict), format_size(refusal.free_bytes), format_size(refusal.largest_free_extent),
      holders_text(refusal), cut, counted(stats.out_of_memory_count, "create"),
      stats.out_of_memory_count == 1 ? "was" : "were");
}

}  // namespace

Finding refusal_finding(const StoreStats& stats, const KnownRefusals& known) {
  Finding out{.section = "store", .topic = "last refusal", .found = "no create was refused for lack of room"};
  if (!stats.last_refusal) return out;
  const Refusal& refusal = *stats.last_refusal;
  out.found = fmt::format("{} ago {} requested {} for object {}, and was refused: {}", format_duration(refusal.ago),
                          who(refusal.by), format_size(refusal.size), refusal.id.hex(), refusal.reason);
  if (refusal.ago >= kHistory) {
    out.found = fmt::format("the last create was refused {} ago", format_duration(refusal.ago));
    return out;
  }
  if (known.now - refusal.ago <= known.until + std::chrono::seconds(1)) {
    out.found += " (which is known)";
    return out;
  }
  const Cause cause = cause_of(refusal);
  const Verdict verdict = cli::verdict(cause, refusal, stats);
  const bool matters = refusal.ago < kRecent && verdict.now != Now::accepted;
  out.level = matters ? Finding::Level::problem : Finding::Level::note;
  out.meaning = meaning(refusal, verdict, stats);
  out.remedy = remedy(cause, verdict.now, refusal, stats);
  if (matters)
    out.remedy +=
        fmt::format("; to ignore this refusal from now on: dolium doctor --known {}", moment_of(refusal, known));
  return out;
}

}  // namespace dolium::cli
