#include "shm/arena/page_holes.h"

#include <algorithm>
#include <iterator>

namespace dolium::shm {

void PageHoles::add(const Range& range) {
  if (range.begin >= range.end) return;
  bytes_ += range.end - range.begin;
  Range merged = range;
  if (const auto next = ends_.find(range.end); next != ends_.end()) {
    merged.end = next->second;
    ends_.erase(next);
  }
  const auto after = ends_.lower_bound(range.begin);
  if (after != ends_.begin() && std::prev(after)->second == range.begin)
    std::prev(after)->second = merged.end;
  else
    ends_.emplace(merged.begin, merged.end);
}

void PageHoles::remove(const Range& range) {
  for (const Range& hole : within(range)) {
    const auto found = std::prev(ends_.upper_bound(hole.begin));
    const Range whole = {found->first, found->second};
    ends_.erase(found);
    if (whole.begin < hole.begin) ends_.emplace(whole.begin, hole.begin);
    if (hole.end < whole.end) ends_.emplace(hole.end, whole.end);
    bytes_ -= hole.end - hole.begin;
  }
}

std::vector<PageHoles::Range> PageHoles::within(const Range& range) const {
  std::vector<Range> out;
  if (range.begin >= range.end) return out;
  auto each = ends_.upper_bound(range.begin);
  if (each != ends_.begin()) --each;
  for (; each != ends_.end() && each->first < range.end; ++each)
    if (each->second > range.begin)
      out.push_back({std::max(each->first, range.begin), std::min(each->second, range.end)});
  return out;
}

std::vector<PageHoles::Range> PageHoles::outside(const Range& range) const {
  std::vector<Range> out;
  std::uint64_t begin = range.begin;
  for (const Range& hole : within(range)) {
    if (begin < hole.begin) out.push_back({begin, hole.begin});
    begin = hole.end;
  }
  if (begin < range.end) out.push_back({begin, range.end});
  return out;
}

}  // namespace dolium::shm
