// Checks Belady's optimum against all possible choices, on small traces; and the file format.

#include "tests/bench/cache_trace.h"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

using namespace dolium;
using namespace dolium::bench;

namespace {

constexpr std::uint64_t kUnit = 64;

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

}  // namespace

TEST_CASE("nobody hits more often than Belady, and Belady as often as can be") {
  constexpr std::size_t kRequests = 12;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const std::size_t room = 1 + seed % 3;
    std::vector<std::uint64_t> keys;
    for (std::uint64_t i = 0; i < kRequests; ++i) keys.push_back(scramble(seed * kRequests + i) % 5);
    const double ratio = belady_hit_ratio(trace_of(keys), room * kUnit, kUnit);
    REQUIRE(ratio == Approx(static_cast<double>(most_hits(keys, {}, room)) / kRequests));
  }
}

TEST_CASE("Belady counts whole grains, and lets pass what does not fit at all") {
  const CacheTrace trace{"test", {{1, 1}, {2, 65}, {1, 1}, {3, 1000}, {3, 1000}, {2, 65}}};
  REQUIRE(belady_hit_ratio(trace, 192, kUnit) == Approx(2.0 / 6));
  REQUIRE(belady_hit_ratio(trace, 128, kUnit) == 0);  // 2 takes two grains: it and 1 drive each other out
}

TEST_CASE("a trace file: keys, sizes or the default, comments; a key keeps its first size") {
  std::string path = (std::filesystem::temp_directory_path() / "dolium-trace-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  REQUIRE(fd >= 0);
  ::close(fd);
  std::ofstream(path) << "# key size\n\nuser:1 100\nuser:2\n  user:1 7\n";
  const CacheTrace trace = read_trace(path);
  std::filesystem::remove(path);
  REQUIRE(trace.requests.size() == 3);
  REQUIRE(trace.requests[0].key == trace.requests[2].key);
  REQUIRE(trace.requests[0].key != trace.requests[1].key);
  REQUIRE(trace.requests[2].size_bytes == 100);
  REQUIRE(trace.requests[1].size_bytes == kTraceObjectBytes);
  REQUIRE(trace.distinct_bytes() == 100 + kTraceObjectBytes);
}
