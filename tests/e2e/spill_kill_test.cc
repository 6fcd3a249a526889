// A store of a working set five times its memory, whose processes are killed: clients, server, spill process and
// keeper, at random and at named points. The workers know their objects (spill_table.h), and compare each byte.
//
// A death of a client, the server or the spill process loses nothing, and brings nothing back. A death of the keeper is
// the end of the memory: what was on disk at the last look, and was not touched since, is there; what was removed
// before it is not; of what was touched since, no object is older than that look's.
//
//   DOLIUM_SPILL_KILLS=3000 DOLIUM_SEED=42 build/tests/e2e_tests "a store five times its memory*"
//   DOLIUM_SPILL_LARGE_KILLS=300 build/tests/e2e_tests "a store of large objects*"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/deaths.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/points.h"
#include "tests/e2e/spill_daemon.h"
#include "tests/e2e/spill_points.h"
#include "tests/e2e/spill_table.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::size_t kSpillWorkers = 3;  // of 64 objects of 80 KB each: 15 MiB
constexpr std::size_t kBatch = 60;

std::vector<std::string> small_memory() {
  return {"--capacity=3MiB", "--max-objects=1000", "--quarantine-seconds=0", "--spill-capacity=8GiB",
          "--spill-ahead=0.25"};
}

/// Also if the server has just been killed.
StoreStats stats_of(SpillDaemon& daemon) {
  Result<StoreStats> stats = daemon->watcher()->stats();
  REQUIRE(eventually([&] { return stats || (stats = daemon->watcher()->stats()); }));
  return *stats;
}

/// What the workers make: text for the worker's command spill_churn.
struct Load {
  std::size_t calls = kBatch;  // of a worker between two commands
  std::string sizes;           // number of objects, smallest and largest size; empty: as the worker likes
};

/// The workers, and what they know.
class Workers {
 public:
  Workers(SpillDaemon& daemon, Dice& dice, Load load = {}) : daemon_(daemon), dice_(dice), load_(std::move(load)) {
    for (std::size_t n = 0; n < kSpillWorkers; ++n) tables_.emplace_back(path(n));
  }
  ~Workers() { kill_all(); }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void start() {
    for (std::size_t n = 0; n < kSpillWorkers; ++n) workers_.push_back(std::make_unique<Worker>(daemon_.daemon()));
    for (std::size_t n = 0; n < kSpillWorkers; ++n) churn(n);
  }
  /// Until they have made so many more calls. A worker that has done its batch gets another one.
  void go_on(std::uint64_t calls) {
    const std::uint64_t before = this->calls();
    REQUIRE(eventually([&] {
      for (std::size_t n = 0; n < kSpillWorkers; ++n)
        if (workers_[n]->has_reply()) finish(n), churn(n);
      return this->calls() >= before + calls;
    }));
  }
  /// None of them is busy.
  void rest() {
    for (std::size_t n = 0; n < kSpillWorkers; ++n) finish(n);
  }
  void churn_all() {
    for (std::size_t n = 0; n < kSpillWorkers; ++n) churn(n);
  }
  /// Every object is compared. They rest.
  void settle() {
    for (std::size_t n = 0; n < kSpillWorkers; ++n) workers_[n]->tell("spill_settle " + path(n) + ' ' + prefix(n));
    rest();
  }
  void kill_one() {
    const std::size_t victim = dice_.below(kSpillWorkers);
    workers_[victim]->kill();
    REQUIRE(eventually([&] { return stats_of(daemon_).client_count <= kSpillWorkers + 1; }));  // with the spill process
    workers_[victim] = std::make_unique<Worker>(daemon_.daemon());
    churn(victim);
  }
  void kill_all() {
    for (const auto& each : workers_) each->kill();
    workers_.clear();
  }
  [[nodiscard]] SpillTable& table(std::size_t n) { return tables_[n]; }
  [[nodiscard]] static std::string prefix(std::size_t n) { return "worker" + std::to_string(n); }
  [[nodiscard]] std::uint64_t refused() const {
    std::uint64_t all = 0;
    for (const SpillTable& table : tables_) all += table.refused();
    return all;
  }
  [[nodiscard]] std::uint64_t calls() const {
    std::uint64_t all = 0;
    for (const SpillTable& table : tables_) all += table.calls();
    return all;
  }

 private:
  [[nodiscard]] std::string path(std::size_t n) const { return (directory_.path() / prefix(n)).string(); }
  void churn(std::size_t n) {
    workers_[n]->tell("spill_churn " + path(n) + ' ' + prefix(n) + ' ' + std::to_string(dice_.below(1'000'000)) + ' ' +
                      std::to_string(load_.calls) + load_.sizes);
  }
  void finish(std::size_t n) {
    const std::string reply = workers_[n]->reply();
    INFO("doliumd says:\n" << daemon_->log());
    REQUIRE(reply == "ok");
  }

