// What neither eviction nor moving can clear: how much, whose, and where it cuts the arena. See Obstacles in stats.h.

#include <fmt/format.h>

#include <algorithm>

#include "shm/os/monotonic_clock.h"
#include "shm/store/store.h"
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

/// `used`: a client holds it.
Store::Barrier Store::barrier(SlotIndex slot, bool used) const {
  const SlotMargin& margin = index_.margin(slot);
  switch (margin.state) {
    case SlotState::free: return Barrier::none;
    case SlotState::retired: return used ? Barrier::held : Barrier::none;
    case SlotState::sealed:
      if (used) return Barrier::held;
      if (!margin.pinned) return Barrier::none;
      return may_move(slot) ? Barrier::movable : Barrier::pinned;
    case SlotState::unsealed:
      if (!margin.leased) return Barrier::writing;
      return is_idle_lease(slot) ? Barrier::none : Barrier::leased;
    case SlotState::abandoned: return is_idle_lease(slot) ? Barrier::none : Barrier::abandoned;
  }
  return Barrier::none;
}

void Store::count_barrier(SlotIndex slot, bool used, StatsPiece& piece) const {
  Obstacles& obstacles = piece.stats.obstacles;
  const std::uint64_t taken = taken_bytes(slot);
  switch (barrier(slot, used)) {
    case Barrier::none: return;
    case Barrier::movable: obstacles.movable_bytes += taken; return;
    case Barrier::held: obstacles.held_bytes += taken; break;
    case Barrier::writing: obstacles.writing_bytes += taken; break;
    case Barrier::leased: obstacles.leased_bytes += taken; break;
    case Barrier::abandoned: obstacles.abandoned_bytes += taken; break;
    case Barrier::pinned: obstacles.pinned_bytes += taken; break;
  }
  ++obstacles.count;
  const std::uint64_t begin = arena_.offset_of(ExtentRef::live(slot));
  piece.walls.add({begin, begin + taken});
}

/// For refusals. A client that is refused tries again, perhaps at once and for ever: that shall not have all tables
/// walked each time.
void Store::look_for_obstacles() {
  if (now_ < next_holder_search_) return;
  for (const auto& client : clients_) take_up_grants(*client);
  StatsPiece all;
  const SlotIndex end = index_.slots_touched();
  const std::vector<bool> used = slots_in_use(0, end);
  for (SlotIndex slot = 0; slot < end; ++slot)
    if (margin(slot).state != SlotState::free) count_barrier(slot, used[slot], all);
  obstacles_ = all.stats.obstacles;
  obstacles_.largest_run = largest_run(all, arena_.capacity());
  holders_ = top_holders();
  std::uint64_t looks = end;
  for (const auto& each : clients_) looks += looks_at(each->id);
  next_holder_search_ = deadline_after(now_, std::max(kHolderSearch, kSweepRest * looks));
}

Error Store::no_room(std::uint64_t bytes) {
  look_for_obstacles();
  const std::string obstacles = obstacles_text(obstacles_);
  const std::string movable = obstacles_.movable_bytes == 0 ? ""
                                                            : fmt::format("; {} are pinned, and can only be moved",
                                                                          format_size(obstacles_.movable_bytes));
  const std::string why = obstacles.empty() ? std::string("nothing is in use by a client")
                                            : fmt::format("{} cut{} the arena{}", obstacles,
                                                          obstacles_.count == 1 ? "s" : "", most_of(holders_));
  return {Errc::out_of_memory,
          fmt::format("no room for {} in one piece: {} of {} are taken ({} pinned, {} being written, {} removed but "
                      "held), {} are free, in pieces of at most {}; if all that may go went, at most {} would lie "
                      "together: {}{}; release or unpin objects, or give a timeout to wait (`dolium stats` and "
                      "`dolium clients` tell who holds what)",
                      format_size(bytes), format_size(arena_.used_bytes()), format_size(arena_.capacity()),
                      format_size(pinned_tally_.bytes), format_size(unsealed_tally_.bytes),
                      format_size(retired_tally_.bytes), format_size(arena_.free_bytes()),
                      format_size(arena_.largest_free_extent()), format_size(obstacles_.largest_run), why, movable),
          RefusalCause::room};
}

}  // namespace dolium::shm
