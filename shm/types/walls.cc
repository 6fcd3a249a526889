#include "shm/types/walls.h"

#include <algorithm>

namespace dolium::shm {
namespace {

/// Merges neighbours if the gap between them is at most so many bytes.
std::vector<Wall> join(std::vector<Wall> walls, std::uint64_t at_most) {
  std::vector<Wall> out;
  for (const Wall& wall : walls) {
    if (!out.empty() && wall.begin <= out.back().end + at_most)
      out.back().end = std::max(out.back().end, wall.end);
    else
      out.push_back(wall);
  }
  return out;
}

/// Sorts the walls, and merges them until at most kMost are left.
std::vector<Wall> few(std::vector<Wall> walls) {
  std::ranges::sort(walls, {}, &Wall::begin);
  walls = join(std::move(walls), 0);
  if (walls.size() <= Walls::kMost) return walls;
  std::vector<std::uint64_t> gaps;
  for (std::size_t i = 1; i < walls.size(); ++i) gaps.push_back(walls[i].begin - walls[i - 1].end);
  const auto last = gaps.begin() + static_cast<std::ptrdiff_t>(walls.size() - Walls::kMost - 1);
  std::ranges::nth_element(gaps, last);
  return join(std::move(walls), *last);
}

}  // namespace

void Walls::add(Wall wall) {
  walls_.push_back(wall);
  if (walls_.size() >= 4 * kMost) walls_ = few(std::move(walls_));
}

void Walls::add(const Walls& others) {
  for (const Wall& wall : others.walls_) add(wall);
}

std::vector<Wall> Walls::joined() const {
  return few(walls_);
}

std::uint64_t Walls::largest_run(std::uint64_t capacity) const {
  std::uint64_t largest = 0;
  std::uint64_t begin = 0;
  for (const Wall& wall : joined()) {
    if (wall.begin > begin) largest = std::max(largest, wall.begin - begin);
    begin = std::max(begin, wall.end);
  }
  return std::max(largest, capacity > begin ? capacity - begin : 0);
}

}  // namespace dolium::shm
