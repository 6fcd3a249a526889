#include "tests/bench/synthetic_trace.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace dolium::bench {
namespace {

constexpr double kSkew = 0.9;
constexpr double kShiftingSkew = 1.0;
constexpr std::uint64_t kShifts = 20;
constexpr std::uint64_t kRounds = 10;  // of the mix
constexpr std::uint64_t kLeastBytes = 100;
constexpr std::uint64_t kMostBytes = kMiB;

class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : next_(scramble(seed)) {}
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return scramble(next_++) % bound; }
  /// In [0, 1).
  [[nodiscard]] double share() { return static_cast<double>(scramble(next_++) >> 11) * 0x1p-53; }

 private:
  std::uint64_t next_;
};

/// Draws rank n, from 0, as often as 1 / (n + 1)^skew.
class Zipf {
 public:
  Zipf(std::uint64_t ranks, double skew) {
    double sum = 0;
    for (std::uint64_t rank = 1; rank <= ranks; ++rank)
      sums_.push_back(sum += std::pow(static_cast<double>(rank), -skew));
  }

  [[nodiscard]] std::uint64_t draw(Numbers& numbers) const {
    const auto found = std::ranges::upper_bound(sums_, numbers.share() * sums_.back());
    return static_cast<std::uint64_t>(found - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

/// All keys below `keys`, in random order.
std::vector<std::uint64_t> shuffled(std::uint64_t keys, Numbers& numbers) {
  std::vector<std::uint64_t> order(keys);
  std::iota(order.begin(), order.end(), 0);
  for (std::uint64_t i = 0; i < keys; ++i) std::swap(order[i], order[i + numbers.below(keys - i)]);
  return order;
}

void request(CacheTrace& trace, std::uint64_t key) {
  trace.requests.push_back({key, kTraceObjectBytes});
}

}  // namespace

CacheTrace zipf_trace(TraceSize size, std::uint64_t seed) {
  Numbers numbers(seed);
  const std::vector<std::uint64_t> keys = shuffled(size.keys, numbers);
  const Zipf zipf(size.keys, kSkew);
  CacheTrace trace{"Zipf"};
  for (std::uint64_t i = 0; i < size.requests; ++i) request(trace, keys[zipf.draw(numbers)]);
  return trace;
}

CacheTrace zipf_and_scan_trace(TraceSize size, std::uint64_t seed) {
  CacheTrace trace{"Zipf and scans"};
  std::uint64_t fresh = size.keys;
  std::uint64_t done = 0;
  for (const CacheRequest& each : zipf_trace(size, seed).requests) {
    trace.requests.push_back(each);
    if (++done % size.keys != 0) continue;
    for (std::uint64_t i = 0; i < size.keys / 4; ++i) request(trace, fresh++);
  }
  return trace;
}

CacheTrace loop_trace(TraceSize size, std::uint64_t) {
  CacheTrace trace{"loop"};
  for (std::uint64_t i = 0; i < size.requests; ++i) request(trace, i % size.keys);
  return trace;
}

CacheTrace shifting_trace(TraceSize size, std::uint64_t seed) {
  Numbers numbers(seed);
  const Zipf zipf(size.keys, kShiftingSkew);
  CacheTrace trace{"shifting Zipf"};
  for (std::uint64_t i = 0; i < size.requests; ++i) {
    const std::uint64_t shift = i * kShifts / size.requests * (size.keys / kShifts);
    request(trace, (zipf.draw(numbers) + shift) % size.keys);
  }
  return trace;
}

CacheTrace exchange_trace(TraceSize size, std::uint64_t) {
  const std::uint64_t keys = size.requests / 4;
  const std::uint64_t delay = keys * 3 / 1000;
  CacheTrace trace{"exchange"};
  for (std::uint64_t i = 0; i < keys + delay; ++i) {
    if (i < keys) request(trace, i);
    if (i >= delay) request(trace, i - delay);
  }
  return trace;
}

CacheTrace mixed_trace(TraceSize size, std::uint64_t seed) {
  Numbers numbers(seed);
  const std::vector<std::uint64_t> keys = shuffled(size.keys, numbers);
  const Zipf zipf(size.keys, kSkew);
  const Zipf shifting(size.keys, kShiftingSkew);
  const std::uint64_t part = size.requests / (4 * kRounds);
  const std::uint64_t loop = std::max<std::uint64_t>(1, size.keys / 4);
  CacheTrace trace{"mix"};
  std::uint64_t fresh = size.keys + loop;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    for (std::uint64_t i = 0; i < part; ++i) request(trace, keys[zipf.draw(numbers)]);
    for (std::uint64_t i = 0; i < part / 2; ++i) request(trace, fresh++);
    for (std::uint64_t i = 0; i < part; ++i) request(trace, size.keys + i % loop);
    const std::uint64_t shift = round * (size.keys / kRounds);
    for (std::uint64_t i = 0; i < part; ++i) request(trace, (shifting.draw(numbers) + shift) % size.keys);
  }
  return trace;
}

CacheTrace with_sizes(CacheTrace trace, std::uint64_t seed) {
  for (CacheRequest& each : trace.requests)
    each.size_bytes = log_uniform(each.key ^ scramble(~seed), kLeastBytes, kMostBytes);
  return trace;
}

std::span<const MakeTrace> synthetic_traces() {
  static constexpr std::array<MakeTrace, 6> kKinds{zipf_trace,     zipf_and_scan_trace, loop_trace,
                                                   shifting_trace, exchange_trace,      mixed_trace};
  return kKinds;
}

}  // namespace dolium::bench
