#pragma once
// Walls: memory of the arena that neither eviction nor moving can free, and the largest space between.
//
// Model: disjoint ranges of bytes in address order. If there are more than kMost, the ones with the smallest gaps
// between them are merged. So a reported run of free space is real, but may be smaller than the true largest one.

#include <cstdint>
#include <vector>

namespace dolium::shm {

/// [begin, end), in bytes.
struct Wall {
  std::uint64_t begin;
  std::uint64_t end;
  friend bool operator==(const Wall&, const Wall&) = default;
};

class Walls {
 public:
  /// Maximum number of walls that are kept apart.
  static constexpr std::size_t kMost = 1024;

  /// Adds a wall. Any order is allowed.
  void add(Wall wall);
  void add(const Walls& others);
  /// The walls in address order, at most kMost; touching ones are merged.
  [[nodiscard]] std::vector<Wall> joined() const;
  /// The size of the largest range in [0, capacity) without a wall.
  [[nodiscard]] std::uint64_t largest_run(std::uint64_t capacity) const;

 private:
  std::vector<Wall> walls_;
};

}  // namespace dolium::shm
