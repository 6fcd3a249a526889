// The calls that do not block: when callbacks run, what event_fd() reports, and the effect of cancelling.

#include <optional>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

namespace {

/// An asynchronous get and its answer.
template <class T>
struct Operation {
  std::optional<Result<T>> answer;
  int calls = 0;
  AsyncHandle handle;
};
using Getting = Operation<Object>;
using GettingMany = Operation<std::vector<std::optional<Object>>>;

std::unique_ptr<Getting> begin_get(ObjectStore& store, const ObjectId& id, Timeout timeout = wait_forever) {
  auto getting = std::make_unique<Getting>();
  getting->handle = store.get_async(id, timeout, [raw = getting.get()](Result<Object> got) {
    raw->answer.emplace(std::move(got));
    ++raw->calls;
  });
  return getting;
}

std::unique_ptr<GettingMany> begin_get_many(ObjectStore& store, const std::vector<ObjectId>& ids, std::size_t count,
                                            Timeout timeout = wait_forever) {
  auto getting = std::make_unique<GettingMany>();
  getting->handle = store.get_many_async(ids, count, timeout, [raw = getting.get()](auto got) {
    raw->answer.emplace(std::move(got));
    ++raw->calls;
  });
  return getting;
}

/// Which of the objects are there: a 1 or a 0 for each.
std::string which_came(const GettingMany& getting) {
  std::string text;
  for (const auto& object : getting.answer->value()) text += object ? '1' : '0';
  return text;
}

template <class T>
bool answered(ObjectStore& store, const Operation<T>& getting) {
  return run_until(store, [&] { return getting.answer.has_value(); });
}

/// event_fd() says, in time, that there is something to do.
bool becomes_ready(ObjectStore& store) {
  return eventually([&] { return has_events(store); });
}

}  // namespace

TEST_CASE("callbacks run only inside process_events, even when the answer is known at once") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 100);
  CHECK_FALSE(has_events(*store));
  const auto getting = begin_get(*store, id_of(0));
  REQUIRE(becomes_ready(*store));
  REQUIRE(outcome(store->stats()) == "ok");  // another call does not run them
  CHECK(getting->calls == 0);
  REQUIRE(answered(*store, *getting));
  CHECK(getting->calls == 1);
  CHECK(same(getting->answer->value().data(), pattern(100, 0)));
  CHECK_FALSE(has_events(*store));
  REQUIRE(outcome(store->process_events()) == "ok");
  CHECK(getting->calls == 1);
}

TEST_CASE("event_fd becomes readable when an awaited object is sealed, and stays so until processed") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto getting = begin_get(*store, id_of(0));
  REQUIRE(gets_wait(*store, 1));
  CHECK_FALSE(has_events(*store));
  put_numbered(store.other(), 0, 1, 100);
  REQUIRE(becomes_ready(*store));
  CHECK(has_events(*store));  // level-triggered
  REQUIRE(answered(*store, *getting));
  CHECK(outcome(*getting->answer) == "ok");
}

TEST_CASE("event_fd becomes readable at a deadline") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto getting = begin_get(*store, id_of("absent"), kShortly);
  REQUIRE(becomes_ready(*store));
  REQUIRE(answered(*store, *getting));
  CHECK(outcome(*getting->answer) == "timed_out");
  CHECK(store->stats().value().waiting_gets == 0);
  CHECK_FALSE(has_events(*store));
}

TEST_CASE("an asynchronous get that does not wait says not_found") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto getting = begin_get(*store, id_of("absent"), no_wait);
  REQUIRE(answered(*store, *getting));
  CHECK(outcome(*getting->answer) == "not_found");
  CHECK(store->stats().value().miss_count == 1);
}

TEST_CASE("the object in a callback's hand is held from the moment it was found") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto getting = begin_get(*store, id_of(0));
  REQUIRE(gets_wait(*store, 1));
  put_numbered(*store, 0, 1, 1000);
  CHECK(store->evict(kMiB).value() == 0);
  REQUIRE(answered(*store, *getting));
  CHECK(store->evict(kMiB).value() == 0);
  CHECK(store->metadata(id_of(0)).value().ref_count == 1);
  getting->answer.reset();
  CHECK(store->evict(kMiB).value() == 1024);
}

TEST_CASE("the reference that a callback gets is the only one") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const bool waits = GENERATE(true, false);
  if (!waits) put_numbered(*store, 0, 1, 1000);
  std::vector<std::size_t> references;
  const auto drop = [&](auto got) {
    got = Error{Errc::not_found, "dropped"};
    references.push_back(store->metadata(id_of(0)).value().ref_count);
  };
  const std::vector<ObjectId> ids{id_of(0)};
  AsyncHandle one = store->get_async(ids[0], wait_forever, drop);
  AsyncHandle many = store->get_many_async(ids, 1, wait_forever, drop);
  if (waits) {
    REQUIRE(gets_wait(*store, 2));
    put_numbered(*store, 0, 1, 1000);
  }
  REQUIRE(run_until(*store, [&] { return references.size() == 2; }));
  // The other operation's reference can be there from the moment the object was found.
  CHECK(references[0] <= 1);
  CHECK(references[1] == 0);

  std::optional<std::string> put;
  AsyncHandle taking = store->take_async(id_of(0), wait_forever, [&](Result<Object> got) {
    got = Error{Errc::not_found, "dropped"};
    put = outcome(store->put(id_of(1), pattern(kMiB - 512)));
  });
  REQUIRE(run_until(*store, [&] { return put.has_value(); }));
  CHECK(put == "ok");
}

