// Clients killed at every named point of the protocol, and at random. After each death the daemon's counts are checked;
// from time to time the store is filled completely, so that the loss of a slot, a byte or a quota is noticed.

#include <catch2/catch.hpp>
#include <map>

#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/points.h"
#include "tests/e2e/small_store.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// The worker of one death. Each course returns whether it died at its point.
class Victim {
 public:
  Victim(Daemon& daemon, const Point& point, Dice& dice)
      : daemon_(daemon), point_(point), dice_(dice), worker_(Worker::stepper(daemon)) {}

  bool run() {
    if (point_.course == Course::connect) return connects();
    // Who looks for room by itself hardly ever asks for it.
    const bool sleepy = point_.name == "ring-full" || dice_.below(2) == 0;
    REQUIRE(worker_.ask(sleepy ? "connect sleepy" : "connect") == "ok");
    switch (point_.course) {
      case Course::life: return lives();
      case Course::fork: return forks();
      default: return resumes();
    }
  }

 private:
  void arm(std::size_t most) {
    const std::string nth = std::to_string(1 + dice_.below(most));
    REQUIRE(worker_.ask("die_at " + std::string(point_.name) + ' ' + nth) == "ok");
  }
  [[nodiscard]] std::string churn() { return "churn " + std::to_string(dice_.below(1'000'000)); }
  /// Whether it died by itself; it is dead in any case.
  bool end(const std::string& reply) {
    if (reply == "no reply: signal 9") return true;
    worker_.kill();
    return false;
  }

  bool connects() {
    arm(point_.name == "mapping" ? 5 : 1);
    return end(worker_.ask("connect"));
  }
  bool lives() {
    arm(8);
    return end(worker_.ask(churn() + " 400"));
  }
  bool forks();
  bool resumes() {
    REQUIRE(worker_.ask(churn() + " 50") == "ok");
    arm(1);
    worker_.tell(churn());
    const std::uint64_t puts = daemon_.stats().put_count;
    REQUIRE(eventually([&] { return daemon_.stats().put_count > puts; }));
    const pid_t old = daemon_.server();
    daemon_.kill_server();
    REQUIRE(daemon_.replaced(old));
    return end(worker_.reply());
  }

  Daemon& daemon_;
  const Point& point_;
  Dice& dice_;
  Worker worker_;
};

/// Parent or child dies at the point; then the parent does in any case, and a child that is left finds all it had
/// inherited, though everybody else would have liked to have that memory.
bool Victim::forks() {
  REQUIRE(daemon_.watcher()->clear());
  for (const char* name : {"small", "large"}) {
    const std::string size = std::to_string(1 + dice_.below(200'000));
    REQUIRE(worker_.ask("put " + std::string(name) + ' ' + size) == "ok");
    REQUIRE(worker_.ask("get " + std::string(name)) == "ok");
  }
  arm(1);
  worker_.tell("fork_and_survive");
  const std::string reply = worker_.reply();
  const bool parent_died = end(reply);
  REQUIRE((parent_died || reply.starts_with("ok ")));
  REQUIRE(daemon_.watcher()->remove(id_of("small")).value());
  for (int n = 0; n < 20; ++n) static_cast<void>(daemon_.watcher()->put(id_of("other"), pattern(60'000)));
  REQUIRE(daemon_.watcher()->evict(UINT64_MAX));
  put_numbered(*daemon_.watcher(), 0, 20, 60'000);
  worker_.hang_up();
  const std::string words = worker_.reply();
  REQUIRE((words == "child ok" || words.starts_with("no reply")));
  return words != "child ok";
}

}  // namespace

TEST_CASE("clients killed at every named point, books recounted after each death") {
  constexpr int kDeathsPerBrim = 20;
  const int kills = from_environment("DOLIUM_POINT_KILLS", 440);
  Dice dice;
  Daemon daemon(small_store::flags());
  const Census empty = daemon.census();
  std::map<std::string_view, int> reached;
  for (int kill = 0; kill < kills; ++kill) {
    const Point& point = kPoints[static_cast<std::size_t>(kill) % std::size(kPoints)];
    CAPTURE(dice.seed(), kill, point.name);
    reached[point.name] += Victim(daemon, point, dice).run() ? 1 : 0;
    small_store::check_books(daemon, empty);
    if (kill % kDeathsPerBrim == 0) small_store::fill_to_the_brim(daemon, empty);
  }
  small_store::fill_to_the_brim(daemon, empty);
  constexpr int kSure = 10;  // so many times at least each point was tried, when all must have been reached
  if (kills < kSure * static_cast<int>(std::size(kPoints))) return;
  for (const Point& point : kPoints) {
    INFO(point.name << " was reached " << reached[point.name] << " times");
    CHECK(reached[point.name] > 0);
  }
}
