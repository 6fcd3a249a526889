// The end of a daemon with a spill tier: what is to be kept is written to disk first, and what is not is named.

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/e2e/spilling_daemon.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;
using std::chrono::milliseconds;

namespace {

constexpr std::uint64_t kKept = 8;

void put_all(Client& client) {
  for (std::uint64_t number = 0; number < kKept; ++number) REQUIRE(client.put(id_of(number), pattern(100'000)));
}

std::uint64_t kept_by(Client& client) {
  std::uint64_t there = 0;
  for (std::uint64_t number = 0; number < kKept; ++number) {
    const auto object = client.get_raw(id_of(number));
    if (object && same(object->data(), pattern(100'000))) ++there;
  }
  return there;
}

}  // namespace

TEST_CASE("a stop writes what is to be kept, and the next daemon has it") {
  SpillingDaemon daemon;
  put_all(*daemon->watcher());
  CHECK(daemon->stats().dirty_count == kKept);
  CHECK(daemon->stop() == "exit 0");
  const std::string log = daemon->log();
  CHECK_THAT(log, Catch::Contains("stopping (SIGTERM): writing 8 kept objects") &&
                      Catch::Contains("all kept objects are on disk"));
  daemon->start_again();
  CHECK(kept_by(*daemon->watcher()) == kKept);
}

TEST_CASE("a signal to stop that reaches all processes at once, as Ctrl-C does, loses nothing") {
  SpillingDaemon daemon;
  put_all(*daemon->watcher());
  const std::vector<pid_t> all = {daemon.tier().spiller(), daemon->server(), daemon->process().pid()};
  for (const pid_t process : all) REQUIRE(::kill(process, SIGINT) == 0);
  CHECK(daemon->process().wait() == "exit 0");
  CHECK_THAT(daemon->log(), Catch::Contains("all kept objects are on disk"));
  daemon->start_again();
  CHECK(kept_by(*daemon->watcher()) == kKept);
}

TEST_CASE("a stop with a hung disk ends at its limit, and says what is lost") {
  SpillingDaemon daemon({"--spill-drain=1s"});
  put_all(*daemon->watcher());
  daemon.hang_disk();
  CHECK(daemon->stop() == "exit 0");
  CHECK_THAT(daemon->log(),
             Catch::Contains("8 kept objects (") &&
                 Catch::Contains("were not written to disk, and are lost: the time limit of 1 s is over") &&
                 Catch::Contains("does not end: its disk does not answer"));
}

TEST_CASE("a stop with drain 0 says what is lost") {
  SpillingDaemon daemon({"--spill-drain=0"});
  put_all(*daemon->watcher());
  CHECK(daemon->stop() == "exit 0");
  CHECK_THAT(daemon->log(), Catch::Contains("and are lost: [spill] drain is 0"));
}

TEST_CASE("while a stop waits for the disk, objects are read and nothing is taken; a second signal ends it") {
  SpillingDaemon daemon({"--spill-drain=1h"});
  const std::shared_ptr<Client> client = daemon->connect();
  put_all(*client);
  auto begun = client->create(id_of("begun"), 1000);
  REQUIRE(begun);
  daemon.hang_disk();
  daemon->process().signal(SIGTERM);
  REQUIRE(daemon.says("writing 8 kept objects"));
  REQUIRE(eventually([&] { return outcome(client->put(id_of("new"), pattern(10))) == "disconnected"; }));
  CHECK_THAT(client->put(id_of("new"), pattern(10)).error().message, Catch::Contains("the daemon is stopping"));
  CHECK(outcome(client->create(id_of("new"), 1'000'000)) == "disconnected");
  CHECK(outcome(client->create(id_of("new"), 10, {.timeout = milliseconds(1)})) == "disconnected");
  CHECK(outcome(begun->seal()) == "ok");
  CHECK(kept_by(*client) == kKept);
  CHECK(client->remove(id_of(std::uint64_t{0})).value());
  const auto late = Client::connect(daemon->socket());
  REQUIRE_FALSE(late);
  CHECK(late.error().code == Errc::disconnected);
  CHECK_THAT(late.error().message, Catch::Contains("the daemon is stopping"));
  daemon->process().signal(SIGTERM);
  CHECK(daemon->process().wait() == "exit 0");
  CHECK_THAT(daemon->log(),
             Catch::Contains("8 kept objects") && Catch::Contains("are lost: a second signal to stop came"));
}

TEST_CASE("a server that dies while it writes before a stop is followed by one that goes on") {
  SpillingDaemon daemon;
  put_all(*daemon->watcher());
  daemon.hang_disk();
  const pid_t server = daemon->server();
  daemon->process().signal(SIGTERM);
  REQUIRE(daemon.says("writing 8 kept objects"));
  REQUIRE(::kill(server, SIGKILL) == 0);
  REQUIRE(daemon.says("while it wrote kept objects to disk: a new server continues"));
  daemon.mend_disk();
  CHECK(daemon->process().wait() == "exit 0");
  CHECK_THAT(daemon->log(), Catch::Contains("all kept objects are on disk"));
  daemon->start_again();
  CHECK(kept_by(*daemon->watcher()) == kKept);
}

TEST_CASE("a restart of the server writes what is to be kept first, and does not wait for a hung disk for long") {
  SpillingDaemon daemon({"--spill-drain=1s"});
  put_all(*daemon->watcher());
  const bool hangs = GENERATE(false, true);
  if (hangs) daemon.hang_disk();
  const pid_t old = daemon->server();
  daemon->process().signal(SIGHUP);
  REQUIRE(daemon->replaced(old));
  CHECK(daemon->stats().dirty_count == (hangs ? kKept : 0));
  CHECK_THAT(daemon->log(),
             Catch::Contains(hangs ? "are not on disk yet, and stay in memory" : "all kept objects are on disk"));
  CHECK(kept_by(*daemon->watcher()) == kKept);
  if (hangs) daemon.mend_disk();
}
