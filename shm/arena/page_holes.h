#pragma once
// PageHoles: which pages of the arena were given back to the system, below its reserved end. Ranges of whole pages, in
// the order of addresses; no two of them touch.
//
// Not thread-safe.

#include <cstdint>
#include <map>
#include <vector>

namespace dolium::shm {

class PageHoles {
 public:
  struct Range {
    std::uint64_t begin;
    std::uint64_t end;
    friend bool operator==(const Range&, const Range&) = default;
  };

  /// Precondition: no byte of it is in a hole. A range that is empty is ignored.
  void add(const Range& range);
  /// From now on these bytes are in no hole.
  void remove(const Range& range);
  /// The parts of the range that are in a hole.
  [[nodiscard]] std::vector<Range> within(const Range& range) const;
  /// The parts that are not.
  [[nodiscard]] std::vector<Range> outside(const Range& range) const;

  [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  std::map<std::uint64_t, std::uint64_t> ends_;  // by begin
  std::uint64_t bytes_ = 0;
};

}  // namespace dolium::shm
