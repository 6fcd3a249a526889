#pragma once
// Candidates: the information about objects that eviction gets from the store.

#include <cstdint>

#include "shm/os/basic_types.h"

namespace dolium::shm {

class Candidates {
 public:
  enum class Use : std::uint8_t { unused, in_use };

  /// Reads the clients' tables, updates the recorded access and hits (they never shrink), and returns whether a client
  /// uses the object.
  virtual Use refresh(SlotIndex slot) = 0;
  /// Sum of the hits in all tables, modulo 2^32: of this object, and of all that were in this slot before.
  [[nodiscard]] virtual std::uint32_t hit_sum(SlotIndex slot) = 0;
  /// Of the object's id.
  [[nodiscard]] virtual std::uint64_t id_hash(SlotIndex slot) const = 0;
  /// A hint: the object will be retired soon. Prefetches the metadata that retiring it touches, in kPrefetchSteps
  /// steps, each of which needs the data of the step before.
  virtual void prefetch(SlotIndex slot, int step) const = 0;
  static constexpr int kPrefetchSteps = 4;

 protected:
  ~Candidates() = default;
};

}  // namespace dolium::shm
