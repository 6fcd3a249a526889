// subscribe(): events for new and removed objects, with the cause.

#include <poll.h>

#include <algorithm>
#include <future>
#include <set>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

namespace {

struct Told {
  Event::Kind kind;
  ObjectId id;
  RemovalCause cause = RemovalCause::removed;
  friend bool operator==(const Told&, const Told&) = default;
};

Told sealed(const ObjectId& id) {
  return {Event::Kind::sealed, id};
}
Told removed(const ObjectId& id, RemovalCause cause) {
  return {Event::Kind::removed, id, cause};
}

Told next(Subscription& events) {
  const Event event = next_event(events);
  return {event.kind, event.id, event.kind == Event::Kind::removed ? event.cause : RemovalCause::removed};
}

}  // namespace

TEST_CASE("a subscriber is told first of the objects that are there") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 3, 100);
  const ObjectBuilder unsealed = store->create(id_of("unsealed"), 10).value();
  REQUIRE(store->remove(id_of(1)).value());
  Subscription events = store->subscribe().value();
  std::set<ObjectId> told;
  for (int i = 0; i < 2; ++i) {
    const Event event = next_event(events);
    CHECK(event.kind == Event::Kind::sealed);
    CHECK(event.data_size == 100);
    told.insert(event.id);
  }
  CHECK(told == std::set{id_of(0), id_of(2)});
  CHECK(is_quiet(events));
}

TEST_CASE("a subscription begins with subscribe(), not with the first look at it") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 100);
  Subscription events = store->subscribe().value();
  put_numbered(*store, 1, 1, 100);
  for (std::size_t n = 0; n < 2; ++n) REQUIRE(store->remove(id_of(n)).value());
  std::vector<Told> told;
  for (int i = 0; i < 4; ++i) told.push_back(next(events));
  for (std::size_t n = 0; n < 2; ++n) {
    const auto came = std::ranges::find(told, sealed(id_of(n)));
    REQUIRE(came != told.end());
    CHECK(std::find(came, told.end(), removed(id_of(n), RemovalCause::removed)) != told.end());
  }
  CHECK(is_quiet(events));
}

TEST_CASE("order of events: those that are there first, then in the order in which things happened") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 4, 100);
  REQUIRE(store->remove(id_of(0)).value());  // whose slot is the next to be taken
  Subscription events = store->subscribe().value();
  put_numbered(*store, 4, 2, 100);
  REQUIRE(store->remove(id_of(2)).value());
  std::vector<ObjectId> there;
  for (int i = 0; i < 3; ++i) {
    const Told told = next(events);
    CHECK(told.kind == Event::Kind::sealed);
    there.push_back(told.id);
  }
  CHECK(std::ranges::is_permutation(there, std::vector{id_of(1), id_of(2), id_of(3)}));
  CHECK(next(events) == sealed(id_of(4)));
  CHECK(next(events) == sealed(id_of(5)));
  CHECK(next(events) == removed(id_of(2), RemovalCause::removed));
  CHECK(is_quiet(events));
}

TEST_CASE("a subscriber hears of seals and removals in their order, with sizes") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  Subscription events = store->subscribe().value();
  CHECK(is_quiet(events));
  REQUIRE(outcome(store.other().put(id_of("a"), pattern(10), {.metadata = bytes_of("abc")})) == "ok");
  const Event first = next_event(events);
  CHECK(first.kind == Event::Kind::sealed);
  CHECK(first.id == id_of("a"));
  CHECK(first.data_size == 10);
  CHECK(first.metadata_size == 3);
  REQUIRE(store->remove(id_of("a")).value());
  REQUIRE(outcome(store->put(id_of("a"), pattern(20))) == "ok");
  const Event second = next_event(events);
  CHECK(second.kind == Event::Kind::removed);
  CHECK(second.data_size == 10);
  CHECK(second.metadata_size == 3);
  CHECK(next_event(events).data_size == 20);
  CHECK(is_quiet(events));
}

TEST_CASE("every removal says its cause") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  Subscription events = store->subscribe().value();
  CHECK(is_quiet(events));
  put_numbered(*store, 0, 1, 100);
  CHECK(next(events) == sealed(id_of(0)));
  REQUIRE(store->remove(id_of(0)).value());
  CHECK(next(events) == removed(id_of(0), RemovalCause::removed));

  put_numbered(*store, 1, 1, kMiB);
  CHECK(next(events) == sealed(id_of(1)));
  REQUIRE(store->evict(1).value() == kMiB);
  CHECK(next(events) == removed(id_of(1), RemovalCause::evicted));

  put_numbered(*store, 2, 1, kMiB);
  CHECK(next(events) == sealed(id_of(2)));
  put_numbered(*store, 3, 1, kMiB);  // evicts to make room
  CHECK(next(events) == removed(id_of(2), RemovalCause::evicted));
  CHECK(next(events) == sealed(id_of(3)));

  REQUIRE(outcome(store->clear()) == "ok");
  CHECK(next(events) == removed(id_of(3), RemovalCause::cleared));

  put_numbered(*store, 4, 1, 100, {.time_to_live = kShortly});
  CHECK(next(events) == sealed(id_of(4)));
  CHECK(next(events) == removed(id_of(4), RemovalCause::expired));
  CHECK(is_quiet(events));
}

