#pragma once
// The cheapest contiguous window: the neighbouring cold objects that make room with the smallest loss.
//
// Model: a window is a run of cold objects with only free extents between them. Its room reaches from the free extent
// before the first object to the one after the last. Its loss is its live bytes, weighted by the rank of its hottest
// object: a byte counts once if that is the coldest object, and up to 1 + kHeatWeight times if it is the hottest. On a
// simulated cache (Zipf 0.8, log-uniform 1 KiB to 16 MiB, 1 GiB; three seeds), a weight of 4 raised the hit rate of
// gets from 58 to 62 %, changed the hit rate of bytes by less than 1 %, and cost 0.1 % of the arena. A pure function of
// the arena and the cold set.

#include <cstdint>
#include <span>
#include <vector>

#include "shm/arena/arena.h"

namespace dolium::shm {

inline constexpr std::uint64_t kHeatWeight = 4;

/// Tells which objects are cold, and how cold.
class Ranks {
 public:
  static constexpr std::uint32_t kNotCold = 0xffffffff;
  /// Position among the cold objects, 0 for the coldest; or kNotCold.
  [[nodiscard]] virtual std::uint32_t rank_of(SlotIndex slot) const = 0;

 protected:
  ~Ranks() = default;
};

/// Whether this object and the free extents beside it have `needed` bytes together, and the object itself has no more
/// than that.
[[nodiscard]] bool is_enough_alone(const Arena& arena, SlotIndex slot, std::uint64_t needed);

/// The objects to evict, in address order, so that `needed` contiguous bytes become free; empty if no window is that
/// large. `cold`: the candidates, coldest first. If the coldest object alone is enough, it is returned at once.
/// Otherwise O(cold objects). Reads no keys.
[[nodiscard]] std::vector<SlotIndex> cheapest_window(const Arena& arena, std::span<const SlotIndex> cold,
                                                     std::uint64_t needed, const Ranks& ranks);

/// Tells window_around() about the anchor's neighbours.
class Neighbours {
 public:
  /// Whether the object may be evicted.
  [[nodiscard]] virtual bool may_go(SlotIndex slot) const = 0;
  /// Of two objects that may be evicted, whether the first is preferred.
  [[nodiscard]] virtual bool goes_first(SlotIndex slot, SlotIndex other) const = 0;

 protected:
  ~Neighbours() = default;
};

/// A window: all live objects from the first to the last.
struct Window {
  SlotIndex first = kNoSlot;
  SlotIndex last = kNoSlot;
  std::uint64_t live_bytes = 0;
  std::uint32_t looks = 0;  ///< number of objects visited by the search, also if it failed

  [[nodiscard]] bool is_empty() const noexcept { return first == kNoSlot; }
};

/// Maximum number of objects that window_around() takes. (To evict more takes longer than any search.)
inline constexpr std::uint32_t kMaxAround = 65536;

/// A window that grows from `anchor`: it takes the preferred neighbour on either side until it has `needed` bytes, and
/// then drops objects at its ends that are not needed. Empty if it reaches objects on both sides that may not be
/// evicted, or kMaxAround objects, before. For cold objects that lie far apart: the neighbours of a small object are as
/// good as any others, and visiting them takes no walk over all objects. O(objects taken).
[[nodiscard]] Window window_around(const Arena& arena, SlotIndex anchor, std::uint64_t needed,
                                   const Neighbours& neighbours);
/// The window's objects, in address order.
[[nodiscard]] std::vector<SlotIndex> objects_of(const Arena& arena, const Window& window);

}  // namespace dolium::shm
