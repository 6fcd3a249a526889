#include "tests/bench/hit_table.h"

#include <algorithm>

namespace dolium::bench {

void HitTable::add(const std::string& policy, std::size_t share, const HitRatios& hits) {
  if (std::ranges::find(policies_, policy) == policies_.end()) policies_.push_back(policy);
  hits_[{policy, share}].push_back(hits);
}

std::optional<HitRatios> HitTable::mean(const std::string& policy, std::size_t share) const {
  const auto found = hits_.find({policy, share});
  if (found == hits_.end()) return {};
  const std::vector<HitRatios>& each = found->second;
  HitRatios sum;
  for (const HitRatios& hits : each) {
    sum.objects += hits.objects;
    sum.bytes += hits.bytes;
  }
  const auto count = static_cast<double>(each.size());
  return HitRatios{sum.objects / count, sum.bytes / count};
}

double HitTable::spread() const {
  double largest = 0;
  for (const auto& [at, each] : hits_)
    for (double HitRatios::*const ratio : {&HitRatios::objects, &HitRatios::bytes}) {
      const auto [least, most] = std::ranges::minmax(each, {}, ratio);
      largest = std::max(largest, most.*ratio - least.*ratio);
    }
  return largest;
}

double HitTable::best(std::span<const std::string> policies, std::size_t share, double HitRatios::*ratio) const {
  double best = 0;
  for (const std::string& policy : policies)
    if (const std::optional<HitRatios> hits = mean(policy, share)) best = std::max(best, *hits.*ratio);
  return best;
}

std::vector<std::pair<double, double>> HitTable::points(const std::string& policy, double HitRatios::*ratio) const {
  std::vector<std::pair<double, double>> points;
  for (std::size_t share = 0; share < shares_.size(); ++share)
    if (const std::optional<HitRatios> hits = mean(policy, share)) points.emplace_back(shares_[share], *hits.*ratio);
  return points;
}

}  // namespace dolium::bench
