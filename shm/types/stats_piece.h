#pragma once
// Stats in pieces. What takes a look at each object (how many, how large, who uses them) is counted some thousand
// slots at a time, so that nobody waits while a store of a million objects is asked how it is: who asks, asks for piece
// after piece, and adds up. While the store changes, the pieces are of different moments.

#include <utility>

#include <dolium/result.h>
#include <dolium/stats.h>

#include "shm/os/basic_types.h"
#include "shm/types/walls.h"

namespace dolium::shm {

struct StatsPiece {
  StoreStats stats;    // of these slots, where objects are counted one by one; of the store in all else
  SlotIndex next = 0;  // where the next piece begins; 0: this was the last
  Walls walls = {};    // of these slots
};

/// Adds what was counted object by object in earlier pieces.
void add_objects(StoreStats& to, const StoreStats& from);

/// Of all pieces together: Obstacles::largest_run.
[[nodiscard]] std::uint64_t largest_run(const StatsPiece& all, std::uint64_t capacity);

/// All of it. `ask(cursor)` gives a Result<StatsPiece>; protocol_error when its pieces do not come to an end.
template <class Ask>
[[nodiscard]] Result<StoreStats> whole_stats(Ask&& ask) {
  StatsPiece sum;
  SlotIndex cursor = 0;
  do {
    Result<StatsPiece> piece = ask(cursor);
    if (!piece) return std::move(piece).error();
    if (piece->next != 0 && piece->next <= cursor)
      return Error{Errc::protocol_error, "the daemon counts its objects in circles"};
    add_objects(piece->stats, sum.stats);
    sum.stats = std::move(piece->stats);
    sum.walls.add(piece->walls);
    cursor = piece->next;
  } while (cursor != 0);
  sum.stats.obstacles.largest_run = largest_run(sum, sum.stats.capacity);
  return std::move(sum.stats);
}

}  // namespace dolium::shm
