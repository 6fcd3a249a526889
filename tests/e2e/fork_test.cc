// fork(): the child gets a session of its own, and holds the objects that its parent held, whatever happens to the
// parent. Unfinished writes stay with the parent. When the child cannot follow, or should not: fork_refused_test.cc.

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>

#include "tests/client/store_under_test.h"
#include "tests/e2e/family.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// More than the store has: whatever may be evicted is.
void put_under_pressure(Daemon& daemon) {
  Worker writer(daemon);
  CHECK(writer.ask("produce filler 200 1000000") == "ok 200");
}

}  // namespace

TEST_CASE("a child reads what it inherited, whatever the parent releases later and however full the store is") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker parent(daemon);
  for (const char* command : {"put a 1000000", "get a", "copy a", "put b 3000", "get b", "put c 5000", "get c"})
    REQUIRE(parent.ask(command) == "ok");
  ForkedWorker child = parent.fork();
  CHECK_HOLDS(parent.pid(), "4 3 1008064");
  CHECK_HOLDS(child.pid(), "4 3 1008064");
  CHECK(parent.ask("release a") == "ok");
  CHECK(parent.ask("release b") == "ok");
  CHECK(parent.ask("remove b") == "ok");
  CHECK_HOLDS(parent.pid(), "1 1 5056");
  put_under_pressure(daemon);
  CHECK(child.ask("check a") == "ok");
  CHECK(child.ask("check b") == "ok");
  CHECK(child.ask("check c") == "ok");
  CHECK(child.ask("get a") == "ok");
  CHECK_HOLDS(child.pid(), "5 3 1008064");
  CHECK(daemon.stats().retired_count == 1);
  CHECK(child.ask("release b") == "ok");
  CHECK(daemon.stats().retired_count == 0);
  CHECK(child.ask("release a") == "ok");
  CHECK(child.ask("release c") == "ok");
  CHECK_HOLDS(child.pid(), "0 0 0");
  CHECK_HOLDS(parent.pid(), "1 1 5056");
  child.finish();
  CHECK(parent.ask("check c") == "ok");
  CHECK(parent.finish() == "exit 0");
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a child's client is a client") {
  Daemon daemon;
  const Census before = daemon.census();
  {
    Worker parent(daemon);
    const std::string event_fd = parent.ask("event_fd");
    ForkedWorker child = parent.fork();
    CHECK(child.ask("ping") == "ok");
    CHECK(child.ask("put a 100000") == "ok");
    CHECK(parent.ask("get a") == "ok");
    CHECK(child.ask("get a 1000") == "ok");
    CHECK(child.ask("create b 100000") == "ok");
    CHECK(child.ask("hold b") == "ok");
    CHECK(parent.ask("check a") == "ok");
    CHECK(child.ask("event_fd") == event_fd);
    CHECK(child.ask("subscribe") == "ok");
    CHECK(child.ask("get_async c") == "ok");
    CHECK(parent.ask("put c 10") == "ok");
    CHECK(child.ask("process 1") == "ok");
    CHECK(child.ask("drain c") == "ok 3 0 0");
    CHECK(parent.ask("run") == "ok 0");
    // Who waits for room hears of the child's releases: they go through its own eventfd.
    CHECK(child.ask("release a") == "ok");
    CHECK(parent.ask("release a") == "ok");
    Worker writer(daemon);
    writer.tell("create d 67000000 forever");
    CHECK(daemon.waits(0, 1));
    CHECK(child.ask("release b") == "ok");
    CHECK(child.ask("release c") == "ok");
    CHECK(writer.reply() == "ok");
  }
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a child that is killed takes its references with it, and no others") {
  Daemon daemon;
  Worker parent(daemon);
  for (const char* command : {"put a 100000", "get a"}) REQUIRE(parent.ask(command) == "ok");
  const Census held = daemon.census();
  ForkedWorker child = parent.fork();
  for (const char* command : {"get a", "put b 1000", "get b", "create c 1000"}) REQUIRE(child.ask(command) == "ok");
  CHECK_HOLDS(child.pid(), "3 2 101056");
  child.kill();
  REQUIRE(outcome(daemon.watcher()->remove(ObjectId::from_name("b"))) == "ok");
  CHECK(daemon.settled(held) == held);
  CHECK_HOLDS(parent.pid(), "1 1 100032");
  CHECK(parent.ask("check a") == "ok");
  CHECK(parent.ask("ping") == "ok");
}

