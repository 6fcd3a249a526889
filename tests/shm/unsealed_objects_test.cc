#include "shm/store/unsealed_objects.h"

#include <catch2/catch.hpp>

#include <vector>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

std::vector<SlotIndex> slots(const UnsealedList& list) {
  std::vector<SlotIndex> out;
  for (const UnsealedObject& object : list) out.push_back(object.slot);
  return out;
}

}  // namespace

TEST_CASE("an unsealed object is found under its id, and once only by its creator") {
  UnsealedObjects objects;
  UnsealedList mine;
  UnsealedList theirs;
  objects.add(id_of(1), {.chain = 7, .slot = 1, .creator = 10, .created = 100}, mine);
  objects.add(id_of(2), {.chain = 7, .slot = 2, .creator = 20, .created = 200}, theirs);
  objects.add(id_of(3), {.chain = 8, .slot = 3, .creator = 10, .created = 300}, mine);
  REQUIRE(objects.find(7, id_of(2)) != nullptr);
  CHECK(objects.find(7, id_of(2))->slot == 2);
  CHECK(objects.find(7, id_of(2))->creator == 20);
  CHECK(objects.find(8, id_of(2)) == nullptr);
  CHECK(slots(mine) == std::vector<SlotIndex>{1, 3});
  CHECK(mine.front().created == 100);
  CHECK(slots(theirs) == std::vector<SlotIndex>{2});
}

TEST_CASE("what is erased is in no list, and a list that goes leaves the rest as it is") {
  UnsealedObjects objects;
  UnsealedList mine;
  for (SlotIndex n = 0; n < 4; ++n) objects.add(id_of(n), {.chain = 7, .slot = n, .creator = 10, .created = n}, mine);
  objects.erase(7, id_of(0));
  objects.erase(7, id_of(2));
  CHECK(slots(mine) == std::vector<SlotIndex>{1, 3});
  CHECK(objects.size() == 2);
  {
    UnsealedList theirs;
    objects.add(id_of(9), {.chain = 7, .slot = 9, .creator = 20, .created = 9}, theirs);
  }
  CHECK(objects.find(7, id_of(9)) != nullptr);
  objects.erase(7, id_of(9));
  CHECK(slots(mine) == std::vector<SlotIndex>{1, 3});
}

TEST_CASE("those of one chain are counted, up to the limit, and no others") {
  UnsealedObjects objects;
  UnsealedList mine;
  CHECK(objects.count_in(7, 10) == 0);
  for (SlotIndex n = 0; n < 12; ++n)
    objects.add(id_of(n), {.chain = 6 + n % 3, .slot = n, .creator = 10, .created = n}, mine);
  CHECK(objects.count_in(5, 10) == 0);
  CHECK(objects.count_in(6, 10) == 4);
  CHECK(objects.count_in(7, 10) == 4);
  CHECK(objects.count_in(7, 3) == 3);
  CHECK(objects.count_in(8, 10) == 4);
  CHECK(objects.count_in(9, 10) == 0);
}
