// The server is killed between any two steps of a change: an object that becomes visible, is removed, or is moved
// (relocation), and a reply on its way. Readers read meanwhile. After each death, pinned objects must be there, and
// every object must be complete.

#include <catch2/catch.hpp>

#include "tests/client/store_under_test.h"
#include "tests/e2e/campaign.h"
#include "tests/e2e/deaths.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/points.h"
#include "tests/e2e/small_store.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::size_t kPrecious = 5;
constexpr std::size_t kPreciousBytes = 20'000;

void check_precious(Client& client) {
  for (std::size_t n = 0; n < kPrecious; ++n)
    REQUIRE(same(client.get_raw(id_of(n)).value().data(), pattern(kPreciousBytes, static_cast<std::uint32_t>(n))));
}

}  // namespace

TEST_CASE("the server killed at every named point of its own; what is pinned is there, and what is there is whole") {
  const int deaths_wanted = from_environment("DOLIUM_SERVER_POINT_KILLS", 120);
  Dice dice;
  const Deaths deaths(kServerPointsVariable, kServerPoints, dice, deaths_wanted, 20);
  Daemon daemon(small_store::flags(), Program::stepper);
  const Census empty = daemon.census();
  Client& watcher = *daemon.watcher();
  for (std::size_t n = 0; n < kPrecious; ++n)
    REQUIRE(outcome(watcher.put(id_of(n), pattern(kPreciousBytes, static_cast<std::uint32_t>(n)), {.pinned = true})) ==
            "ok");
  const std::string read = "consume churn 500 40";
  {
    std::vector<Worker> writers;
    for (int n = 0; n < 2; ++n) writers.emplace_back(daemon).tell("churn " + std::to_string(dice.below(1'000'000)));
    Worker reader(daemon);
    reader.tell(read);
    for (int left = deaths.left(); left > 0; left = deaths.left()) {
      CAPTURE(dice.seed(), left, deaths.next());
      REQUIRE(eventually([&] { return deaths.left() < left; }));
      check_precious(watcher);
      if (!reader.has_reply()) continue;
      REQUIRE_THAT(reader.reply(), Catch::StartsWith("ok "));
      reader.tell(read);
    }
    REQUIRE_THAT(reader.reply(), Catch::StartsWith("ok "));
    for (Worker& writer : writers) writer.kill();
  }
  CHECK(daemon.stats().relocation_count > 0);
  small_store::check_books(daemon, empty);
  for (const ObjectMetadata& object : watcher.list().value()) {
    if (object.is_pinned) continue;
    INFO(object.id.hex());
    CHECK(is_payload(watcher.get_raw(object.id).value().data(), object.id));
  }
  check_precious(watcher);
  small_store::fill_to_the_brim(daemon, empty);
}

TEST_CASE("the server killed between a take and its answer: the object is lost, and nothing is left of it") {
  const std::string point = GENERATE("retiring", "unlinking", "unlinked");
  CAPTURE(point);
  const Deaths deaths(kServerPointsVariable, point + " 1\n");
  Daemon daemon(small_store::flags(), Program::stepper);
  const Census empty = daemon.census();
  Worker taker(daemon);
  REQUIRE(taker.ask("put wanted 1000") == "ok");
  CHECK(taker.ask("take wanted forever") == "disconnected");
  CHECK(deaths.left() == 0);
  CHECK_FALSE(daemon.watcher()->exists(id_of("wanted")).value());
  CHECK(taker.ask("take wanted") == "not_found");
  CHECK(taker.finish() == "exit 0");
  small_store::check_books(daemon, empty);
  small_store::fill_to_the_brim(daemon, empty);
}
