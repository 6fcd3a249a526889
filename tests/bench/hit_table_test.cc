#include "tests/bench/hit_table.h"

#include <array>
#include <catch2/catch.hpp>

using namespace dolium::bench;

TEST_CASE("a table of hits: means over traces, their spread, the best of several policies") {
  constexpr std::array kShares{0.1, 0.4};
  HitTable table(kShares);
  table.add("b", 0, {0.2, 0.1});
  table.add("b", 0, {0.4, 0.15});
  table.add("b", 1, {0.5, 0.5});
  table.add("a", 0, {0.1, 0.6});
  REQUIRE(table.policies() == std::vector<std::string>{"b", "a"});
  REQUIRE(table.mean("b", 0)->objects == Approx(0.3));
  REQUIRE(table.mean("b", 0)->bytes == Approx(0.125));
  REQUIRE(!table.mean("a", 1));
  REQUIRE(!table.mean("c", 0));
  REQUIRE(table.spread() == Approx(0.2));
  const std::vector<std::string> both{"a", "b"};
  REQUIRE(table.best(both, 0, &HitRatios::objects) == Approx(0.3));
  REQUIRE(table.best(both, 0, &HitRatios::bytes) == Approx(0.6));
  REQUIRE(table.best(both, 1, &HitRatios::bytes) == Approx(0.5));
  REQUIRE(table.points("b", &HitRatios::objects).size() == 2);
  REQUIRE(table.points("b", &HitRatios::objects)[1] == std::pair{0.4, 0.5});
  REQUIRE(table.points("a", &HitRatios::bytes).size() == 1);
}
