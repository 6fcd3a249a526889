#include "shm/store/get_waits.h"

#include <catch2/catch.hpp>
#include <optional>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

using Slots = std::vector<SlotIndex>;

/// A store, and waits that hear of its seals.
struct Fixture : StoreFixture, private StoreListener {
  Fixture() : waits(store) { store.set_listener(this); }
  ~Fixture() { store.set_listener(nullptr); }

  std::optional<Slots>& add(std::uint64_t number, std::vector<std::uint64_t> objects, TimeNs deadline) {
    std::vector<ObjectId> ids;
    for (const std::uint64_t object : objects) ids.push_back(id_of(object));
    auto& answer = answers.emplace_back(std::make_unique<std::optional<Slots>>());
    waits.add({writer, number}, ids, deadline, now, [raw = answer.get()](Slots held) {
      REQUIRE_FALSE(raw->has_value());  // each wait ends once
      *raw = std::move(held);
    });
    return *answer;
  }
  /// Gives back the holds that an answer brought.
  void give_back(const std::optional<Slots>& answer) {
    for (const SlotIndex slot : answer.value())
      if (slot != kNoSlot) store.usage().drop_hold(slot);
  }

  GetWaits waits;
  std::vector<std::unique_ptr<std::optional<Slots>>> answers;

 private:
  void on_sealed(SlotIndex slot, const SlotFields& object) override { waits.on_sealed(slot, object.id); }
  void on_removed(SlotIndex, const SlotFields&, RemovalCause) override {}
};

}  // namespace

TEST_CASE("what is there is answered at once, and so is everything when there is no time") {
  Fixture fixture;
  const SlotIndex one = fixture.put(1, 100);
  const auto& all = fixture.add(1, {1, 1}, kNever);
  CHECK(all == Slots{one, one});
  const auto& now = fixture.add(2, {2, 1}, fixture.now);
  CHECK(now == Slots{kNoSlot, one});
  const auto& none = fixture.add(3, {}, kNever);
  CHECK(none == Slots{});
  CHECK(fixture.waits.count() == 0);
  fixture.give_back(all);
  fixture.give_back(now);
}

TEST_CASE("a wait is answered when the last of its objects is sealed, positions kept") {
  Fixture fixture;
  const SlotIndex two = fixture.put(2, 100);
  const auto& answer = fixture.add(1, {1, 2, 3, 1}, kNever);
  CHECK(fixture.waits.contains({fixture.writer, 1}));
  const SlotIndex three = fixture.put(3, 100);
  CHECK_FALSE(answer.has_value());
  const SlotIndex one = fixture.put(1, 100);
  CHECK(answer == Slots{one, two, three, one});
  CHECK(fixture.waits.count() == 0);
  CHECK_FALSE(fixture.waits.contains({fixture.writer, 1}));
  fixture.give_back(answer);
}

TEST_CASE("what came for a waiter is held for it until the wait ends, and after") {
  Fixture fixture;
  const auto& answer = fixture.add(1, {1, 2}, kNever);
  fixture.put(1, 100);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 0);
  fixture.put(2, 100);
  REQUIRE(answer.has_value());
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 0);
  fixture.give_back(answer);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 256);
}

TEST_CASE("one seal answers all who wait for it") {
  Fixture fixture;
  const auto& first = fixture.add(1, {1}, kNever);
  const auto& second = fixture.add(2, {1, 1}, fixture.now + kSecond);
  const auto& third = fixture.add(3, {2}, kNever);
  const SlotIndex one = fixture.put(1, 100);
  CHECK(first == Slots{one});
  CHECK(second == Slots{one, one});
  CHECK_FALSE(third.has_value());
  CHECK(fixture.waits.count() == 1);
  CHECK(fixture.waits.next_deadline() == kNever);
  fixture.give_back(first);
  fixture.give_back(second);
}

