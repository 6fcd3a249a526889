#pragma once
// Synthetic traces: the kinds of requests on which eviction policies differ. The same seed makes the same trace.

#include <functional>
#include <span>

#include "tests/bench/cache_trace.h"

namespace dolium::bench {

/// How large a trace is.
struct TraceSize {
  std::uint64_t keys;      ///< popular keys; scans add others
  std::uint64_t requests;  ///< for popular keys
};

/// The n-th most popular key as often as 1 / n^0.9. Which keys are popular is random.
[[nodiscard]] CacheTrace zipf_trace(TraceSize size, std::uint64_t seed);
/// The same. After each `keys` requests, a scan reads a quarter as many keys that never come again.
[[nodiscard]] CacheTrace zipf_and_scan_trace(TraceSize size, std::uint64_t seed);
/// 0, 1, ... keys - 1, and again from the beginning. Does not depend on the seed.
[[nodiscard]] CacheTrace loop_trace(TraceSize size, std::uint64_t seed);
/// The n-th most popular key as often as 1 / n. The popular keys change 20 times.
[[nodiscard]] CacheTrace shifting_trace(TraceSize size, std::uint64_t seed);
/// Each key twice: again after 0.3 % of all keys, of which there are a quarter as many as `requests`. Does not depend
/// on the seed.
[[nodiscard]] CacheTrace exchange_trace(TraceSize size, std::uint64_t seed);
/// Ten rounds of: Zipf, a scan of keys that never come again, a loop over other keys, a Zipf whose popular keys change.
[[nodiscard]] CacheTrace mixed_trace(TraceSize size, std::uint64_t seed);

/// The same requests, each key with a size of its own: from 100 B to 1 MiB, every order of magnitude as often.
[[nodiscard]] CacheTrace with_sizes(CacheTrace trace, std::uint64_t seed);

using MakeTrace = CacheTrace (*)(TraceSize size, std::uint64_t seed);
/// All kinds.
[[nodiscard]] std::span<const MakeTrace> synthetic_traces();

}  // namespace dolium::bench
