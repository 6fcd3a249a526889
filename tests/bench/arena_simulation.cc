#include "tests/bench/arena_simulation.h"

#include <algorithm>
#include <cstdlib>

namespace dolium::bench {

using shm::Arena;
using shm::ExtentRef;
using shm::kNoSlot;
using shm::SlotIndex;

ArenaSimulation::Outcome ArenaSimulation::run(const Mix& mix, std::uint64_t measured, std::uint64_t most_puts) {
  for (std::uint64_t stored = 0; stored < (kWarmups + measured) * kCapacity && puts_ < most_puts;) {
    measuring_ = stored >= kWarmups * kCapacity;
    const std::uint64_t size = mix(random_, stored);
    put(size);
    stored += size;
    if (measuring_) sample();
  }
  const auto puts = static_cast<double>(puts_);
  const auto victims = static_cast<double>(victims_);
  return {.used_mean = used_sum_ / puts,
          .used_least = used_min_,
          .evicted = static_cast<double>(evicted_) / static_cast<double>(stored_),
          .victims = victims / puts,
          .idle = idle_sum_ / victims,
          .plan_us = plan_us_ / puts,
          .plan_us_most = plan_us_max_,
          .objects = touched_.size() - spare_.size()};
}

void ArenaSimulation::put(std::uint64_t size) {
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

void ArenaSimulation::evict_for(std::uint64_t size) {
  std::vector<SlotIndex> plan;
  const double us = time_ns([&] { plan = eviction_.plan(size); }) / 1e3;
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

void ArenaSimulation::touch_some() {
  for (std::uint32_t i = 0; i < touches_; ++i) {
    const auto slot = static_cast<SlotIndex>(random_() % touched_.size());
    if (arena_.owns(slot)) touched_[slot] = ++now_;
  }
}

void ArenaSimulation::sample() {
  const double used = static_cast<double>(arena_.used_bytes()) / static_cast<double>(kCapacity);
  used_sum_ += used;
  used_min_ = std::min(used_min_, used);
  ++puts_;
}

SlotIndex ArenaSimulation::take_slot() {
  if (spare_.empty()) {
    recorded_.emplace_back();
    touched_.emplace_back();
    return static_cast<SlotIndex>(touched_.size() - 1);
  }
  const SlotIndex slot = spare_.back();
  spare_.pop_back();
  return slot;
}

}  // namespace dolium::bench
