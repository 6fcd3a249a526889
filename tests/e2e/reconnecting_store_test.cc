// A ReconnectingStore when its stores end: reads continue, calls that change the store are made once, and unfinished
// operations of the old store fail with an error.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <future>
#include <optional>
#include <thread>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

std::shared_ptr<ReconnectingStore> reconnecting(const Daemon& daemon, Timeout patience = kPatience) {
  return ReconnectingStore::connect(daemon.socket(), {.connect_timeout = patience}).value();
}

void end_store(Daemon& daemon, int signal) {
  if (signal == SIGKILL)
    CHECK(daemon.kill() == "signal 9");
  else
    CHECK(daemon.stop() == "exit 0");
}

void next_store(Daemon& daemon, int signal = SIGKILL) {
  end_store(daemon, signal);
  daemon.start_again();
}

template <class Call>
auto in_thread(Call call) {
  return std::async(std::launch::async, std::move(call));
}

}  // namespace

TEST_CASE("reconnecting store: reads go on with the next store at the socket") {
  const int signal = GENERATE(SIGKILL, SIGTERM);
  Daemon daemon;
  const auto store = reconnecting(daemon);
  REQUIRE(outcome(store->put(id_of("a"), pattern(1000, 1))) == "ok");
  const Object held = store->get_raw(id_of("a")).value();
  end_store(daemon, signal);
  CHECK_FALSE(store->connected());
  CHECK_FALSE(store->try_get(id_of("a")));
  auto getting = in_thread([&] { return store->get_raw(id_of("b"), kPatience); });
  auto many = in_thread([&] { return store->get_many(std::array{id_of("b"), id_of("c")}, kPatience); });
  auto looking = in_thread([&] { return store->exists(id_of("a")); });
  daemon.start_again();
  REQUIRE(outcome(daemon.watcher()->put(id_of("b"), pattern(1000, 2))) == "ok");
  REQUIRE(outcome(daemon.watcher()->put(id_of("c"), pattern(10, 3))) == "ok");
  CHECK(same(getting.get().value().data(), pattern(1000, 2)));
  CHECK(many.get().value().at(1).has_value());
  CHECK_FALSE(looking.get().value());
  CHECK(store->reconnections() == 1);
  CHECK(store->connected());
  CHECK(store->metadata(id_of("b")).value().data_size == 1000);
  CHECK(outcome(store->get_raw(id_of("a"))) == "not_found");
  CHECK(store->list().value().size() == 2);
  CHECK(outcome(store->ping()) == "ok");
  CHECK(same(held.data(), pattern(1000, 1)));
  CHECK(daemon.stats().client_count == 2);
  CHECK(store->put(id_of("typed"), 42).value().get().value() == 42);
}

TEST_CASE("reconnecting store: a server that is replaced or killed is the same store") {
  const int signal = GENERATE(SIGKILL, SIGHUP);
  Daemon daemon;
  const auto store = reconnecting(daemon);
  REQUIRE(outcome(store->put(id_of("a"), pattern(1000))) == "ok");
  const std::uint64_t session = store->session_id();
  replace_server(daemon, signal);
  CHECK(outcome(store->ping()) == "ok");
  CHECK(store->exists(id_of("a")).value());
  CHECK(store->reconnections() == 0);
  CHECK(store->session_id() == session);
}

TEST_CASE(
    "reconnecting store: builders and deferred puts of a store that is gone fail in words, pins are gone with it") {
  Daemon daemon;
  const auto store = reconnecting(daemon);
  ObjectBuilder builder = store->create(id_of("being written"), 1000).value();
  REQUIRE(outcome(store->put(id_of("pinned"), pattern(10), {.pinned = true})) == "ok");
  REQUIRE(outcome(store->put_deferred(id_of("deferred"), pattern(10))) == "ok");
  next_store(daemon);
  REQUIRE_FALSE(store->exists(id_of("deferred")).value());  // it is in the next store by now
  const Result<ObjectId> sealed = builder.seal();
  CHECK(outcome(sealed) == "disconnected");
  CHECK_THAT(sealed.error().message, Catch::Contains("gone") || Catch::Contains("closed"));
  const auto flushed = store->flush();
  CHECK(outcome(flushed) == "disconnected");
  CHECK_THAT(flushed.error().message, Catch::Contains("put them into the next store again"));
  CHECK(store->flush().value().empty());  // it was said
  CHECK(outcome(store->pin(id_of("pinned"))) == "not_found");
  REQUIRE(outcome(store->put_deferred(id_of("deferred"), pattern(10))) == "ok");
  CHECK(store->flush().value().empty());
  CHECK(store->exists(id_of("deferred")).value());
}

