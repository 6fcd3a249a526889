#pragma once
// Candidates: the information about objects that eviction gets from the store.

#include <compare>
#include <cstdint>

#include "shm/os/basic_types.h"

namespace dolium::shm {

/// Eviction order of an object: the smallest key is evicted first; ties are broken by seal order.
struct EvictionKey {
  std::uint64_t value;       ///< lru: time of the last access; lfu: hits; fifo: seal order
  std::uint64_t seal_order;  ///< unique
  friend auto operator<=>(const EvictionKey&, const EvictionKey&) = default;
};

class Candidates {
 public:
  enum class Use : std::uint8_t { unused, in_use };

  /// The recorded key. Cheap, and constant between two calls of refresh() for the same slot.
  [[nodiscard]] virtual EvictionKey key(SlotIndex slot) const = 0;
  /// Reads the clients' tables, updates the recorded key (it never shrinks), and returns whether a client uses the
  /// object.
  virtual Use refresh(SlotIndex slot) = 0;
  /// A hint: the object will be retired soon. Prefetches the metadata that retiring it touches, in kPrefetchSteps
  /// steps, each of which needs the data of the step before.
  virtual void prefetch(SlotIndex slot, int step) const = 0;
  static constexpr int kPrefetchSteps = 4;

 protected:
  ~Candidates() = default;
};

}  // namespace dolium::shm