TEST_CASE("a child outlives its parent, and so does what it inherited") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  Daemon daemon;
  const Census before = daemon.census();
  {
    std::optional<Worker> parent(daemon);
    for (const char* command : {"put a 100000", "get a", "create b 1000"}) REQUIRE(parent->ask(command) == "ok");
    ForkedWorker child = parent->fork();
    const pid_t parent_pid = parent->pid();
    SECTION("which is killed") {
      parent->kill();
    }
    SECTION("which ends") {
      CHECK(parent->finish() == "exit 0");
    }
    parent.reset();
    CHECK_HOLDS(parent_pid, "not listed");
    CHECK_HOLDS(child.pid(), "1 1 100032");
    CHECK(daemon.stats().unsealed_count == 0);
    put_under_pressure(daemon);
    CHECK(child.ask("check a") == "ok");
    CHECK(child.ask("ping") == "ok");
    const pid_t pid = child.pid();
    child.finish();
    await_orphan(pid);
  }
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a dead writer's I/O: what a child, or its parent, was writing is in quarantine when that process is gone") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  Daemon daemon({"--quarantine-seconds=3600"});
  std::optional<Worker> parent(daemon);
  REQUIRE(parent->ask("create a 1000") == "ok");
  ForkedWorker child = parent->fork();
  REQUIRE(child.ask("create b 2000") == "ok");
  child.kill();
  const auto quarantined = [&] { return daemon.stats().quarantined_bytes; };
  CHECK(eventually([&] { return quarantined() == 2048; }));
  CHECK(daemon.stats().unsealed_bytes == 1024);  // the parent lives, and may write
  CHECK(outcome(daemon.watcher()->put(ObjectId::from_name("b"), pattern(10))) == "ok");  // the id is free at once
  // A child has its parent's mappings, and writes there no more than any other process.
  ForkedWorker heir = parent->fork();
  parent->kill();
  parent.reset();
  CHECK(eventually([&] { return quarantined() == 2048 + 1024; }));
  CHECK(daemon.stats().unsealed_count == 0);
  replace_server(daemon, SIGKILL);
  CHECK(quarantined() == 2048 + 1024);
  CHECK(heir.ask("ping") == "ok");
  const pid_t pid = heir.pid();
  heir.finish();
  await_orphan(pid);
  CHECK(quarantined() == 2048 + 1024);
}

TEST_CASE("a parent opens a dataset and forks eight workers that read it") {
  Daemon daemon;
  const Census before = daemon.census();
  {
    Worker parent(daemon);
    for (int n = 0; n < 100; ++n) {
      const std::string name = "item" + std::to_string(n);
      REQUIRE(parent.ask("put " + name + " 10000") == "ok");
      REQUIRE(parent.ask("get " + name) == "ok");
    }
    std::vector<ForkedWorker> workers;
    for (int n = 0; n < 8; ++n) workers.push_back(parent.fork());
    for (const ForkedWorker& worker : workers) CHECK_HOLDS(worker.pid(), "100 100 1004800");
    for (int n = 0; n < 100; ++n) REQUIRE(parent.ask("release item" + std::to_string(n)) == "ok");
    put_under_pressure(daemon);
    for (ForkedWorker& worker : workers)
      for (int n = 0; n < 100; n += 9) CHECK(worker.ask("check item" + std::to_string(n)) == "ok");
    workers[3].kill();
    workers[4].finish();
    CHECK_HOLDS(workers[3].pid(), "not listed");
    CHECK_HOLDS(workers[4].pid(), "not listed");
    for (const int n : {0, 7}) CHECK(workers[static_cast<std::size_t>(n)].ask("check item50") == "ok");
  }
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a child forks in its turn") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  Daemon daemon;
  {
    Worker parent(daemon);
    for (const char* command : {"put a 100000", "get a"}) REQUIRE(parent.ask(command) == "ok");
    ForkedWorker child = parent.fork();
    for (const char* command : {"put b 1000", "get b"}) REQUIRE(child.ask(command) == "ok");
    ForkedWorker grandchild = child.fork();
    CHECK_HOLDS(parent.pid(), "1 1 100032");
    CHECK_HOLDS(child.pid(), "2 2 101056");
    CHECK_HOLDS(grandchild.pid(), "2 2 101056");
    const pid_t pids[] = {child.pid(), grandchild.pid()};
    child.kill();
    CHECK(parent.ask("release a") == "ok");
    put_under_pressure(daemon);
    CHECK(grandchild.ask("check a") == "ok");
    CHECK(grandchild.ask("check b") == "ok");
    CHECK(grandchild.ask("get a") == "ok");
    CHECK_HOLDS(pids[0], "not listed");
    CHECK_HOLDS(pids[1], "3 2 101056");
    grandchild.finish();
    await_orphan(pids[1]);
  }
}

