// A cache's requests, replayed: get; on a miss, create and seal (the bytes are not written). The share of requests that
// hit, for each eviction policy, beside the optimum of one who knows the future (tests/bench/cache_trace.h), at several
// capacities. Synthetic traces; with --trace FILE that one instead.
//
// Through a real store without a daemon: windows, the coldest tenth and all. lru here is not textbook LRU, and that is
// what is to be seen: what the windows that keep the arena full cost in hits.

#include <array>

#include <dolium/in_process_store.h>

#include "tests/bench/cache_trace.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kGrainBytes = 64;  // what a store rounds sizes up to
constexpr double kSkew = 0.9;
constexpr std::array kCapacityShares{0.05, 0.1, 0.2, 0.4};  // of the bytes of all objects
constexpr double kTableShare = 0.1;                         // the one that the table shows

struct Policy {
  const char* name;
  EvictionPolicy policy;
};
constexpr std::array kPolicies{Policy{"lru", EvictionPolicy::lru}, Policy{"lfu", EvictionPolicy::lfu},
                               Policy{"fifo", EvictionPolicy::fifo}};

double hit_ratio(const CacheTrace& trace, std::uint64_t capacity, EvictionPolicy policy) {
  const auto store = must(InProcessStore::open({.capacity = capacity, .eviction_policy = policy, .prefault = false}));
  std::uint64_t hits = 0;
  for (const CacheRequest& request : trace.requests) {
    const ObjectId id = numbered_id(request.key);
    if (store->try_get(id)) {
      ++hits;
    } else if (request.size_bytes <= capacity) {
      ObjectBuilder builder = must(store->create(id, request.size_bytes));
      must(builder.seal());
    }
  }
  return static_cast<double>(hits) / static_cast<double>(trace.requests.size());
}

std::uint64_t capacity_of(const CacheTrace& trace, double share) {
  constexpr std::uint64_t kPage = 4 * kKiB;
  const auto bytes = static_cast<std::uint64_t>(share * static_cast<double>(trace.distinct_bytes()));
  return std::max<std::uint64_t>(1, bytes / kPage) * kPage;
}

void replay(Report& report, const CacheTrace& trace) {
  std::map<std::string, Series> lines;
  for (const double share : kCapacityShares) {
    if (report.smoke() && share != kTableShare) continue;
    const std::uint64_t capacity = capacity_of(trace, share);
    const double best = belady_hit_ratio(trace, capacity, kGrainBytes);
    const auto record = [&](const std::string& name, double ratio) {
      lines.try_emplace(name, Series{"replay", trace.name + ", " + name})
          .first->second.points.emplace_back(share, ratio);
    };
    record("Belady", best);
    for (const Policy& policy : kPolicies) {
      const double ratio = hit_ratio(trace, capacity, policy.policy);
      record(policy.name, ratio);
      if (share == kTableShare)
        report.add({trace.name + ", " + policy.name + ": requests that hit", "", 100 * ratio, "%", "Belady's optimum",
                    100 * best, best > 0 ? std::optional(ratio / best) : std::nullopt});
    }
  }
  for (const auto& [name, line] : lines) report.add(line);
}

}  // namespace

int main(int argc, char** argv) {
  std::string file;
  const std::array more{Report::Option{"--trace", "replay this file: `KEY [SIZE]` a line", &file}};
  Report report(argc, argv, "replay: requests that hit, the store as large as a tenth of all objects", more);
  if (!file.empty()) {
    replay(report, read_trace(file));
    return 0;
  }
  const std::uint64_t keys = report.smoke() ? 1000 : 20'000;
  const std::uint64_t requests = keys * (report.quick() ? 10 : 40);
  replay(report, zipf_trace(keys, requests, kSkew));
  replay(report, zipf_and_scan_trace(keys, requests, kSkew, keys, keys / 4));
  replay(report, loop_trace(keys, requests));
}