TEST_CASE("a get cancelled before its callback is never called, and holds nothing") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto waiting = begin_get(*store, id_of(0));
  REQUIRE(gets_wait(*store, 1));
  CHECK(waiting->handle.cancel());
  CHECK_FALSE(waiting->handle.cancel());
  REQUIRE(gets_wait(*store, 0));
  put_numbered(*store, 0, 1, 1000);

  const auto due = begin_get(*store, id_of(0));
  REQUIRE(becomes_ready(*store));
  CHECK(due->handle.cancel());
  const auto marker = begin_get(*store, id_of(0));
  REQUIRE(answered(*store, *marker));
  marker->answer.reset();
  CHECK(waiting->calls == 0);
  CHECK(due->calls == 0);
  CHECK(eventually([&] { return store->evict(kMiB).value() == 1024; }));
}

TEST_CASE("a get cannot be cancelled after its callback, nor from inside it") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 100);
  AsyncHandle handle;
  std::optional<bool> cancelled;
  handle = store->get_async(id_of(0), no_wait, [&](const Result<Object>&) { cancelled = handle.cancel(); });
  REQUIRE(run_until(*store, [&] { return cancelled.has_value(); }));
  CHECK_FALSE(*cancelled);
  CHECK_FALSE(handle.cancel());
  CHECK_FALSE(AsyncHandle().cancel());
}

TEST_CASE("an asynchronous get of several objects ends when enough of them are there") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 2, 1000);
  const std::vector<ObjectId> ids{id_of(1), id_of("late"), id_of(0), id_of("absent")};
  const auto two = begin_get_many(*store, ids, 2);
  CHECK(two->calls == 0);
  REQUIRE(answered(*store, *two));
  CHECK(which_came(*two) == "1010");
  CHECK(same(two->answer->value()[0]->data(), pattern(1000, 1)));

  const auto three = begin_get_many(*store, ids, 3);
  REQUIRE(gets_wait(*store, 1));  // one operation
  const auto misses = store->stats().value().miss_count;
  put_numbered(store.other(), 2, 1, 100);
  REQUIRE(outcome(store.other().put(id_of("late"), pattern(10))) == "ok");
  REQUIRE(answered(*store, *three));
  CHECK(which_came(*three) == "1110");
  const auto all = begin_get_many(*store, ids, 4, kShortly);
  REQUIRE(answered(*store, *all));
  CHECK(which_came(*all) == "1110");
  CHECK(store->stats().value().miss_count == misses + 2);
  CHECK(store->stats().value().waiting_gets == 0);
  CHECK(store->evict(kMiB).value() > 0);  // object 2, which nothing holds
  CHECK(outcome(store->exists(id_of(0))) == "ok");
  CHECK(store->exists(id_of(0)).value());
}

TEST_CASE("an asynchronous get of several objects: of none, of too many, without a wait, and one that is cancelled") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 1000);
  const auto none = begin_get_many(*store, {}, 0);
  const auto wrong = begin_get_many(*store, {id_of(0)}, 2);
  const auto absent = begin_get_many(*store, {id_of(0), id_of("absent")}, 2, no_wait);
  for (const auto* each : {none.get(), wrong.get(), absent.get()}) REQUIRE(answered(*store, *each));
  CHECK(which_came(*none).empty());
  CHECK(outcome(*wrong->answer) == "invalid_argument");
  CHECK(which_came(*absent) == "10");
  absent->answer.reset();

  const auto cancelled = begin_get_many(*store, {id_of(0), id_of("absent")}, 2);
  REQUIRE(gets_wait(*store, 1));
  CHECK(cancelled->handle.cancel());
  CHECK_FALSE(cancelled->handle.cancel());
  REQUIRE(gets_wait(*store, 0));
  const auto marker = begin_get(*store, id_of("absent"), no_wait);
  REQUIRE(answered(*store, *marker));
  CHECK(cancelled->calls == 0);
  CHECK(eventually([&] { return store->evict(kMiB).value() == 1024; }));  // it holds nothing
}

TEST_CASE("destroying a handle does not cancel") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto getting = begin_get(*store, id_of(0));
  getting->handle = AsyncHandle();
  put_numbered(*store, 0, 1, 100);
  REQUIRE(answered(*store, *getting));
  CHECK(outcome(*getting->answer) == "ok");
}

