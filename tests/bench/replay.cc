// A cache's requests, replayed: get; on a miss, create and seal (the bytes are not written). The shares of requests and
// of bytes that hit, for each eviction policy, with a store as large as 1 %, 10 % and 40 % of all objects; beside them
// Belady's optimum (tests/bench/cache_trace.h) and, with --libcachesim, the policies of libCacheSim on the same traces.
//
// Traces: six synthetic kinds (tests/bench/synthetic_trace.h), with objects of one size and with sizes from 100 B to
// 1 MiB; or a file (tests/bench/trace_file.h). A figure is the mean over the seeds. Policies were tuned with seed 1, so
// others are used here.
//
// Through a real store without a daemon: it evicts contiguous windows and keeps small objects apart from large ones.
// The policies of libCacheSim are the textbook's. Both count an object with the bytes that it takes from a store (a
// multiple of 64), in capacities and in shares of bytes. Neither counts bookkeeping.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <thread>

#include <dolium/in_process_store.h>

#include "tests/bench/hit_table.h"
#include "tests/bench/libcachesim.h"
#include "tests/bench/synthetic_trace.h"
#include "tests/bench/trace_file.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::array kCapacityShares{0.01, 0.1, 0.4};  // of the bytes of all objects
constexpr double kFigureShare = 0.1;                   // the one whose figures are recorded
constexpr const char* kSeeds = "2,3,4";
constexpr const char* kBelady = "Belady";
constexpr const char* kBest = "best of libCacheSim";

constexpr std::size_t kPolicies = kEvictionPolicyNames.size();

// ---- one replay ----

std::uint64_t capacity_of(const CacheTrace& trace, double share) {
  constexpr std::uint64_t kPage = 4 * kKiB;
  const auto bytes = static_cast<std::uint64_t>(share * static_cast<double>(trace.footprint_bytes()));
  return std::max<std::uint64_t>(1, bytes / kPage) * kPage;
}

/// The default, unless it is too small for the objects that fit: then bytes would not be the limit.
std::uint32_t max_objects_for(const CacheTrace& trace, std::uint64_t capacity) {
  constexpr std::uint64_t kLeast = 1024;
  const std::uint64_t fit = trace.most_objects(capacity);
  return fit < std::max(kLeast, capacity / kKiB) ? 0 : static_cast<std::uint32_t>(fit + fit / 8);
}

HitRatios replay(const CacheTrace& trace, const StoreConfig& config) {
  const auto store = must(InProcessStore::open(config));
  HitCounter counter;
  for (const CacheRequest& request : trace.requests) {
    const ObjectId id = numbered_id(request.key);
    const bool hit = store->try_get(id).has_value();
    counter.count(hit, request.size_bytes);
    if (hit || taken_bytes(request.size_bytes) > config.capacity) continue;
    ObjectBuilder builder = must(store->create(id, request.size_bytes));
    must(builder.seal());
  }
  return counter.ratios();
}

/// All of the store's policies, a thread each. The order of the result is that of EvictionPolicy.
std::array<HitRatios, kPolicies> replay_policies(const CacheTrace& trace, std::uint64_t capacity) {
  std::array<HitRatios, kPolicies> hits;
  const std::uint32_t max_objects = max_objects_for(trace, capacity);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < hits.size(); ++i)
    threads.emplace_back([&, i] {
      hits[i] = replay(trace, {.capacity = capacity,
                               .max_objects = max_objects,
                               .eviction_policy = static_cast<EvictionPolicy>(i),
                               .prefault = false});
    });
  threads.clear();  // joins them
  return hits;
}

// ---- all replays of one kind of trace ----

class Kind {
 public:
  Kind(std::string name, std::span<const double> shares, std::string python)
      : name_(std::move(name)), shares_(shares), python_(std::move(python)), table_(shares) {}

  void replay(const CacheTrace& trace) {
    std::vector<std::uint64_t> capacities;
    for (const double share : shares_) capacities.push_back(capacity_of(trace, share));
    std::optional<LibCacheSim> published;
    if (!python_.empty()) published.emplace(python_, trace, capacities);
    for (std::size_t share = 0; share < shares_.size(); ++share) {
      const auto hits = replay_policies(trace, capacities[share]);
      for (std::size_t i = 0; i < hits.size(); ++i) table_.add(std::string(kEvictionPolicyNames[i]), share, hits[i]);
      table_.add(kBelady, share, belady_hits(trace, capacities[share]));
    }
    if (published) add_published(published->wait(), capacities);
  }

  void print() const {
    std::printf("\n  %-30s", name_.c_str());
    for (const double share : shares_) std::printf("  %13.4g %%", 100 * share);
    std::printf("\n");
    for (const std::string& policy : table_.policies()) {
      std::printf("    %-28s", policy.c_str());
      for (std::size_t share = 0; share < shares_.size(); ++share) print_one(policy, share);
      std::printf("\n");
    }
  }

  /// Figures at kFigureShare, and series. If all objects have one size, the two ratios are the same: one series.
  void record(Report& report, bool sizes_differ) const {
    record_ratio(report, "requests", &HitRatios::objects, sizes_differ);
    if (sizes_differ) record_ratio(report, "bytes", &HitRatios::bytes, true);
  }
  [[nodiscard]] double spread() const { return table_.spread(); }

