#include "shm/store/engine.h"

#include <catch2/catch.hpp>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

struct EngineFixture : StoreFixture {
  explicit EngineFixture(const StoreConfig& config = {.capacity = kMiB})
      : StoreFixture(config), engine(std::move(owned)) {}
  ~EngineFixture() { store.check_invariants(); }

  void wait_for_object(ClientId client, std::uint64_t key, std::uint64_t number, TimeNs deadline) {
    const ObjectId id = id_of(number);
    engine.gets().add({client, key}, {&id, 1}, deadline, now, [this](const std::vector<SlotIndex>& held) {
      ++got;
      if (held[0] != kNoSlot) store.usage().drop_hold(held[0]);
    });
  }
  void wait_for_room(ClientId client, std::uint64_t key, std::uint64_t number, TimeNs deadline) {
    engine.creates().add({client, key}, {.id = id_of(number), .data_size = kMiB}, deadline, now,
                         [this](const Result<Placement>& placed) { created.push_back(outcome(placed)); });
  }

  Engine engine;
  int got = 0;
  std::vector<std::string> created;
};

}  // namespace

TEST_CASE("the engine's next deadline is the earliest of all that waits or expires") {
  EngineFixture fixture;
  CHECK(fixture.engine.next_deadline() == kNever);
  fixture.put({.id = id_of(0), .data_size = kMiB, .pinned = true, .lifetimes = {.to_live = std::chrono::seconds(9)}});
  const TimeNs start = fixture.now;
  CHECK(fixture.engine.next_deadline() == start + 9 * kSecond);
  fixture.wait_for_object(fixture.writer, 1, 5, start + kSecond);
  CHECK(fixture.engine.next_deadline() == start + kSecond);
  fixture.wait_for_room(fixture.writer, 2, 6, start + 2 * kSecond);
  CHECK(fixture.engine.next_deadline() == start + CreateWaits::kRescan);
  fixture.engine.tick(start + kSecond);
  CHECK(fixture.got == 1);
  CHECK(fixture.created.empty());
  fixture.engine.tick(start + 2 * kSecond);
  CHECK(fixture.created == std::vector<std::string>{"timed_out"});
  CHECK(fixture.engine.next_deadline() == start + 9 * kSecond);
  CHECK(fixture.engine.stats(start + 2 * kSecond).waiting_gets == 0);
}

TEST_CASE("what expires makes room for who waits, in the same tick") {
  EngineFixture fixture;
  TestClient reader = fixture.client();
  fixture.put({.id = id_of(0), .data_size = kMiB, .lifetimes = {.to_live = std::chrono::seconds(1)}});
  const TimeNs start = fixture.now;
  const Held held = reader.hold(id_of(0));
  fixture.wait_for_room(fixture.writer, 1, 5, kNever);
  CHECK(fixture.engine.stats(start).waiting_creates == 1);
  fixture.engine.tick(start + kSecond);  // retired, but held
  CHECK(fixture.created.empty());
  CHECK(reader.holder().release(held.slot));
  fixture.engine.on_release(start + kSecond);
  CHECK(fixture.created == std::vector<std::string>{"ok"});
}

TEST_CASE("settle serves only after something made room") {
  EngineFixture fixture;
  fixture.put({.id = id_of(0), .data_size = kMiB, .pinned = true});
  fixture.wait_for_room(fixture.writer, 1, 5, kNever);
  fixture.engine.settle(fixture.now);
  CHECK(fixture.created.empty());
  REQUIRE(fixture.store.unpin(id_of(0), fixture.now).has_value());
  fixture.engine.settle(fixture.now);
  CHECK(fixture.created == std::vector<std::string>{"ok"});
}

