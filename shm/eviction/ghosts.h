#pragma once
// Ghosts: ids of objects that were evicted recently, and the queue that they came from. At most as many as there are
// objects.
//
// Model: a hash table of buckets of a cache line each. A bucket has the tags of its ids, the latest first; a new one
// pushes the oldest out. A bucket keeps its share of as many ghosts as the store has objects. Only 31 bits of an id are
// kept: of 100 million ids that never were here, one is taken for a ghost. Not thread-safe.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace dolium::shm {

class Ghosts {
 public:
  enum class Origin : std::uint8_t { newcomers, main };

  /// An object was evicted, while the store had so many objects, in so many slots. O(1), but the first call, and each
  /// one with more than twice as many slots as when the table was made, makes a table for as many. What the old one
  /// knew is lost.
  void add(std::uint64_t id_hash, Origin origin, std::uint32_t objects, std::uint32_t slots);
  /// If the id is a ghost, its origin; then it is none any more.
  [[nodiscard]] std::optional<Origin> take(std::uint64_t id_hash) noexcept;

  /// A hint: add() or take() of this id comes soon.
  void prefetch(std::uint64_t id_hash) const noexcept {
    if (!buckets_.empty()) __builtin_prefetch(&buckets_[place_of(id_hash)], 1);
  }

  [[nodiscard]] std::uint64_t count() const noexcept;  ///< O(size of the table); for tests
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept { return buckets_.capacity() * sizeof(Bucket); }

 private:
  using Tag = std::uint32_t;  // bits of the id, and the origin in the lowest one; 0: none
  static constexpr Tag kOriginMask = 1;
  static constexpr std::size_t kWays = 16;
  struct alignas(64) Bucket : std::array<Tag, kWays> {};  // a cache line

  /// With the origin 0.
  [[nodiscard]] static Tag tag_of(std::uint64_t id_hash) noexcept {
    const auto tag = static_cast<Tag>(id_hash >> 32) & ~kOriginMask;
    return tag != 0 ? tag : kOriginMask + 1;
  }
  [[nodiscard]] static auto is(Tag tag) noexcept {
    return [tag](Tag other) { return (other & ~kOriginMask) == tag; };
  }
  [[nodiscard]] std::size_t place_of(std::uint64_t id_hash) const noexcept {
    return (id_hash & UINT32_MAX) * buckets_.size() >> 32;
  }
  [[nodiscard]] Bucket& bucket_of(std::uint64_t id_hash) noexcept { return buckets_[place_of(id_hash)]; }
  [[nodiscard]] std::size_t ways_for(std::uint32_t objects) const noexcept;

  std::vector<Bucket> buckets_;
};

}  // namespace dolium::shm
