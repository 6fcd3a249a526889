#include "daemon/tier/read_queue.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

using namespace dolium;
using namespace dolium::daemon;
using Outcome = ReadQueue::Outcome;
using Wanted = ReadQueue::Wanted;

namespace {

constexpr shm::TimeNs kMs = 1'000'000;

struct ReadQueueFixture {
  ReadQueueFixture() : queue([this](const ObjectKey& object) { return !unwanted.contains(object.slot); }) {}

  void add(shm::ClientId client, shm::SlotIndex slot, bool is_first = false) {
    queue.add({client, {slot, 1}, is_first});
  }
  /// The slots of one turn: those in `no_room` find none, the others are begun.
  std::string turn(std::size_t most = 100) {
    std::string slots;
    queue.begin_turn(now);
    for (std::size_t count = 0; count < most; ++count) {
      const auto next = queue.next(now);
      if (!next) break;
      const bool fits = !no_room.contains(next->object.slot);
      queue.note(*next, fits ? Outcome::begun : Outcome::no_room, now);
      slots += std::to_string(next->object.slot) + (fits ? " " : "! ");
    }
    return slots;
  }

  shm::TimeNs now = 1'000'000 * kMs;
  std::set<shm::SlotIndex> unwanted;
  std::set<shm::SlotIndex> no_room;
  ReadQueue queue;
};

}  // namespace

TEST_CASE("clients take turns, and the first get takes every second one") {
  ReadQueueFixture fixture;
  for (const shm::SlotIndex slot : {10, 11}) fixture.add(1, slot);
  for (const shm::SlotIndex slot : {20, 21}) fixture.add(2, slot);
  for (const shm::SlotIndex slot : {90, 91, 92}) fixture.add(3, slot, true);
  CHECK(fixture.turn() == "90 10 91 20 92 11 21 ");
  CHECK(fixture.queue.empty());
}

TEST_CASE("a client has a limited number of reads under way, the first get has not") {
  ReadQueueFixture fixture;
  for (shm::SlotIndex slot = 0; slot < ReadQueue::kPerClient + 2; ++slot) fixture.add(1, slot);
  for (shm::SlotIndex slot = 0; slot < 100; ++slot) fixture.add(2, 1000 + slot, true);
  fixture.turn(1000);
  fixture.add(3, 500);
  CHECK(fixture.turn() == "500 ");
  fixture.queue.note_ended({1, {0, 1}, false});
  CHECK(fixture.turn() == std::to_string(ReadQueue::kPerClient) + " ");
  fixture.queue.note_ended({2, {1000, 1}, true});
  CHECK(fixture.turn().empty());
}

TEST_CASE("what nothing waits for any more is passed over") {
  ReadQueueFixture fixture;
  for (const shm::SlotIndex slot : {1, 2, 3}) fixture.add(1, slot);
  for (const shm::SlotIndex slot : {4, 5}) fixture.add(2, slot, true);
  fixture.unwanted = {1, 3, 4};
  CHECK(fixture.turn() == "5 2 ");
  CHECK(fixture.queue.empty());
}

TEST_CASE("a read without room is alone for a second, then others may begin for as long") {
  ReadQueueFixture fixture;
  fixture.no_room = {1};
  fixture.add(1, 1);
  fixture.add(2, 2);
  fixture.add(2, 3);
  CHECK(fixture.turn() == "1! ");
  fixture.now += 999 * kMs;
  CHECK(fixture.turn() == "1! ");
  fixture.now += kMs;
  CHECK(fixture.turn(2) == "1! 2 ");
  fixture.now += 999 * kMs;
  CHECK(fixture.turn(1) == "1! ");
  fixture.now += kMs;
  CHECK(fixture.turn() == "1! ");
  fixture.no_room.clear();
  CHECK(fixture.turn() == "1 3 ");
}

TEST_CASE("of two reads without room, the earlier one is the stuck one, and the other stays the next of its client") {
  ReadQueueFixture fixture;
  fixture.no_room = {1, 2};
  fixture.add(1, 1);
  fixture.add(2, 2);
  fixture.add(2, 3);
  CHECK(fixture.turn() == "1! ");
  fixture.now += 1000 * kMs;
  CHECK(fixture.turn() == "1! 2! ");
  fixture.no_room.clear();
  CHECK(fixture.turn() == "1 2 3 ");
}

TEST_CASE("a stuck read ends when nothing waits for it, and not with its client") {
  ReadQueueFixture fixture;
  fixture.no_room = {1};
  fixture.add(1, 1);
  fixture.add(2, 2);
  CHECK(fixture.turn() == "1! ");
  fixture.queue.drop_client(1);
  CHECK(fixture.turn() == "1! ");
  fixture.unwanted = {1};
  CHECK(fixture.turn() == "2 ");
  CHECK(fixture.queue.empty());
}

TEST_CASE("a read that failed is tried again at its time, as the next of its kind") {
  ReadQueueFixture fixture;
  fixture.add(1, 1);
  CHECK(fixture.turn() == "1 ");
  fixture.queue.note_ended({1, {1, 1}, false});
  fixture.queue.retry({1, {1, 1}, false}, fixture.now + kMs);
  fixture.add(1, 2);
  CHECK(fixture.queue.next_retry() == fixture.now + kMs);
  CHECK(fixture.turn() == "2 ");
  fixture.add(1, 3);
  fixture.now += kMs;
  CHECK(fixture.turn() == "1 3 ");
}

TEST_CASE("a queue of what is not wanted any more does not grow") {
  ReadQueueFixture fixture;
  for (shm::SlotIndex slot = 0; slot < ReadQueue::kTidyFrom - 1; ++slot) {
    fixture.add(1, slot);
    if (slot != 7) fixture.unwanted.insert(slot);
  }
  fixture.add(1, 7);
  CHECK(fixture.turn() == "7 ");
}
