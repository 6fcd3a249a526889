// A vector that grows in place: its addresses are reserved at the start, and its memory is allocated when used.

#include "shm/os/reserved_vector.h"

#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <numeric>

#include "shm/os/basic_types.h"

using namespace dolium::shm;

namespace {

bool in_memory(const void* page) {
  unsigned char resident = 0;
  REQUIRE(::mincore(const_cast<void*>(page), kPageBytes, &resident) == 0);
  return (resident & 1U) != 0;
}

}  // namespace

TEST_CASE("a reserved vector grows up to what was reserved, and nothing in it moves") {
  constexpr std::size_t kMost = 100'000;
  ReservedVector<std::uint32_t> numbers = reserved_vector<std::uint32_t>(kMost);
  CHECK(numbers.empty());
  numbers.push_back(0);
  const std::uint32_t* const first = numbers.data();
  while (numbers.size() < kMost) numbers.push_back(static_cast<std::uint32_t>(numbers.size()));
  CHECK(numbers.data() == first);
  CHECK(std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0}) == kMost * (kMost - 1) / 2);
  ReservedVector<std::uint32_t> moved = std::move(numbers);
  CHECK(moved.data() == first);
}

TEST_CASE("a reserved vector takes memory where it is written, and nowhere else") {
  constexpr std::size_t kPerPage = kPageBytes / sizeof(std::uint64_t);
  ReservedVector<std::uint64_t> table = reserved_vector<std::uint64_t>(std::size_t{1} << 30);  // 8 GiB
  table.resize(3 * kPerPage, 7);
  for (std::size_t page = 0; page < 3; ++page) CHECK(in_memory(table.data() + page * kPerPage));
  CHECK_FALSE(in_memory(table.data() + 3 * kPerPage));
  CHECK_FALSE(in_memory(table.data() + table.capacity() - kPerPage));
}

TEST_CASE("addresses that no process has are refused when the vector is made") {
  CHECK_THROWS_AS(reserved_vector<std::uint32_t>(std::size_t{1} << 50), std::bad_alloc);
}
