#pragma once
// Writeback: what writes dirty objects (spill.h) to disk, so that they can be evicted. The spill tier.

#include <cstdint>

namespace dolium::shm {

class Writeback {
 public:
  /// Whether writing may make room for so many contiguous bytes soon. Then a create waits for it.
  [[nodiscard]] virtual bool may_make_room(std::uint64_t bytes) const = 0;

 protected:
  ~Writeback() = default;
};

}  // namespace dolium::shm
