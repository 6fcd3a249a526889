#pragma once
// Which stretch of the arena to clear where eviction alone finds no window, because pinned objects lie about in it.
//
// Model: an extent is free; or its object may go (evicted), may only be moved (pinned, and in no client's use), or
// stays. A stretch is a run of extents of which none stays. All that may go, goes; then its movable objects slide, one
// after the other, towards the stretch's beginning: each to the free bytes before it if it fits there, so that old and
// new place do not overlap; else it stays where it is. What is free at the stretch's end is large enough then.
// Of all stretches the one with the least loss is taken: bytes that go, weighed by their heat, and bytes that are
// moved. Nothing is moved that is more than `most_moved` bytes together.
// A pure function of the arena. Room (shm/store/room_relocation.cc) evicts and moves.

#include <cstdint>
#include <functional>
#include <vector>

#include "shm/arena/arena.h"

namespace dolium::shm {

struct Footing {
  enum class Kind : std::uint8_t { goes, moves, stays };
  /// Of what goes: 0 is the coldest, kHottest the hottest.
  static constexpr std::uint32_t kHottest = 1024;

  Kind kind = Kind::stays;
  std::uint32_t heat = 0;
};

struct Clearance {
  std::vector<SlotIndex> going;   ///< in address order
  std::vector<SlotIndex> moving;  ///< likewise

  [[nodiscard]] bool is_empty() const noexcept { return going.empty() && moving.empty(); }
};

/// O(extents); asks once about each live one, and about those of the stretch once more. Empty when there is none, or
/// when one of its objects stays after all.
[[nodiscard]] Clearance plan_clearance(const Arena& arena, std::uint64_t needed, std::uint64_t most_moved,
                                       const std::function<Footing(SlotIndex)>& footing);

}  // namespace dolium::shm
