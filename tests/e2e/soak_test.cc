// Soak test: workers start, use the store in all ways and sizes, and are killed, one per second; with each eviction
// policy. The server's own memory stays constant after the warm-up.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <list>

#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/recount.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::size_t kSoakWorkers = 3;
constexpr std::chrono::seconds kBetweenKills{1};
/// What the server's own memory may grow by after the first half of its life: what an allocator keeps to itself, and no
/// leak of a few bytes a request.
constexpr std::uint64_t kMaxGrowth = 4 * kMiB;

/// Memory of its own: not the store's.
std::uint64_t own_memory(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string word; status >> word;)
    if (std::uint64_t kib = 0; word == "RssAnon:" && status >> kib) return kib * kKiB;
  FAIL("no RssAnon in the server's status");
  return 0;
}

class Soak {
 public:
  Soak(Daemon& daemon, Dice& dice) : daemon_(daemon), dice_(dice) {
    for (std::size_t n = 0; n < kSoakWorkers; ++n) hire();
  }
  void live(int seconds) {
    for (int second = 0; second < seconds; ++second) {
      REQUIRE(daemon_.process().wait(kBetweenKills) == "still running");
      const auto unlucky = std::next(workers_.begin(), static_cast<std::ptrdiff_t>(dice_.below(workers_.size())));
      unlucky->kill();
      workers_.erase(unlucky);
      hire();
    }
  }
  ~Soak() {
    for (Worker& worker : workers_) worker.kill();
  }
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;

 private:
  void hire() {
    workers_.emplace_back(daemon_);
    workers_.back().tell("churn " + std::to_string(dice_.below(1'000'000)));
  }

  Daemon& daemon_;
  Dice& dice_;
  std::list<Worker> workers_;
};

}  // namespace

TEST_CASE("a long life with a death each second leaves memory and descriptors as they were") {
  const int length_s = std::max(2, from_environment("DOLIUM_SOAK_SECONDS", 9) / 3);
  const char* policy = GENERATE("lru", "lfu", "fifo", "adaptive");
  Dice dice;
  CAPTURE(dice.seed(), policy);
  Daemon daemon({"--capacity=4MiB", "--max-objects=2000", std::string("--eviction-policy=") + policy});
  const Census empty = daemon.census();
  const pid_t server = daemon.server();
  std::uint64_t warm = 0;
  {
    Soak soak(daemon, dice);
    soak.live(length_s / 2);
    warm = own_memory(server);
    soak.live(length_s - length_s / 2);
    const std::uint64_t at_last = own_memory(server);
    std::cout << policy << ": " << length_s << " deaths, " << daemon.stats().put_count << " puts, "
              << daemon.stats().eviction_count << " evictions; the server's own memory " << warm / kKiB << " KiB warm, "
              << at_last / kKiB << " KiB at last\n";
    CHECK(at_last <= warm + kMaxGrowth);
    REQUIRE(eventually([&] { return daemon.stats().eviction_count > 0; }));  // however slow the machine
  }
  CHECK(daemon.server() == server);
  REQUIRE(eventually([&] { return daemon.stats().client_count == empty.clients; }));
  const Census counted = recount(daemon, empty);
  CHECK(daemon.settled(counted) == counted);
  REQUIRE(daemon.watcher()->clear());
  CHECK(daemon.settled(empty) == empty);
}
