#pragma once
// Traces of cache requests, and the best hit rate that any cache could reach on them.
//
// A trace file is text with one request per line: a key (any word), and the object's size in bytes (default: 4096).
// Empty lines and lines that begin with # are ignored. A key keeps the size of its first request.
//
//   # key size
//   user:17 1200
//   user:18

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/bench/harness.h"

namespace dolium::bench {

struct CacheRequest {
  std::uint64_t key;
  std::uint64_t size_bytes;
};

struct CacheTrace {
  std::string name;
  std::vector<CacheRequest> requests = {};

  /// The bytes of all objects that occur, each once.
  [[nodiscard]] std::uint64_t distinct_bytes() const;
};

inline constexpr std::uint64_t kTraceObjectBytes = 4 * kKiB;

/// Keys below `keys`, the n-th most popular as often as 1 / n^skew, in random order.
[[nodiscard]] CacheTrace zipf_trace(std::uint64_t keys, std::uint64_t requests, double skew);
/// The same, with a scan of `scan` keys that never come again after every `every` requests.
[[nodiscard]] CacheTrace zipf_and_scan_trace(std::uint64_t keys, std::uint64_t requests, double skew,
                                             std::uint64_t every, std::uint64_t scan);
/// 0, 1, ... keys - 1, and again from the beginning.
[[nodiscard]] CacheTrace loop_trace(std::uint64_t keys, std::uint64_t requests);
/// Gives up, naming the line, when the file cannot be read.
[[nodiscard]] CacheTrace read_trace(const std::string& path);

/// The share of requests that hit in a cache of so many bytes which knows the future and evicts what is needed furthest
/// ahead (L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", 1966). The optimum where
/// all sizes are equal; where not, a good bound, but not proven one. Every object that is missed is stored, as in a
/// store; sizes are rounded up to `grain_bytes` as they are there.
[[nodiscard]] double belady_hit_ratio(const CacheTrace& trace, std::uint64_t capacity_bytes, std::uint64_t grain_bytes);

}  // namespace dolium::bench
