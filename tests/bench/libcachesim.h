#pragma once
// LibCacheSim: the hits of published eviction policies, by libCacheSim (tests/bench/libcachesim_replay).

#include <cstdio>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/cache_trace.h"

namespace dolium::bench {

/// By policy and capacity.
using PublishedHits = std::map<std::string, std::map<std::uint64_t, HitRatios>>;

/// One replay in a process of its own, which runs until wait() or the destructor. A resource: neither copied nor moved.
class LibCacheSim {
 public:
  /// `python` is a Python with the package libcachesim. Its process reads the trace from a temporary file.
  LibCacheSim(const std::string& python, const CacheTrace& trace, const std::vector<std::uint64_t>& capacities);
  LibCacheSim(const LibCacheSim&) = delete;
  LibCacheSim& operator=(const LibCacheSim&) = delete;
  ~LibCacheSim();

  /// Waits for the process. Gives up if it fails, or prints no hits at all.
  [[nodiscard]] PublishedHits wait();

 private:
  std::string path_;
  std::FILE* output_;
};

/// Parses what libcachesim_replay prints. invalid_argument quotes the line that is wrong.
[[nodiscard]] Result<PublishedHits> parse_published_hits(std::istream& text);

}  // namespace dolium::bench
