// The model test of a store with a spill tier: see tier_model.h.

#include <iostream>

#include "tests/environment.h"
#include "tests/model/tier_model.h"

using namespace dolium::shm::test;

namespace {

constexpr std::uint64_t kSeed = 1;
constexpr std::uint64_t kEpisodes = 150;

/// Some of these episodes go wrong: the first ends the test.
void run_sabotaged(Sabotage sabotage) {
  TierFigures ignored;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) TierModel(seed, ignored, sabotage).run();
}

}  // namespace

TEST_CASE("a random history of a store with a spill tier agrees with a plain map") {
  const std::uint64_t first = dolium::test::number_from_environment("DOLIUM_SEED", kSeed);
  const std::uint64_t episodes = dolium::test::number_from_environment("DOLIUM_EPISODES", kEpisodes);
  TierFigures figures;
  for (std::uint64_t seed = first; seed < first + episodes; ++seed) {
    CAPTURE(seed);
    TierModel(seed, figures).run();
  }
  std::cout << episodes << " episodes from DOLIUM_SEED=" << first << ": " << figures.read_back << " objects read back, "
            << figures.taken << " taken, " << figures.waited << " puts that waited for room, " << figures.refused
            << " gets refused, " << figures.spiller_deaths << " deaths of the spill process, " << figures.server_deaths
            << " of the server\n";
  if (episodes < 100) return;
  CHECK(figures.spilled > episodes);
  CHECK(figures.read_back > episodes);
  CHECK(figures.refused > episodes / 50);
  CHECK(figures.spiller_deaths > episodes);
  CHECK(figures.server_deaths > episodes);
  CHECK(figures.waited > episodes / 10);
  CHECK(figures.taken > episodes);
}

// Each must fail.
TEST_CASE("a record that is lost is found out", "[!shouldfail]") {
  run_sabotaged(Sabotage::record_lost);
}
TEST_CASE("a record with other bytes is found out", "[!shouldfail]") {
  run_sabotaged(Sabotage::record_changed);
}
TEST_CASE("a kept object that is lost is found out", "[!shouldfail]") {
  run_sabotaged(Sabotage::object_lost);
}
TEST_CASE("a kept object with other bytes is found out", "[!shouldfail]") {
  run_sabotaged(Sabotage::bytes_changed);
}
