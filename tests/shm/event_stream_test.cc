#include "shm/store/event_stream.h"

#include <catch2/catch.hpp>
#include <set>
#include <span>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

/// A store, and one stream of what happens in it.
struct StreamFixture : StoreFixture, private StoreListener {
  explicit StreamFixture(const StoreConfig& config = {.capacity = kMiB}) : StoreFixture(config) {
    store.sealed().set_listener(this);
  }
  ~StreamFixture() { store.sealed().set_listener(nullptr); }

  void remove(std::uint64_t number) { REQUIRE(store.remove(id_of(number), now).value()); }
  std::vector<Event> take(std::size_t limit = 1'000'000) { return stream.take(store, limit); }

  /// From here on: what is there is there.
  void subscribe() { stream = EventStream(store.rows().last_seal); }

  EventStream stream{0};

 private:
  void on_sealed(SlotIndex slot, const SlotFields& object) override {
    stream.on_event(slot, store.rows().sealed_at(slot),
                    {.kind = Event::Kind::sealed, .id = object.id, .data_size = object.data_size});
  }
  void on_removed(SlotIndex slot, const SlotFields& object, RemovalCause cause) override {
    stream.on_event(slot, store.rows().sealed_at(slot),
                    {.kind = Event::Kind::removed, .id = object.id, .cause = cause});
  }
};

std::vector<ObjectId> ids(const std::vector<Event>& events) {
  std::vector<ObjectId> out;
  for (const Event& event : events) out.push_back(event.id);
  return out;
}

}  // namespace

TEST_CASE("a stream begins with what is there, and has nothing more to say then") {
  StreamFixture fixture;
  CHECK(fixture.stream.has_more());  // it has not looked yet
  fixture.fill(2, 100);
  fixture.put({.id = id_of(2), .data_size = 100, .label = "two"});
  fixture.subscribe();
  fixture.remove(1);
  CHECK(ids(fixture.take(1)) == std::vector{id_of(1)});  // the walk cannot find it any more
  const std::vector<Event> events = fixture.take();
  REQUIRE(ids(events) == std::vector{id_of(0), id_of(2), id_of(1)});
  for (const Event& event : std::span(events).first(2)) CHECK(event.kind == Event::Kind::sealed);
  CHECK(events[0].data_size == 100);
  CHECK(events[0].label.empty());
  CHECK(events[1].label == "two");
  CHECK(events[2].kind == Event::Kind::removed);
  CHECK_FALSE(fixture.stream.has_more());
  CHECK(fixture.take().empty());
}

TEST_CASE("order of events: those that are there first, then in the order in which things happened") {
  StreamFixture fixture;
  fixture.fill(4, 100);
  fixture.remove(0);  // and its slot is the next to be taken
  fixture.subscribe();
  fixture.remove(2);
  fixture.put(4, 100);  // in a slot before those that are there
  fixture.put(5, 100);
  fixture.remove(4);
  const std::vector<Event> events = fixture.take();
  REQUIRE(ids(events) == std::vector{id_of(2), id_of(1), id_of(3), id_of(2), id_of(4), id_of(5), id_of(4)});
  using Kind = Event::Kind;
  const std::vector kinds{Kind::sealed, Kind::sealed, Kind::sealed, Kind::removed,
                          Kind::sealed, Kind::sealed, Kind::removed};
  for (std::size_t i = 0; i < events.size(); ++i) CHECK(events[i].kind == kinds[i]);
}

