// How full the store stays under churn: live bytes over capacity, after each put, once it has been filled three times.
// First through a real store without a daemon (create and seal; the bytes are not written), then arena and eviction
// alone, with several mixes and with more or fewer gets between the puts (tests/bench/arena_simulation.h).

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <dolium/in_process_store.h>

#include "tests/bench/arena_simulation.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kCapacity = ArenaSimulation::kCapacity;
constexpr std::uint64_t kWarmups = ArenaSimulation::kWarmups;
constexpr std::uint64_t kDefaultSeed = 1;
constexpr std::uint64_t kSlowPuts = 20;
constexpr std::uint64_t kGetsFrom = 500;  // the last so many objects put are got at random

std::uint64_t seed() {
  const char* given = std::getenv("DOLIUM_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : kDefaultSeed;
}

// ---- a real store ----

struct Fullness {
  Samples live;   // what creators gave, data and metadata
  Samples taken;  // with padding
};

Fullness churn(ObjectStore& store, std::uint64_t gets, std::uint64_t measured) {
  Fullness out;
  std::uint64_t stored = 0;
  for (std::uint64_t number = 0; stored < (kWarmups + measured) * kCapacity; ++number) {
    const std::uint64_t size = log_uniform(number ^ scramble(seed()), kKiB, 16 * kMiB);
    ObjectBuilder builder = must(store.create(numbered_id(number), size));
    must(builder.seal());
    stored += size;
    for (std::uint64_t i = 0; i < gets; ++i) {
      const std::uint64_t back = scramble(number * 8 + i) % kGetsFrom;
      static_cast<void>(store.get_raw(numbered_id(number - std::min(number, back))));  // it may be gone already
    }
    if (stored < kWarmups * kCapacity) continue;
    const StoreStats stats = must(store.stats());
    out.live.add(static_cast<double>(stats.total_size) / static_cast<double>(kCapacity));
    out.taken.add(static_cast<double>(stats.used_bytes) / static_cast<double>(kCapacity));
  }
  return out;
}

void real_store(Report& report, std::uint64_t measured) {
  for (const std::uint64_t gets : {0U, 4U}) {
    const auto store = must(InProcessStore::open({.capacity = kCapacity}));
    const Fullness fullness = churn(*store, gets, measured);
    const std::string name = "store, log-uniform 1 KiB..16 MiB, " + std::to_string(gets) + " gets a put: ";
    report.add({name + "mean", "", fullness.live.mean(), "", "with padding", fullness.taken.mean(), {}, ">= 0.90"});
    report.add({name + "least", "", fullness.live.least(), "", "with padding", fullness.taken.least()});
  }
}

// ---- arena and eviction alone ----

struct NamedMix {
  const char* name;
  Mix mix;
  std::uint64_t most_puts_if_touched = UINT64_MAX;  ///< measured ones: bounds a mix whose plans are slow
};

Mix log_uniform_mix(std::uint64_t least, std::uint64_t most) {
  return [least, most](Random& random, std::uint64_t) { return log_uniform(random(), least, most); };
}

std::vector<NamedMix> mixes(bool quick) {
  std::vector<NamedMix> all = {{"log-uniform 1K..16M", log_uniform_mix(kKiB, 16 * kMiB)}};
  if (quick) return all;
  all.push_back({"log-uniform 64K..256M", log_uniform_mix(64 * kKiB, 256 * kMiB)});
  all.push_back({"1% 16M, 99% 10K..90K", [](Random& random, std::uint64_t) {
                   return random() % 100 == 0 ? 16 * kMiB : 10 * kKiB + random() % (80 * kKiB);
                 }});
  // The second size arrives when the first fills the arena; measured from there.
  all.push_back({"1K, then 5K",
                 [](Random&, std::uint64_t stored) { return stored < kWarmups * kCapacity ? kKiB : 5 * kKiB; },
                 kSlowPuts});
  return all;
}

void simulated(Report& report, std::uint64_t measured) {
  for (const NamedMix& mix : mixes(report.quick())) {
    for (const std::uint32_t touches : {0U, 1U, 4U}) {
      const std::uint64_t most_puts = touches == 0 ? UINT64_MAX : mix.most_puts_if_touched;
      const ArenaSimulation::Outcome out = ArenaSimulation(touches, seed()).run(mix.mix, measured, most_puts);
      const std::string name = "arena, " + std::string(mix.name) + ", " + std::to_string(touches) + " touches a put: ";
      report.add({name + "mean", "", out.used_mean, "", "least", out.used_least});
      char text[240];
      std::snprintf(
          text, sizeof text,
          "%.3f bytes evicted a byte stored, %.2f victims a put, their idle time %.3f of the coldest's; plan() "
          "%.2f us a put, at most %.0f; %zu objects at the end",
          out.evicted, out.victims, out.idle, out.plan_us, out.plan_us_most, out.objects);
      report.note(text);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "utilisation: share of a store of 1 GiB that holds live objects, under churn");
  const std::uint64_t measured = report.quick() ? 3 : 6;  // times the capacity
  real_store(report, measured);
  simulated(report, measured);
}
