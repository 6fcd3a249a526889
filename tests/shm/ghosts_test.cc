// Ghosts: as many ids as there are objects, the latest of them.

#include "shm/eviction/ghosts.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

using dolium::shm::Ghosts;

namespace {

std::vector<std::uint64_t> hashes(std::size_t count) {
  std::mt19937_64 random(19);
  std::vector<std::uint64_t> all(count);
  std::ranges::generate(all, random);
  return all;
}

}  // namespace

TEST_CASE("ghosts: an id is a ghost once, and an unknown id is none") {
  Ghosts ghosts;
  CHECK_FALSE(ghosts.take(7));
  const auto ids = hashes(3);
  ghosts.add(ids[0], Ghosts::Origin::newcomers, 100, 100);
  ghosts.add(ids[1], Ghosts::Origin::newcomers, 100, 100);
  ghosts.add(ids[1], Ghosts::Origin::newcomers, 100, 100);
  CHECK(ghosts.count() == 2);
  CHECK_FALSE(ghosts.take(ids[2]));
  CHECK(ghosts.take(ids[0]));
  CHECK_FALSE(ghosts.take(ids[0]));
  CHECK(ghosts.take(ids[1]));
  CHECK(ghosts.count() == 0);
}

TEST_CASE("ghosts: an id's origin is that of its last eviction") {
  Ghosts ghosts;
  const auto ids = hashes(2);
  ghosts.add(ids[0], Ghosts::Origin::main, 100, 100);
  ghosts.add(ids[1], Ghosts::Origin::main, 100, 100);
  ghosts.add(ids[1], Ghosts::Origin::newcomers, 100, 100);
  CHECK(ghosts.count() == 2);
  CHECK(ghosts.take(ids[0]) == Ghosts::Origin::main);
  CHECK(ghosts.take(ids[1]) == Ghosts::Origin::newcomers);
}

TEST_CASE("ghosts: in a small store they are the ids that were evicted last, in order") {
  constexpr std::uint32_t kObjects = 10;
  const auto ids = hashes(25);
  Ghosts ghosts;
  for (const std::uint64_t id : ids) ghosts.add(id, Ghosts::Origin::newcomers, kObjects, 12);
  CHECK(ghosts.count() == kObjects);
  for (std::size_t n = 0; n < ids.size(); ++n) {
    INFO(n);
    CHECK(ghosts.take(ids[n]).has_value() == (n >= ids.size() - kObjects));
  }
}

TEST_CASE("ghosts: never more than objects, mostly the latest, four bytes each") {
  constexpr std::uint32_t kObjects = 10'000;
  const auto ids = hashes(5 * kObjects);
  Ghosts ghosts;
  for (const std::uint64_t id : ids) ghosts.add(id, Ghosts::Origin::newcomers, kObjects, kObjects);
  CHECK(ghosts.count() <= kObjects);
  CHECK(ghosts.count() > kObjects * 9 / 10);
  CHECK(ghosts.bookkeeping_bytes() <= 4 * kObjects);
  const auto found =
      std::count_if(ids.end() - kObjects / 2, ids.end(), [&](auto id) { return ghosts.take(id).has_value(); });
  CHECK(found > kObjects / 2 * 9 / 10);
  const auto old =
      std::count_if(ids.begin(), ids.end() - 2 * kObjects, [&](auto id) { return ghosts.take(id).has_value(); });
  CHECK(old < kObjects / 100);
}

TEST_CASE("ghosts: when the store has fewer objects, there are fewer") {
  constexpr std::uint32_t kObjects = 1600;
  const auto ids = hashes(20 * kObjects);
  Ghosts ghosts;
  for (const std::uint64_t id : ids) ghosts.add(id, Ghosts::Origin::newcomers, kObjects, kObjects);
  for (const std::uint64_t id : ids) ghosts.add(id, Ghosts::Origin::newcomers, kObjects / 4, kObjects);
  CHECK(ghosts.count() <= kObjects / 4);
}

TEST_CASE("ghosts: a store with many more slots gets a larger table, and forgets") {
  const auto ids = hashes(2);
  Ghosts ghosts;
  ghosts.add(ids[0], Ghosts::Origin::newcomers, 100, 160);
  const std::uint64_t small = ghosts.bookkeeping_bytes();
  ghosts.add(ids[1], Ghosts::Origin::newcomers, 100, 320);
  CHECK(ghosts.bookkeeping_bytes() == small);
  ghosts.add(ids[1], Ghosts::Origin::newcomers, 100, 1600);
  CHECK(ghosts.bookkeeping_bytes() == 10 * small);
  CHECK_FALSE(ghosts.take(ids[0]));
  CHECK(ghosts.take(ids[1]));
}
