#pragma once
// A store reduced to what eviction sees.

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <vector>

#include "shm/arena/arena.h"
#include "shm/eviction/eviction.h"
#include "tests/environment.h"

namespace dolium::shm::test {

inline constexpr std::uint32_t kEvictionSlots = 4096;

[[nodiscard]] inline std::uint64_t eviction_seed() {
  return dolium::test::number_from_environment("DOLIUM_SEED", 20230602);
}

/// A store reduced to what eviction sees: what was recorded of each object, and what is true by now.
class FakeStore final : public Candidates, public Policy {
 public:
  struct Object {
    EvictionKey recorded;
    std::uint64_t truth;  // the value that refresh() records
    bool in_use = false;
  };

  explicit FakeStore(std::uint64_t units)
      : arena(units * kUnitBytes, kEvictionSlots), eviction(arena, *this, *this, kEvictionSlots) {}

  EvictionKey key(SlotIndex slot) const override { return objects.at(slot).recorded; }
  Use refresh(SlotIndex slot) override {
    ++refreshed[slot];
    Object& object = objects.at(slot);
    object.recorded.value = std::max(object.recorded.value, object.truth);
    if (on_refresh) on_refresh(slot);
    return object.in_use ? Use::in_use : Use::unused;
  }

  std::uint32_t hit_sum(SlotIndex) override { return 0; }
  std::uint64_t id_hash(SlotIndex slot) const override { return slot; }
  void prefetch(SlotIndex slot, int step) const override { prefetched[slot].push_back(step); }

  /// Keys rise with each object put: the first is the coldest.
  bool put(SlotIndex slot, std::uint64_t units) {
    if (!arena.allocate(units * kUnitBytes, slot)) return false;
    ++now;
    objects[slot] = {{now, now}, now, false};
    eviction.insert(slot);
    return true;
  }
  void fill(SlotIndex objects_wanted, std::uint64_t units) {
    for (SlotIndex slot = 0; slot < objects_wanted; ++slot) REQUIRE(put(slot, units));
  }
  void touch(SlotIndex slot) { objects.at(slot).truth = ++now; }
  void remove(SlotIndex slot) {
    if (eviction.contains(slot)) eviction.erase(slot);
    arena.free(slot);
    objects.erase(slot);
  }
  std::vector<SlotIndex> plan(std::uint64_t units, Eviction::Effort effort = Eviction::Effort::all) {
    std::vector<SlotIndex> victims = eviction.plan(units * kUnitBytes, effort);
    eviction.check_invariants();
    return victims;
  }

  Arena arena;
  std::map<SlotIndex, Object> objects;
  std::map<SlotIndex, int> refreshed;
  mutable std::map<SlotIndex, std::vector<int>> prefetched;  // steps
  std::function<void(SlotIndex)> on_refresh;
  std::uint64_t now = 0;
  Eviction eviction;
};

}  // namespace dolium::shm::test
