#pragma once
// Traces of cache requests, the shares of them that hit, and the best shares that a cache could reach.
//
// Where the traces come from: tests/bench/synthetic_trace.h, tests/bench/trace_file.h.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/harness.h"

namespace dolium::bench {

struct CacheRequest {
  std::uint64_t key;
  std::uint64_t size_bytes;
};

/// All requests for one key have one size.
struct CacheTrace {
  std::string name;
  std::vector<CacheRequest> requests = {};

  /// Bytes that all objects of the trace take from a store, each once.
  [[nodiscard]] std::uint64_t footprint_bytes() const;
  /// Maximum number of objects of the trace that a store of this capacity holds at once.
  [[nodiscard]] std::uint64_t most_objects(std::uint64_t capacity_bytes) const;
};

inline constexpr std::uint64_t kTraceObjectBytes = 4 * kKiB;
inline constexpr std::uint64_t kGrainBytes = 64;

/// Bytes that an object takes from a store: a store rounds sizes up to its grain. An empty object takes one grain.
[[nodiscard]] constexpr std::uint64_t taken_bytes(std::uint64_t size_bytes) noexcept {
  return size_bytes == 0 ? kGrainBytes : (size_bytes + kGrainBytes - 1) / kGrainBytes * kGrainBytes;
}

/// Shares of a trace that hit: of the requests, and of the bytes requested. An object counts with the bytes that it
/// takes.
struct HitRatios {
  double objects = 0;
  double bytes = 0;
};

/// Counts the hits of one replay.
class HitCounter {
 public:
  void count(bool hit, std::uint64_t size_bytes) noexcept;
  /// 0 if there were no requests.
  [[nodiscard]] HitRatios ratios() const noexcept;

 private:
  std::uint64_t requests_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t hit_bytes_ = 0;
};

/// For each request, the index of the next one for the same key. `none` marks the last request of a key.
[[nodiscard]] std::vector<std::size_t> next_uses(const CacheTrace& trace, std::size_t none);

/// The hits of a cache that knows the future, and evicts what is needed furthest ahead (L. A. Belady, "A study of
/// replacement algorithms for a virtual-storage computer", 1966). Every object that is missed is stored, as in a store.
/// This is the optimum if all objects have one size. If sizes differ, it is no bound: a cache that prefers small
/// objects can hit more often.
[[nodiscard]] HitRatios belady_hits(const CacheTrace& trace, std::uint64_t capacity_bytes);

}  // namespace dolium::bench
