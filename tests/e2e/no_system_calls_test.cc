// get, exists, copying and releasing use shared memory only. The worker installs a seccomp filter that kills it at any
// system call except read, write and exit.

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/client/store_under_test.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

TEST_CASE("zero system calls for ten thousand gets, with copies, exists and releases") {
  Daemon daemon;
  REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(1000))) == "ok");
  Worker worker(daemon);
  CHECK(worker.ask("zero_system_calls 10000 a") == "ok");  // "no reply: signal 31" would be SIGSYS
  CHECK(daemon.stats().hit_count >= 20'000);
  worker.kill();  // it cannot even end by itself any more
  CHECK(eventually([&] { return daemon.stats().client_count == 1; }));
  CHECK(daemon.census().in_use == 0);
}

TEST_CASE("exists() of what is not there makes no system call, nor does any look that does not wait") {
  const Access access = GENERATE(Access::read_write, Access::read_only);
  Daemon daemon;
  REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(1000))) == "ok");
  Worker worker = Worker::unconnected(daemon);
  REQUIRE(worker.ask(access == Access::read_only ? "connect read_only" : "connect") == "ok");
  CHECK(worker.ask("zero_system_calls_for_misses 1000") == "ok");  // "no reply: signal 31" would be SIGSYS
  worker.kill();
  CHECK(eventually([&] { return daemon.stats().client_count == 1; }));
}

TEST_CASE("the filter does kill") {
  Daemon daemon;
  REQUIRE(outcome(daemon.watcher()->put(id_of("a"), pattern(1000))) == "ok");
  Worker worker(daemon);
  REQUIRE(worker.ask("zero_system_calls 1 a") == "ok");
  CHECK(worker.ask("put b 10") == "no reply: signal " + std::to_string(SIGSYS));
}
