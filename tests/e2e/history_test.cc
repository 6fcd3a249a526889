// What real processes see of a few objects, recorded call by call, is linearizable: with eviction under way, which may
// end what nobody holds or has pinned, and without, when nothing may go that nobody removed.

#include <catch2/catch.hpp>
#include <sstream>

#include "shm/monotonic_clock.h"
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

}  // namespace

TEST_CASE("recorded histories of real processes are linearizable") {
  const int rounds = from_environment("DOLIUM_HISTORIES", 200);
  Dice dice;
  Daemon daemon({"--capacity=256KiB", "--max-objects=64"});
  const Census empty = daemon.census();
  std::size_t overlapping = 0;
  {
    std::vector<Worker> workers;
    for (std::size_t n = 0; n < kProcesses; ++n) workers.emplace_back(daemon);
    for (int round = 0; round < rounds; ++round) {
      const bool pressure = round % 2 == 0;
      const std::string start = std::to_string(shm::monotonic_now() + kHeadStart);
      for (std::size_t n = 0; n < kProcesses; ++n)
        workers[n].tell("record " + std::to_string(dice.below(1'000'000)) + ' ' + std::to_string(kCalls) + ' ' + start +
                        ' ' + std::to_string(n + 1) + ' ' + std::to_string(kObjects) + (pressure ? " 1" : " 0"));
      std::vector<std::string> replies;
      for (Worker& worker : workers) replies.push_back(worker.reply());
      for (const History& history : histories_of(replies)) {
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
