// Memory pressure: several processes put more than fits, with objects pinned, held and evicted at the same time, and
// with objects of gigabytes. Every reader verifies every byte (payload.h).

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/client/store_under_test.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// All that is left when everybody has let go: nothing but evictable objects, and books that add up.
void check_nothing_is_lost(const Daemon& daemon, const Census& empty) {
  REQUIRE(eventually([&] { return daemon.stats().client_count == empty.clients; }));
  const StoreStats stats = daemon.stats();
  CHECK(stats.used_bytes + stats.free_bytes == stats.capacity);
  CHECK(stats.put_count - stats.eviction_count - stats.removed_count == stats.total_objects);
  CHECK(stats.evictable_bytes == stats.used_bytes - stats.pinned_bytes);
  CHECK(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(empty) == empty);
}

std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("MemAvailable:")) return std::stoull(line.substr(line.find_first_of("0123456789"))) * kKiB;
  return 0;
}

}  // namespace

TEST_CASE("concurrent puts of several processes far beyond the limit all succeed") {
  Daemon daemon({"--capacity=8MiB"});
  const Census empty = daemon.census();
  std::vector<Worker> workers;
  for (int n = 0; n < 4; ++n) workers.push_back(Worker(daemon));
  for (std::size_t n = 0; n < workers.size(); ++n)
    workers[n].tell("produce w" + std::to_string(n) + ". 300 200000");  // some 120 MB together
  for (Worker& worker : workers) CHECK(worker.reply() == "ok 300");
  const StoreStats stats = daemon.stats();
  CHECK(stats.put_count == 1200);
  CHECK(stats.eviction_count > 0);
  CHECK(stats.out_of_memory_count == 0);
  for (std::size_t n = 0; n < workers.size(); ++n) {
    const std::string read = workers[n].ask("consume w" + std::to_string((n + 1) % 4) + ". 500 300");
    CHECK_THAT(read, Catch::StartsWith("ok"));
  }
  workers.clear();
  check_nothing_is_lost(daemon, empty);
}

TEST_CASE("objects as large as half the store, from several processes: they wait for each other, and none starves") {
  Daemon daemon({"--capacity=4MiB"});
  const Census empty = daemon.census();
  std::vector<Worker> workers;
  for (int n = 0; n < 4; ++n) workers.push_back(Worker(daemon));
  for (std::size_t n = 0; n < workers.size(); ++n)
    workers[n].tell("produce large" + std::to_string(n) + ". 50 2097152");
  for (Worker& worker : workers) CHECK(worker.reply() == "ok 50");
  workers.clear();
  check_nothing_is_lost(daemon, empty);
}

TEST_CASE("pinned and held objects survive any pressure, and pressure that cannot be met is an error, not a hang") {
  Daemon daemon({"--capacity=8MiB"});
  const Census empty = daemon.census();
  Worker keeper(daemon);
  for (int n = 0; n < 10; ++n) {
    REQUIRE(keeper.ask("put pinned" + std::to_string(n) + " 200000 pinned") == "ok");
    REQUIRE(keeper.ask("put held" + std::to_string(n) + " 200000") == "ok");
    REQUIRE(keeper.ask("get held" + std::to_string(n)) == "ok");
  }
  std::vector<Worker> workers;
  for (int n = 0; n < 3; ++n) workers.push_back(Worker(daemon));
  for (std::size_t n = 0; n < workers.size(); ++n) workers[n].tell("produce w" + std::to_string(n) + ". 200 100000");
  for (Worker& worker : workers) CHECK(worker.reply() == "ok 200");
  CHECK(daemon.stats().eviction_count > 0);
  for (int n = 0; n < 10; ++n) {
    CHECK(workers[0].ask("get pinned" + std::to_string(n)) == "ok");
    CHECK(keeper.ask("check held" + std::to_string(n)) == "ok");
  }
  // Now with no room at all for what is asked: 4 MiB are kept.
  CHECK(workers[1].ask("create big 5000000") == "out_of_memory");
  CHECK(workers[1].ask("create big 5000000 20") == "timed_out");
  CHECK(workers[1].ask("put small 1000") == "ok");
  // And when the keepers let go, there is.
  workers[1].tell("create big 7000000 forever");
  REQUIRE(daemon.waits(0, 1));
  for (int n = 0; n < 10; ++n) REQUIRE(keeper.ask("unpin pinned" + std::to_string(n)) == "ok");
  REQUIRE(workers[0].finish() == "exit 0");
  CHECK(keeper.finish() == "exit 0");
  CHECK(workers[1].reply() == "ok");
  workers.clear();
  check_nothing_is_lost(daemon, empty);
}

