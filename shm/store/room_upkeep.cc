// What is done a piece at a time, between requests: after a client left, and for memory that is made warm ahead.

#include <algorithm>

#include "shm/store/room.h"

namespace dolium::shm {

void Room::note_departure(ClientId client, PinTable table) {
  const AccessCounts counts = table.access_counts();
  rows_.counters().of_the_dead.hits += counts.hits;
  rows_.counters().of_the_dead.misses += counts.misses;
  clients_.departed().push_back({client, std::move(table), 0});
  unswept_ = sealed_.retired().count;
  rows_.room_made = true;  // what the client held may be evicted now
}

void Room::tidy() {
  if (unswept_ != 0) {
    const std::size_t looks = std::min(unswept_, kSweepForRoom);
    unswept_ -= looks;
    sealed_.sweep(looks);
  } else if (!clients_.departed().empty() && fold(clients_.departed().front())) {
    clients_.departed().pop_front();
  }
}

/// Adds one piece of the table to the rows. Returns whether that was the last.
bool Room::fold(Clients::Departed& departed) {
  constexpr std::uint32_t kStep = PinTableGeometry::kEntriesPerPage;
  const SlotIndex end = rows_.index.slots_touched();
  for (std::uint32_t pages = 0; departed.folded < end && pages < kPagesPerPiece; departed.folded += kStep) {
    if (!departed.table.has_page(departed.folded)) continue;
    for (SlotIndex slot = departed.folded; slot < std::min(end, departed.folded + kStep); ++slot)
      fold_access(departed, slot);
    ++pages;
  }
  return departed.folded >= end;
}

/// Hits and accesses of a table that does not count any more become part of the row; so does a reader of a grace.
void Room::fold_access(const Clients::Departed& departed, SlotIndex slot) {
  if (rows_.margin(slot).state != SlotState::sealed) return;
  const PinTable& table = departed.table;
  if (rows_.margin(slot).graced) graces_.fold(slot, departed.id, table.last_access(slot));
  sealed_.forget_hits(slot, table.hits(slot));
  sealed_.note_access(slot, std::min(table.last_access(slot), rows_.now));
}

/// `arena_trimmed` is stored first: a successor then looks for holes.
Result<Room::Trimmed> Room::trim_piece(std::uint64_t most) {
  if (!rows_.memory.can_give_back())
    return Error{
        Errc::invalid_argument,
        "this store reserves its memory permanently (preallocate or huge_pages): none is returned to the system"};
  rows_.ledger.state().arena_trimmed = true;
  Trimmed trimmed;
  for (const ExtentRef extent : rows_.arena.largest_free_extents(kTrimLooks)) {
    const std::uint64_t begin = rows_.arena.offset_of(extent);
    const Result<std::uint64_t> given =
        rows_.memory.give_back({begin, begin + rows_.arena.size_of(extent)}, most - trimmed.bytes);
    if (!given) return given.error();
    trimmed.bytes += *given;
    trimmed.more = trimmed.bytes == most;
    if (trimmed.more) break;
  }
  return trimmed;
}

void Room::warmed(const ArenaMemory::Stretch& stretch, const ArenaMemory::Warmth& warmth) {
  rows_.memory.warmed(stretch, warmth);
  rows_.ledger.state().arena_reserved = rows_.memory.reserved_bytes();
}

}  // namespace dolium::shm