TEST_CASE("at its deadline a wait is answered with what is there") {
  Fixture fixture;
  const auto& early = fixture.add(1, {1, 2}, fixture.now + kSecond);
  const auto& late = fixture.add(2, {2}, fixture.now + 5 * kSecond);
  CHECK(fixture.waits.next_deadline() == fixture.now + kSecond);
  const TimeNs start = fixture.now;
  const SlotIndex one = fixture.put(1, 100);
  fixture.waits.time_out(start + kSecond - 1);
  CHECK_FALSE(early.has_value());
  fixture.waits.time_out(start + kSecond);
  CHECK(early == Slots{one, kNoSlot});
  CHECK_FALSE(late.has_value());
  CHECK(fixture.waits.next_deadline() == start + 5 * kSecond);
  fixture.give_back(early);
  CHECK(fixture.store.room().evict(1, fixture.now) == 128);
}

TEST_CASE("a cancelled wait is answered as at its deadline, and hears of nothing more") {
  Fixture fixture;
  const auto& answer = fixture.add(1, {1, 2}, kNever);
  const SlotIndex one = fixture.put(1, 100);
  CHECK(fixture.waits.cancel({fixture.writer, 1}));
  CHECK(answer == Slots{one, kNoSlot});
  CHECK_FALSE(fixture.waits.cancel({fixture.writer, 1}));
  CHECK_FALSE(fixture.waits.cancel({fixture.writer, 9}));
  fixture.put(2, 100);
  fixture.give_back(answer);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 256);
}

TEST_CASE("a dropped client's waits are answered to nobody, and hold nothing") {
  Fixture fixture;
  const ClientId other = fixture.attach();
  const auto& dropped = fixture.add(1, {1, 2}, fixture.now + kSecond);
  bool others = false;
  const ObjectId two = id_of(2);
  fixture.waits.add({other, 1}, {&two, 1}, kNever, fixture.now, [&](const Slots& held) {
    others = true;
    fixture.store.usage().drop_hold(held[0]);
  });
  CHECK(fixture.waits.count(fixture.writer) == 1);
  CHECK(fixture.waits.count(other) == 1);
  fixture.put(1, 100);
  fixture.waits.drop_client(fixture.writer);
  CHECK(fixture.waits.count(fixture.writer) == 0);
  CHECK(fixture.waits.count(other) == 1);
  CHECK(fixture.waits.next_deadline() == kNever);
  fixture.put(2, 100);
  CHECK_FALSE(dropped.has_value());
  CHECK(others);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 256);
}

TEST_CASE("an object that is removed while it is held for a waiter still reaches it") {
  Fixture fixture;
  const auto& answer = fixture.add(1, {1, 2}, kNever);
  const SlotIndex one = fixture.put(1, 100);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  const SlotIndex two = fixture.put(2, 100);
  CHECK(answer == Slots{one, two});
  CHECK(fixture.store.rows().fields(one).id == id_of(1));
  fixture.give_back(answer);
}

TEST_CASE("a wait for presence ends with the last that is needed, and holds nothing") {
  Fixture fixture;
  std::vector<bool> seen;
  const std::vector<ObjectId> ids = {id_of(1), id_of(2), id_of(3)};
  const auto done = [&](const std::vector<bool>& there) {
    REQUIRE(seen.empty());
    seen = there;
  };
  fixture.put(1, 100);
  fixture.waits.add_presence({fixture.writer, 1}, ids, 2, kNever, fixture.now, done);
  CHECK(fixture.waits.count() == 1);
  CHECK(fixture.store.remove(id_of(1), fixture.now).value());  // it was seen
  fixture.put(3, 100);
  CHECK(seen == std::vector{true, false, true});
  CHECK(fixture.waits.count() == 0);
  CHECK(fixture.store.room().evict(100, fixture.now) > 0);  // nothing is held

  seen.clear();
  fixture.waits.add_presence({fixture.writer, 2}, ids, 3, fixture.now + 10, fixture.now, done);
  fixture.put(2, 100);
  fixture.waits.time_out(fixture.now + 10);
  CHECK(seen == std::vector{false, true, false});

  seen.clear();
  fixture.waits.add_presence({fixture.writer, 3}, ids, 2, kNever, fixture.now, done);
  fixture.waits.drop_client(fixture.writer);
  CHECK(fixture.waits.count() == 0);
  CHECK(seen.empty());
  CHECK(fixture.store.room().evict(100, fixture.now) > 0);
}
