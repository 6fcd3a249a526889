#include "shm/arena/page_holes.h"

#include <catch2/catch.hpp>
#include <random>

using namespace dolium::shm;

namespace {

using Range = PageHoles::Range;
using Ranges = std::vector<Range>;
constexpr Range kAll = {0, 1'000'000};

}  // namespace

TEST_CASE("page holes: neighbours are one hole, and a part of it can be filled") {
  PageHoles holes;
  CHECK(holes.empty());
  holes.add({10, 20});
  holes.add({30, 40});
  holes.add({20, 30});
  CHECK(holes.within(kAll) == Ranges{{10, 40}});
  CHECK(holes.bytes() == 30);
  holes.remove({15, 25});
  CHECK(holes.within(kAll) == Ranges{{10, 15}, {25, 40}});
  CHECK(holes.within({12, 30}) == Ranges{{12, 15}, {25, 30}});
  CHECK(holes.outside({12, 30}) == Ranges{{15, 25}});
  CHECK(holes.outside({0, 50}) == Ranges{{0, 10}, {15, 25}, {40, 50}});
  CHECK(holes.within({15, 25}).empty());
  holes.remove(kAll);
  CHECK(holes.empty());
  CHECK(holes.outside({1, 2}) == Ranges{{1, 2}});
  holes.add({5, 5});
  CHECK(holes.empty());
}

TEST_CASE("page holes agree with a map of bytes") {
  std::mt19937 random(7);
  PageHoles holes;
  std::vector<bool> map(200, false);
  for (int step = 0; step < 2000; ++step) {
    const std::uint64_t one = random() % map.size(), other = random() % map.size();
    const Range range = {std::min(one, other), std::max(one, other)};
    if (random() % 2 == 0) {
      for (const Range& part : holes.outside(range)) holes.add(part);
      for (std::uint64_t i = range.begin; i < range.end; ++i) map[i] = true;
    } else {
      holes.remove(range);
      for (std::uint64_t i = range.begin; i < range.end; ++i) map[i] = false;
    }
    std::vector<bool> seen(map.size(), false);
    Range last = {0, 0};
    for (const Range& hole : holes.within(kAll)) {
      REQUIRE((hole.begin > last.end || last.end == 0));  // no two touch
      last = hole;
      for (std::uint64_t i = hole.begin; i < hole.end; ++i) seen[i] = true;
    }
    REQUIRE(seen == map);
    REQUIRE(holes.bytes() == static_cast<std::uint64_t>(std::ranges::count(map, true)));
  }
}
