// The wall clock jumps by a year, in both directions, for daemon and clients. Timers are not affected; only times in
// reports use the wall clock.

#include <catch2/catch.hpp>

#include "tests/client/store_under_test.h"
#include "tests/faults/faults.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::faults;
using namespace dolium::test;

TEST_CASE("a wall clock that jumps by a year changes no deadline and no expiry") {
  static constexpr std::int64_t kYear = 365LL * 24 * 3600;
  using std::chrono::milliseconds;
  Faults faults;
  Daemon daemon({"--capacity=1MiB"});
  const std::shared_ptr<Client>& client = daemon.watcher();
  REQUIRE(outcome(client->put(id_of("for an hour"), pattern(10), {.time_to_live = std::chrono::hours(1)})) == "ok");
  REQUIRE(outcome(client->put(id_of("idle for an hour"), pattern(10), {.time_to_idle = std::chrono::hours(1)})) ==
          "ok");
  const auto jump = GENERATE(as<std::int64_t>(), kYear, -kYear);
  CAPTURE(jump);

  // Due soon, begun before the jump and ended after it: ended all the same, and not by the jump.
  REQUIRE(outcome(client->put(id_of("brief"), pattern(10), {.time_to_live = milliseconds(100)})) == "ok");
  Result<Object> waited = Error{Errc::not_found, "not answered"};
  bool answered = false;
  const AsyncHandle waiting = client->get_async(id_of("late"), wait_forever, [&](Result<Object> object) {
    waited = std::move(object);
    answered = true;
  });
  bool timed_out = false;
  const AsyncHandle in_vain = client->get_async(id_of("never"), milliseconds(100), [&](const Result<Object>& object) {
    timed_out = !object && object.error().code == Errc::timed_out;
  });
  faults.shift_wall_clock(jump);
  CHECK(eventually([&] { return !client->exists(id_of("brief")).value(); }));
  CHECK(run_until(*client, [&] { return timed_out; }));
  CHECK_FALSE(answered);
  CHECK(client->exists(id_of("for an hour")).value());
  CHECK(client->exists(id_of("idle for an hour")).value());

  // The shift has arrived: people are told the time that the clock shows.
  const auto created = client->metadata(id_of("for an hour")).value().created_at;
  const auto off = std::chrono::duration_cast<std::chrono::seconds>(created - ObjectMetadata::Clock::now()).count();
  CHECK(std::abs(off - jump) < 3600);

  // And what begins after it.
  REQUIRE(outcome(client->put(id_of("brief again"), pattern(10), {.time_to_live = milliseconds(50)})) == "ok");
  CHECK(eventually([&] { return !client->exists(id_of("brief again")).value(); }));
  CHECK(outcome(client->get_raw(id_of("nobody"), milliseconds(50))) == "timed_out");
  REQUIRE(outcome(client->put(id_of("late"), pattern(10))) == "ok");
  CHECK(run_until(*client, [&] { return answered; }));
  CHECK(outcome(waited) == "ok");

  // A server that follows another under another clock.
  const pid_t old = daemon.server();
  daemon.kill_server();
  REQUIRE(daemon.replaced(old));
  CHECK(client->exists(id_of("for an hour")).value());
  CHECK(client->exists(id_of("idle for an hour")).value());
}
