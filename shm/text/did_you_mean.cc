#include "shm/text/did_you_mean.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace dolium {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> line(b.size() + 1);
  std::iota(line.begin(), line.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(line[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = line[j];
      line[j] = std::min({replaced, line[j] + 1, line[j - 1] + 1});
    }
  }
  return line.back();
}

}  // namespace

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  std::string lower(word);  // "LRU" matches "lru"
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::string_view nearest;
  std::size_t distance = std::max<std::size_t>(2, lower.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    // Three letters or more that begin a candidate mean it: "warn" means "warning".
    const bool is_start = lower.size() > 2 && candidate.starts_with(lower);
    const std::size_t candidate_distance = is_start ? 1 : edit_distance(lower, candidate);
    if (candidate_distance >= distance || candidate_distance >= candidate.size()) continue;
    distance = candidate_distance;
    nearest = candidate;
  }
  return nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest);
}

}  // namespace dolium
