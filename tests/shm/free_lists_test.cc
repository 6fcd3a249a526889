// Free lists against a plain map: whatever is found is free and large enough, and nothing large enough is missed.

#include "shm/arena/free_lists.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace dolium::shm;

namespace {

FreeExtent extent_of(std::uint64_t size, std::uint32_t offset) {
  FreeExtent extent;
  extent.size = size;
  extent.offset = offset;
  return extent;
}

}  // namespace

TEST_CASE("nothing is found where nothing is free") {
  const FreeLists lists;
  CHECK(lists.find(1) == FreeLists::kNoRecord);
  CHECK(lists.largest() == 0);
  CHECK(lists.count() == 0);
}

TEST_CASE("of two of one size the one freed last is found first: its memory is still warm") {
  FreeLists lists;
  const std::uint32_t first = lists.add(extent_of(8, 0));
  const std::uint32_t last = lists.add(extent_of(8, 100));
  CHECK(lists.find(8) == last);
  lists.remove(last);
  CHECK(lists.find(8) == first);
}

TEST_CASE("a history of extents that come and go agrees with a map") {
  const auto seed = GENERATE(1U, 2U, 3U);
  std::mt19937 random(seed);
  FreeLists lists;
  std::map<std::uint32_t, std::uint64_t> sizes;  // by record
  for (std::uint32_t step = 0; step < 3000; ++step) {
    CAPTURE(seed, step);
    if (sizes.empty() || random() % 5 < 3) {
      const std::uint64_t size = 1 + random() % (std::uint64_t{1} << (random() % 24));
      const std::uint32_t record = lists.add(extent_of(size, step));
      REQUIRE(sizes.emplace(record, size).second);
      REQUIRE(lists[record].offset == step);
    } else {
      const auto gone = std::next(sizes.begin(), static_cast<std::ptrdiff_t>(random() % sizes.size()));
      lists.remove(gone->first);
      sizes.erase(gone);
    }
    std::uint64_t largest = 0;
    for (const auto& [record, size] : sizes) largest = std::max(largest, size);
    REQUIRE(lists.count() == sizes.size());
    REQUIRE(lists.largest() == largest);
    const std::uint64_t wanted = 1 + random() % (largest + 2);
    const std::uint32_t found = lists.find(wanted);
    REQUIRE((found != FreeLists::kNoRecord) == (wanted <= largest));
    if (found != FreeLists::kNoRecord) REQUIRE(sizes.at(found) >= wanted);
    if (step % 100 == 0) lists.check_invariants();
  }
}