TEST_CASE("rapid put and get of the same ids while they are evicted, removed and rewritten: no torn read") {
  Daemon daemon({"--capacity=2MiB"});  // room for about half of the objects
  const Census empty = daemon.census();
  std::vector<Worker> writers;
  std::vector<Worker> readers;
  for (int n = 0; n < 2; ++n) {
    writers.push_back(Worker(daemon));
    readers.push_back(Worker(daemon));
  }
  writers[0].tell("rewrite r 3000 100");
  writers[1].tell("rewrite r 3001 100");
  for (Worker& reader : readers) reader.tell("consume r 100000 100");
  for (Worker& writer : writers) CHECK(writer.reply() == "ok");
  for (Worker& reader : readers) CHECK_THAT(reader.reply(), Catch::StartsWith("ok"));
  CHECK(daemon.stats().eviction_count > 0);
  CHECK(daemon.stats().removed_count > 0);
  CHECK(daemon.stats().hit_count > 0);
  writers.clear();
  readers.clear();
  check_nothing_is_lost(daemon, empty);
}

TEST_CASE("writers and readers that are killed under pressure disturb nobody's reads") {
  Daemon daemon({"--capacity=2MiB"});
  const Census empty = daemon.census();
  Worker reader(daemon);
  reader.tell("consume r 100000 60");
  for (int round = 0; round < 10; ++round) {
    Worker writer(daemon);
    Worker other_reader(daemon);
    writer.tell("rewrite r 100000 60");
    other_reader.tell("consume r 10000000 60");
    const std::uint64_t puts = daemon.stats().put_count;
    REQUIRE(eventually([&] { return daemon.stats().put_count > puts + 50; }));
    writer.kill();
    other_reader.kill();
  }
  CHECK_THAT(reader.reply(), Catch::StartsWith("ok"));
  CHECK(reader.finish() == "exit 0");
  REQUIRE(eventually([&] { return daemon.stats().client_count == empty.clients; }));
  CHECK(daemon.stats().unsealed_count == 0);
  CHECK(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("objects of a gigabyte and more") {
  constexpr std::uint64_t kCapacity = 2560 * kMiB;
  if (available_memory() < kCapacity + 1024 * kMiB) {
    WARN("skipped: 3.5 GiB of available memory are needed");
    return;
  }
  Daemon daemon({"--capacity=2560MiB"});
  const Census empty = daemon.census();
  Worker writer(daemon);
  Worker reader(daemon);
  REQUIRE(writer.ask("create first 1200000000") == "ok");
  REQUIRE(writer.ask("seal first") == "ok");
  CHECK(reader.ask("get first") == "ok");  // every byte
  REQUIRE(writer.ask("create second 1200000000") == "ok");
  REQUIRE(writer.ask("seal second") == "ok");
  // A third one makes the one go that nobody holds.
  REQUIRE(writer.ask("create third 1073741824") == "ok");
  REQUIRE(writer.ask("seal third") == "ok");
  CHECK(writer.ask("exists second") == "ok no");
  CHECK(reader.ask("check first") == "ok");
  CHECK(reader.ask("get third") == "ok");
  // Everything is held: no room for a fourth, but soon.
  CHECK(writer.ask("create fourth 1073741824") == "out_of_memory");
  writer.tell("create whole " + std::to_string(kCapacity) + " forever");
  REQUIRE(daemon.waits(0, 1));
  reader.kill();
  CHECK(writer.reply() == "ok");
  CHECK(daemon.stats().free_bytes == 0);
  CHECK(writer.ask("abort whole") == "ok");
  CHECK(writer.finish() == "exit 0");
  CHECK(daemon.settled(empty) == empty);
}
