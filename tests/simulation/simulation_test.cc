// Daemon and clients in one process and one thread, in a time that passes when it is told to. A seed decides
// everything: who does what next, how much of a message goes out at once, who forks, who is killed in the middle of
// what, when the server dies, when the clock moves. So any episode can be had again.
//
// What is simulated is everything between the store and the wire, on both sides: sessions, dispatch, waits, grants,
// frames, rings and their bells, leases, events, the pin protocol, recovery and the return of clients. What is checked:
// episode.h.
//
//   DOLIUM_EPISODES=1 DOLIUM_SEED=42 build/tests/simulation_tests

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>

#include "tests/simulation/episode.h"

using namespace dolium;
using namespace dolium::simulation;

namespace {

constexpr std::uint64_t kDefaultSeed = 1;
constexpr std::uint64_t kDefaultEpisodes = 3000;
constexpr shm::TimeNs kBeginning = 1'000'000'000;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 0) : otherwise;
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::ranges::distance(std::filesystem::directory_iterator("/proc/self/fd")));
}

std::uint64_t run(std::uint64_t seed, Figures& figures) {
  set_time(kBeginning);
  // libuv has a pipe for signals from the first loop of a process on.
  [[maybe_unused]] static const bool warm = daemon::EventLoop::create().has_value();
  const std::size_t before = open_descriptors();
  const std::uint64_t trace = Episode(seed, figures).run();
  REQUIRE(open_descriptors() == before);
  return trace;
}

}  // namespace

TEST_CASE("simulated episodes: no answer is missing, nobody is forgotten, the books are right") {
  const std::uint64_t first = from_environment("DOLIUM_SEED", kDefaultSeed);
  const std::uint64_t episodes = from_environment("DOLIUM_EPISODES", kDefaultEpisodes);
  Figures figures;
  for (std::uint64_t seed = first; seed < first + episodes; ++seed) {
    CAPTURE(seed);
    run(seed, figures);
  }
  std::cout << episodes << " episodes from DOLIUM_SEED=" << first << ": " << figures.deaths << " deaths of clients, "
            << figures.server_deaths << " of servers, " << figures.forks << " forks, " << figures.evictions
            << " evictions, " << figures.waits << " waits to the end, " << figures.events << " events, "
            << figures.leased_puts << " puts out of leases, " << figures.lost_leases
            << " leases lost with their server, " << figures.rests << " turns in which creates rested, "
            << figures.recalled_leases << " leases taken back, " << figures.takes << " objects taken, "
            << figures.lost_takes << " lost with their server, " << figures.kept_promises
            << " looks at what graces keep, " << figures.histories << " histories\n";
  // Far below what any hundred episodes reach: a change of the choices may not fail, only their absence.
  if (episodes < 100) return;
  CHECK(figures.deaths > episodes / 2);
  CHECK(figures.server_deaths > episodes / 2);
  CHECK(figures.forks > episodes / 4);
  CHECK(figures.evictions > episodes);
  CHECK(figures.waits > episodes / 10);
  CHECK(figures.events > episodes);
  CHECK(figures.leased_puts > episodes / 8);
  CHECK(figures.lost_leases > episodes / 20);
  CHECK(figures.rests > episodes / 40);
  CHECK(figures.recalled_leases > episodes / 40);
  CHECK(figures.takes > episodes / 8);
  if (episodes >= 1000) CHECK(figures.lost_takes > 0);
  CHECK(figures.kept_promises > episodes);
}

TEST_CASE("a seed gives the same episode again") {
  Figures ignored;
  std::set<std::uint64_t> different;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::uint64_t trace = run(seed, ignored);
    CHECK(run(seed, ignored) == trace);
    different.insert(trace);
  }
  CHECK(different.size() == 20);
}