TEST_CASE("order of events: a stream that is read late, page by page, keeps it") {
  StreamFixture fixture({.capacity = 2 * kMiB, .max_objects = 20'000});
  constexpr std::uint64_t kThere = 10'000;
  fixture.fill(kThere, 10);
  fixture.subscribe();
  std::vector<Event> events = fixture.take(1);
  for (std::uint64_t n = 0; n < 100; ++n) {
    fixture.remove(n * (kThere / 100));  // some told, some found, some not
    fixture.put(kThere + n, 10);
  }
  for (const Event& event : fixture.take()) events.push_back(event);
  REQUIRE(events.size() == kThere + 200);
  for (std::size_t i = 0; i < kThere; ++i) REQUIRE(events[i].kind == Event::Kind::sealed);
  for (std::uint64_t n = 0; n < 100; ++n) {
    CHECK(events[kThere + 2 * n].kind == Event::Kind::removed);
    CHECK(events[kThere + 2 * n].id == id_of(n * (kThere / 100)));
    CHECK(events[kThere + 2 * n + 1].id == id_of(kThere + n));
  }
}

TEST_CASE("what happens behind the walk is told in order") {
  StreamFixture fixture;
  CHECK(fixture.take().empty());
  fixture.put(0, 100);
  fixture.remove(0);
  fixture.put(1, 100);
  REQUIRE(fixture.store.room().evict(1, fixture.now) != 0);
  fixture.put(2, 100);
  fixture.store.clear(fixture.now);
  const std::vector<Event> events = fixture.take();
  REQUIRE(ids(events) == std::vector{id_of(0), id_of(0), id_of(1), id_of(1), id_of(2), id_of(2)});
  CHECK(events[1].cause == RemovalCause::removed);
  CHECK(events[3].cause == RemovalCause::evicted);
  CHECK(events[5].cause == RemovalCause::cleared);
}

TEST_CASE("a walk of many pages, with changes on both sides of it, tells a consistent story") {
  StreamFixture fixture({.capacity = 2 * kMiB, .max_objects = 20'000});
  constexpr std::uint64_t kObjects = 10'000;
  fixture.fill(kObjects, 10);
  fixture.subscribe();
  std::set<ObjectId> known;
  std::uint64_t fresh = kObjects;
  while (fixture.stream.has_more()) {
    for (const Event& event : fixture.take(1000)) {
      // Nothing is told to appear twice, nor to go that never came.
      if (event.kind == Event::Kind::sealed) REQUIRE(known.insert(event.id).second);
      if (event.kind == Event::Kind::removed) REQUIRE(known.erase(event.id) == 1);
    }
    if (fresh < kObjects + 500) {
      fixture.remove(fresh - kObjects);                 // told already
      fixture.remove(kObjects - 1 - fresh + kObjects);  // not yet told
      fixture.put(fresh++, 10);
      fixture.put(fresh++, 10);
    }
  }
  std::set<ObjectId> there;
  for (std::uint64_t n = 0; n < fresh; ++n)
    if (fixture.exists(n)) there.insert(id_of(n));
  CHECK(known == there);
}

TEST_CASE("take keeps to its limit") {
  StreamFixture fixture;
  fixture.fill(5, 100);
  CHECK(fixture.take(2).size() == 2);
  CHECK(fixture.stream.has_more());
  CHECK(fixture.take(2).size() == 2);
  CHECK(fixture.take(2).size() == 1);
  CHECK_FALSE(fixture.stream.has_more());
}

TEST_CASE("a full queue ends in one overflow, and goes on when it was read") {
  EventStream stream(0);
  StoreFixture store;
  CHECK(stream.take(store.store, 1).empty());
  for (std::size_t n = 0; n < EventStream::kMaxQueued + 100; ++n)
    stream.on_event(0, 1, {.kind = Event::Kind::sealed, .id = id_of(n)});
  std::vector<Event> events = stream.take(store.store, EventStream::kMaxQueued + 100);
  REQUIRE(events.size() == EventStream::kMaxQueued + 1);
  CHECK(events.front().id == id_of(0));
  CHECK(events[EventStream::kMaxQueued - 1].id == id_of(EventStream::kMaxQueued - 1));
  CHECK(events.back().kind == Event::Kind::overflow);
  stream.on_event(0, 1, {.kind = Event::Kind::removed, .id = id_of(7)});
  events = stream.take(store.store, 10);
  REQUIRE(events.size() == 1);
  CHECK(events[0].id == id_of(7));
}

TEST_CASE("events lost in two places are two overflows") {
  EventStream stream(0);
  StoreFixture store;
  CHECK(stream.take(store.store, 1).empty());
  const auto flood = [&] {
    for (std::size_t n = 0; n < EventStream::kMaxQueued + 5; ++n)
      stream.on_event(0, 1, {.kind = Event::Kind::sealed, .id = id_of(n)});
  };
  flood();
  CHECK(stream.take(store.store, 10).size() == 10);
  flood();
  std::size_t overflows = 0;
  std::size_t others = 0;
  for (const Event& event : stream.take(store.store, 10 * EventStream::kMaxQueued))
    ++(event.kind == Event::Kind::overflow ? overflows : others);
  CHECK(overflows == 2);
  CHECK(others == EventStream::kMaxQueued - 10 + 9);  // one place of the queue was the first overflow's
}
