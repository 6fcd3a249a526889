// Takes by several processes: of several takers of one object one gets it, whoever is killed meanwhile, and a taker
// that is killed leaves nothing behind.

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <list>
#include <thread>

#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::size_t kTakers = 8;
constexpr std::size_t kMaxBytes = 2000;

/// Workers that take one object again and again.
class Takers {
 public:
  explicit Takers(const Daemon& daemon) : daemon_(daemon) {
    for (std::size_t n = 0; n < kTakers; ++n) start();
  }
  /// Kills one, and starts another.
  void kill_one(Dice& dice) {
    const auto victim = std::next(workers_.begin(), static_cast<std::ptrdiff_t>(dice.below(workers_.size())));
    victim->kill();
    workers_.erase(victim);
    start();
  }
  /// Whether each was given its end, and ended well.
  void finish() {
    for (Worker& worker : workers_) REQUIRE_THAT(worker.reply(), Catch::StartsWith("ok "));
    for (Worker& worker : workers_) CHECK(worker.finish() == "exit 0");
  }
  /// The generations that were taken, in order.
  [[nodiscard]] std::vector<std::uint64_t> taken() const {
    std::vector<std::uint64_t> all;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      for (std::uint64_t one = 0; file.read(reinterpret_cast<char*>(&one), sizeof(one));) all.push_back(one);
    }
    std::ranges::sort(all);
    return all;
  }

 private:
  void start() {
    workers_.emplace_back(daemon_).tell("take_all wanted " + (directory_.path() / std::to_string(++started_)).string());
  }

  const Daemon& daemon_;
  TemporaryDirectory directory_;
  std::size_t started_ = 0;
  std::list<Worker> workers_;
};

/// Puts the object, as soon as the one before it was taken. False: whether it was put is not known.
bool hand_out(Client& client, Dice& dice, std::uint64_t generation) {
  Bytes bytes(kWord + dice.below(kMaxBytes));
  fill_payload(bytes, id_of("wanted"), generation);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const Result<void> put = client.put(id_of("wanted"), bytes);
    if (put) return true;
    if (put.error().code == Errc::disconnected) return false;
    REQUIRE(put.error().code == Errc::already_exists);
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::yield();
  }
}

void check_never_two(const std::vector<std::uint64_t>& taken) {
  const auto twice = std::ranges::adjacent_find(taken);
  INFO("taken twice: " << (twice == taken.end() ? 0 : *twice));
  CHECK(twice == taken.end());
}

}  // namespace