TEST_CASE("a silenced client hears nothing more, but keeps what it holds until it is dropped") {
  EngineFixture fixture;
  TestClient client = fixture.client();
  fixture.put({.id = id_of(0), .data_size = kMiB / 2});
  client.hold(id_of(0));
  REQUIRE(fixture.store.create_object(client.id(), {.id = id_of(1), .data_size = kMiB / 2}, fixture.now).has_value());
  fixture.wait_for_object(client.id(), 1, 7, kNever);
  fixture.wait_for_room(client.id(), 2, 8, kNever);
  int woken = 0;
  fixture.engine.subscribe({client.id(), 3}, [&] { ++woken; });
  CHECK(woken == 1);

  fixture.engine.silence_client(client.id());
  CHECK(fixture.engine.stats(fixture.now).waiting_gets == 0);
  CHECK(fixture.engine.stats(fixture.now).waiting_creates == 0);
  CHECK_FALSE(fixture.engine.has_events({client.id(), 3}));
  CHECK(fixture.store.room().evict(kMiB, fixture.now) == 0);
  CHECK(fixture.engine.stats(fixture.now).unsealed_count == 1);

  fixture.wait_for_room(fixture.writer, 4, 9, kNever);
  fixture.engine.drop_client(client.id(), fixture.now);
  fixture.engine.settle(fixture.now);
  CHECK(fixture.created == std::vector<std::string>{"ok"});
  CHECK(fixture.got == 0);
  CHECK(woken == 1);
}

TEST_CASE("subscribers are woken by events and find them in order") {
  EngineFixture fixture;
  fixture.put(0, 10);
  int woken = 0;
  const WaitKey key = {fixture.writer, 1};
  fixture.engine.subscribe(key, [&] { ++woken; });
  CHECK(fixture.engine.has_events(key));
  CHECK(fixture.engine.take_events(key, 10).size() == 1);
  CHECK_FALSE(fixture.engine.has_events(key));
  woken = 0;
  fixture.put(1, 10);
  REQUIRE(fixture.store.remove(id_of(1), fixture.now).value());
  CHECK(woken == 2);
  CHECK(fixture.engine.take_events(key, 1).at(0).kind == Event::Kind::sealed);
  CHECK(fixture.engine.take_events(key, 1).at(0).kind == Event::Kind::removed);
  CHECK(fixture.engine.unsubscribe(key));
  CHECK_FALSE(fixture.engine.unsubscribe(key));
  fixture.put(2, 10);
  CHECK(woken == 2);
  CHECK(fixture.engine.take_events(key, 1).empty());
}

TEST_CASE("cancel ends a wait of either kind") {
  EngineFixture fixture;
  fixture.put({.id = id_of(0), .data_size = kMiB, .pinned = true});
  fixture.wait_for_object(fixture.writer, 1, 5, kNever);
  fixture.wait_for_room(fixture.writer, 2, 6, kNever);
  fixture.engine.cancel({fixture.writer, 1}, fixture.now);
  fixture.engine.cancel({fixture.writer, 2}, fixture.now);
  fixture.engine.cancel({fixture.writer, 3}, fixture.now);
  CHECK(fixture.got == 1);
  CHECK(fixture.created == std::vector<std::string>{"timed_out"});
}

TEST_CASE("a subscriber hears of an object that is taken at its seal: sealed, then removed") {
  EngineFixture fixture;
  fixture.engine.subscribe({fixture.writer, 9}, [] {});
  SlotIndex taken = kNoSlot;
  fixture.engine.gets().add_take({fixture.writer, 1}, id_of(1), 0, kNever, fixture.now,
                                 [&](const Result<SlotIndex>& slot) { taken = slot.value(); });
  CHECK(fixture.engine.stats(fixture.now).waiting_gets == 1);
  const SlotIndex slot = fixture.put(1, 100);
  CHECK(taken == slot);
  const std::vector<Event> events = fixture.engine.take_events({fixture.writer, 9}, 10);
  REQUIRE(events.size() == 2);
  CHECK(events[0].kind == Event::Kind::sealed);
  CHECK(events[1].kind == Event::Kind::removed);
  CHECK(events[1].cause == RemovalCause::removed);
  CHECK(events[1].id == id_of(1));
  fixture.store.usage().drop_hold(slot);
}
