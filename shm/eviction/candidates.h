#pragma once
// What eviction asks of the store about an object.

#include <compare>
#include <cstdint>

#include "shm/os/basic_types.h"

namespace dolium::shm {

/// Smaller goes first; ties go by seal order.
struct EvictionKey {
  std::uint64_t value;       ///< lru: time of the last access; lfu: hits; fifo: seal order
  std::uint64_t seal_order;  ///< unique
  friend auto operator<=>(const EvictionKey&, const EvictionKey&) = default;
};

class Candidates {
 public:
  enum class Use : std::uint8_t { unused, in_use };

  /// The key as recorded; cheap, and stable between two calls of refresh() for the same slot.
  [[nodiscard]] virtual EvictionKey key(SlotIndex slot) const = 0;
  /// Reads the clients' tables: records the key anew (it never shrinks) and says whether anyone holds it.
  virtual Use refresh(SlotIndex slot) = 0;
  /// The object is soon to be retired: `step` of kPrefetchSteps in which the processor fetches what that will touch,
  /// each of which needs what the one before has fetched. A hint.
  virtual void prefetch(SlotIndex slot, int step) const = 0;
  static constexpr int kPrefetchSteps = 4;

 protected:
  ~Candidates() = default;
};

}  // namespace dolium::shm
