#pragma once
// Simulates how full the arena stays under churn, and what eviction costs, with the arena and eviction alone: no
// daemon, no store.
//
// Every put creates a new object with a random size from the mix, and evicts the victims of plan(). Between puts,
// objects are accessed. The ratio of live bytes to capacity is measured after each put, once the arena has been filled
// kWarmups times.

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "shm/arena/arena.h"
#include "shm/eviction/eviction.h"
#include "tests/bench/harness.h"

namespace dolium::bench {

using Random = std::mt19937_64;
/// The size of the next object, given how many bytes were stored so far.
using Mix = std::function<std::uint64_t(Random&, std::uint64_t stored)>;

/// The least store that can drive the two: recency is a counter, nothing is ever in use.
class ArenaSimulation final : public shm::Candidates, public shm::Policy {
 public:
  static constexpr std::uint64_t kCapacity = kGiB;
  static constexpr std::uint64_t kWarmups = 3;

  struct Outcome {
    double used_mean = 0, used_least = 0;  ///< shares of the capacity
    double evicted = 0;                    ///< bytes evicted per byte stored
    double victims = 0;                    ///< per put
    double idle = 0;  ///< how long victims had been idle, as a share of the coldest object's idle time; 1: strict LRU
    double plan_us = 0, plan_us_most = 0;  ///< plan() takes, per put
    std::size_t objects = 0;  ///< alive at the end; small cold ones may pile up for longer than is measured
  };

  ArenaSimulation(std::uint32_t touches, std::uint64_t seed) : touches_(touches), random_(seed) {}

  /// Stores `measured` times the capacity after the warm-up, or `most_puts` objects. Call it once.
  [[nodiscard]] Outcome run(const Mix& mix, std::uint64_t measured, std::uint64_t most_puts);

  [[nodiscard]] shm::EvictionKey key(shm::SlotIndex slot) const override { return recorded_[slot]; }
  Use refresh(shm::SlotIndex slot) override {
    recorded_[slot].value = touched_[slot];
    return Use::unused;
  }
  [[nodiscard]] std::uint32_t hit_sum(shm::SlotIndex) override { return 0; }
  [[nodiscard]] std::uint64_t id_hash(shm::SlotIndex slot) const override { return slot; }
  void prefetch(shm::SlotIndex, int) const override {}

 private:
  static constexpr std::uint32_t kMaxSlots = 1 << 21;

  void put(std::uint64_t size);
  void evict_for(std::uint64_t size);
  void touch_some();
  void sample();
  shm::SlotIndex take_slot();

  std::uint32_t touches_;
  Random random_;
  shm::Arena arena_{kCapacity, kMaxSlots};
  shm::Eviction eviction_{arena_, *this, *this, kMaxSlots};
  std::vector<shm::EvictionKey> recorded_;  // by slot
  std::vector<std::uint64_t> touched_;      // by slot
  std::vector<shm::SlotIndex> spare_;       // slots whose object is gone
  std::uint64_t now_ = 0;

  bool measuring_ = false;
  std::uint64_t puts_ = 0, stored_ = 0, evicted_ = 0, victims_ = 0;
  double used_sum_ = 0, used_min_ = 1, idle_sum_ = 0;
  double plan_us_ = 0, plan_us_max_ = 0;
};

}  // namespace dolium::bench