  SpillDaemon& daemon_;
  Dice& dice_;
  const Load load_;
  e2e::TemporaryDirectory directory_;
  std::vector<SpillTable> tables_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

/// What is on disk for certain: of each worker.
using Looks = std::vector<SpillTable::Snapshot>;

/// The generation that is there; 0: none.
std::uint64_t found(Client& client, const std::string& name) {
  const Result<Object> object = client.get_raw(id_of(name), std::chrono::milliseconds(0));
  if (!object) {
    REQUIRE(outcome(object) == "not_found");
    return 0;
  }
  REQUIRE(is_payload(object->data(), id_of(name)));
  std::uint64_t generation = 0;
  std::memcpy(&generation, object->data().data(), sizeof(generation));
  return generation;
}

/// The calls of a worker that was killed: what came of them. The workers rest.
void settle_doubts(SpillDaemon& daemon, Workers& workers, std::size_t n) {
  for (std::size_t object = 0; object < SpillTable::kObjects; ++object) {
    const SpillEntry entry = workers.table(n).entry(object);
    if (entry.maybe == SpillEntry::kNothing) continue;
    const std::uint64_t generation = found(*daemon->watcher(), spill_name(Workers::prefix(n), object));
    CAPTURE(n, object, generation, entry.sure, entry.maybe);
    REQUIRE(entry.allows(generation));
    workers.table(n).settle(object, generation);
  }
}

/// All is written, and so are the tombstones before it. The workers rest.
Looks look_at_disk(SpillDaemon& daemon, Workers& workers) {
  const ObjectId mark = ObjectId::random();
  REQUIRE(outcome(daemon->watcher()->put(mark, pattern(1000),
                                         {.timeout = std::chrono::seconds(20), .retention = Retention::keep})) == "ok");
  REQUIRE(outcome(daemon.write_all()) == "ok");
  REQUIRE(daemon->stats().dirty_count == 0);
  REQUIRE(daemon->watcher()->remove(mark).value());
  Looks looks;
  for (std::size_t n = 0; n < kSpillWorkers; ++n) {
    settle_doubts(daemon, workers, n);
    looks.push_back(workers.table(n).snapshot());
  }
  return looks;
}

/// The look's object, or a later one, or none if it was removed since.
bool may_follow(std::uint64_t generation, const SpillEntry& look, const SpillEntry& last, std::uint64_t newest) {
  // Generations are unique. But an object that was absent may have been made and removed since, which leaves no trace.
  if (last == look && look.sure != 0) return generation == look.sure;
  const bool removed = look.sure == 0 || last.sure != look.sure || last.maybe == 0;
  if (generation == 0) return removed;
  return generation == look.sure || (generation > newest && removed);
}

void check_after_restart(SpillDaemon& daemon, Workers& workers, const Looks& looks) {
  for (std::size_t n = 0; n < kSpillWorkers; ++n) {
    std::uint64_t newest = 0;  // at the look
    for (const SpillEntry& each : looks[n]) newest = std::max(newest, each.sure);
    for (std::size_t object = 0; object < SpillTable::kObjects; ++object) {
      const std::string name = spill_name(Workers::prefix(n), object);
      const std::uint64_t generation = found(*daemon->watcher(), name);
      const SpillEntry look = looks[n][object];
      const SpillEntry last = workers.table(n).entry(object);
      CAPTURE(name, generation, look.sure, last.sure, last.maybe, newest);
      REQUIRE(may_follow(generation, look, last, newest));
      workers.table(n).settle(object, generation);
    }
  }
}

void kill_keeper(SpillDaemon& daemon, Workers& workers, Dice& dice) {
  workers.settle();
  const Looks looks = look_at_disk(daemon, workers);
  workers.churn_all();
  workers.go_on(1 + dice.below(80));
  if (dice.below(2) == 0) daemon.kill_spiller();  // else it ends what it has begun
  daemon.kill();
  workers.kill_all();
  daemon->start_again();
  check_after_restart(daemon, workers, looks);
  workers.start();
}

#ifndef DOLIUM_SANITIZED  // their runtime has to be loaded first
/// What is started from now on has the spill process's points.
struct Preloaded {
  Preloaded() { ::setenv("LD_PRELOAD", DOLIUM_SPILL_POINTS_PATH, 1); }
  Preloaded(const Preloaded&) = delete;
  Preloaded& operator=(const Preloaded&) = delete;
  ~Preloaded() { ::unsetenv("LD_PRELOAD"); }
};
#endif

enum class SpillVictim : std::uint8_t { client, server, spiller };

void kill_one(SpillDaemon& daemon, Workers& workers, SpillVictim victim) {
  switch (victim) {
    case SpillVictim::client: return workers.kill_one();
    case SpillVictim::server: REQUIRE(eventually([&] { return daemon.kill_server(); })); return;
    case SpillVictim::spiller: REQUIRE(eventually([&] { return daemon.kill_spiller(); })); return;
  }
}

/// `calls`: maximum number between two kills. Returns the number of objects that were spilled.
std::uint64_t kill_at_random(SpillDaemon& daemon, Workers& workers, Dice& dice, int kills, std::uint64_t calls) {
  constexpr std::array kLife = {SpillVictim::client,  SpillVictim::client,  SpillVictim::client, SpillVictim::client,
                                SpillVictim::server,  SpillVictim::server,  SpillVictim::server, SpillVictim::server,
                                SpillVictim::spiller, SpillVictim::spiller, SpillVictim::spiller};
  workers.start();
  std::vector<SpillVictim> life;
  std::uint64_t spilled = 0;
  for (int killed = 0; killed < kills; ++killed) {
    CAPTURE(dice.seed(), killed, life.size());
    if (life.empty() && killed != 0) {
      spilled += stats_of(daemon).spill_count;
      kill_keeper(daemon, workers, dice);
      life.assign(kLife.begin(), kLife.end());
      continue;
    }
    if (life.empty()) life.assign(kLife.begin(), kLife.end());
    workers.go_on(1 + dice.below(calls));
    const std::size_t next = dice.below(life.size());
    kill_one(daemon, workers, life[next]);
    life.erase(life.begin() + static_cast<std::ptrdiff_t>(next));
  }
  workers.rest();
  daemon.await_all();
  workers.settle();
  spilled += stats_of(daemon).spill_count;
  std::cout << kills << " kills, " << workers.calls() << " calls, " << workers.refused() << " of them refused, "
            << spilled << " objects spilled\n";
  workers.kill_all();
  return spilled;
}

}  // namespace

