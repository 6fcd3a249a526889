// How full the arena stays under churn, and what eviction costs. No daemon: arena and eviction alone.
//
// Every put takes a new object of a size drawn from the mix, evicting what plan() says; between puts, objects
// are touched. Live bytes over capacity are measured after each put once the arena has been filled kWarmups times.
// "evicted" is bytes evicted per byte stored; "idle" is how long the victims had been idle, as a share of
// the idle time of the coldest object: 1 would be strict LRU. "objects" is how many live at the end: in the log-uniform
// mix small cold ones pile up for far longer than is measured here, so "idle" and plan() times are not yet steady.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <vector>

#include "shm/arena.h"
#include "shm/eviction.h"

namespace {

using namespace dolium::shm;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kCapacity = 1024 * kMiB;
constexpr std::uint32_t kMaxSlots = 1 << 21;
constexpr std::uint64_t kWarmups = 3;
constexpr std::uint64_t kMeasured = 6;
constexpr std::uint64_t kDefaultSeed = 1;
constexpr std::uint64_t kSlowPuts = 20;

using Random = std::mt19937_64;
/// The size of the next object, given how many bytes were stored so far.
using Mix = std::function<std::uint64_t(Random&, std::uint64_t stored)>;

/// The least store that can drive the two: recency is a counter, nothing is ever in use.
class Simulation final : public Candidates {
 public:
  Simulation(std::uint32_t touches, std::uint64_t seed) : touches_(touches), random_(seed) {}

  EvictionKey key(SlotIndex slot) const override { return recorded_[slot]; }
  Use refresh(SlotIndex slot) override {
    recorded_[slot].value = touched_[slot];
    return Use::unused;
  }

  void run(const char* name, const Mix& mix, std::uint64_t most_puts);

 private:
  void put(std::uint64_t size);
  void evict_for(std::uint64_t size);
  void touch_some();
  void sample();
  SlotIndex take_slot();

  std::uint32_t touches_;
  Random random_;
  Arena arena_{kCapacity, kMaxSlots};
  Eviction eviction_{arena_, *this, kMaxSlots};
  std::vector<EvictionKey> recorded_;   // by slot
  std::vector<std::uint64_t> touched_;  // by slot
  std::vector<SlotIndex> spare_;        // slots whose object is gone
  std::uint64_t now_ = 0;

  bool measuring_ = false;
  std::uint64_t puts_ = 0, stored_ = 0, evicted_ = 0, victims_ = 0;
  double used_sum_ = 0, used_min_ = 1, idle_sum_ = 0;
  double plan_us_ = 0, plan_us_max_ = 0;
};

void Simulation::run(const char* name, const Mix& mix, std::uint64_t most_puts) {
  for (std::uint64_t stored = 0; stored < (kWarmups + kMeasured) * kCapacity && puts_ < most_puts;) {
    measuring_ = stored >= kWarmups * kCapacity;
    const std::uint64_t size = mix(random_, stored);
    put(size);
    stored += size;
    if (measuring_) sample();
  }
  const auto puts = static_cast<double>(puts_);
  std::printf("%-24s %7u %8.4f %8.4f %8.3f %8.2f %7.3f %9.2f %9.0f %8zu\n", name, touches_, used_sum_ / puts, used_min_,
              static_cast<double>(evicted_) / static_cast<double>(stored_), static_cast<double>(victims_) / puts,
              idle_sum_ / static_cast<double>(victims_), plan_us_ / puts, plan_us_max_,
              touched_.size() - spare_.size());
}

void Simulation::put(std::uint64_t size) {
  const SlotIndex slot = take_slot();
  if (!arena_.allocate(size, slot)) {
    evict_for(size);
    if (!arena_.allocate(size, slot)) std::abort();
  }
  ++now_;
  recorded_[slot] = {now_, now_};
  touched_[slot] = now_;
  eviction_.insert(slot);
  touch_some();
  if (measuring_) stored_ += Arena::taken_by(size);
}

void Simulation::evict_for(std::uint64_t size) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<SlotIndex> plan = eviction_.plan(size);
  const double us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  const SlotIndex coldest = measuring_ ? eviction_.coldest() : kNoSlot;
  for (const SlotIndex victim : plan) {
    if (measuring_) {
      evicted_ += arena_.size_of(ExtentRef::live(victim));
      idle_sum_ += static_cast<double>(now_ - touched_[victim] + 1) / static_cast<double>(now_ - touched_[coldest] + 1);
      ++victims_;
    }
    eviction_.erase(victim);
    arena_.free(victim);
    spare_.push_back(victim);
  }
  if (measuring_) {
    plan_us_ += us;
    plan_us_max_ = std::max(plan_us_max_, us);
  }
}

void Simulation::touch_some() {
  for (std::uint32_t i = 0; i < touches_; ++i) {
    const auto slot = static_cast<SlotIndex>(random_() % touched_.size());
    if (arena_.owns(slot)) touched_[slot] = ++now_;
  }
}

void Simulation::sample() {
  const double used = static_cast<double>(arena_.used_bytes()) / static_cast<double>(kCapacity);
  used_sum_ += used;
  used_min_ = std::min(used_min_, used);
  ++puts_;
}

SlotIndex Simulation::take_slot() {
  if (spare_.empty()) {
    recorded_.emplace_back();
    touched_.emplace_back();
    return static_cast<SlotIndex>(touched_.size() - 1);
  }
  const SlotIndex slot = spare_.back();
  spare_.pop_back();
  return slot;
}

std::uint64_t log_uniform(Random& random, std::uint64_t least, std::uint64_t most) {
  std::uniform_real_distribution<double> exponent(std::log2(least), std::log2(most));
  return static_cast<std::uint64_t>(std::exp2(exponent(random)));
}

struct NamedMix {
  const char* name;
  Mix mix;
  std::uint64_t most_puts_if_touched = UINT64_MAX;  ///< measured ones: bounds a mix whose plans are slow
};

std::vector<NamedMix> mixes() {
  return {
      {"log-uniform 1K..16M", [](Random& random, std::uint64_t) { return log_uniform(random, kKiB, 16 * kMiB); }},
      {"log-uniform 64K..256M", [](Random& r, std::uint64_t) { return log_uniform(r, 64 * kKiB, 256 * kMiB); }},
      {"uniform 1M", [](Random&, std::uint64_t) { return kMiB; }},
      {"1% 16M, 99% 10K..90K",
       [](Random& random, std::uint64_t) {
         return random() % 100 == 0 ? 16 * kMiB : 10 * kKiB + random() % (80 * kKiB);
       }},
      // The second size arrives when the first fills the arena; measured from there.
      {"1K, then 5K", [](Random&, std::uint64_t stored) { return stored < kWarmups * kCapacity ? kKiB : 5 * kKiB; },
       kSlowPuts},
  };
}

}  // namespace

int main() {
  const char* given = std::getenv("DOLIUM_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : kDefaultSeed;
  std::printf("seed %llu, capacity 1 GiB; touches are per put; plan() times are per put, in microseconds\n",
              static_cast<unsigned long long>(seed));
  std::printf("%-24s %7s %8s %8s %8s %8s %7s %9s %9s %8s\n", "mix", "touches", "mean", "min", "evicted", "victims",
              "idle", "plan us", "max us", "objects");
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (const NamedMix& mix : mixes()) {
    for (const std::uint32_t touches : {0U, 1U, 4U}) {
      Simulation(touches, seed).run(mix.name, mix.mix, touches == 0 ? UINT64_MAX : mix.most_puts_if_touched);
    }
  }
}
