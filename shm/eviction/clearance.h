#pragma once
// Chooses the stretch of the arena to clear if eviction alone finds no window, because pinned objects are scattered
// over the arena.
//
// Model: an extent is free; or its object goes (can be evicted), moves (is pinned and unused, so it can only be moved),
// or stays. A stretch is a sequence of extents without one that stays. All of its objects that go are evicted. Then its
// movable objects slide towards the start of the stretch, one after the other: each moves into the free bytes before it
// if it fits there, so that its old and new place do not overlap; else it stays in place. After that, the free space at
// the end of the stretch is large enough. Of all stretches the one with the smallest loss is chosen: evicted bytes,
// weighted by their heat, plus moved bytes. At most `most_moved` bytes are moved in total. A pure function of the
// arena. Room (shm/store/room_relocation.cc) evicts and moves.

#include <cstdint>
#include <functional>
#include <vector>

#include "shm/arena/arena.h"

namespace dolium::shm {

struct Footing {
  enum class Kind : std::uint8_t { goes, moves, stays };
  /// Maximum `heat`. The coldest objects have 0. Only used for objects that go.
  static constexpr std::uint32_t kHottest = 1024;

  Kind kind = Kind::stays;
  std::uint32_t heat = 0;
};

struct Clearance {
  std::vector<SlotIndex> going;   ///< in address order
  std::vector<SlotIndex> moving;  ///< in address order

  [[nodiscard]] bool is_empty() const noexcept { return going.empty() && moving.empty(); }
};

/// Plans how to free `needed` contiguous bytes. Empty if there is no such stretch, or if an object of the chosen
/// stretch stays after all. O(extents); calls `footing` once for each live extent, and a second time for those of the
/// chosen stretch.
[[nodiscard]] Clearance plan_clearance(const Arena& arena, std::uint64_t needed, std::uint64_t most_moved,
                                       const std::function<Footing(SlotIndex)>& footing);

}  // namespace dolium::shm
