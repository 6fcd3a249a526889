#include "shm/table/expiry.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace dolium::shm;
using std::chrono::milliseconds;

namespace {

constexpr TimeNs kMs = 1'000'000;

std::vector<SlotIndex> due_at(Expiry& expiry, TimeNs now) {
  std::vector<SlotIndex> slots;
  while (const auto object = expiry.pop_due(now)) slots.push_back(object->slot);
  return slots;
}

}  // namespace

TEST_CASE("lifetimes end with whichever of the two comes first") {
  CHECK(Lifetimes{}.due(10, 20) == kNever);
  CHECK_FALSE(Lifetimes{}.any());
  CHECK(Lifetimes{milliseconds(5), {}}.due(10, 20) == 10 + 5 * kMs);
  CHECK(Lifetimes{{}, milliseconds(5)}.due(10, 20) == 20 + 5 * kMs);
  CHECK(Lifetimes{milliseconds(5), milliseconds(3)}.due(0, kMs) == 4 * kMs);
  CHECK(Lifetimes{milliseconds(5), milliseconds(3)}.due(0, 3 * kMs) == 5 * kMs);
  CHECK(Lifetimes{milliseconds::max(), milliseconds::max()}.due(1, 1) == kNever);
}

TEST_CASE("what is gone before its time is forgotten, and so are second looks at the same object") {
  Expiry expiry;
  constexpr SlotIndex kMany = 100'000;
  const auto is_there = [](const Expiry::Due& object) { return object.slot % 1000 == 0; };
  for (SlotIndex slot = 0; slot < kMany; ++slot) {
    expiry.look_at({slot, slot}, 1000 + slot);
    expiry.look_at({slot, slot}, 10 + slot);
    expiry.tidy(is_there);
    REQUIRE(expiry.size() <= 2048);
  }
  std::vector<SlotIndex> there;
  for (const SlotIndex slot : due_at(expiry, kNever))
    if (is_there({slot, slot}) && (there.empty() || there.back() != slot)) there.push_back(slot);
  std::vector<SlotIndex> expected;
  for (SlotIndex slot = 0; slot < kMany; slot += 1000) expected.push_back(slot);
  CHECK(there == expected);
}

TEST_CASE("objects become due in the order of their time, each once") {
  Expiry expiry;
  CHECK(expiry.next_due() == kNever);
  expiry.look_at({1, 100}, 30);
  expiry.look_at({2, 101}, 10);
  expiry.look_at({3, 102}, 20);
  CHECK(expiry.next_due() == 10);
  CHECK(due_at(expiry, 9).empty());
  CHECK(due_at(expiry, 10) == std::vector<SlotIndex>{2});
  CHECK(due_at(expiry, 200) == std::vector<SlotIndex>{3, 1});
  CHECK(due_at(expiry, 200).empty());
  CHECK(expiry.next_due() == kNever);
}

TEST_CASE("an object that is looked at again is due at the new time, and at no time never") {
  Expiry expiry;
  expiry.look_at({1, 100}, 10);
  REQUIRE(due_at(expiry, 20) == std::vector<SlotIndex>{1});
  expiry.look_at({1, 100}, 30);
  CHECK(expiry.next_due() == 30);
  CHECK(due_at(expiry, 29).empty());
  CHECK(due_at(expiry, 30) == std::vector<SlotIndex>{1});
  expiry.look_at({1, 100}, kNever);
  CHECK(expiry.next_due() == kNever);
}

TEST_CASE("an entry names the object that it was made for, whoever has its slot by then") {
  Expiry expiry;
  expiry.look_at({1, 100}, 10);
  expiry.look_at({1, 200}, 50);
  CHECK(expiry.pop_due(60) == Expiry::Due{1, 100});
  CHECK(expiry.pop_due(60) == Expiry::Due{1, 200});
}
