// How full the store stays under churn: live bytes over capacity, after each put, once it has been filled three times.
// First through a real store without a daemon (create and seal; the bytes are not written): as it is, with gets between
// the puts, and with objects of 64 MiB among them that are pinned, kMostPinned at a time. Then arena and eviction
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

struct Churn {
  const char* name;
  std::uint64_t gets = 0;  // of a recent object, after each put
  bool pins = false;       // now and then an object of kPinnedBytes that stays pinned for a while
};

constexpr std::uint64_t kPinnedBytes = 64 * kMiB;
constexpr std::uint64_t kPinEvery = 64;  // puts
constexpr std::size_t kMostPinned = 4;
constexpr std::uint64_t kPlotEvery = 32;  // puts

struct Fullness {
  Samples live;      // what creators gave, data and metadata
  Samples taken;     // with padding
  Series line;       // the least live of kPlotEvery puts, against how many times the capacity was stored
  double moved = 0;  // bytes relocated, as a share of those stored
};

/// Pins objects, and lets one at random go for each that is too many.
class Pinned {
 public:
  void put(ObjectStore& store, const ObjectId& id, std::uint64_t number) {
    if (ids_.size() == kMostPinned) {
      const std::size_t chosen = scramble(number) % ids_.size();
      must(store.unpin(ids_[chosen]));
      ids_[chosen] = ids_.back();
      ids_.pop_back();
    }
    ObjectBuilder builder = must(store.create(id, kPinnedBytes, {.pinned = true}));
    must(builder.seal());
    ids_.push_back(id);
  }

 private:
  std::vector<ObjectId> ids_;
};

void get_some(ObjectStore& store, std::uint64_t number, std::uint64_t gets) {
  for (std::uint64_t i = 0; i < gets; ++i) {
    const std::uint64_t back = scramble(number * 8 + i) % kGetsFrom;
    static_cast<void>(store.get_raw(numbered_id(number - std::min(number, back))));  // it may be gone already
  }
}

Fullness churn(ObjectStore& store, const Churn& churn, std::uint64_t measured) {
  Fullness out{{}, {}, {"utilisation", churn.name}};
  Pinned pinned;
  std::uint64_t stored = 0;
  double least = 1;  // since the last point of the line
  for (std::uint64_t number = 0; stored < (kWarmups + measured) * kCapacity; ++number) {
    std::uint64_t size = log_uniform(number ^ scramble(seed()), kKiB, 16 * kMiB);
    if (churn.pins && number % kPinEvery == 0) {
      size = kPinnedBytes;
      pinned.put(store, numbered_id(number), number);
    } else {
      ObjectBuilder builder = must(store.create(numbered_id(number), size));
      must(builder.seal());
    }
    stored += size;
    get_some(store, number, churn.gets);
    const StoreStats stats = must(store.stats());
    const double live = static_cast<double>(stats.total_size) / static_cast<double>(kCapacity);
    least = std::min(least, live);
    if (number % kPlotEvery == 0) {
      out.line.points.emplace_back(static_cast<double>(stored) / static_cast<double>(kCapacity), least);
      least = 1;
    }
    if (stored < kWarmups * kCapacity) continue;
    out.live.add(live);
    out.taken.add(static_cast<double>(stats.used_bytes) / static_cast<double>(kCapacity));
    out.moved = static_cast<double>(stats.relocated_bytes) / static_cast<double>(stored);
  }
  return out;
}

void real_store(Report& report, std::uint64_t measured) {
  for (const Churn& mix : {Churn{"no gets"}, {"4 gets a put", 4}, {"64 MiB pinned at random", 0, true}}) {
    const auto store = must(InProcessStore::open({.capacity = kCapacity}));
    const Fullness fullness = churn(*store, mix, measured);
    const std::string name = "store, 1 KiB..16 MiB, " + std::string(mix.name) + ": ";
    report.add({name + "mean", "", fullness.live.mean(), "", "with padding", fullness.taken.mean(), {}, ">= 0.98"});
    report.add({name + "least", "", fullness.live.least(), "", "with padding", fullness.taken.least(), {}, ">= 0.96"});
    report.add({name + "bytes moved a byte stored", "", fullness.moved, "", {}, 0, {}, "<= 0.1"});
    report.add(fullness.line);
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
  const std::uint64_t measured = report.smoke() ? 1 : report.quick() ? 3 : 6;  // times the capacity
  real_store(report, measured);
  simulated(report, measured);
}