TEST_CASE(
    "reconnecting store: a call that changes something is not repeated, and the next one goes to the next store") {
  Daemon daemon({"--capacity=1MiB"});
  const auto store = reconnecting(daemon);
  put_numbered(*daemon.watcher(), 0, 1, kMiB, {.pinned = true});
  auto creating = in_thread([&] { return store->create(id_of("a"), 1000, {.timeout = kPatience}); });
  REQUIRE(daemon.waits(0, 1));
  next_store(daemon);
  const Result<ObjectBuilder> created = creating.get();
  REQUIRE(outcome(created) == "disconnected");
  CHECK_THAT(created.error().message, Catch::Contains("not repeated"));
  CHECK(outcome(store->put(id_of("a"), pattern(1000))) == "ok");
  CHECK(outcome(store->pin(id_of("a"))) == "ok");
}

TEST_CASE("reconnecting store: without a daemon calls fail at the end of their patience") {
  Daemon daemon;
  const auto store = reconnecting(daemon, no_wait);
  REQUIRE(outcome(store->put(id_of("a"), pattern(1000))) == "ok");
  CHECK(daemon.kill() == "signal 9");
  for (int round = 0; round < 2; ++round) {
    CHECK(outcome(store->get_raw(id_of("a"))) == "disconnected");
    CHECK(outcome(store->get_raw(id_of("a"), kShortly)) == "disconnected");
    CHECK(outcome(store->exists(id_of("a"))) == "disconnected");
    CHECK(outcome(store->stats()) == "disconnected");
    CHECK(outcome(store->put(id_of("b"), pattern(10))) == "disconnected");
    CHECK(outcome(store->subscribe()) == "disconnected");
    CHECK(outcome(store->process_events()) == "ok");
    std::string how;
    store->get_async(id_of("a"), no_wait, [&](const Result<Object>& result) { how = outcome(result); });
    CHECK(run_until(*store, [&] { return !how.empty(); }));
    CHECK(how == "disconnected");
  }
  CHECK(store->reconnections() == 0);
}

TEST_CASE("reconnecting store: a subscription goes on after an overflow, with what is there first") {
  Daemon daemon;
  const auto store = reconnecting(daemon);
  Subscription events = store->subscribe().value();
  REQUIRE(outcome(store->put(id_of("a"), pattern(10))) == "ok");
  CHECK(next_event(events).id == id_of("a"));
  next_store(daemon);
  REQUIRE(outcome(daemon.watcher()->put(id_of("b"), pattern(10))) == "ok");
  CHECK(next_event(events).kind == Event::Kind::overflow);
  CHECK(next_event(events).id == id_of("b"));
  REQUIRE(outcome(daemon.watcher()->put(id_of("c"), pattern(10))) == "ok");
  CHECK(next_event(events).id == id_of("c"));
  CHECK(is_quiet(events));
}

TEST_CASE("reconnecting store: asynchronous gets wait for the next store, creates do not") {
  const int signal = GENERATE(SIGKILL, SIGTERM);
  Daemon daemon;
  const auto store = reconnecting(daemon);
  const int fd = store->event_fd();
  std::string got;
  std::string never;
  std::string created;
  std::string all;
  store->get_many_async(std::vector{id_of("a"), id_of("b")}, 2, wait_forever, [&](const auto& result) {
    all = outcome(result);
    for (const auto& each : result.value()) CHECK(each);
  });
  store->get_async(id_of("a"), wait_forever, [&](const Result<Object>& result) { got = outcome(result); });
  AsyncHandle cancelled =
      store->get_async(id_of("b"), wait_forever, [&](const Result<Object>& result) { never = outcome(result); });
  end_store(daemon, signal);
  store->create_async(id_of("c"), 10, {}, [&](const Result<ObjectBuilder>& result) { created = outcome(result); });
  CHECK(run_until(*store, [&] { return !created.empty(); }));
  CHECK(created == "disconnected");
  CHECK(got.empty());
  CHECK(cancelled.cancel());  // while it waits for the next store
  CHECK_FALSE(cancelled.cancel());
  daemon.start_again();
  for (const char* name : {"a", "b"}) REQUIRE(outcome(daemon.watcher()->put(id_of(name), pattern(10))) == "ok");
  CHECK(run_until(*store, [&] { return !got.empty() && !all.empty(); }));
  CHECK(got == "ok");
  CHECK(all == "ok");
  CHECK(never.empty());
  CHECK(store->event_fd() == fd);
  AsyncHandle late =
      store->get_async(id_of("d"), wait_forever, [&](const Result<Object>& result) { never = outcome(result); });
  CHECK(late.cancel());
  CHECK(store->reconnections() == 1);
}