TEST_CASE("a child that only reads follows a parent that only reads") {
  Daemon daemon;
  Worker writer(daemon);
  REQUIRE(writer.ask("put a 100000") == "ok");
  Worker parent = Worker::unconnected(daemon);
  REQUIRE(parent.ask("connect read_only") == "ok");
  REQUIRE(parent.ask("get a") == "ok");
  ForkedWorker child = parent.fork();
  CHECK(parent.ask("release a") == "ok");
  put_under_pressure(daemon);
  CHECK(child.ask("check a") == "ok");
  CHECK(child.ask("get a") == "ok");
  CHECK(child.ask("put b 10") == "permission_denied");
  CHECK_HOLDS(child.pid(), "2 1 100032");
  CHECK(listed(daemon, child.pid())->access == Access::read_only);
}

TEST_CASE("objects follow without the client that they came from, and every client of a process follows") {
  Daemon daemon;
  Worker parent(daemon);
  for (const char* command : {"put a 100000", "get a", "connect", "put b 1000", "get b", "disconnect"})
    REQUIRE(parent.ask(command) == "ok");
  ForkedWorker child = parent.fork();
  CHECK(parent.ask("release a") == "ok");
  CHECK(parent.ask("release b") == "ok");
  put_under_pressure(daemon);
  CHECK(child.ask("check a") == "ok");
  CHECK(child.ask("check b") == "ok");
  CHECK(eventually([&] {
    std::uint64_t references = 0;
    const std::vector<ClientInfo> clients = daemon.watcher()->clients().value();
    for (const ClientInfo& each : clients)
      if (each.pid == child.pid()) references += each.references;
    return references == 2;
  }));
  CHECK(child.ask("release a") == "ok");
  CHECK(child.ask("release b") == "ok");
  CHECK(child.ask("connect") == "ok");
  CHECK(child.ask("ping") == "ok");
}

TEST_CASE("what the parent has begun stays the parent's") {
  Daemon daemon;
  Worker parent(daemon);
  for (const char* command : {"create a 100000", "create b 1000", "subscribe", "get_async c", "create_async d 1000"})
    REQUIRE(parent.ask(command) == "ok");
  REQUIRE(daemon.waits(1, 0));
  ForkedWorker child = parent.fork();
  CHECK(child.ask("append a") == "disconnected");
  CHECK(child.ask("seal a") == "disconnected");
  CHECK(child.ask("drop b") == "ok");
  CHECK(child.ask("drain") == "disconnected");
  CHECK(parent.ask("put c 10") == "ok");
  CHECK(child.ask("run") == "ok 0");
  CHECK(parent.ask("process 2") == "ok ok");
  CHECK(child.ask("run") == "ok 0");
  child.finish();  // with all that it inherited
  CHECK(daemon.stats().unsealed_count == 3);
  CHECK(parent.ask("append a") == "ok");
  for (const char* command : {"seal a", "seal b", "seal d", "get a", "get b"}) CHECK(parent.ask(command) == "ok");
  CHECK(parent.ask("drain d") == "ok 4 0 0");
}

TEST_CASE("a parent whose other threads use the client forks a hundred times") {
  Daemon daemon;
  const Census before = daemon.census();
  {
    Worker parent(daemon);
    for (const char* command : {"put a 100000", "get a", "copy a", "put b 1000", "get b"})
      REQUIRE(parent.ask(command) == "ok");
    const Census held = daemon.census();
    CHECK(parent.ask("fork_under_load 100 a") == "ok");
    CHECK(daemon.settled(held) == held);
    CHECK_HOLDS(parent.pid(), "3 2 101056");
    CHECK(parent.ask("release a") == "ok");
    CHECK(daemon.watcher()->evict(UINT64_MAX).value() == 100'032);
    CHECK(parent.ask("check b") == "ok");
  }
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("a child that becomes another program, and a fork that fails, leave nothing behind") {
  Daemon daemon;
  const Census before = daemon.census();
  {
    const std::shared_ptr<Client> client = daemon.connect();
    const Census connected = daemon.census();
    CHECK(run_to_end({"/bin/true"}).how == "exit 0");  // by fork() and exec
    CHECK(daemon.settled(connected) == connected);
    Worker parent(daemon);
    for (const char* command : {"put a 1000", "get a"}) REQUIRE(parent.ask(command) == "ok");
    const Census held = daemon.census();
    CHECK(parent.ask("fork_in_vain") == "ok");
    CHECK(daemon.settled(held) == held);
    CHECK(parent.ask("get a") == "ok");
    CHECK(parent.ask("ping") == "ok");
  }
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(before) == before);
}
