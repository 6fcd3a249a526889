#include "shm/expiry.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace dolium::shm;
using std::chrono::milliseconds;

namespace {

constexpr TimeNs kMs = 1'000'000;

std::vector<SlotIndex> due_at(Expiry& expiry, TimeNs now) {
  std::vector<SlotIndex> slots;
  while (const auto slot = expiry.pop_due(now)) slots.push_back(*slot);
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

TEST_CASE("objects become due in the order of their time, each once") {
  Expiry expiry;
  CHECK(expiry.next_due() == kNever);
  expiry.insert(1, 100, {milliseconds(30), {}});
  expiry.insert(2, 101, {milliseconds(10), {}});
  expiry.insert(3, 102, {{}, milliseconds(20)});
  CHECK(expiry.next_due() == 101 + 10 * kMs);
  CHECK(due_at(expiry, 101 + 10 * kMs - 1).empty());
  CHECK(due_at(expiry, 101 + 10 * kMs) == std::vector<SlotIndex>{2});
  CHECK(due_at(expiry, 200 * kMs) == std::vector<SlotIndex>{3, 1});
  CHECK(due_at(expiry, 200 * kMs).empty());
  CHECK(expiry.next_due() == kNever);
}

TEST_CASE("an object that is looked at again is due at the new time") {
  Expiry expiry;
  expiry.insert(1, 100, {{}, milliseconds(10)});
  REQUIRE(due_at(expiry, 20 * kMs) == std::vector<SlotIndex>{1});
  expiry.look_again(1, 30 * kMs);
  CHECK(expiry.next_due() == 30 * kMs);
  CHECK(due_at(expiry, 29 * kMs).empty());
  CHECK(due_at(expiry, 30 * kMs) == std::vector<SlotIndex>{1});
  expiry.look_again(1, kNever);
  CHECK(expiry.next_due() == kNever);
}

TEST_CASE("an entry of an object that is gone concerns nobody, not even who has its slot now") {
  Expiry expiry;
  expiry.insert(1, 100, {milliseconds(10), {}});
  expiry.erase(1);
  CHECK_FALSE(expiry.lifetimes(1).any());
  expiry.insert(1, 200, {milliseconds(50), {}});
  CHECK(due_at(expiry, 40 * kMs).empty());
  CHECK(due_at(expiry, 60 * kMs) == std::vector<SlotIndex>{1});
  CHECK(expiry.lifetimes(1).to_live == milliseconds(50));
}
