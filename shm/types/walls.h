#pragma once
// Walls: where in the arena lies memory that neither eviction nor moving can clear, and how much could be free between.
//
// Model: stretches of bytes in address order, none of which overlap. Where there are more than kMost, those with the
// least between them are told as one: so the largest run that is told can be had.

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
  /// Maximum number of walls that are told apart.
  static constexpr std::size_t kMost = 1024;

  /// In any order.
  void add(Wall wall);
  void add(const Walls& others);
  /// In address order, at most kMost; neighbours that touch are one.
  [[nodiscard]] std::vector<Wall> joined() const;
  /// The largest stretch of [0, capacity) without a wall.
  [[nodiscard]] std::uint64_t largest_run(std::uint64_t capacity) const;

 private:
  std::vector<Wall> walls_;
};

}  // namespace dolium::shm
