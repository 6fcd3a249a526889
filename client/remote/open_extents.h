#pragma once
// OpenExtents: the extents of the arena that this process may be writing to. When the server dies, its successor must
// not free them for another create of the same id whose extent this process never learned: see AbortRequest.spared.

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include <dolium/object_id.h>

namespace dolium::detail {

/// Thread-safe.
class OpenExtents {
 public:
  void add(const ObjectId& id, std::uint64_t offset) {
    const std::lock_guard lock(mutex_);
    extents_.emplace_back(id, offset);
  }
  /// This process does not write there any more, or never will.
  void remove(const ObjectId& id, std::uint64_t offset) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(extents_, std::pair(id, offset));
    if (found == extents_.end()) return;
    *found = extents_.back();
    extents_.pop_back();
  }
  [[nodiscard]] std::vector<std::uint64_t> of(const ObjectId& id) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::uint64_t> offsets;
    for (const auto& [object, offset] : extents_)
      if (object == id) offsets.push_back(offset);
    return offsets;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<ObjectId, std::uint64_t>> extents_;
};

}  // namespace dolium::detail
