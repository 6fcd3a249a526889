// fork() when the child cannot follow its parent, because the daemon refuses it or ConnectOptions::follow_fork is off.
// The child inherits no session, gets an error that says why, and may read the objects that its parent holds, and
// connect by itself. Its use of inherited objects does not affect its parent or the daemon. When it follows:
// fork_test.cc.

#include <sys/prctl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/client/store_under_test.h"
#include "tests/e2e/family.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// A child of the worker that does nothing but live.
pid_t fork_and_stay(Worker& parent) {
  const std::string reply = parent.ask("fork_and_stay");
  REQUIRE_THAT(reply, Catch::StartsWith("ok "));
  return std::stoi(reply.substr(3));
}

}  // namespace

// ---- it cannot ----

TEST_CASE("a child whose parent's daemon is dead, or does not answer, is told so") {
  Daemon daemon;
  Worker parent(daemon);
  for (const char* command : {"put a 100000", "get a", "create b 1000"}) REQUIRE(parent.ask(command) == "ok");
  SECTION("dead") {
    REQUIRE(daemon.kill() == "signal 9");
    ForkedWorker child = parent.fork();
    CHECK_THAT(child.ask("why"), Catch::StartsWith("disconnected") && Catch::Contains("could not follow") &&
                                     Catch::Contains("no daemon listens"));
    CHECK(child.ask("check a") == "ok");  // nobody is left to reuse its memory
    CHECK(child.ask("get a") == "disconnected");
    CHECK(child.ask("seal b") == "disconnected");
    ForkedWorker grandchild = child.fork();
    CHECK_THAT(grandchild.ask("why"), Catch::StartsWith("disconnected"));
    CHECK(child.ask("release a") == "ok");
    CHECK(parent.ask("check a") == "ok");
    CHECK(parent.ask("get a") == "disconnected");  // the store is gone
    CHECK(parent.ask("ping") == "disconnected");
    daemon.start_again();
    CHECK(child.ask("connect") == "ok");
    CHECK(child.ask("ping") == "ok");
  }
  SECTION("frozen") {
    const Census held = daemon.census();
    daemon.freeze();
    ForkedWorker child = parent.fork();
    CHECK_THAT(child.ask("why"), Catch::StartsWith("disconnected") && Catch::Contains("does not answer"));
    daemon.thaw();
    CHECK(daemon.settled(held) == held);
    CHECK(parent.ask("ping") == "ok");
    ForkedWorker second = parent.fork();
    CHECK(second.ask("ping") == "ok");
  }
  SECTION("another one by now") {
    REQUIRE(daemon.kill() == "signal 9");
    daemon.start_again();
    ForkedWorker child = parent.fork();
    CHECK_THAT(child.ask("why"), Catch::StartsWith("disconnected") && Catch::Contains("has no session"));
    CHECK(child.ask("check a") == "ok");
  }
}

TEST_CASE("a child that the daemon has no connection for is told so") {
  Daemon daemon({"--max-connections", "2"});  // the watcher's and the parent's
  Worker parent(daemon);
  for (const char* command : {"put a 100000", "get a"}) REQUIRE(parent.ask(command) == "ok");
  ForkedWorker child = parent.fork();
  CHECK_THAT(child.ask("why"), Catch::StartsWith("disconnected") && Catch::Contains("max_connections"));
  CHECK(child.ask("check a") == "ok");
  CHECK(parent.ask("ping") == "ok");
  CHECK_HOLDS(parent.pid(), "1 1 100032");
}

TEST_CASE("a reference that is taken by another library's handler, when it is too late, is never missing") {
  Daemon daemon;
  Worker parent = Worker::unconnected(daemon);
  REQUIRE(parent.ask("touch_in_prepare a") == "ok");  // registered before ours: runs after it
  for (const char* command : {"connect", "put a 100000", "get a"}) REQUIRE(parent.ask(command) == "ok");
  ForkedWorker child = parent.fork();
  CHECK_THAT(child.ask("why"), Catch::StartsWith("disconnected") && Catch::Contains("took references meanwhile"));
  CHECK(parent.ask("copy a") == "ok");
  CHECK_HOLDS(parent.pid(), "2 1 100032");
}

// ---- it shall not: ConnectOptions::follow_fork ----

TEST_CASE("a forked child is refused everything, reads what its parent holds, and may connect by itself") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker parent = Worker::unconnected(daemon);
  REQUIRE(parent.ask("connect alone") == "ok");
  for (const char* command : {"put a 100000", "get a", "copy a", "create b 1000", "subscribe", "get_async c"})
    REQUIRE(parent.ask(command) == "ok");
  REQUIRE(daemon.waits(1, 0));
  const Census held = daemon.census();
  REQUIRE(held.in_use == 1);
  REQUIRE(held.unsealed == 1);
  // The child drops all that it inherited, and ends.
  CHECK(parent.ask("fork_and_look a") == "ok");
  CHECK(daemon.settled(held) == held);
  CHECK(parent.ask("fork_and_look a") == "ok");
  CHECK(daemon.settled(held) == held);
  CHECK(daemon.watcher()->evict(UINT64_MAX).value() == 0);
  // And the parent goes on as if nothing had happened.
  CHECK(parent.ask("check a") == "ok");
  CHECK(parent.ask("seal b") == "ok");
  CHECK(parent.ask("get b") == "ok");
  CHECK(parent.ask("put c 10") == "ok");
  CHECK(parent.ask("process 1") == "ok");
  CHECK(parent.ask("drain c") == "ok 3 0 0");
  CHECK(parent.ask("ping") == "ok");
  CHECK(parent.finish() == "exit 0");
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a child that lives on does not keep its dead parent's session") {
  // The child comes to us when its parent dies.
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  Daemon daemon;
  const Census before = daemon.census();
  pid_t child = 0;
  {
    Worker parent = Worker::unconnected(daemon);
    for (const char* command : {"connect alone", "put a 100000", "get a", "create b 1000"})
      REQUIRE(parent.ask(command) == "ok");
    child = fork_and_stay(parent);
    parent.kill();
    Census after = before;
    after.objects = 1;
    after.used_bytes = 100'032;
    CHECK(daemon.settled(after) == after);
    CHECK(daemon.watcher()->evict(UINT64_MAX).value() == 100'032);
    CHECK(::kill(child, 0) == 0);
  }
  await_orphan(child);
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a parent's release is the last one, though a child still has the mapping") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  Daemon daemon;
  const Census before = daemon.census();
  pid_t child = 0;
  {
    Worker parent = Worker::unconnected(daemon);
    for (const char* command : {"connect alone", "put a 100000", "get a"}) REQUIRE(parent.ask(command) == "ok");
    child = fork_and_stay(parent);
    CHECK(daemon.census().in_use == 1);
    CHECK(parent.ask("release a") == "ok");
    CHECK(daemon.census().in_use == 0);
    CHECK(parent.ask("evict 1") == "ok 100032");
  }
  await_orphan(child);
  CHECK(daemon.settled(before) == before);
}
