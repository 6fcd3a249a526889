// A client killed in each possible state. Afterwards, everything except its sealed objects is exactly as if it had
// never existed: counts, bytes, waiters, and the daemon's descriptors and mappings.

#include <catch2/catch.hpp>

#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

TEST_CASE("killed while connected") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker worker(daemon);
  CHECK(daemon.census().clients == before.clients + 1);
  CHECK(daemon.census().daemon_descriptors > before.daemon_descriptors);
  worker.kill();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("killed while creating") {
  Daemon daemon;
  const Census before = daemon.census();
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t aborted = daemon.stats().aborted_count;
    Worker worker(daemon);
    worker.tell("create_and_abort");
    REQUIRE(eventually([&] { return daemon.stats().aborted_count >= aborted + 20; }));
    worker.kill();
    REQUIRE(daemon.settled(before) == before);
  }
}

TEST_CASE("killed between create and seal") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker worker(daemon);
  REQUIRE(worker.ask("create small 100") == "ok");
  REQUIRE(worker.ask("create empty 0") == "ok");
  REQUIRE(worker.ask("create large 10000000 pinned") == "ok");
  const Census writing = daemon.census();
  CHECK(writing.unsealed == 3);
  CHECK(writing.unsealed_bytes == writing.used_bytes);
  CHECK(writing.pinned == 1);
  CHECK(outcome(daemon.watcher()->put(id_of("small"), pattern(10))) == "already_exists");
  worker.kill();
  CHECK(daemon.settled(before) == before);
  CHECK(daemon.stats().aborted_count == 3);
  CHECK(outcome(daemon.watcher()->put(id_of("small"), pattern(10))) == "ok");  // no ghost
}