TEST_CASE("a callback may call the store, and begin what comes next") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  std::optional<Result<Object>> last;
  store->create_async(id_of("a"), 10, {}, [&](Result<ObjectBuilder> builder) {
    REQUIRE(outcome(builder->write(pattern(10))) == "ok");
    REQUIRE(outcome(builder->seal()) == "ok");
    store->get_async(id_of("a"), no_wait, [&](Result<Object> object) { last.emplace(std::move(object)); });
  });
  REQUIRE(run_until(*store, [&] { return last.has_value(); }));
  CHECK(same(last->value().data(), pattern(10)));
}

TEST_CASE("an asynchronous create hands out a builder with the metadata in place") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  std::optional<Result<ObjectBuilder>> answer;
  {
    const Bytes metadata = pattern(20, 4);  // need not outlive the call
    const std::string name = "some.Type";
    store->create_async(id_of("a"), 10, {.metadata = metadata, .type_tag = 5, .type_name = name},
                        [&](Result<ObjectBuilder> builder) { answer.emplace(std::move(builder)); });
  }
  REQUIRE(run_until(*store, [&] { return answer.has_value(); }));
  REQUIRE(outcome(*answer) == "ok");
  REQUIRE(outcome((*answer)->write(pattern(10))) == "ok");
  REQUIRE(outcome((*answer)->seal()) == "ok");
  const Object object = store->get_raw(id_of("a")).value();
  CHECK(same(object.data(), pattern(10)));
  CHECK(same(object.metadata(), pattern(20, 4)));
  CHECK(store->metadata(id_of("a")).value().type_name == "some.Type");
}

TEST_CASE("an asynchronous create fails by callback as a create would") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB, {.pinned = true});
  std::vector<std::string> outcomes;
  const auto note = [&](const Result<ObjectBuilder>& builder) { outcomes.push_back(outcome(builder)); };
  store->create_async(id_of(0), 10, {}, note);
  REQUIRE(run_until(*store, [&] { return outcomes.size() == 1; }));
  store->create_async(id_of("a"), 2 * kMiB, {.timeout = wait_forever}, note);
  REQUIRE(run_until(*store, [&] { return outcomes.size() == 2; }));
  store->create_async(id_of("a"), 10, {}, note);
  REQUIRE(run_until(*store, [&] { return outcomes.size() == 3; }));
  const Bytes metadata(kMaxMetadata + 1);
  store->create_async(id_of("a"), 10, {.metadata = metadata}, note);
  REQUIRE(run_until(*store, [&] { return outcomes.size() == 4; }));
  CHECK(outcomes == std::vector<std::string>{"already_exists", "too_large", "out_of_memory", "too_large"});
}

TEST_CASE("a builder that nobody took is aborted with its callback") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  int calls = 0;
  AsyncHandle handle = store->create_async(id_of("a"), kMiB, {}, [&](const Result<ObjectBuilder>&) { ++calls; });
  REQUIRE(becomes_ready(*store));
  CHECK(handle.cancel());
  CHECK(eventually([&] { return store->stats().value().used_bytes == 0; }));
  REQUIRE(outcome(store->process_events()) == "ok");
  CHECK(calls == 0);
  CHECK(outcome(store->metadata(id_of("a"))) == "not_found");

  store->create_async(id_of("b"), kMiB, {}, [&](const Result<ObjectBuilder>&) { ++calls; });
  REQUIRE(run_until(*store, [&] { return calls == 1; }));  // the callback let it fall
  CHECK(store->stats().value().used_bytes == 0);
}

TEST_CASE("callbacks that never ran are destroyed with their store, and so is what they own") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 100);
  int calls = 0;
  AsyncHandle due, waiting;
  std::weak_ptr<const int> watch;
  {
    const auto owned = std::make_shared<const int>(0);
    watch = owned;
    const auto count = [&calls, owned](const auto&) { ++calls; };
    due = store->get_async(id_of(0), no_wait, count);
    waiting = store->get_async(id_of("absent"), wait_forever, count);
    store->create_async(id_of("a"), 100, {}, count);
  }
  REQUIRE_FALSE(watch.expired());
  store.close();
  CHECK(watch.expired());
  CHECK(calls == 0);
  CHECK_FALSE(due.cancel());
  CHECK_FALSE(waiting.cancel());
}

TEST_CASE("a callback may be the last owner of a builder and of objects when its store goes") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 100);
  struct Owned {
    ObjectBuilder builder;
    Object object;
  };
  const auto owned = [&](std::string_view name) {
    return std::make_shared<Owned>(Owned{store->create(id_of(name), 100).value(), store->get_raw(id_of(0)).value()});
  };
  AsyncHandle cancelled =
      store->get_async(id_of("absent"), wait_forever, [keep = owned("a")](const Result<Object>&) {});
  store->get_async(id_of("absent"), wait_forever, [keep = owned("b")](const Result<Object>&) {});
  store->get_async(id_of(0), no_wait, [keep = owned("c")](const Result<Object>&) {});
  CHECK(cancelled.cancel());
  CHECK(eventually([&] { return store->stats().value().unsealed_count == 2; }));
  store.close();
}
