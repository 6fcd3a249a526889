// fork(): the child inherits no session. Whatever it does with what it inherited, its parent does not notice.

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>

#include "tests/client/store_under_test.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// Waits for a grandchild that has become ours. None may be left to wait for: its own parent, if it ended later, has
/// reaped it.
void await_orphan(pid_t child) {
  const pid_t ended = ::waitpid(child, nullptr, 0);
  CHECK((ended == child || (ended == -1 && errno == ECHILD)));
}

}  // namespace

TEST_CASE("a forked child is refused everything, reads what its parent holds, and may connect by itself") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker parent(daemon);
  for (const char* command : {"put a 100000", "get a", "copy a", "create b 1000", "subscribe", "get_async c"})
    REQUIRE(parent.ask(command) == "ok");
  const Census held = daemon.census();
  REQUIRE(held.in_use == 1);
  REQUIRE(held.unsealed == 1);
  REQUIRE(held.waiting_gets == 1);
  // The child drops all that it inherited, and ends.
  CHECK(parent.ask("fork a") == "ok");
  CHECK(daemon.settled(held) == held);
  CHECK(parent.ask("fork a") == "ok");
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
    Worker parent(daemon);
    for (const char* command : {"put a 100000", "get a", "create b 1000"}) REQUIRE(parent.ask(command) == "ok");
    const std::string reply = parent.ask("fork_and_stay");
    REQUIRE_THAT(reply, Catch::StartsWith("ok "));
    child = std::stoi(reply.substr(3));
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
    Worker parent(daemon);
    for (const char* command : {"put a 100000", "get a"}) REQUIRE(parent.ask(command) == "ok");
    const std::string reply = parent.ask("fork_and_stay");
    REQUIRE_THAT(reply, Catch::StartsWith("ok "));
    child = std::stoi(reply.substr(3));
    CHECK(daemon.census().in_use == 1);
    CHECK(parent.ask("release a") == "ok");
    CHECK(daemon.census().in_use == 0);
    CHECK(parent.ask("evict 1") == "ok 100032");
  }
  await_orphan(child);
  CHECK(daemon.settled(before) == before);
}
