// References that travel: a sender puts objects with a grace, tells their names, and forgets them or dies, while the
// store is refilled. The receivers are other processes.

#include <catch2/catch.hpp>
#include <csignal>
#include <random>

#include "tests/client/store_under_test.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kGraceMemory = 8 * kMiB;
constexpr std::size_t kSent = 200;
constexpr std::size_t kGraceObjectBytes = 16 * kKiB;

std::string name_of(std::size_t number) {
  return "sent" + std::to_string(number);
}

/// By a client of its own, which is gone when this returns.
void send(const Daemon& daemon, std::size_t count, std::chrono::milliseconds grace) {
  const auto sender = daemon.connect();
  Bytes bytes(kGraceObjectBytes);
  for (std::size_t n = 0; n < count; ++n) {
    fill_payload(bytes, id_of(name_of(n)));
    REQUIRE(outcome(sender->put(id_of(name_of(n)), bytes, {.grace = grace})) == "ok");
  }
}

/// Puts twice as much as fits.
void refill_twice(const Daemon& daemon, std::string_view prefix) {
  const Bytes bytes = pattern(64 * kKiB);
  for (std::size_t n = 0; n < 2 * kGraceMemory / bytes.size(); ++n)
    REQUIRE(outcome(daemon.watcher()->put(id_of(std::string(prefix) + std::to_string(n)), bytes)) == "ok");
}

std::size_t arrive(Worker& receiver, std::size_t count) {
  std::size_t arrived = 0;
  for (std::size_t n = 0; n < count; ++n) arrived += receiver.ask("get " + name_of(n)) == "ok" ? 1 : 0;
  return arrived;
}

/// Nothing is held or kept any more, and all of it can be evicted.
void check_all_is_free(const Daemon& daemon) {
  REQUIRE(eventually([&] {
    const StoreStats stats = daemon.stats();
    return stats.graced_count == 0 && stats.in_use_count == 0 && stats.evictable_bytes == stats.used_bytes;
  }));
  REQUIRE(daemon.watcher()->evict(UINT64_MAX));
  CHECK(daemon.stats().used_bytes == 0);
}

}  // namespace

TEST_CASE("200 of 200 objects arrive whose sender is gone, although the store is refilled twice") {
  Daemon daemon({"--capacity=8MiB"});
  const Census empty = daemon.census();
  send(daemon, kSent, minutes(10));
  refill_twice(daemon, "other");
  CHECK(daemon.stats().graced_count == kSent);
  Worker receiver(daemon);
  CHECK(arrive(receiver, kSent) == kSent);
  CHECK(receiver.finish() == "exit 0");
  CHECK(daemon.stats().graced_count == 0);
  refill_twice(daemon, "more");
  check_all_is_free(daemon);
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("receivers are killed at random: when the graces are over, everything is free") {
  Daemon daemon({"--capacity=8MiB"});
  const Census empty = daemon.census();
  std::mt19937 random(7);
  for (int round = 0; round < 5; ++round) {
    send(daemon, kSent, seconds(2));
    std::vector<Worker> receivers;
    for (int n = 0; n < 3; ++n) receivers.push_back(Worker(daemon));
    for (std::size_t n = 0; n < kSent; ++n)  // each object to one of them, which need not live to take it
      receivers[random() % receivers.size()].tell("get " + name_of(n));
    for (std::size_t replies = random() % 40; replies > 0; --replies) static_cast<void>(receivers.front().reply());
    for (Worker& receiver : receivers) receiver.kill();
    check_all_is_free(daemon);
    CHECK(daemon.settled(empty) == empty);
  }
}

TEST_CASE("a grace goes on when the server dies, and when it is replaced") {
  const int signal = GENERATE(SIGKILL, SIGHUP);
  Daemon daemon({"--capacity=8MiB"});
  send(daemon, kSent, minutes(10));
  replace_server(daemon, signal);
  refill_twice(daemon, "other");
  CHECK(daemon.stats().graced_count == kSent);
  Worker receiver(daemon);
  CHECK(arrive(receiver, kSent) == kSent);
  CHECK(receiver.finish() == "exit 0");
  check_all_is_free(daemon);
}

TEST_CASE("a client that only reads ends a grace by a get, and may not extend one") {
  Daemon daemon;
  send(daemon, 1, minutes(1));
  const auto reader = daemon.connect({.access = Access::read_only});
  const Result<void> refused = reader->extend_grace(id_of(name_of(0)), minutes(2));
  CHECK(outcome(refused) == "permission_denied");
  CHECK_THAT(refused.error().message, Catch::Contains("connected for reading only"));
  CHECK(daemon.stats().graced_count == 1);
  CHECK(reader->get_raw(id_of(name_of(0))));
  CHECK(daemon.stats().graced_count == 0);
}

TEST_CASE("a child of fork() is a reader of its own") {
  Daemon daemon;
  Worker sender(daemon);
  REQUIRE(sender.ask("put mine 100") == "ok");
  REQUIRE(outcome(daemon.watcher()->extend_grace(id_of("mine"), minutes(1), 2)) == "ok");
  REQUIRE(sender.ask("get mine") == "ok");
  ForkedWorker child = sender.fork();
  CHECK(daemon.watcher()->metadata(id_of("mine")).value().grace_readers_left == 1);  // what it inherits is no get
  CHECK(child.ask("get mine") == "ok");
  CHECK(daemon.watcher()->metadata(id_of("mine")).value().grace_readers_left == 0);
  child.finish();
}
