#include "shm/types/walls.h"

#include <catch2/catch.hpp>

using namespace dolium::shm;

TEST_CASE("walls are told in order of address, those that touch as one") {
  Walls walls;
  walls.add({300, 400});
  walls.add({100, 200});
  walls.add({200, 250});
  CHECK(walls.joined() == std::vector<Wall>{{100, 250}, {300, 400}});
  CHECK(walls.largest_run(1000) == 600);
  CHECK(walls.largest_run(450) == 100);
  CHECK(Walls().largest_run(1000) == 1000);
}

TEST_CASE("the largest run is between walls, whichever side it was counted on") {
  Walls first;
  Walls second;
  first.add({0, 10});
  second.add({700, 710});
  first.add(second);
  CHECK(first.largest_run(720) == 690);
}

TEST_CASE("more walls than are told apart make the runs no larger than they are") {
  constexpr std::uint64_t kWalls = 10'000;
  Walls walls;
  for (std::uint64_t n = 0; n < kWalls; ++n) walls.add({n * 100, n * 100 + 10 + n % 7});
  walls.add({kWalls * 100 + 5000, kWalls * 100 + 5001});
  CHECK(walls.joined().size() <= Walls::kMost);
  CHECK(walls.largest_run(kWalls * 100 + 5001) >= 5000);
  CHECK(walls.largest_run(kWalls * 100 + 5001) <= 5100);
}