TEST_CASE("take: of eight takers of one id never two get one object, however many are killed") {
  constexpr std::size_t kRoundsPerKill = 100;
  const auto rounds = static_cast<std::size_t>(from_environment("DOLIUM_TAKE_ROUNDS", 10'000));
  Dice dice;
  Daemon daemon;
  const Census empty = daemon.census();
  std::size_t kills = 0;
  std::vector<std::uint64_t> taken;
  {
    Takers takers(daemon);
    for (std::size_t round = 1; round <= rounds; ++round) {
      CAPTURE(dice.seed(), round);
      REQUIRE(hand_out(*daemon.watcher(), dice, round));
      if (dice.below(kRoundsPerKill) != 0) continue;
      takers.kill_one(dice);
      ++kills;
    }
    for (std::size_t n = 0; n < kTakers; ++n) REQUIRE(hand_out(*daemon.watcher(), dice, 0));
    takers.finish();
    taken = takers.taken();
  }
  check_never_two(taken);
  CHECK(taken.size() <= rounds);
  CHECK(taken.size() + kills >= rounds);  // a taker that is killed loses at most what it was taking
  CHECK(taken.size() > rounds / 2);
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("take: never two takers of one object when the server is killed, either") {
  const auto deaths = static_cast<std::size_t>(from_environment("DOLIUM_TAKE_DEATHS", 20));
  constexpr std::size_t kRoundsPerDeath = 40;
  Dice dice;
  Daemon daemon;
  const Census empty = daemon.census();
  std::size_t unknown = 0, rounds = 0;
  std::vector<std::uint64_t> taken;
  {
    Takers takers(daemon);
    for (std::size_t death = 0; death < deaths; ++death) {
      CAPTURE(dice.seed(), death);
      for (std::size_t left = 1 + dice.below(kRoundsPerDeath); left > 0; --left)
        unknown += hand_out(*daemon.watcher(), dice, ++rounds) ? 0 : 1;
      const pid_t server = daemon.server();
      daemon.kill_server();
      unknown += hand_out(*daemon.watcher(), dice, ++rounds) ? 0 : 1;
      REQUIRE(daemon.replaced(server));
    }
    for (std::size_t ends = 0; ends < kTakers;) ends += hand_out(*daemon.watcher(), dice, 0) ? 1 : 0;
    takers.finish();
    taken = takers.taken();
  }
  check_never_two(taken);
  CHECK(taken.size() <= rounds);
  CHECK(taken.size() + unknown + deaths * kTakers >= rounds);  // what takers had been told of, and did not hold yet
  CHECK(taken.size() > rounds / 2);
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("take: killed while it waits, or when the object was removed for it: nothing is left of it") {
  Daemon daemon;
  const Census empty = daemon.census();
  Worker waiting(daemon);
  waiting.tell("take wanted forever");
  REQUIRE(daemon.waits(1, 0));
  waiting.kill();
  REQUIRE(daemon.waits(0, 0));
  Worker taker(daemon);
  taker.tell("take wanted forever");
  REQUIRE(daemon.waits(1, 0));
  taker.process().freeze();
  REQUIRE(outcome(daemon.watcher()->put(id_of("wanted"), pattern(1000))) == "ok");
  CHECK_FALSE(daemon.watcher()->exists(id_of("wanted")).value());
  CHECK(daemon.census().retired == 1);
  CHECK(daemon.census().in_use == 1);  // kept for the taker
  taker.kill();
  CHECK(daemon.settled(empty) == empty);
  CHECK(outcome(daemon.watcher()->take_raw(id_of("wanted"))) == "not_found");  // at most once
}

TEST_CASE("take: killed while it holds what it took: its memory is free") {
  Daemon daemon;
  const Census empty = daemon.census();
  Worker taker(daemon);
  REQUIRE(taker.ask("put wanted 100000") == "ok");
  REQUIRE(taker.ask("take wanted") == "ok");
  CHECK(taker.ask("take wanted") == "not_found");
  CHECK(taker.ask("check wanted") == "ok");
  CHECK(daemon.census().retired == 1);
  taker.kill();
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("take: an answer of a server that has died gives nothing, whatever is in that slot by now") {
  const bool replaced = GENERATE(true, false);
  Daemon daemon({"--max-objects=64"});
  const Census empty = daemon.census();
  Worker taker(daemon);
  taker.tell("take wanted forever");
  REQUIRE(daemon.waits(1, 0));
  taker.process().freeze();
  Worker writer(daemon);
  REQUIRE(writer.ask("put wanted 1000") == "ok");
  REQUIRE(daemon.census().retired == 1);
  replace_server(daemon, replaced ? SIGHUP : SIGKILL);
  put_numbered(*daemon.watcher(), 0, 20, 1000);  // the slot is taken again
  CHECK(daemon.census().retired == 0);
  taker.process().thaw();
  CHECK(taker.reply() == "disconnected");
  CHECK(taker.ask("take wanted") == "not_found");
  for (std::uint32_t n = 0; n < 20; ++n)
    CHECK(same(daemon.watcher()->get_raw(id_of(n)).value().data(), pattern(1000, n)));
  CHECK(taker.finish() == "exit 0");
  CHECK(writer.finish() == "exit 0");
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("take: a get that was answered before the take has the object, in the index or not") {
  const bool server_dies = GENERATE(false, true);
  Daemon daemon;
  const Census empty = daemon.census();
  Worker getter(daemon), writer(daemon);
  getter.tell("get wanted forever");
  REQUIRE(daemon.waits(1, 0));
  getter.process().freeze();
  REQUIRE(writer.ask("put wanted 1000") == "ok");
  if (server_dies)
    replace_server(daemon, SIGKILL);  // then it finds the object by its id
  else
    REQUIRE(writer.ask("take wanted") == "ok");
  getter.process().thaw();
  CHECK(getter.reply() == "ok");
  CHECK(getter.ask("check wanted") == "ok");
  CHECK(getter.finish() == "exit 0");
  CHECK(writer.finish() == "exit 0");
  REQUIRE(outcome(daemon.watcher()->clear()) == "ok");
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("take: refused for a read-only client, and the object stays") {
  Daemon daemon;
  const auto reader = daemon.connect({.access = Access::read_only});
  REQUIRE(outcome(daemon.watcher()->put(id_of("wanted"), pattern(10))) == "ok");
  CHECK(outcome(reader->take_raw(id_of("wanted"))) == "permission_denied");
  CHECK(outcome(reader->take_raw(id_of("absent"), kPatience)) == "permission_denied");
  CHECK(reader->exists(id_of("wanted")).value());
}