 private:
  void add_published(const PublishedHits& hits, const std::vector<std::uint64_t>& capacities) {
    for (const auto& [policy, by_capacity] : hits) {
      if (std::ranges::find(published_, policy) == published_.end()) published_.push_back(policy);
      for (std::size_t share = 0; share < capacities.size(); ++share)
        if (const auto found = by_capacity.find(capacities[share]); found != by_capacity.end())
          table_.add(policy, share, found->second);
    }
  }

  void print_one(const std::string& policy, std::size_t share) const {
    if (const std::optional<HitRatios> mean = table_.mean(policy, share))
      std::printf("  %6.2f / %6.2f", 100 * mean->objects, 100 * mean->bytes);
    else
      std::printf("  %15s", "fails");
  }

  void record_ratio(Report& report, const std::string& of, double HitRatios::*ratio, bool sizes_differ) const {
    const std::string trace = sizes_differ ? name_ + ": " + of : name_;
    const std::string plot = sizes_differ ? "replay_sizes" : "replay";
    for (const std::string& policy : table_.policies()) {
      const bool theirs = std::ranges::find(published_, policy) != published_.end();
      report.add(Series{theirs ? "replay_libcachesim" : plot, trace + ", " + policy, table_.points(policy, ratio)});
      record_figure(report, policy, of, ratio);
    }
    if (published_.empty()) return;
    Series best{plot, trace + ", " + kBest};
    for (std::size_t share = 0; share < shares_.size(); ++share)
      best.points.emplace_back(shares_[share], table_.best(published_, share, ratio));
    report.add(best);
  }

  void record_figure(Report& report, const std::string& policy, const std::string& of, double HitRatios::*ratio) const {
    const auto share = static_cast<std::size_t>(std::ranges::find(shares_, kFigureShare) - shares_.begin());
    const std::optional<HitRatios> mean = table_.mean(policy, share);
    if (!mean || policy == kBelady) return;
    const double best = table_.mean(kBelady, share).value_or(HitRatios{}).*ratio;
    report.record({name_ + ", " + policy + ": " + of + " that hit", "", 100 * (*mean.*ratio), "%", "Belady's optimum",
                   100 * best, best > 0 ? std::optional(*mean.*ratio / best) : std::nullopt});
  }

  std::string name_;
  std::span<const double> shares_;
  std::string python_;
  HitTable table_;
  std::vector<std::string> published_;  // those of table_.policies() that are libCacheSim's
};

// ---- all kinds ----

std::vector<std::uint64_t> seeds_of(std::string_view text) {
  std::vector<std::uint64_t> seeds;
  while (!text.empty()) {
    const std::string_view each = text.substr(0, text.find(','));
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(each.data(), each.data() + each.size(), seed);
    require(error == std::errc{} && end == each.data() + each.size() && !each.empty(),
            "--seeds: '" + std::string(each) + "' is not a number; give numbers separated by commas: 2,3,4");
    seeds.push_back(seed);
    text.remove_prefix(std::min(each.size() + 1, text.size()));
  }
  return seeds;
}

void replay_synthetic(Report& report, std::span<const double> shares, std::string seeds, const std::string& python) {
  if (seeds.empty()) seeds = report.quick() ? std::string(kSeeds).substr(0, 1) : kSeeds;
  const std::uint64_t keys = report.smoke() ? 1000 : 20'000;
  const TraceSize size{keys, keys * (report.smoke() ? 4 : report.quick() ? 10 : 40)};
  double spread = 0;
  for (const bool sizes_differ : {false, true})
    for (const MakeTrace make : synthetic_traces()) {
      std::optional<Kind> kind;
      for (const std::uint64_t seed : seeds_of(seeds)) {
        const CacheTrace plain = make(size, seed);
        if (!kind) kind.emplace(sizes_differ ? plain.name + ", 100 B to 1 MiB" : plain.name, shares, python);
        kind->replay(sizes_differ ? with_sizes(plain, seed) : plain);
      }
      kind->print();
      kind->record(report, sizes_differ);
      spread = std::max(spread, kind->spread());
    }
  const long tenths = std::lround(1000 * spread);
  report.note("means of the seeds " + seeds + ", which differ by at most " + std::to_string(tenths / 10) + "." +
              std::to_string(tenths % 10) + " points");
}

}  // namespace

int main(int argc, char** argv) {
  std::string file, columns, seeds, python;
  const std::array more{
      Report::Option{"--trace", "replay this file: `KEY [SIZE]` a line, or CSV", &file},
      Report::Option{"--trace-columns",
                     "the file is CSV with these columns: \"time-col=1, obj-id-col=2, obj-size-col=3\"", &columns},
      Report::Option{"--seeds", "of the synthetic traces: numbers separated by commas", &seeds},
      Report::Option{"--libcachesim", "compare with libCacheSim; this Python has the package libcachesim", &python}};
  Report report(argc, argv, "replay: requests that hit / bytes that hit, in %, by capacity / bytes of all objects",
                more);
  const std::span<const double> shares =
      report.smoke() ? std::span<const double>(&kCapacityShares[1], 1) : std::span<const double>(kCapacityShares);
  if (file.empty()) {
    require(columns.empty(), "--trace-columns is for --trace FILE");
    replay_synthetic(report, shares, seeds, python);
    return 0;
  }
  require(seeds.empty(), "--seeds is for synthetic traces, not for --trace FILE");
  const CacheTrace trace = must(read_trace(file, columns));
  Kind kind(trace.name, shares, python);
  kind.replay(trace);
  kind.print();
  kind.record(report, true);
}
