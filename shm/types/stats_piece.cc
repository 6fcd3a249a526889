#include "shm/types/stats_piece.h"

#include <algorithm>
#include <map>

namespace dolium::shm {

void add_objects(StoreStats& to, const StoreStats& from) {
  to.total_objects += from.total_objects;
  to.total_size += from.total_size;
  to.padding_bytes += from.padding_bytes;
  to.in_use_count += from.in_use_count;
  to.in_use_bytes += from.in_use_bytes;
  to.graced_count += from.graced_count;
  to.graced_bytes += from.graced_bytes;
  to.evictable_bytes += from.evictable_bytes;
  to.obstacles.count += from.obstacles.count;
  to.obstacles.held_bytes += from.obstacles.held_bytes;
  to.obstacles.writing_bytes += from.obstacles.writing_bytes;
  to.obstacles.leased_bytes += from.obstacles.leased_bytes;
  to.obstacles.abandoned_bytes += from.obstacles.abandoned_bytes;
  to.obstacles.pinned_bytes += from.obstacles.pinned_bytes;
  to.obstacles.graced_bytes += from.obstacles.graced_bytes;
  to.obstacles.movable_bytes += from.obstacles.movable_bytes;
  std::map<std::uint64_t, std::uint64_t> histogram(to.size_histogram.begin(), to.size_histogram.end());
  for (const auto& [bucket, count] : from.size_histogram) histogram[bucket] += count;
  to.size_histogram.assign(histogram.begin(), histogram.end());
}

std::uint64_t largest_run(const StatsPiece& all, std::uint64_t capacity) {
  const Obstacles& obstacles = all.stats.obstacles;
  const std::uint64_t stays = obstacles.bytes() + obstacles.movable_bytes;
  return std::min(all.walls.largest_run(capacity), capacity - std::min(capacity, stays));
}

}  // namespace dolium::shm
