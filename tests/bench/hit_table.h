#pragma once
// HitTable: the hits of many policies on traces of one kind, as means over the traces.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/bench/cache_trace.h"

namespace dolium::bench {

class HitTable {
 public:
  /// `shares` are the capacities, as shares of the bytes of all objects.
  explicit HitTable(std::span<const double> shares) : shares_(shares.begin(), shares.end()) {}

  /// Adds the hits of one policy on one trace.
  void add(const std::string& policy, std::size_t share, const HitRatios& hits);
  /// In the order of the first add().
  [[nodiscard]] const std::vector<std::string>& policies() const noexcept { return policies_; }
  /// None if the policy has no hits at this share.
  [[nodiscard]] std::optional<HitRatios> mean(const std::string& policy, std::size_t share) const;
  /// The largest difference between two traces, of any policy and share.
  [[nodiscard]] double spread() const;
  /// The largest mean of several policies, by one of the two ratios.
  [[nodiscard]] double best(std::span<const std::string> policies, std::size_t share, double HitRatios::*ratio) const;
  /// {share, mean} of all shares.
  [[nodiscard]] std::vector<std::pair<double, double>> points(const std::string& policy,
                                                              double HitRatios::*ratio) const;

 private:
  std::vector<double> shares_;
  std::vector<std::string> policies_;
  std::map<std::pair<std::string, std::size_t>, std::vector<HitRatios>> hits_;  // of each trace
};

}  // namespace dolium::bench
