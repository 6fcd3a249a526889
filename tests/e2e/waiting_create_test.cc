// Creates that wait for room, and the processes that release it: the daemon is only notified of releases on request.

#include <catch2/catch.hpp>

#include "tests/client/store_under_test.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// A store of 1 MiB, full of one object "full" that `holder` holds.
struct FullStore {
  FullStore() {
    REQUIRE(holder.ask("put full 1048576") == "ok");
    REQUIRE(holder.ask("get full") == "ok");
  }
  Daemon daemon{{"--capacity=1MiB"}};
  Census empty = daemon.census();
  Worker holder{daemon};
};

}  // namespace

TEST_CASE("a waiting create is served by what another process does") {
  FullStore store;
  Worker waiter(store.daemon);
  waiter.tell("create new 500000 forever");
  REQUIRE(store.daemon.waits(0, 1));
  CHECK_FALSE(waiter.has_reply());
  SECTION("the release of the last reference") {
    REQUIRE(store.holder.ask("copy full") == "ok");
    REQUIRE(store.holder.ask("release full") == "ok");
  }
  SECTION("the release of what was removed before") {
    REQUIRE(store.daemon.watcher()->remove(id_of("full")).value());
    CHECK_FALSE(waiter.has_reply());
    CHECK(store.daemon.census().waiting_creates == 1);
    REQUIRE(store.holder.ask("check full") == "ok");
    REQUIRE(store.holder.ask("release full") == "ok");
  }
  SECTION("the release and then the removal") {
    REQUIRE(store.holder.ask("pin full") == "ok");
    REQUIRE(store.holder.ask("release full") == "ok");
    CHECK_FALSE(waiter.has_reply());
    REQUIRE(store.daemon.watcher()->remove(id_of("full")).value());
  }
  SECTION("the holder's death") {
    store.holder.kill();
  }
  SECTION("the holder's orderly end") {
    CHECK(store.holder.finish() == "exit 0");
  }
  CHECK(waiter.reply() == "ok");
  CHECK(waiter.ask("seal new") == "ok");
  CHECK(waiter.ask("get new") == "ok");
}

TEST_CASE("a waiting create is served when a builder of another process is aborted, dropped with it, or sealed") {
  Daemon daemon({"--capacity=1MiB"});
  Worker builder(daemon);
  REQUIRE(builder.ask("create full 1048576") == "ok");
  Worker waiter(daemon);
  waiter.tell("put new 500000 forever");
  REQUIRE(daemon.waits(0, 1));
  SECTION("aborted") {
    REQUIRE(builder.ask("abort full") == "ok");
  }
  SECTION("dead") {
    builder.kill();
  }
  SECTION("sealed, and so evictable") {
    REQUIRE(builder.ask("seal full") == "ok");
  }
  CHECK(waiter.reply() == "ok");
  CHECK(waiter.ask("get new") == "ok");
}

TEST_CASE("a release is noticed though the releaser is frozen right after it") {
  FullStore store;
  Worker waiter(store.daemon);
  waiter.tell("create new 500000 forever");
  REQUIRE(store.daemon.waits(0, 1));
  REQUIRE(store.holder.ask("release full") == "ok");
  store.holder.process().freeze();
  CHECK(waiter.reply() == "ok");
  store.holder.process().thaw();
}

TEST_CASE("creates of many processes are served in the order of their arrival") {
  FullStore store;
  std::vector<Worker> waiters;
  constexpr std::size_t kWaiters = 5;
  for (std::size_t n = 0; n < kWaiters; ++n) {
    waiters.push_back(Worker(store.daemon));
    waiters.back().tell("create new" + std::to_string(n) + " 1048576 forever");
    REQUIRE(store.daemon.waits(0, n + 1));
  }
  REQUIRE(store.holder.ask("release full") == "ok");
  for (std::size_t n = 0; n < kWaiters; ++n) {
    CHECK(waiters[n].reply() == "ok");
    REQUIRE(store.daemon.waits(0, kWaiters - 1 - n));
    for (std::size_t later = n + 1; later < kWaiters; ++later) CHECK_FALSE(waiters[later].has_reply());
    if (n % 2 == 0)
      CHECK(waiters[n].ask("abort new" + std::to_string(n)) == "ok");
    else
      waiters[n].kill();
  }
  CHECK(store.holder.finish() == "exit 0");
  waiters.clear();
  CHECK(store.daemon.settled(store.empty) == store.empty);
}

TEST_CASE("a create that fits does not stand behind one that does not, nor behind a frozen process") {
  FullStore store;
  Worker large(store.daemon);
  large.tell("create large 1048576 forever");
  REQUIRE(store.daemon.waits(0, 1));
  Worker frozen(store.daemon);
  frozen.tell("create frozen 300000 forever");
  REQUIRE(store.daemon.waits(0, 2));
  frozen.process().freeze();
  Worker small(store.daemon);
  small.tell("create small 300000 forever");
  REQUIRE(store.daemon.waits(0, 3));
  REQUIRE(store.holder.ask("release full") == "ok");
  CHECK(large.reply() == "ok");  // first come, first served
  CHECK(large.ask("abort large") == "ok");
  CHECK(small.reply() == "ok");
  frozen.process().thaw();
  CHECK(frozen.reply() == "ok");
}

TEST_CASE("a waiting create times out by itself, and leaves nothing behind") {
  FullStore store;
  Worker waiter(store.daemon);
  CHECK(waiter.ask("create new 1000 30") == "timed_out");
  CHECK(waiter.ask("create new 1000") == "out_of_memory");
  CHECK(waiter.ask("create new 2000000 30") == "too_large");
  CHECK(store.daemon.census().waiting_creates == 0);
  CHECK(store.holder.ask("release full") == "ok");
  CHECK(waiter.ask("create new 1000 30") == "ok");
}

TEST_CASE("a process that holds everything, and waits for room itself, can be helped") {
  FullStore store;
  store.holder.tell("create new 1000 forever");
  REQUIRE(store.daemon.waits(0, 1));
  // A removal alone does not help: the waiter's own reference keeps the memory.
  REQUIRE(store.daemon.watcher()->remove(id_of("full")).value());
  CHECK(store.daemon.census().waiting_creates == 1);
  store.holder.kill();
  CHECK(store.daemon.settled(store.empty).waiting_creates == 0);
}
