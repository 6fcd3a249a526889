// The cheapest window, and every window beside it.

#include "shm/eviction/window.h"

#include <algorithm>
#include <random>
#include <vector>

#include "tests/shm/eviction_fixture.h"

using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

using Slots = std::vector<SlotIndex>;

/// Ranks as they stand in a list.
struct Listed final : Ranks {
  explicit Listed(const Slots& listed) : cold(listed) {}
  [[nodiscard]] std::uint32_t rank_of(SlotIndex slot) const override {
    const auto found = std::ranges::find(cold, slot);
    return found == cold.end() ? kNotCold : static_cast<std::uint32_t>(found - cold.begin());
  }
  const Slots& cold;
};

Slots cheapest(const Arena& arena, const Slots& cold, std::uint64_t needed) {
  return cheapest_window(arena, cold, needed, Listed(cold));
}

}  // namespace

TEST_CASE("windows: free extents count, and the fewest live bytes win among equally cold ones") {
  Arena arena(20 * kUnitBytes, kEvictionSlots);
  // 0: 4 units, 1: 2 units, 2: 6 units, 3: 3 units, 4: 5 units
  const std::vector<std::uint64_t> units{4, 2, 6, 3, 5};
  for (SlotIndex slot = 0; slot < units.size(); ++slot) REQUIRE(arena.allocate(units[slot] * kUnitBytes, slot));
  arena.free(2);
  REQUIRE(cheapest(arena, {4, 1, 3}, 8 * kUnitBytes) == Slots{1});
  REQUIRE(cheapest(arena, {1, 3}, 9 * kUnitBytes) == Slots{3});
  REQUIRE(cheapest(arena, {3, 4, 1}, 11 * kUnitBytes) == Slots{1, 3});
  REQUIRE(cheapest(arena, {0, 4}, 6 * kUnitBytes).empty());
  REQUIRE(cheapest(arena, {0, 3}, 9 * kUnitBytes) == Slots{3});
  REQUIRE(cheapest(arena, {4, 3, 1, 0}, 20 * kUnitBytes) == Slots{0, 1, 3, 4});
  REQUIRE(cheapest(arena, {}, kUnitBytes).empty());
}

TEST_CASE("windows: none loses less than the one that is found") {
  std::mt19937_64 random(eviction_seed());
  for (int round = 0; round < 300; ++round) {
    Arena arena(400 * kUnitBytes, kEvictionSlots);
    SlotIndex count = 0;
    while (arena.allocate((1 + random() % 12) * kUnitBytes, count)) ++count;
    Slots cold;
    for (SlotIndex slot = 0; slot < count; ++slot) {
      if (random() % 3 == 0)
        cold.push_back(slot);
      else if (random() % 4 == 0)
        arena.free(slot);
    }
    std::shuffle(cold.begin(), cold.end(), random);
    const Listed ranks(cold);
    const std::uint64_t needed = (1 + random() % 40) * kUnitBytes;
    // Every stretch of the arena, told plainly.
    std::uint64_t least = UINT64_MAX;
    for (ExtentRef first = arena.first(); !first.is_none(); first = arena.after(first)) {
      std::uint64_t room = 0, live = 0, hottest = 0;
      for (ExtentRef extent = first; !extent.is_none(); extent = arena.after(extent)) {
        const std::uint32_t rank = extent.is_live() ? ranks.rank_of(extent.owner()) : 0;
        if (rank == Ranks::kNotCold) break;
        room += arena.size_of(extent);
        if (extent.is_live()) {
          live += arena.size_of(extent);
          hottest = std::max<std::uint64_t>(hottest, rank);
        }
        if (room >= needed && live > 0)
          least = std::min(least, live * (1024 + kHeatWeight * (1024 * hottest / cold.size())));
      }
    }
    const Slots found = cheapest_window(arena, cold, needed, ranks);
    REQUIRE(found.empty() == (least == UINT64_MAX));
    if (found.empty()) continue;
    std::uint64_t live = 0, hottest = 0;
    for (const SlotIndex slot : found) {
      live += arena.size_of(ExtentRef::live(slot));
      hottest = std::max<std::uint64_t>(hottest, ranks.rank_of(slot));
    }
    const bool coldest_alone = found == Slots{cold.front()};  // goes whatever else there is
    if (!coldest_alone) REQUIRE(live * (1024 + kHeatWeight * (1024 * hottest / cold.size())) == least);
    for (const SlotIndex slot : found) arena.free(slot);
    REQUIRE(arena.largest_free_extent() >= needed);
  }
}
