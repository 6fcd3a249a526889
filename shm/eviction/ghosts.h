#pragma once
// Ghosts: ids of objects that were evicted recently. At most as many as there are objects.
//
// Model: a hash table of buckets of a cache line each. A bucket has the tags of its ids, the latest first; a new one
// pushes the oldest out. A bucket keeps its share of as many ghosts as the store has objects. Only 32 bits of an id are
// kept: of 100 million ids that never were here, one is taken for a ghost. Not thread-safe.

#include <array>
#include <cstdint>
#include <vector>

namespace dolium::shm {

class Ghosts {
 public:
  /// An object was evicted, while the store had so many objects, in so many slots. O(1), but the first call, and each
  /// one with more than twice as many slots as when the table was made, makes a table for as many. What the old one
  /// knew is lost.
  void add(std::uint64_t id_hash, std::uint32_t objects, std::uint32_t slots);
  /// Whether the id is a ghost; then it is none any more.
  [[nodiscard]] bool take(std::uint64_t id_hash) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept;  ///< O(size of the table); for tests
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept { return buckets_.capacity() * sizeof(Bucket); }

 private:
  using Tag = std::uint32_t;  // 0: none
  static constexpr std::size_t kWays = 16;
  using Bucket = std::array<Tag, kWays>;

  [[nodiscard]] static Tag tag_of(std::uint64_t id_hash) noexcept {
    const auto tag = static_cast<Tag>(id_hash >> 32);
    return tag != 0 ? tag : 1;
  }
  [[nodiscard]] Bucket& bucket_of(std::uint64_t id_hash) noexcept {
    return buckets_[(id_hash & UINT32_MAX) * buckets_.size() >> 32];
  }
  [[nodiscard]] std::size_t ways_for(std::uint32_t objects) const noexcept;

  std::vector<Bucket> buckets_;
};

}  // namespace dolium::shm
