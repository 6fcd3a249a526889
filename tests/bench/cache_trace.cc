#include "tests/bench/cache_trace.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace dolium::bench {
namespace {

/// What each object of the trace takes, in the order of first requests.
std::vector<std::uint64_t> taken_by_objects(const CacheTrace& trace) {
  std::unordered_set<std::uint64_t> seen;
  std::vector<std::uint64_t> taken;
  for (const CacheRequest& request : trace.requests)
    if (seen.insert(request.key).second) taken.push_back(taken_bytes(request.size_bytes));
  return taken;
}

double share(std::uint64_t part, std::uint64_t whole) noexcept {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::uint64_t CacheTrace::footprint_bytes() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t taken : taken_by_objects(*this)) sum += taken;
  return sum;
}

std::uint64_t CacheTrace::most_objects(std::uint64_t capacity_bytes) const {
  std::vector<std::uint64_t> taken = taken_by_objects(*this);
  std::ranges::sort(taken);
  std::uint64_t sum = 0, count = 0;
  for (const std::uint64_t each : taken) {
    if ((sum += each) > capacity_bytes) break;
    ++count;
  }
  return count;
}

void HitCounter::count(bool hit, std::uint64_t size_bytes) noexcept {
  const std::uint64_t taken = taken_bytes(size_bytes);
  ++requests_;
  bytes_ += taken;
  if (!hit) return;
  ++hits_;
  hit_bytes_ += taken;
}

HitRatios HitCounter::ratios() const noexcept {
  return {share(hits_, requests_), share(hit_bytes_, bytes_)};
}

std::vector<std::size_t> next_uses(const CacheTrace& trace, std::size_t none) {
  std::unordered_map<std::uint64_t, std::size_t> next;
  std::vector<std::size_t> uses(trace.requests.size());
  for (std::size_t i = uses.size(); i-- > 0;) {
    const auto [found, last] = next.try_emplace(trace.requests[i].key, i);
    uses[i] = last ? none : found->second;
    found->second = i;
  }
  return uses;
}

HitRatios belady_hits(const CacheTrace& trace, std::uint64_t capacity_bytes) {
  const std::size_t never = trace.requests.size();
  const std::vector<std::size_t> next = next_uses(trace, never);
  std::set<std::pair<std::size_t, std::size_t>> cached;  // {next use, index of the last request}
  const auto taken = [&](std::size_t i) { return taken_bytes(trace.requests[i].size_bytes); };
  std::uint64_t used = 0;
  HitCounter counter;
  for (std::size_t i = 0; i < trace.requests.size(); ++i) {
    // If the object is there, its next use is this request, and no other object's is earlier.
    const bool hit = !cached.empty() && cached.begin()->first == i;
    counter.count(hit, trace.requests[i].size_bytes);
    if (hit) {
      cached.erase(cached.begin());
    } else {
      if (taken(i) > capacity_bytes) continue;
      for (used += taken(i); used > capacity_bytes; cached.erase(std::prev(cached.end())))
        used -= taken(std::prev(cached.end())->second);
    }
    cached.emplace(next[i], i);
  }
  return counter.ratios();
}

}  // namespace dolium::bench