TEST_CASE("reconnecting store: threads share it over several stores") {
  Daemon daemon;
  const auto store = reconnecting(daemon);
  std::atomic<bool> over = false;
  std::atomic<std::size_t> failed = 0;
  std::atomic<std::size_t> done = 0;
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n)
    threads.emplace_back([&] {
      while (!over) {
        const Result<bool> there = store->exists(id_of("a"));
        const Result<Object> object = store->get_raw(id_of("a"));
        if (!there || (!object && object.error().code != Errc::not_found)) ++failed;
        ++done;
      }
    });
  for (int round = 1; round <= 3; ++round) {
    next_store(daemon, round % 2 == 0 ? SIGTERM : SIGKILL);
    REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(100))) == "ok");
    CHECK(eventually([&] { return store->reconnections() == static_cast<std::uint64_t>(round); }));
    const std::size_t before = done;
    CHECK(eventually([&] { return done > before + 100; }));
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(daemon.stats().client_count == 2);  // one connection, whoever of the threads made it
}

TEST_CASE("reconnecting store: a child of fork() goes on by itself") {
  Daemon daemon;
  const auto store = reconnecting(daemon);
  REQUIRE(outcome(store->put(id_of("a"), pattern(100, 1))) == "ok");
  Subscription events = store->subscribe().value();
  CHECK(next_event(events).id == id_of("a"));
  const Object held = store->get_raw(id_of("a")).value();
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(ends[1]);
    const bool parents = outcome(events.next(no_wait)) == "disconnected";
    char byte = 0;
    static_cast<void>(::read(ends[0], &byte, 1));  // until the next store is there
    std::string got;
    store->get_async(id_of("b"), kPatience, [&](const Result<Object>& result) { got = outcome(result); });
    const bool async = run_until(*store, [&] { return !got.empty(); }) && got == "ok";
    const bool after = store->exists(id_of("b")).value_or(false) && store->reconnections() == 1;
    ::_exit(parents && after && async && same(held.data(), pattern(100, 1)) ? 0 : 1);
  }
  CHECK(store->exists(id_of("a")).value());
  next_store(daemon);
  REQUIRE(outcome(daemon.watcher()->put(id_of("b"), pattern(100, 2))) == "ok");
  CHECK(store->exists(id_of("b")).value());
  for (const int fd : ends) ::close(fd);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(next_event(events).kind == Event::Kind::overflow);  // the parent's goes on
}

TEST_CASE(
    "reconnecting store: in a child that does not follow, an asynchronous get goes on with a connection of its own") {
  Daemon daemon;
  const auto store = ReconnectingStore::connect(daemon.socket(), {.follow_fork = false}).value();
  REQUIRE(outcome(store->put(id_of("a"), pattern(100))) == "ok");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string got;
    store->get_async(id_of("a"), kPatience, [&](const Result<Object>& result) { got = outcome(result); });
    ::_exit(run_until(*store, [&] { return !got.empty(); }) && got == "ok" ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("reconnecting store: a take is never repeated in the next store") {
  Daemon daemon;
  const auto store = reconnecting(daemon);
  auto taking = in_thread([&] { return store->take_raw(id_of("a"), kPatience); });
  std::optional<Result<Object>> later;
  static_cast<void>(
      store->take_async(id_of("b"), wait_forever, [&](Result<Object> taken) { later = std::move(taken); }));
  REQUIRE(daemon.waits(2, 0));
  next_store(daemon);
  for (const char* name : {"a", "b"}) REQUIRE(outcome(daemon.watcher()->put(id_of(name), pattern(100))) == "ok");
  const Result<Object> taken = taking.get();
  CHECK(outcome(taken) == "disconnected");
  CHECK_THAT(taken.error().message, Catch::Contains("not repeated"));
  REQUIRE(run_until(*store, [&] { return later.has_value(); }));
  CHECK(outcome(*later) == "disconnected");
  for (const char* name : {"a", "b"}) CHECK(daemon.watcher()->exists(id_of(name)).value());
  CHECK(same(store->take_raw(id_of("a")).value().data(), pattern(100)));  // the next one goes there
  CHECK_FALSE(daemon.watcher()->exists(id_of("a")).value());
}
