// The structures of the engine that hold one element for each object: catalogue, queue, slab.

#include "daemon/spill/catalogue.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>

#include "daemon/spill/fifo.h"
#include "daemon/spill/slab.h"

using namespace dolium::spill;

namespace {

Entry entry_of_number(Sequence number) {
  Entry entry;
  entry.size = number * 3;
  entry.stamp = ~number;
  return entry;
}

void check_same(const Catalogue& catalogue, const std::map<Sequence, std::uint64_t>& known) {
  REQUIRE(catalogue.size() == known.size());
  std::size_t visited = 0;
  catalogue.for_each([&](Sequence number, const Entry& entry) {
    ++visited;
    REQUIRE(known.at(number) == entry.size);
  });
  REQUIRE(visited == known.size());
  for (const auto& [number, size] : known) {
    const Entry* entry = catalogue.find(number);
    REQUIRE(entry != nullptr);
    REQUIRE(entry->size == size);
  }
}

}  // namespace

TEST_CASE("a catalogue finds each number that was inserted and not erased, and no other") {
  const unsigned seed = GENERATE(1U, 2U, 3U);
  std::mt19937 random(seed);
  Catalogue catalogue;
  std::map<Sequence, std::uint64_t> known;
  Sequence last = 0;
  for (int step = 0; step < 60'000; ++step) {
    // Mostly in a row, as records are numbered; with gaps, so that groups collide.
    last += random() % 4 != 0 ? 1 : random() % 5000;
    catalogue.insert(last + 1, entry_of_number(last + 1));
    known[last + 1] = (last + 1) * 3;
    ++last;
    for (int erased = 0; erased < 2 && known.size() > 3000 && random() % 2 == 0; ++erased) {
      const Sequence number = std::next(known.begin(), static_cast<std::ptrdiff_t>(random() % 64))->first;
      REQUIRE(catalogue.erase(number));
      REQUIRE_FALSE(catalogue.erase(number));
      REQUIRE(catalogue.find(number) == nullptr);
      known.erase(number);
    }
  }
  check_same(catalogue, known);
  CHECK(catalogue.find(last + 7) == nullptr);
}

TEST_CASE("an entry stays where it is while others come and go") {
  Catalogue catalogue;
  catalogue.insert(5, entry_of_number(5));
  Entry* const entry = catalogue.find(5);
  for (Sequence number = 6; number < 20'000; ++number) catalogue.insert(number, entry_of_number(number));
  catalogue.reserve(100'000);
  CHECK(catalogue.find(5) == entry);
  entry->payload_at = 9;
  for (Sequence number = 6; number < 20'000; ++number) REQUIRE(catalogue.erase(number));
  CHECK(catalogue.size() == 1);
  CHECK(std::as_const(catalogue).find(5)->payload_at == 9);
}

TEST_CASE("erasing by a rule visits each entry once, and leaves the others") {
  Catalogue catalogue;
  std::map<Sequence, std::uint64_t> known;
  for (Sequence number = 1; number <= 10'000; ++number) {
    catalogue.insert(number, entry_of_number(number));
    if (number % 3 != 0) known[number] = number * 3;
  }
  std::size_t asked = 0;
  CHECK(catalogue.erase_if([&](Sequence number, const Entry& entry) {
    ++asked;
    return number % 3 == 0 && entry.size == number * 3;
  }) == 3333);
  CHECK(asked == 10'000);
  check_same(catalogue, known);
}

TEST_CASE("a queue gives its elements in their order, whenever they came") {
  Fifo<std::string> queue;
  int put = 0;
  int taken = 0;
  std::mt19937 random(4);
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 5 < 3) queue.push_back(std::to_string(put++));
    if (random() % 5 < 3 && !queue.empty()) REQUIRE(queue.pop_front() == std::to_string(taken++));
    REQUIRE(queue.empty() == (put == taken));
  }
  while (!queue.empty()) REQUIRE(queue.pop_front() == std::to_string(taken++));
  CHECK(put == taken);
}

TEST_CASE("what is taken out of the middle of a queue keeps its order, and so does the rest") {
  Fifo<int> queue;
  for (int i = 0; i < 10; ++i) queue.push_back(i);
  CHECK(queue.pop_front() == 0);
  CHECK(queue.take_if([](int each) { return each % 2 == 0; }) == std::vector<int>{2, 4, 6, 8});
  CHECK(queue.front() == 1);
  queue.push_back(10);
  CHECK(queue.take_all() == std::vector<int>{1, 3, 5, 7, 9, 10});
  CHECK(queue.empty());
}

TEST_CASE("a slab gives back what was put under a number, and uses the number again") {
  Slab<std::string> slab;
  const auto first = slab.put("first");
  const auto second = slab.put("second");
  CHECK(first != second);
  CHECK(slab.take(first) == "first");
  CHECK(slab.put("third") == first);
  CHECK(slab.take(second) == "second");
  CHECK(slab.take(first) == "third");
}
