// Belady's optimum against all possible choices, on small traces, and with sizes against a plain simulation; and what
// is counted.

#include "tests/bench/cache_trace.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <span>

using namespace dolium;
using namespace dolium::bench;

namespace {

constexpr std::uint64_t kUnit = kGrainBytes;

/// The most hits that any sequence of evictions gives, all objects being of one size.
int most_hits(std::span<const std::uint64_t> keys, const std::set<std::uint64_t>& cached, std::size_t room) {
  if (keys.empty()) return 0;
  const auto rest = keys.subspan(1);
  if (cached.contains(keys.front())) return 1 + most_hits(rest, cached, room);
  std::set<std::uint64_t> next = cached;
  next.insert(keys.front());
  if (next.size() <= room) return most_hits(rest, next, room);
  int best = 0;
  for (const std::uint64_t victim : cached) {
    std::set<std::uint64_t> without = next;
    without.erase(victim);
    best = std::max(best, most_hits(rest, without, room));
  }
  return best;
}

CacheTrace trace_of(std::span<const std::uint64_t> keys) {
  CacheTrace trace{"test"};
  for (const std::uint64_t key : keys) trace.requests.push_back({key, kUnit});
  return trace;
}

/// Belady's rule, with a search through the rest of the trace for each eviction. Precondition: each object fits.
HitRatios plain_belady(const CacheTrace& trace, std::uint64_t capacity) {
  std::map<std::uint64_t, std::uint64_t> cached;  // size by key
  HitCounter counter;
  for (std::size_t i = 0; i < trace.requests.size(); ++i) {
    const CacheRequest& request = trace.requests[i];
    const auto next_use = [&](std::uint64_t key) {
      std::size_t next = i + 1;
      while (next < trace.requests.size() && trace.requests[next].key != key) ++next;
      return next;
    };
    const auto used = [&] {
      std::uint64_t sum = taken_bytes(request.size_bytes);
      for (const auto& [key, size] : cached) sum += taken_bytes(size);
      return sum;
    };
    const bool hit = cached.contains(request.key);
    counter.count(hit, request.size_bytes);
    if (hit) continue;
    while (used() > capacity)
      cached.erase(std::ranges::max_element(
          cached, [&](const auto& a, const auto& b) { return next_use(a.first) < next_use(b.first); }));
    cached.emplace(request.key, request.size_bytes);
  }
  return counter.ratios();
}

}  // namespace

TEST_CASE("no cache hits more often than Belady's, and Belady's as often as possible") {
  constexpr std::size_t kRequests = 12;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const std::size_t room = 1 + seed % 3;
    std::vector<std::uint64_t> keys;
    for (std::uint64_t i = 0; i < kRequests; ++i) keys.push_back(scramble(seed * kRequests + i) % 5);
    const HitRatios hits = belady_hits(trace_of(keys), room * kUnit);
    REQUIRE(hits.objects == Approx(static_cast<double>(most_hits(keys, {}, room)) / kRequests));
    REQUIRE(hits.bytes == Approx(hits.objects));
  }
}

TEST_CASE("Belady with sizes evicts what is needed furthest ahead until the object fits") {
  constexpr std::uint64_t kRequests = 100;
  constexpr std::uint64_t kKeys = 12;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    CacheTrace trace{"test"};
    for (std::uint64_t i = 0; i < kRequests; ++i) {
      const std::uint64_t key = scramble(seed * kRequests + i) % kKeys;
      trace.requests.push_back({key, 1 + scramble(seed * kKeys + key) % (4 * kUnit)});
    }
    // Each key comes once more at the end: objects that are never needed again are victims in any order.
    for (std::uint64_t key = 0; key < kKeys; ++key)
      trace.requests.push_back({key, 1 + scramble(seed * kKeys + key) % (4 * kUnit)});
    const std::uint64_t capacity = (4 + seed % 20) * kUnit;
    const HitRatios hits = belady_hits(trace, capacity);
    const HitRatios expected = plain_belady(trace, capacity);
    REQUIRE(hits.objects > 0);
    REQUIRE(hits.objects == Approx(expected.objects));
    REQUIRE(hits.bytes == Approx(expected.bytes));
  }
}

TEST_CASE("Belady counts whole grains, and lets pass what does not fit at all") {
  const CacheTrace trace{"test", {{1, 1}, {2, 65}, {1, 1}, {3, 1000}, {3, 1000}, {2, 65}}};
  const HitRatios hits = belady_hits(trace, 192);
  REQUIRE(hits.objects == Approx(2.0 / 6));
  REQUIRE(hits.bytes == Approx((64.0 + 128.0) / (2 * 64 + 2 * 128 + 2 * 1024)));
  REQUIRE(belady_hits(trace, 128).objects == 0);  // 2 takes two grains: it and 1 evict each other
}

TEST_CASE("hits are counted by requests and by the bytes that objects take") {
  HitCounter counter;
  REQUIRE(counter.ratios().objects == 0);
  REQUIRE(counter.ratios().bytes == 0);
  counter.count(false, 0);  // an empty object takes a grain
  counter.count(true, 64);
  counter.count(false, 65);
  counter.count(true, 129);
  REQUIRE(counter.ratios().objects == Approx(0.5));
  REQUIRE(counter.ratios().bytes == Approx((64.0 + 192) / (64 + 64 + 128 + 192)));
}

TEST_CASE("a trace's footprint counts each object once, and its smallest objects are the most that fit") {
  const CacheTrace trace{"test", {{1, 100}, {2, 64}, {1, 100}, {3, 1000}, {4, 0}}};
  REQUIRE(trace.footprint_bytes() == 128 + 64 + 1024 + 64);
  REQUIRE(trace.most_objects(63) == 0);
  REQUIRE(trace.most_objects(128) == 2);
  REQUIRE(trace.most_objects(255) == 2);
  REQUIRE(trace.most_objects(256) == 3);
  REQUIRE(trace.most_objects(kMiB) == 4);
}

TEST_CASE("the next use of each request") {
  const CacheTrace trace{"test", {{1, 1}, {2, 1}, {1, 1}, {1, 1}, {3, 1}}};
  constexpr std::size_t kNone = 99;
  REQUIRE(next_uses(trace, kNone) == std::vector<std::size_t>{2, kNone, 3, kNone, kNone});
}