TEST_CASE("an object that is removed while it is held is told of once, at the removal") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  Subscription events = store->subscribe().value();
  CHECK(is_quiet(events));
  put_numbered(*store, 0, 1, 100);
  CHECK(next(events) == sealed(id_of(0)));
  Object held = store->get_raw(id_of(0)).value();
  REQUIRE(store->remove(id_of(0)).value());
  CHECK(next(events) == removed(id_of(0), RemovalCause::removed));
  held.reset();
  REQUIRE(outcome(store->stats()) == "ok");
  CHECK(is_quiet(events));
}

TEST_CASE("aborted objects are no events") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  Subscription events = store->subscribe().value();
  CHECK(is_quiet(events));
  REQUIRE(outcome(store->create(id_of("a"), 10).value().abort()) == "ok");
  CHECK(outcome(store->create(id_of("b"), 2 * kMiB)) == "too_large");
  CHECK(is_quiet(events));
}

TEST_CASE("a subscriber that waits is woken by an event of another thread") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  Subscription events = store->subscribe().value();
  CHECK(is_quiet(events));
  auto waiting = std::async(std::launch::async, [&] { return events.next(); });
  put_numbered(store.other(), 0, 1, 100);
  const Result<Event> event = waiting.get();
  REQUIRE(outcome(event) == "ok");
  CHECK(event->id == id_of(0));
}

TEST_CASE("an event makes the event descriptor readable until the events are processed") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  Subscription events = store->subscribe().value();
  REQUIRE(outcome(store->process_events()) == "ok");
  REQUIRE(outcome(store.other().put(id_of("a"), pattern(10))) == "ok");
  pollfd readable{store->event_fd(), POLLIN, 0};
  REQUIRE(::poll(&readable, 1, 10'000) == 1);
  REQUIRE(outcome(store->process_events()) == "ok");
  CHECK(events.next().value().id == id_of("a"));
}

TEST_CASE("each subscriber has a stream of its own") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  Subscription first = store->subscribe().value();
  CHECK(is_quiet(first));
  put_numbered(*store, 0, 1, 100);
  Subscription second = store.other().subscribe().value();
  CHECK(next(second) == sealed(id_of(0)));
  { const Subscription third = store->subscribe().value(); }
  REQUIRE(store->remove(id_of(0)).value());
  CHECK(next(first) == sealed(id_of(0)));
  CHECK(next(first) == removed(id_of(0), RemovalCause::removed));
  CHECK(next(second) == removed(id_of(0), RemovalCause::removed));
  Subscription moved = std::move(second);
  put_numbered(*store, 1, 1, 100);
  CHECK(next(moved) == sealed(id_of(1)));
  CHECK(outcome(second.next(no_wait)) == "invalid_argument");
}

TEST_CASE("a subscriber that does not keep up finds one overflow where events were lost") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  Subscription events = store->subscribe().value();
  CHECK(is_quiet(events));
  // Each put is told as sealed, and later as evicted; far more than any queue on the way keeps.
  constexpr std::size_t kPuts = 4 * Subscription::kMaxQueued;
  constexpr std::size_t kBatch = 1024;
  std::vector<PutItem> items(kBatch);
  for (std::size_t put = 0; put < kPuts; put += kBatch) {
    for (std::size_t i = 0; i < kBatch; ++i) items[i].id = id_of(put + i);
    REQUIRE(outcome(store->put_many(items)) == "ok");
  }
  std::size_t told = 0;
  std::size_t overflows = 0;
  for (;;) {
    const Result<Event> event = events.next(kShortly);
    if (!event) break;
    if (event->kind == Event::Kind::overflow)
      ++overflows;
    else
      ++told;
    if (told == 1) CHECK(event->id == id_of(0));
  }
  CHECK(overflows == 1);
  CHECK(told >= Subscription::kMaxQueued);
  CHECK(told < kPuts);
  put_numbered(*store, kPuts, 1, 0);  // and it goes on
  Told last = next(events);
  while (last.kind == Event::Kind::removed) last = next(events);
  CHECK(last == sealed(id_of(kPuts)));
}

TEST_CASE("a subscription outlives the store handle without harm") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 100);
  Subscription events = store->subscribe().value();
  store.close();
  static_cast<void>(events.next(kShortly));
}
