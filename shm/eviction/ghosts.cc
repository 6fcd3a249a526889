#include "shm/eviction/ghosts.h"

#include <algorithm>

namespace dolium::shm {

void Ghosts::add(std::uint64_t id_hash, Origin origin, std::uint32_t objects, std::uint32_t slots) {
  const std::size_t wanted = std::max<std::size_t>(1, slots / kWays);
  if (wanted > 2 * buckets_.size()) buckets_ = std::vector<Bucket>(wanted);
  Bucket& bucket = bucket_of(id_hash);
  const Tag tag = tag_of(id_hash);
  const auto end = bucket.begin() + static_cast<std::ptrdiff_t>(ways_for(objects));
  const auto last = std::find_if(bucket.begin(), end, is(tag));
  std::shift_right(bucket.begin(), last == end ? end : last + 1, 1);
  bucket.front() = tag | static_cast<Tag>(origin);
  std::fill(end, bucket.end(), Tag{0});
}

std::optional<Ghosts::Origin> Ghosts::take(std::uint64_t id_hash) noexcept {
  if (buckets_.empty()) return std::nullopt;
  Bucket& bucket = bucket_of(id_hash);
  const auto found = std::ranges::find_if(bucket, is(tag_of(id_hash)));
  if (found == bucket.end()) return std::nullopt;
  const auto origin = static_cast<Origin>(*found & kOriginMask);
  std::shift_left(found, bucket.end(), 1);
  bucket.back() = 0;
  return origin;
}

std::uint64_t Ghosts::count() const noexcept {
  std::uint64_t count = 0;
  for (const Bucket& bucket : buckets_) count += kWays - static_cast<std::uint64_t>(std::ranges::count(bucket, Tag{0}));
  return count;
}

/// The number of ghosts that a bucket keeps, at least one.
std::size_t Ghosts::ways_for(std::uint32_t objects) const noexcept {
  return std::clamp<std::size_t>(objects / buckets_.size(), 1, kWays);
}

}  // namespace dolium::shm