TEST_CASE("killed while holding objects, removed ones among them") {
  Daemon daemon;
  const Census empty = daemon.census();
  put_numbered(*daemon.watcher(), 0, 3, 100'000);
  const Census before = daemon.census();
  Worker worker(daemon);
  REQUIRE(worker.ask("put own 5000") == "ok");
  for (const char* command : {"get own", "get own", "copy own"}) REQUIRE(worker.ask(command) == "ok");
  Worker other(daemon);
  REQUIRE(other.ask("get own") == "ok");
  REQUIRE(daemon.watcher()->remove(id_of("own")).value());
  const Census held = daemon.census();
  CHECK(held.retired == 1);
  CHECK(held.in_use == 1);
  CHECK(held.used_bytes == before.used_bytes + 5056);
  worker.kill();
  Census left = held;  // the other one still holds it
  left.clients -= 1;
  left.daemon_descriptors -= (held.daemon_descriptors - before.daemon_descriptors) / 2;
  left.daemon_mappings -= (held.daemon_mappings - before.daemon_mappings) / 2;
  CHECK(daemon.settled(left) == left);
  CHECK(other.ask("check own") == "ok");
  CHECK(other.ask("release own") == "ok");
  CHECK(other.finish() == "exit 0");
  CHECK(daemon.settled(before) == before);
  CHECK(daemon.watcher()->evict(UINT64_MAX).value() == before.used_bytes);
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("killed with what it sealed: that stays") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker worker(daemon);
  REQUIRE(worker.ask("put sealed 1000 pinned") == "ok");
  REQUIRE(worker.ask("create held 1000000") == "ok");
  REQUIRE(worker.ask("hold held") == "ok");
  worker.kill();
  Census after = before;
  after.objects = 2;
  after.used_bytes = 1024 + 1'000'000;
  after.pinned = 1;
  after.pinned_bytes = 1024;
  CHECK(daemon.settled(after) == after);
  Worker reader(daemon);
  CHECK(reader.ask("get sealed") == "ok");
  CHECK(reader.ask("get held") == "ok");
}

TEST_CASE("killed while waiting in get, with some of it there") {
  Daemon daemon;
  REQUIRE(outcome(daemon.watcher()->put(id_of("there"), pattern(1000))) == "ok");
  const Census before = daemon.census();
  Worker worker(daemon);
  worker.tell("get_many forever there coming");
  Worker survivor(daemon);
  survivor.tell("get coming forever");
  REQUIRE(daemon.waits(2, 0));
  CHECK(daemon.census().in_use == 1);  // kept for who waits for more
  worker.kill();
  REQUIRE(daemon.waits(1, 0));
  CHECK(eventually([&] { return daemon.census().in_use == 0; }));
  // The object arrives, and the dead harm nobody.
  Worker writer(daemon);
  REQUIRE(writer.ask("put coming 1000") == "ok");
  CHECK(survivor.reply() == "ok");
  CHECK(daemon.census().in_use == 1);
  CHECK(survivor.finish() == "exit 0");
  CHECK(writer.finish() == "exit 0");
  REQUIRE(daemon.watcher()->remove(id_of("coming")).value());
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("killed while the daemon keeps, for its waiting get, what has come so far") {
  Daemon daemon;
  const Census empty = daemon.census();
  Worker worker(daemon);
  worker.tell("get_many forever first second");
  REQUIRE(daemon.waits(1, 0));
  REQUIRE(outcome(daemon.watcher()->put(id_of("first"), pattern(1000))) == "ok");
  CHECK(daemon.census().in_use == 1);
  CHECK(daemon.watcher()->evict(UINT64_MAX).value() == 0);
  worker.kill();
  CHECK(eventually([&] { return daemon.watcher()->evict(UINT64_MAX).value() == 1024; }));
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("killed while waiting in create, first in the queue") {
  Daemon daemon({"--capacity=1MiB"});
  const Census empty = daemon.census();
  put_numbered(*daemon.watcher(), 0, 1, kMiB, {.pinned = true});
  const Census before = daemon.census();
  Worker worker(daemon);
  worker.tell("create waiting 1000 forever");
  REQUIRE(daemon.waits(0, 1));
  Worker second(daemon);
  second.tell("create waiting 1000 forever");
  REQUIRE(daemon.waits(0, 2));
  worker.kill();
  REQUIRE(daemon.waits(0, 1));
  REQUIRE(daemon.watcher()->remove(id_of(0)).value());
  CHECK(second.reply() == "ok");
  CHECK(daemon.census().unsealed == 1);
  second.kill();
  CHECK(daemon.settled(empty) == empty);
  CHECK(before.clients == empty.clients);
}

TEST_CASE("killed in the middle of a message") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker worker(daemon);
  REQUIRE(worker.ask("half_frame") == "ok");
  CHECK(daemon.census().clients == before.clients + 2);
  worker.kill();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("killed with asynchronous operations in the queue") {
  Daemon daemon({"--capacity=1MiB"});
  put_numbered(*daemon.watcher(), 0, 1, kMiB / 2, {.pinned = true});
  const Census before = daemon.census();
  Worker worker(daemon);
  for (int n = 0; n < 20; ++n) REQUIRE(worker.ask("get_async absent" + std::to_string(n)) == "ok");
  for (int n = 0; n < 20; ++n) REQUIRE(worker.ask("create_async large 1000000") == "ok");
  // Served by the daemon, and not noticed by the worker, which runs no callbacks: a grant and an extent.
  REQUIRE(worker.ask("get_async late") == "ok");
  REQUIRE(worker.ask("create_async unnoticed 1000") == "ok");
  REQUIRE(daemon.waits(21, 20));
  REQUIRE(outcome(daemon.watcher()->put(id_of("late"), pattern(100))) == "ok");
  REQUIRE(daemon.waits(20, 20));
  CHECK(daemon.census().in_use == 1);
  CHECK(daemon.census().unsealed == 1);
  worker.kill();
  Census after = before;
  after.objects += 1;
  after.used_bytes += 128;
  CHECK(daemon.settled(after) == after);
}

TEST_CASE("killed as a subscriber that does not read") {
  Daemon daemon({"--capacity=1MiB"});
  const Census before = daemon.census();
  Worker worker(daemon);
  for (int n = 0; n < 3; ++n) REQUIRE(worker.ask("subscribe") == "ok");
  worker.process().freeze();
  Subscription reader = daemon.watcher()->subscribe().value();
  constexpr std::size_t kPuts = 3 * Subscription::kMaxQueued;
  std::vector<PutItem> items(1024);
  for (std::size_t put = 0; put < kPuts; put += items.size()) {
    for (std::size_t i = 0; i < items.size(); ++i) items[i].id = id_of(put + i);
    REQUIRE(outcome(daemon.watcher()->put_many(items)) == "ok");
  }
  CHECK(next_event(reader).id == id_of(0));  // one that reads is told
  worker.kill();
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("killed before it said hello") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker worker = Worker::unconnected(daemon);
  REQUIRE(worker.ask("say_nothing") == "ok");
  REQUIRE(eventually([&] { return daemon.census().daemon_descriptors > before.daemon_descriptors; }));
  CHECK(daemon.census().clients == before.clients);
  worker.kill();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("frozen for long, then killed: nobody else waits for it") {
  Daemon daemon;
  const Census before = daemon.census();
  Worker worker(daemon);
  REQUIRE(worker.ask("create a 1000") == "ok");
  worker.tell("get never forever");
  REQUIRE(daemon.waits(1, 0));
  worker.process().freeze();
  Worker other(daemon);
  for (const char* command : {"put b 100", "get b", "release b", "remove b", "ping"}) CHECK(other.ask(command) == "ok");
  CHECK(other.finish() == "exit 0");
  worker.kill();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("killed at random moments of a busy life") {
  constexpr int kAtOnce = 2;
  const int kills = from_environment("DOLIUM_CLIENT_KILLS", 60);
  Dice dice;
  Daemon daemon({"--capacity=2MiB", "--quarantine-seconds=0"});
  const Census before = daemon.census();
  for (int round = 0; round < kills / kAtOnce; ++round) {
    CAPTURE(dice.seed(), round);
    std::vector<Worker> workers;
    const std::uint64_t puts = daemon.stats().put_count;
    for (int n = 0; n < kAtOnce; ++n) {
      workers.push_back(Worker(daemon));
      workers.back().tell("churn " + std::to_string(dice.below(1'000'000)));
    }
    REQUIRE(eventually([&] { return daemon.stats().put_count >= puts + 50; }));
    for (Worker& worker : workers) worker.kill();
    Census sealed_only = before;
    REQUIRE(eventually([&] { return daemon.stats().client_count == before.clients; }));
    sealed_only.objects = daemon.stats().total_objects;
    sealed_only.used_bytes = daemon.census().used_bytes;
    REQUIRE(daemon.settled(sealed_only) == sealed_only);
    REQUIRE(daemon.watcher()->evict(UINT64_MAX).value() == sealed_only.used_bytes);
    REQUIRE(daemon.settled(before) == before);
  }
}
