#include "tests/bench/cache_trace.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <unordered_map>

namespace dolium::bench {
namespace {

/// Draws the n-th most popular of `keys` as often as 1 / n^skew.
class Zipf {
 public:
  Zipf(std::uint64_t keys, double skew) {
    double sum = 0;
    for (std::uint64_t rank = 1; rank <= keys; ++rank)
      sums_.push_back(sum += std::pow(static_cast<double>(rank), -skew));
  }

  [[nodiscard]] std::uint64_t draw(std::uint64_t number) const {
    const double share = static_cast<double>(scramble(number) >> 11) * 0x1p-53;
    const auto found = std::ranges::upper_bound(sums_, share * sums_.back());
    return static_cast<std::uint64_t>(found - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

/// For each request, at which one its key comes next; past the end when it does not.
std::vector<std::size_t> next_uses(const std::vector<CacheRequest>& requests) {
  std::unordered_map<std::uint64_t, std::size_t> next;
  std::vector<std::size_t> uses(requests.size());
  for (std::size_t i = requests.size(); i-- > 0;) {
    const auto [found, first] = next.try_emplace(requests[i].key, i);
    // Those that never come again differ still: each needs a place of its own in the order.
    uses[i] = first ? requests.size() + i : found->second;
    found->second = i;
  }
  return uses;
}

}  // namespace

std::uint64_t CacheTrace::distinct_bytes() const {
  std::unordered_map<std::uint64_t, std::uint64_t> sizes;
  std::uint64_t sum = 0;
  for (const CacheRequest& request : requests)
    if (sizes.try_emplace(request.key, request.size_bytes).second) sum += request.size_bytes;
  return sum;
}

CacheTrace zipf_trace(std::uint64_t keys, std::uint64_t requests, double skew) {
  const Zipf zipf(keys, skew);
  CacheTrace trace{"Zipf"};
  for (std::uint64_t i = 0; i < requests; ++i) trace.requests.push_back({zipf.draw(i), kTraceObjectBytes});
  return trace;
}

CacheTrace zipf_and_scan_trace(std::uint64_t keys, std::uint64_t requests, double skew, std::uint64_t every,
                               std::uint64_t scan) {
  CacheTrace trace{"Zipf and scans"};
  std::uint64_t fresh = keys;
  for (const CacheRequest& request : zipf_trace(keys, requests, skew).requests) {
    trace.requests.push_back(request);
    if (trace.requests.size() % (every + scan) != every) continue;
    for (std::uint64_t i = 0; i < scan; ++i) trace.requests.push_back({fresh++, kTraceObjectBytes});
  }
  return trace;
}

CacheTrace loop_trace(std::uint64_t keys, std::uint64_t requests) {
  CacheTrace trace{"loop"};
  for (std::uint64_t i = 0; i < requests; ++i) trace.requests.push_back({i % keys, kTraceObjectBytes});
  return trace;
}

CacheTrace read_trace(const std::string& path) {
  std::ifstream file(path);
  require(file.is_open(), "cannot read the trace " + path);
  CacheTrace trace{path.substr(path.rfind('/') + 1)};
  std::unordered_map<std::string, CacheRequest> known;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    std::istringstream words(line);
    std::string key, rest;
    if (!(words >> key) || key.starts_with('#')) continue;
    std::uint64_t size = kTraceObjectBytes;
    const bool bad = !(words >> size) && !words.eof();
    require(!bad && (words.clear(), !(words >> rest)), path + ":" + std::to_string(number) + ": not `KEY [SIZE]`");
    trace.requests.push_back(known.try_emplace(key, CacheRequest{known.size(), size}).first->second);
  }
  require(!trace.requests.empty(), "no requests in the trace " + path);
  return trace;
}

double belady_hit_ratio(const CacheTrace& trace, std::uint64_t capacity_bytes, std::uint64_t grain_bytes) {
  const std::vector<std::size_t> next = next_uses(trace.requests);
  std::set<std::pair<std::size_t, std::size_t>> cached;  // {next use, the request that says the size}
  std::uint64_t used = 0, hits = 0;
  const auto taken = [&](std::size_t i) {
    return (std::max<std::uint64_t>(trace.requests[i].size_bytes, 1) + grain_bytes - 1) / grain_bytes * grain_bytes;
  };
  for (std::size_t i = 0; i < trace.requests.size(); ++i) {
    // What is needed now has this very request as its next use, and nothing is needed earlier.
    if (!cached.empty() && cached.begin()->first == i) {
      ++hits;
      cached.erase(cached.begin());
    } else {
      if (taken(i) > capacity_bytes) continue;
      for (used += taken(i); used > capacity_bytes; cached.erase(std::prev(cached.end())))
        used -= taken(std::prev(cached.end())->second);
    }
    cached.emplace(next[i], i);
  }
  return static_cast<double>(hits) / static_cast<double>(trace.requests.size());
}

}  // namespace dolium::bench
