#include "shm/store/refusals.h"

#include <fmt/format.h>

#include <algorithm>

#include "shm/os/milliseconds.h"
#include "shm/os/monotonic_clock.h"
#include "shm/store/store_parts.h"
#include "shm/text/size_text.h"
#include "shm/types/obstacles_text.h"

namespace dolium::shm {
namespace {

std::string most_of(const std::vector<ClientUse>& holders) {
  if (holders.empty()) return "";
  const ClientUse& first = holders.front();
  const std::string client = first.pid != 0
                                 ? fmt::format("{} (pid {})", first.command, first.pid)
                                 : fmt::format("a client of another PID namespace (it calls itself pid {} on {})",
                                               first.origin.pid, first.origin.host);
  return fmt::format("; most of it by {}: {} held, {} being written", client, format_size(first.bytes_held),
                     format_size(first.unsealed_bytes));
}

}  // namespace

void Refusals::search() {
  const Rows& rows = parts_.rows;
  if (rows.now < next_search_) return;
  parts_.usage.take_up_grants();
  const StatsPiece all = parts_.report.obstacles();
  obstacles_ = all.stats.obstacles;
  obstacles_.largest_run = largest_run(all, rows.arena.limit());
  holders_ = parts_.report.top_holders();
  grace_ends_ = parts_.graces.ends();
  std::uint64_t looks = rows.index.slots_touched();
  for (const auto& client : parts_.clients.all()) looks += parts_.report.looks_at(client->id);
  next_search_ = deadline_after(rows.now, std::max(kSearchRest, kRestPerLook * looks));
}

std::string Refusals::graces_in_words() const {
  const TimeNs now = parts_.rows.now;
  if (parts_.graces.tally().count == 0 || grace_ends_.last <= now) return "";
  const auto seconds_until = [now](TimeNs end) {
    return std::chrono::ceil<std::chrono::seconds>(std::chrono::nanoseconds(end - std::min(end, now))).count();
  };
  return fmt::format(
      "; {} are kept by graces, of which the first ends in {} s, the last in {} s, or when readers have "
      "got the objects",
      format_size(parts_.graces.tally().bytes), seconds_until(grace_ends_.first), seconds_until(grace_ends_.last));
}

std::string Refusals::obstacles_in_words() const {
  const std::string obstacles = obstacles_text(obstacles_);
  const std::string movable =
      obstacles_.movable_bytes == 0
          ? ""
          : fmt::format("; {} are pinned or in a grace, and can only be moved", format_size(obstacles_.movable_bytes));
  const std::string why = obstacles.empty() ? std::string("nothing is in use by a client")
                                            : fmt::format("{} cut{} the arena{}", obstacles,
                                                          obstacles_.count == 1 ? "s" : "", most_of(holders_));
  const std::string disk = dirty_in_words();
  return fmt::format(
      "if all evictable objects were evicted, at most {} would be contiguous: {}{}{}{}; release or unpin objects, or "
      "give a timeout "
      "to wait (`dolium stats` and `dolium clients` tell who holds what)",
      format_size(obstacles_.largest_run), why, movable, graces_in_words(), disk);
}

Error Refusals::no_room(std::uint64_t bytes, const Error* shortage) {
  search();
  const Arena& arena = parts_.rows.arena;
  // If all dirty objects were written, would there be room? Then no client stands in the way.
  const bool lacks_disk = parts_.spill.dirty().count != 0 && shortage == nullptr && obstacles_.largest_run >= bytes;
  const std::string grow =
      shortage != nullptr ? fmt::format(
                                "the arena cannot grow beyond {}: {}; free memory, raise the cgroup's memory limit, or "
                                "lower the daemon's capacity; meanwhile there is ",
                                format_size(arena.limit()), shortage->message)
                          : "";
  return {
      Errc::out_of_memory,
      fmt::format("{}no room for {} in one piece: {} of {} are taken ({} pinned, {} in use, {} in a grace, {} being "
                  "written, {} removed but held), {} are free, in pieces of at most {}; {}",
                  grow, format_size(bytes), format_size(arena.used_bytes()), format_size(arena.limit()),
                  format_size(parts_.pins.tally().bytes),
                  format_size(obstacles_.held_bytes - std::min(obstacles_.held_bytes, parts_.sealed.retired().bytes)),
                  format_size(parts_.graces.tally().bytes), format_size(parts_.writing.tally().bytes),
                  format_size(parts_.sealed.retired().bytes), format_size(arena.free_bytes()),
                  format_size(arena.largest_free_extent()), lacks_disk ? disk_in_words() : obstacles_in_words()),
      shortage != nullptr ? RefusalCause::memory
      : lacks_disk        ? RefusalCause::disk
                          : RefusalCause::room};
}

/// Kept objects give up no slot.
std::string Refusals::kept_in_words() const {
  const std::uint64_t kept = parts_.spill.dirty().count + parts_.spill.clean().count + parts_.spill.spilled().count;
  return kept == 0
             ? ""
             : fmt::format("; {} of retention `keep` count until they are removed, also those on disk: remove some",
                           kept);
}

/// Where nothing else is in the way.
std::string Refusals::disk_in_words() const {
  const std::string& why_not = parts_.spill.why_not_written();
  const std::string dirty = format_size(parts_.spill.dirty().bytes);
  if (why_not.empty())
    return fmt::format(
        "{} of retention `keep` must be written to disk before they can be evicted: give a timeout to wait for "
        "the disk, or put fewer bytes at once",
        dirty);
  return fmt::format(
      "{} of retention `keep` are in memory only, and must be written to disk before they can be evicted, but the "
      "spill tier is {}; or remove objects",
      dirty, why_not);
}

std::string Refusals::dirty_in_words() const {
  const std::uint64_t dirty = parts_.spill.dirty().bytes;
  if (dirty == 0) return "";
  const std::string& why_not = parts_.spill.why_not_written();
  return fmt::format("; {} must be written to disk before they can be evicted{}", format_size(dirty),
                     why_not.empty() ? "" : ", and the spill tier is " + why_not);
}

Error Refusals::too_much_dirty(std::uint64_t bytes, std::uint64_t unsealed) const {
  const std::string& why_not = parts_.spill.why_not_written();
  return {Errc::out_of_memory,
          fmt::format("no room for {} of retention `keep`: {} are not on disk yet, and {} are being written; together "
                      "they may have {} of {}, so that objects on disk can be read back; {}",
                      format_size(bytes), format_size(parts_.spill.dirty().bytes), format_size(unsealed),
                      format_size(parts_.spill.dirty_limit()), format_size(parts_.rows.arena.limit()),
                      why_not.empty() ? std::string("give a timeout to wait for the disk, or put fewer bytes at once")
                                      : fmt::format("the spill tier is {}; or remove objects, or put them with "
                                                    "retention `cache`",
                                                    why_not)),
          RefusalCause::disk};
}

Error Refusals::no_memory_for_slot(const Error& shortage) const {
  return {Errc::out_of_memory,
          fmt::format("no room for one more object: the table of objects cannot grow beyond {} rows: {}; and none of "
                      "them can be evicted; release or unpin objects, free memory, or raise the cgroup's memory limit",
                      parts_.rows.index.slots_touched(), shortage.message),
          RefusalCause::memory};
}

Error Refusals::no_slot() {
  if (parts_.graces.tally().count != 0) search();  // for the ends of graces
  return {
      Errc::out_of_memory,
      fmt::format("no room for one more object: all {} that the daemon's max_objects allows exist ({} pinned, {} in "
                  "a grace, {} being written, {} removed but held), and none can be evicted{}{}; release or unpin "
                  "objects, raise "
                  "max_objects, or give a timeout to wait",
                  parts_.rows.index.slot_count(), parts_.pins.tally().count, parts_.graces.tally().count,
                  parts_.writing.tally().count, parts_.sealed.retired().count, graces_in_words(), kept_in_words()),
      RefusalCause::objects};
}

void Refusals::note(ClientId client, const NewObject& object, const Error& error) {
  if (error.code != Errc::out_of_memory && error.code != Errc::too_large && error.code != Errc::timed_out) return;
  search();
  Refusal refusal;
  refusal.id = object.id;
  refusal.size = total_size(object);
  refusal.code = error.code;
  refusal.cause = error.cause;
  refusal.reason = error.message;
  refusal.by = parts_.report.client_use(client);
  refusal.free_bytes = parts_.rows.arena.free_bytes();
  refusal.largest_free_extent = parts_.rows.arena.largest_free_extent();
  refusal.obstacles = obstacles_;
  refusal.holders = holders_;
  last_ = std::move(refusal);
  last_at_ = parts_.rows.now;
}

void Refusals::tell(StoreStats& stats) const {
  stats.last_refusal = last_;
  if (stats.last_refusal) stats.last_refusal->ago = to_ms(parts_.rows.now - last_at_);
}

}  // namespace dolium::shm
