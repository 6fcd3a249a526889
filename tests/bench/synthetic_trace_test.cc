// What the synthetic traces are made of.

#include "tests/bench/synthetic_trace.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <span>

using namespace dolium;
using namespace dolium::bench;

namespace {

constexpr std::uint64_t kKeys = 1000;
constexpr std::uint64_t kRequests = 40'000;
constexpr TraceSize kSize{kKeys, kRequests};
constexpr std::uint64_t kSeed = 7;

std::vector<std::uint64_t> keys_of(std::span<const CacheRequest> requests) {
  std::vector<std::uint64_t> keys;
  for (const CacheRequest& request : requests) keys.push_back(request.key);
  return keys;
}
std::vector<std::uint64_t> keys_of(const CacheTrace& trace) {
  return keys_of(std::span(trace.requests));
}

/// How often each key comes, most often first.
std::vector<std::pair<std::uint64_t, std::uint64_t>> counts_of(std::span<const CacheRequest> requests) {
  std::map<std::uint64_t, std::uint64_t> counts;
  for (const CacheRequest& request : requests) ++counts[request.key];
  std::vector<std::pair<std::uint64_t, std::uint64_t>> sorted;
  for (const auto& [key, count] : counts) sorted.emplace_back(count, key);
  std::ranges::sort(sorted, std::greater{});
  return sorted;
}

}  // namespace

TEST_CASE("the same seed makes the same trace, another seed another one") {
  for (const MakeTrace make : synthetic_traces()) {
    const CacheTrace trace = make(kSize, kSeed);
    CAPTURE(trace.name);
    REQUIRE(keys_of(trace) == keys_of(make(kSize, kSeed)));
    if (trace.name != "loop" && trace.name != "exchange") CHECK(keys_of(trace) != keys_of(make(kSize, kSeed + 1)));
    REQUIRE(std::ranges::all_of(trace.requests, [](const CacheRequest& each) { return each.size_bytes == 4096; }));
  }
  REQUIRE(synthetic_traces().size() == 6);
}

TEST_CASE("Zipf: the n-th most popular key comes as often as 1 / n^0.9, and is any key") {
  const CacheTrace trace = zipf_trace(kSize, kSeed);
  REQUIRE(trace.requests.size() == kRequests);
  const auto counts = counts_of(trace.requests);
  const auto first = static_cast<double>(counts[0].first);
  CHECK(first / static_cast<double>(counts[9].first) == Approx(7.94).epsilon(0.15));   // 10^0.9
  CHECK(first / static_cast<double>(counts[99].first) == Approx(63.1).epsilon(0.25));  // 100^0.9
  REQUIRE(std::ranges::all_of(counts, [](const auto& each) { return each.second < kKeys; }));
  CHECK(counts_of(zipf_trace(kSize, kSeed + 1).requests)[0].second != counts[0].second);
}

TEST_CASE("Zipf and scans: after each 1,000 requests, 250 keys that never come again") {
  const CacheTrace trace = zipf_and_scan_trace(kSize, kSeed);
  REQUIRE(trace.requests.size() == kRequests + kRequests / kKeys * (kKeys / 4));
  std::vector<std::uint64_t> popular, scanned;
  for (std::size_t i = 0; i < trace.requests.size(); ++i)
    (i % 1250 < 1000 ? popular : scanned).push_back(trace.requests[i].key);
  REQUIRE(popular == keys_of(zipf_trace(kSize, kSeed)));
  REQUIRE(std::set(scanned.begin(), scanned.end()).size() == scanned.size());
  REQUIRE(std::ranges::min(scanned) == kKeys);
}

TEST_CASE("loop: every key in turn") {
  const CacheTrace trace = loop_trace(kSize, kSeed);
  REQUIRE(trace.requests.size() == kRequests);
  for (std::size_t i = 0; i < kRequests; ++i) REQUIRE(trace.requests[i].key == i % kKeys);
}

