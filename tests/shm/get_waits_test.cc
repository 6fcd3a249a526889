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
struct GetWaitsFixture : StoreFixture, private StoreListener {
  GetWaitsFixture() : waits(store) { store.sealed().set_listener(this); }
  ~GetWaitsFixture() { store.sealed().set_listener(nullptr); }

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
  using Take = std::optional<Result<SlotIndex>>;
  Take& take(std::uint64_t number, std::uint64_t object, TimeNs deadline, std::uint64_t type_tag = 0) {
    Take& answer = *takes.emplace_back(std::make_unique<Take>());
    waits.add_take({writer, number}, id_of(object), type_tag, deadline, now, [&answer](const Result<SlotIndex>& taken) {
      REQUIRE_FALSE(answer.has_value());
      answer.emplace(taken);
    });
    return answer;
  }
  /// Gives back the holds that an answer brought.
  void give_back(const std::optional<Slots>& answer) {
    for (const SlotIndex slot : answer.value())
      if (slot != kNoSlot) store.usage().drop_hold(slot);
  }

  GetWaits waits;
  std::vector<std::unique_ptr<std::optional<Slots>>> answers;
  std::vector<std::unique_ptr<Take>> takes;

 private:
  void on_sealed(SlotIndex slot, const SlotFields& object) override {
    waits.on_sealed(slot, object.id);
    waits.give_to_taker(slot, object);
  }
  void on_removed(SlotIndex, const SlotFields&, RemovalCause) override {}
};

}  // namespace

TEST_CASE("what is there is answered at once, and so is everything when there is no time") {
  GetWaitsFixture fixture;
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
  GetWaitsFixture fixture;
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
  GetWaitsFixture fixture;
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
  GetWaitsFixture fixture;
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
  GetWaitsFixture fixture;
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
  GetWaitsFixture fixture;
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
  GetWaitsFixture fixture;
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
  GetWaitsFixture fixture;
  const auto& answer = fixture.add(1, {1, 2}, kNever);
  const SlotIndex one = fixture.put(1, 100);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  const SlotIndex two = fixture.put(2, 100);
  CHECK(answer == Slots{one, two});
  CHECK(fixture.store.rows().fields(one).id == id_of(1));
  fixture.give_back(answer);
}

TEST_CASE("a wait for presence ends with the last that is needed, and holds nothing") {
  GetWaitsFixture fixture;
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

TEST_CASE("a get of some of many ends when enough are there, with all that are") {
  GetWaitsFixture fixture;
  Slots held;
  const std::vector<ObjectId> ids = {id_of(1), id_of(2), id_of(3), id_of(1)};
  const auto done = [&](Slots found) { held = std::move(found); };
  const SlotIndex one = fixture.put(1, 100);
  fixture.waits.add({fixture.writer, 1}, ids, 2, kNever, fixture.now, done);  // one object, which is two of them
  CHECK(held == Slots{one, kNoSlot, kNoSlot, one});
  for (int n = 0; n < 2; ++n) fixture.store.usage().drop_hold(one);
  held.clear();
  fixture.waits.add({fixture.writer, 2}, ids, 3, kNever, fixture.now, done);
  CHECK(held.empty());
  const SlotIndex three = fixture.put(3, 100);
  CHECK(held == Slots{one, kNoSlot, three, one});
  for (const SlotIndex slot : {one, one, three}) fixture.store.usage().drop_hold(slot);
  fixture.put(2, 100);  // nobody waits for it
  CHECK(fixture.waits.count() == 0);
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 384);
}

TEST_CASE("a take of what is there removes it, and holds it for the taker") {
  GetWaitsFixture fixture;
  const SlotIndex slot = fixture.put(1, 100);
  const auto& taken = fixture.take(1, 1, fixture.now);
  REQUIRE(taken.value().value() == slot);
  CHECK_FALSE(fixture.exists(1));
  CHECK(fixture.store.rows().fields(slot).id == id_of(1));
  CHECK(fixture.store.stats(fixture.now).retired_count == 1);
  CHECK(fixture.store.stats(fixture.now).removed_count == 1);
  CHECK(fixture.take(2, 1, fixture.now).value().value() == kNoSlot);
  fixture.store.usage().drop_hold(slot);
  CHECK(fixture.store.stats(fixture.now).used_bytes == 0);
}

TEST_CASE("of several takes that wait one gets the object, the first, after the gets") {
  GetWaitsFixture fixture;
  const auto& first = fixture.take(1, 1, kNever);
  const auto& second = fixture.take(2, 1, kNever);
  const auto& get = fixture.add(3, {1, 2}, kNever);  // and waits for more
  const auto& done = fixture.add(4, {1}, kNever);
  const SlotIndex one = fixture.put(1, 100);
  REQUIRE(first.has_value());
  CHECK(first->value() == one);
  CHECK_FALSE(second.has_value());
  CHECK(done == Slots{one});
  CHECK_FALSE(fixture.exists(1));
  CHECK(fixture.waits.count() == 2);
  const SlotIndex again = fixture.put(1, 200);
  REQUIRE(second.has_value());
  CHECK(second->value() == again);
  const SlotIndex two = fixture.put(2, 100);
  CHECK(get == Slots{one, two});  // what it held is what it gets, though it was taken
  fixture.store.usage().drop_hold(one);
  fixture.give_back(done);
  CHECK(fixture.store.stats(fixture.now).retired_count == 2);
  fixture.give_back(get);
  fixture.store.usage().drop_hold(again);
  CHECK(fixture.store.stats(fixture.now).retired_count == 0);
  CHECK(fixture.waits.count() == 0);
}

TEST_CASE("a take ends at its deadline, or cancelled, and its client's end drops it") {
  GetWaitsFixture fixture;
  const auto& late = fixture.take(1, 1, fixture.now + 10);
  const auto& cancelled = fixture.take(2, 1, kNever);
  const auto& dropped = fixture.take(3, 1, kNever);
  CHECK(fixture.waits.next_deadline() == fixture.now + 10);
  CHECK(fixture.waits.waiting_for(id_of(1), 9) == std::vector{fixture.writer});
  fixture.waits.time_out(fixture.now + 10);
  CHECK(late.value().value() == kNoSlot);
  CHECK(fixture.waits.cancel({fixture.writer, 2}));
  CHECK(cancelled.value().value() == kNoSlot);
  fixture.waits.drop_client(fixture.writer);
  CHECK(fixture.waits.count() == 0);
  fixture.put(1, 100);
  CHECK_FALSE(dropped.has_value());
  CHECK(fixture.exists(1));
}

TEST_CASE("a take of another type is refused, and the next take gets the object") {
  GetWaitsFixture fixture;
  const auto& wrong = fixture.take(1, 1, kNever, 7);
  const auto& right = fixture.take(2, 1, kNever, 8);
  const SlotIndex slot = fixture.put({.id = id_of(1), .data_size = 10, .type_tag = 8, .type_name = "acme.Thing"});
  REQUIRE(outcome(wrong.value()) == "type_mismatch");
  CHECK(wrong->error().message ==
        "object " + id_of(1).hex() +
            " holds acme.Thing, and stays in the store; take_raw() takes an object of any type");
  CHECK(right.value().value() == slot);
  fixture.store.usage().drop_hold(slot);
  fixture.put({.id = id_of(2), .data_size = 10});
  CHECK(outcome(fixture.take(3, 2, kNever, 8).value()) == "type_mismatch");
  CHECK(fixture.exists(2));
}
