// Recorded calls of real processes on a few objects are linearizable. One variant has other objects that need room, so
// that unused objects may be evicted at any time. Another has none, so that objects only go by remove, or when a client
// requests room. In a third the server dies in the middle: unsealed objects are dropped, and the outcome of some calls
// is unknown.

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <sstream>

#include "shm/os/monotonic_clock.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/worker.h"
#include "tests/model/linearizability.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::history;
using namespace dolium::test;

namespace {

constexpr std::size_t kProcesses = 3;
constexpr std::size_t kObjects = 3;
constexpr std::size_t kCalls = 40;
/// Until all of them have heard that they are to begin.
constexpr shm::TimeNs kHeadStart = 300'000;

/// By object; what each process said it did.
std::vector<History> histories_of(const std::vector<std::string>& replies) {
  std::vector<History> histories(kObjects, History(replies.size()));
  for (std::size_t process = 0; process < replies.size(); ++process) {
    std::istringstream words(replies[process]);
    std::string ok;
    REQUIRE((words >> ok && ok == "ok"));
    for (std::size_t object = 0; words >> object;) {
      const std::optional<Operation> operation = from_words(words);
      REQUIRE((operation && object < kObjects));
      histories[object][process].push_back(*operation);
    }
  }
  return histories;
}

/// How many calls began while another process's call about the same object was under way.
std::size_t overlaps(const History& history) {
  std::size_t count = 0;
  for (std::size_t a = 0; a < history.size(); ++a)
    for (std::size_t b = 0; b < history.size(); ++b)
      for (const Operation& one : history[a])
        for (const Operation& other : history[b])
          if (a != b && one.begin < other.begin && other.begin < one.end) ++count;
  return count;
}

/// Three workers, and what they are told to record.
class Recording {
 public:
  explicit Recording(const Daemon& daemon) {
    for (std::size_t n = 0; n < kProcesses; ++n) workers_.emplace_back(daemon);
  }
  /// They begin soon, together; says when.
  shm::TimeNs begin(Dice& dice, bool pressure) {
    const shm::TimeNs start = shm::monotonic_now() + kHeadStart;
    for (std::size_t n = 0; n < kProcesses; ++n)
      workers_[n].tell("record " + std::to_string(dice.below(1'000'000)) + ' ' + std::to_string(kCalls) + ' ' +
                       std::to_string(start) + ' ' + std::to_string(n + 1) + ' ' + std::to_string(kObjects) +
                       (pressure ? " 1" : " 0"));
    return start;
  }
  [[nodiscard]] std::vector<History> end() {
    std::vector<std::string> replies;
    for (Worker& worker : workers_) replies.push_back(worker.reply());
    return histories_of(replies);
  }

 private:
  std::vector<Worker> workers_;
};

/// Whether a call was under way at that moment.
bool was_interrupted(const History& history, std::uint64_t moment) {
  for (const auto& process : history)
    for (const Operation& operation : process)
      if (operation.begin < moment && moment < operation.end) return true;
  return false;
}

/// What may be asked of both servers, may have been done by both.
void add_first_tries(History& history, const std::vector<Operation>& crashes) {
  History tries;
  for (const auto& process : history)
    for (const Operation& operation : process) {
      const bool is_pin = operation.kind == Operation::Kind::pin || operation.kind == Operation::Kind::unpin;
      const bool spans = std::ranges::any_of(
          crashes, [&](const Operation& crash) { return operation.begin < crash.end && crash.begin < operation.end; });
      if (!is_pin || !spans) continue;
      tries.push_back({operation});
      tries.back().back().outcome = Operation::Outcome::unknown;
    }
  history.insert(history.end(), tries.begin(), tries.end());
}

/// SIGKILL to the server at that moment, and again and again to its successors; each death as an operation.
std::vector<Operation> kill_servers(const Daemon& daemon, shm::TimeNs moment, std::size_t times) {
  std::vector<Operation> crashes;
  for (std::size_t death = 0; death < times; ++death) {
    const pid_t server = daemon.server();
    while (death == 0 && shm::monotonic_now() < moment) {  // others are in the middle of something that takes no longer
    }
    Operation crash{Operation::Kind::crash, Operation::Outcome::done, 0, shm::monotonic_now(), 0};
    REQUIRE(::kill(server, SIGKILL) == 0);
    REQUIRE(daemon.replaced(server));
    crash.end = shm::monotonic_now();
    crashes.push_back(crash);
  }
  return crashes;
}

}  // namespace

TEST_CASE("recorded histories of real processes are linearizable") {
  const int rounds = from_environment("DOLIUM_HISTORIES", 200);
  Dice dice;
  Daemon daemon({"--capacity=256KiB", "--max-objects=64"});
  const Census empty = daemon.census();
  std::size_t overlapping = 0;
  {
    Recording recording(daemon);
    for (int round = 0; round < rounds; ++round) {
      const bool pressure = round % 2 == 0;
      recording.begin(dice, pressure);
      for (const History& history : recording.end()) {
        overlapping += overlaps(history);
        const auto why = why_not_linearizable(history, pressure ? Evictions::possible : Evictions::none);
        CAPTURE(dice.seed(), round, pressure);
        INFO(why.value_or(""));
        REQUIRE_FALSE(why.has_value());
      }
      REQUIRE(daemon.watcher()->clear());
    }
  }
  CHECK(overlapping > static_cast<std::size_t>(rounds));
  CHECK(daemon.stats().eviction_count > static_cast<std::uint64_t>(rounds));
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("recorded histories are linearizable when the server dies in the middle") {
  const int rounds = from_environment("DOLIUM_HISTORY_DEATHS", 80);
  constexpr shm::TimeNs kLatestDeath = 500'000;  // after their beginning
  Dice dice;
  Daemon daemon({"--capacity=256KiB", "--max-objects=64"});
  const Census empty = daemon.census();
  int interrupted = 0;
  {
    Recording recording(daemon);
    for (int round = 0; round < rounds; ++round) {
      const bool pressure = round % 2 == 0;
      const shm::TimeNs start = recording.begin(dice, pressure);
      const std::size_t times = dice.below(4) == 0 ? 2 : 1;
      const std::vector<Operation> crashes = kill_servers(daemon, start + dice.below(kLatestDeath), times);
      bool hit = false;
      for (History& history : recording.end()) {
        hit = hit || was_interrupted(history, crashes.front().begin);
        add_first_tries(history, crashes);
        history.push_back(crashes);
        const auto why = why_not_linearizable(history, pressure ? Evictions::possible : Evictions::none);
        CAPTURE(dice.seed(), round, pressure);
        INFO(why.value_or(""));
        REQUIRE_FALSE(why.has_value());
      }
      interrupted += hit ? 1 : 0;
      REQUIRE(daemon.watcher()->clear());
    }
  }
  std::cout << rounds << " rounds with a server's death, " << interrupted << " of them in the middle of a call\n";
  CHECK(interrupted > 0);
  CHECK(daemon.settled(empty) == empty);
}
