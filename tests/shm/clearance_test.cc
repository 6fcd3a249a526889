#include "shm/eviction/clearance.h"

#include <catch2/catch.hpp>
#include <map>

using namespace dolium::shm;

namespace {

using Kind = Footing::Kind;
constexpr std::uint64_t kMuch = 1'000'000;

/// An arena laid out piece by piece, in units; free where no kind is given.
struct Ground {
  explicit Ground(std::uint64_t units) : arena(units * kUnitBytes, 1000) {}

  SlotIndex put(std::uint64_t at, std::uint64_t units, Kind kind, std::uint32_t heat = 0) {
    const SlotIndex slot = next++;
    REQUIRE(arena.claim(at * kUnitBytes, units * kUnitBytes, slot));
    footings[slot] = {kind, heat};
    return slot;
  }
  [[nodiscard]] Clearance plan(std::uint64_t units, std::uint64_t most_units = kMuch) const {
    return plan_clearance(arena, units * kUnitBytes, most_units * kUnitBytes,
                          [this](SlotIndex slot) { return footings.at(slot); });
  }
  /// As the store does it. Returns the largest free extent, in units.
  std::uint64_t carry_out(const Clearance& way) {
    for (const SlotIndex slot : way.going) arena.free(slot);
    for (const SlotIndex slot : way.moving) {
      const ExtentRef before = arena.before(ExtentRef::live(slot));
      if (before.is_free() && arena.size_of(before) >= arena.size_of(ExtentRef::live(slot))) arena.move(slot, before);
    }
    arena.check_invariants();
    return arena.largest_free_extent() / kUnitBytes;
  }

  Arena arena;
  SlotIndex next = 0;
  std::map<SlotIndex, Footing> footings;
};

}  // namespace

TEST_CASE("what only moves slides aside, and what may go goes") {
  Ground ground(100);
  const SlotIndex stone = ground.put(50, 1, Kind::moves);
  const SlotIndex cold = ground.put(60, 10, Kind::goes);
  CHECK(ground.plan(90).going == std::vector{cold});
  CHECK(ground.plan(90).moving == std::vector{stone});
  CHECK(ground.carry_out(ground.plan(90)) >= 90);
}

TEST_CASE("what stays is never crossed") {
  Ground ground(100);
  ground.put(40, 1, Kind::stays);
  CHECK(ground.plan(60).is_empty());
  ground.put(70, 1, Kind::moves);
  CHECK(ground.carry_out(ground.plan(57)) >= 57);
  CHECK(ground.plan(59).is_empty());
}

TEST_CASE("one large object moves over when what lies before it is large enough") {
  Ground ground(100);
  ground.put(35, 30, Kind::moves);
  CHECK(ground.carry_out(ground.plan(70)) == 70);
  Ground tight(100);
  tight.put(29, 30, Kind::moves);  // one short: old and new place would overlap
  CHECK(tight.plan(70).is_empty());
}

TEST_CASE("no more is moved than may be") {
  Ground ground(100);
  for (std::uint64_t n = 0; n < 9; ++n) ground.put(9 + 10 * n, 1, Kind::moves);
  CHECK(ground.carry_out(ground.plan(80)) >= 80);
  Ground bounded(100);
  for (std::uint64_t n = 0; n < 9; ++n) bounded.put(9 + 10 * n, 1, Kind::moves);
  CHECK(bounded.plan(80, 4).is_empty());
  const Clearance way = bounded.plan(30, 4);
  CHECK(way.moving.size() <= 4);
  CHECK(bounded.carry_out(way) >= 30);
}

TEST_CASE("of two ways the one that loses less is gone: fewer bytes, colder ones") {
  Ground ground(210);
  ground.put(0, 50, Kind::goes, Footing::kHottest);
  ground.put(50, 1, Kind::moves);
  ground.put(100, 1, Kind::stays);
  const SlotIndex cold = ground.put(101, 50, Kind::goes, 1);
  const SlotIndex stone = ground.put(151, 1, Kind::moves);
  ground.put(200, 1, Kind::stays);
  const Clearance way = ground.plan(90);
  CHECK(way.going == std::vector{cold});
  CHECK(way.moving == std::vector{stone});
}

TEST_CASE("an object that a client takes while the way is planned ends the plan") {
  Ground ground(100);
  const SlotIndex stone = ground.put(50, 1, Kind::moves);
  int asked = 0;
  const Clearance way = plan_clearance(ground.arena, 90 * kUnitBytes, kMuch, [&](SlotIndex slot) {
    return slot == stone && ++asked > 1 ? Footing{} : ground.footings.at(slot);
  });
  CHECK(way.is_empty());
}