TEST_CASE("a store five times its memory, its processes killed at random: nothing is lost, and nothing comes back") {
  const int kills = from_environment("DOLIUM_SPILL_KILLS", 300);
  Dice dice;
  SpillDaemon daemon(small_memory());
  Workers workers(daemon, dice);
  CHECK(kill_at_random(daemon, workers, dice, kills, 60) > static_cast<std::uint64_t>(kills));
}

TEST_CASE("a store of large objects, its processes killed at random: nothing is lost, and nothing comes back") {
  const int kills = from_environment("DOLIUM_SPILL_LARGE_KILLS", 24);
  Dice dice;
  // Three times 16 objects, of which four in five exist, and three quarters have a file of their own: five times the
  // memory.
  SpillDaemon daemon({"--capacity=96MiB", "--max-objects=1000", "--quarantine-seconds=0", "--spill-capacity=8GiB",
                      "--spill-ahead=0.25"});
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  Workers workers(daemon, dice, {.calls = 8, .sizes = fmt::format(" 16 {} {}", 16 * kMiB, 19 * kMiB)});
  CHECK(kill_at_random(daemon, workers, dice, kills, 8) > static_cast<std::uint64_t>(kills) / 4);
}

#ifndef DOLIUM_SANITIZED
TEST_CASE("a spill process killed before and after each system call: nothing is lost, and nothing comes back") {
  const int kills = from_environment("DOLIUM_SPILL_POINT_KILLS", 32);
  Dice dice;
  const Preloaded preloaded;
  const Deaths deaths(kSpillPointsVariable, kSpillPoints, dice, kills, 12);
  SpillDaemon daemon([] {
    std::vector<std::string> flags = small_memory();
    flags.emplace_back("--spill-io=threads");  // whose calls are the C library's
    return flags;
  }());
  Workers workers(daemon, dice);
  workers.start();
  for (int left = deaths.left(); left > 0; left = deaths.left()) {
    CAPTURE(dice.seed(), left, deaths.next());
    for (int tries = 0; tries < 3 && deaths.left() == left; ++tries) workers.go_on(1 + dice.below(60));
    // Pauses before the next start grow while processes live for a short time. Some points are seldom passed.
    if (deaths.left() == left || left % 4 == 0) kill_keeper(daemon, workers, dice);
  }
  workers.settle();
}
#endif

TEST_CASE("the server of a store five times its memory killed at every named point: nothing is lost") {
  const int kills = from_environment("DOLIUM_SPILL_SERVER_POINT_KILLS", 64);
  Dice dice;
  const Deaths deaths(kServerPointsVariable, kServerPoints, dice, kills, 20);
  SpillDaemon daemon(small_memory(), Program::stepper);
  Workers workers(daemon, dice);
  workers.start();
  for (int left = deaths.left(); left > 0; left = deaths.left()) {
    CAPTURE(dice.seed(), left, deaths.next());
    for (int tries = 0; tries < 3 && deaths.left() == left; ++tries) workers.go_on(1 + dice.below(60));
    if (deaths.left() == left) daemon.kill_server();  // some points are seldom passed, or never
  }
  workers.settle();
}