TEST_CASE("shifting Zipf: the popular keys change 20 times") {
  const CacheTrace trace = shifting_trace(kSize, kSeed);
  REQUIRE(trace.requests.size() == kRequests);
  std::set<std::uint64_t> most_popular;
  for (std::size_t part = 0; part < 20; ++part) {
    const auto counts = counts_of(std::span(trace.requests).subspan(part * 2000, 2000));
    CHECK(counts[0].second == part * (kKeys / 20));
    most_popular.insert(counts[0].second);
  }
  REQUIRE(most_popular.size() == 20);
}

TEST_CASE("exchange: each key twice, the second time after 0.3 % of all keys") {
  const CacheTrace trace = exchange_trace(kSize, kSeed);
  constexpr std::size_t kExchanged = kRequests / 4;
  constexpr std::size_t kDelay = 30;
  REQUIRE(trace.requests.size() == 2 * kExchanged);
  std::map<std::uint64_t, std::vector<std::size_t>> requests;  // of each key
  for (std::size_t i = 0; i < trace.requests.size(); ++i) requests[trace.requests[i].key].push_back(i);
  REQUIRE(requests.size() == kExchanged);
  for (const auto& [key, at] : requests) {
    REQUIRE(at.size() == 2);
    std::set<std::uint64_t> first_keys;
    for (std::size_t i = at[0] + 1; i < at[1]; ++i)
      if (trace.requests[i].key > key) first_keys.insert(trace.requests[i].key);
    REQUIRE(first_keys.size() == std::min(kDelay, kExchanged - 1 - key));
  }
}

TEST_CASE("mix: ten rounds of Zipf, scan, loop and shifting Zipf") {
  const CacheTrace trace = mixed_trace(kSize, kSeed);
  constexpr std::size_t kPart = kRequests / 40;
  constexpr std::size_t kRound = 3 * kPart + kPart / 2;
  REQUIRE(trace.requests.size() == 10 * kRound);
  std::set<std::uint64_t> scanned;
  for (std::size_t round = 0; round < 10; ++round) {
    const auto part = [&](std::size_t begin, std::size_t count) {
      return std::span(trace.requests).subspan(round * kRound + begin, count);
    };
    for (const std::uint64_t key : keys_of(part(0, kPart))) REQUIRE(key < kKeys);
    for (const std::uint64_t key : keys_of(part(kPart, kPart / 2))) {
      REQUIRE(key >= kKeys + kKeys / 4);
      REQUIRE(scanned.insert(key).second);
    }
    const auto looped = keys_of(part(kPart + kPart / 2, kPart));
    for (std::size_t i = 0; i < kPart; ++i) REQUIRE(looped[i] == kKeys + i % (kKeys / 4));
    CHECK(counts_of(part(2 * kPart + kPart / 2, kPart))[0].second == round * (kKeys / 10));
  }
}

TEST_CASE("sizes: from 100 B to 1 MiB, every order of magnitude as often, one for each key") {
  const CacheTrace trace = with_sizes(loop_trace(kSize, kSeed), kSeed);
  REQUIRE(keys_of(trace) == keys_of(loop_trace(kSize, kSeed)));
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < kRequests; ++i) {
    REQUIRE(trace.requests[i].size_bytes == trace.requests[i % kKeys].size_bytes);
    if (i < kKeys) sizes.push_back(trace.requests[i].size_bytes);
  }
  std::ranges::sort(sizes);
  REQUIRE(sizes.front() >= 100);
  REQUIRE(sizes.back() <= kMiB);
  const auto below = [&](std::uint64_t bound) { return std::ranges::lower_bound(sizes, bound) - sizes.begin(); };
  CHECK(below(1'000) == Approx(249).margin(50));  // log 10 / log 10,486 of 1,000
  CHECK(below(10'000) == Approx(497).margin(50));
  CHECK(below(100'000) == Approx(746).margin(50));
  CHECK(with_sizes(loop_trace(kSize, kSeed), kSeed + 1).requests[0].size_bytes != trace.requests[0].size_bytes);
}
