// event_fd() at the end of the daemon: a loop that only polls it must notice that.

#include <catch2/catch.hpp>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

TEST_CASE("event descriptor: readable for good once the daemon is gone, and process_events() says so each time") {
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  Subscription events = client->subscribe().value();
  put_numbered(*daemon.watcher(), 0, 1, 100);
  REQUIRE(eventually([&] { return has_events(*client); }));
  REQUIRE(outcome(client->process_events()) == "ok");
  CHECK(events.next(no_wait).value().id == id_of(0));
  CHECK(outcome(events.next(no_wait)) == "timed_out");
  static_cast<void>(daemon.release_watcher());
  CHECK((GENERATE(true, false) ? daemon.stop() : daemon.kill()).size() > 0);
  REQUIRE(eventually([&] { return has_events(*client) && outcome(client->process_events()) == "disconnected"; }));
  for (int turn = 0; turn < 3; ++turn) {
    CHECK(has_events(*client));
    CHECK(outcome(client->process_events()) == "disconnected");
  }
  CHECK(outcome(events.next(no_wait)) == "disconnected");
}
