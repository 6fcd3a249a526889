#pragma once
// Stats in pieces. Numbers that need a look at each object (count, sizes, use) are counted for some thousand slots at a
// time, so that other clients do not wait while a store of a million objects is counted. The caller asks for one piece
// after the other, and adds them up. If the store changes meanwhile, the pieces belong to different moments.

#include <utility>

#include <dolium/result.h>
#include <dolium/stats.h>

#include "shm/os/basic_types.h"
#include "shm/types/walls.h"

namespace dolium::shm {

struct StatsPiece {
  StoreStats stats;    // per-object counts are of these slots; all other numbers are of the whole store
  SlotIndex next = 0;  // first slot of the next piece; 0: this was the last piece
  Walls walls = {};    // of these slots only
};

/// Adds the per-object counts of `from` to `to`.
void add_objects(StoreStats& to, const StoreStats& from);

/// Obstacles::largest_run for the sum of all pieces.
[[nodiscard]] std::uint64_t largest_run(const StatsPiece& all, std::uint64_t capacity);

/// Asks for all pieces and adds them up. `ask(cursor)` returns a Result<StatsPiece>; protocol_error if the pieces never
/// end.
template <class Ask>
[[nodiscard]] Result<StoreStats> whole_stats(Ask&& ask) {
  StatsPiece sum;
  SlotIndex cursor = 0;
  do {
    Result<StatsPiece> piece = ask(cursor);
    if (!piece) return std::move(piece).error();
    if (piece->next != 0 && piece->next <= cursor)
      return Error{Errc::protocol_error,
                   "the daemon's pieces of statistics do not advance: this is a bug in the daemon"};
    add_objects(piece->stats, sum.stats);
    sum.stats = std::move(piece->stats);
    sum.walls.add(piece->walls);
    cursor = piece->next;
  } while (cursor != 0);
  sum.stats.obstacles.largest_run = largest_run(sum, sum.stats.capacity);
  return std::move(sum.stats);
}

}  // namespace dolium::shm
