// A server that is stopped (SIGSTOP, a debugger, an overloaded machine): no call with a deadline waits for it, and when
// it continues, nothing of the abandoned calls is left.

#include <catch2/catch.hpp>
#include <future>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/payload.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;
using std::chrono::milliseconds;

TEST_CASE("a get's deadline holds while the server stands still, in every thread of a client") {
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  REQUIRE(client->put(id_of("there"), pattern(100)));
  const Census before = daemon.census();
  daemon.freeze();
  std::vector<std::future<std::string>> threads;
  for (unsigned n = 0; n < 4; ++n)
    threads.push_back(std::async(
        std::launch::async, [&client, n] { return outcome(client->get_raw(id_of(n), milliseconds(20 * n + 1))); }));
  for (auto& thread : threads) CHECK(thread.get() == "timed_out");
  CHECK(outcome(client->get_raw(id_of("x"), std::chrono::nanoseconds(1))) == "timed_out");  // over before it is asked
  const std::vector<ObjectId> both{id_of("there"), id_of("not there")};
  {
    const auto found = client->get_many(both, milliseconds(1)).value();
    CHECK(found.front().has_value());
    CHECK_FALSE(found.back().has_value());
  }
  CHECK(client->wait(both, 2, milliseconds(1)).value() == std::vector{true, false});
  daemon.thaw();
  CHECK(daemon.settled(before) == before);
}

TEST_CASE("an answer that comes after its get was given up is held by nobody") {
  Daemon daemon;
  const std::shared_ptr<Client> reader = daemon.connect();
  const std::shared_ptr<Client> writer = daemon.connect();
  const Census before = daemon.census();
  daemon.freeze();
  REQUIRE(writer->put_deferred(id_of("late"), pattern(100)));  // in its ring before the get is in the reader's
  CHECK(outcome(reader->get_raw(id_of("late"), milliseconds(1))) == "timed_out");
  daemon.thaw();
  REQUIRE(writer->flush().value().empty());
  CHECK(outcome(reader->ping()) == "ok");
  CHECK(outcome(reader->get_raw(id_of("late"))) == "ok");
  REQUIRE(writer->remove(id_of("late")).value());
  CHECK(daemon.settled(before) == before);
}
