// The socket's file, its lock, or both are removed, by a cleaner of /tmp or by hand. The daemon creates them again when
// its server is replaced or dies, unless another daemon uses the path by then.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace fs = std::filesystem;

namespace {

ino_t inode_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

/// Another daemon of the same socket, beside the fixture's.
struct Rival {
  explicit Rival(const Daemon& daemon)
      : process(Process::start({daemon.command().front(), "--socket", daemon.socket(), "--capacity=4MiB"}, {})) {
    REQUIRE(eventually([&] {
      auto connected = Client::connect(daemon.socket(), {.connect_timeout = no_wait, .follow_fork = false});
      if (connected) client = *std::move(connected);
      return connected.has_value() || !process.running();
    }));
    REQUIRE(client != nullptr);
  }
  std::string stop() {
    client.reset();
    process.signal(SIGTERM);
    return process.wait();
  }
  Process process;
  std::shared_ptr<Client> client;
};

void remove_files(const Daemon& daemon, bool socket, bool lock) {
  if (socket) REQUIRE(fs::remove(daemon.socket()));
  if (lock) REQUIRE(fs::remove(daemon.socket() + ".lock"));
}

Finished ask_to_replace(const Daemon& daemon) {
  return run_to_end({daemon.command().front(), "--replace", "--socket", daemon.socket()});
}

}  // namespace

TEST_CASE("the socket's file removed: SIGHUP and a server's crash bring it back, and its lock") {
  const auto [socket, lock] = GENERATE(table<bool, bool>({{true, false}, {false, true}, {true, true}}));
  const int signal = GENERATE(SIGHUP, SIGKILL);
  CAPTURE(socket, lock, signal);
  Daemon daemon({"--socket-mode=0640"});
  const std::shared_ptr<Client> client = daemon.connect();
  const std::uint64_t session = client->session_id();
  REQUIRE(outcome(client->put(id_of("kept"), pattern(1000))) == "ok");
  for (int round = 0; round < 2; ++round) {
    remove_files(daemon, socket, lock);
    replace_server(daemon, signal);
    CHECK(outcome(client->ping()) == "ok");
    CHECK(client->session_id() == session);
    const std::shared_ptr<Client> newcomer = daemon.connect();
    CHECK(same(newcomer->get_raw(id_of("kept")).value().data(), pattern(1000)));
    struct stat info {};
    REQUIRE(::stat(daemon.socket().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0640);
    const Finished second = run_to_end({daemon.command().front(), "--socket", daemon.socket(), "--capacity=4MiB"});
    CHECK(second.how == "exit 1");
    CHECK_THAT(second.output, Catch::Contains("already listening at " + daemon.socket()));
  }
  CHECK(daemon.stop() == "exit 0");
  CHECK_FALSE(fs::exists(daemon.socket()));
}

TEST_CASE("the socket's file removed, with its directory: another server makes both again") {
  const TemporaryDirectory directory;
  const fs::path place = directory.path() / "place";
  const std::string socket = (place / "other.sock").string();
  const std::string program = Daemon().command().front();
  Process process = Process::start({program, "--socket", socket, "--capacity=4MiB"}, {});
  REQUIRE(eventually([&] { return Client::connect(socket, {.connect_timeout = no_wait}).has_value(); }));
  fs::remove_all(place);
  process.signal(SIGHUP);
  CHECK(eventually([&] { return Client::connect(socket, {.connect_timeout = no_wait}).has_value(); }));
  process.signal(SIGTERM);
  CHECK(process.wait() == "exit 0");
}

TEST_CASE("the socket's file removed: doliumd --replace finds the daemon, and brings it back") {
  const bool lock = GENERATE(false, true);
  CAPTURE(lock);
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  REQUIRE(outcome(client->put(id_of("kept"), pattern(1000))) == "ok");
  const pid_t old = daemon.server();
  remove_files(daemon, true, lock);
  const Finished replaced = ask_to_replace(daemon);
  CHECK(replaced.output == fmt::format("server {} serves\n", daemon.server()));
  CHECK(replaced.how == "exit 0");
  CHECK(daemon.server() != old);
  CHECK(outcome(client->ping()) == "ok");
  CHECK(same(daemon.connect()->get_raw(id_of("kept")).value().data(), pattern(1000)));
}

TEST_CASE("the socket's file removed, and another daemon there by now: it is left alone, and clients are kept") {
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  REQUIRE(outcome(client->put(id_of("kept"), pattern(1000))) == "ok");
  remove_files(daemon, true, true);
  Rival rival(daemon);
  const ino_t theirs = inode_of(daemon.socket());
  const pid_t old = daemon.server();

  daemon.process().signal(SIGHUP);  // its clients could not come back
  CHECK(eventually([&] { return daemon.log().find("the old server keeps running") != std::string::npos; }));
  CHECK_THAT(daemon.log(), Catch::Contains("already listening at " + daemon.socket()));
  CHECK(daemon.server() == old);
  CHECK(outcome(client->ping()) == "ok");
  CHECK(ask_to_replace(daemon).how == "exit 0");  // the other one, whose path it is
  CHECK(daemon.server() == old);
  CHECK(inode_of(daemon.socket()) == theirs);
  CHECK(outcome(rival.client->ping()) == "ok");

  CHECK(rival.stop() == "exit 0");
  replace_server(daemon, SIGHUP);
  CHECK(outcome(client->ping()) == "ok");
  CHECK(same(daemon.connect()->get_raw(id_of("kept")).value().data(), pattern(1000)));
}

TEST_CASE("the socket's file removed, and another daemon there: neither a crash nor a stop takes what is not its own") {
  Daemon daemon;
  remove_files(daemon, true, true);
  Rival rival(daemon);
  const ino_t theirs = inode_of(daemon.socket());
  const bool stops = GENERATE(true, false);
  CAPTURE(stops);
  if (!stops) {
    const pid_t old = daemon.server();
    daemon.kill_server();
    CHECK(eventually([&] { return daemon.server() != 0 && daemon.server() != old; }));
    CHECK(eventually([&] {
      const std::string log = daemon.log();
      return log.find("serving ", log.find("clients cannot connect to this daemon")) < log.size();
    }));
    const std::string log = daemon.log();
    CHECK_THAT(log.substr(log.find("clients cannot connect")),
               Catch::Contains("but no new clients: " + daemon.socket() + " does not lead to this daemon") &&
                   !Catch::Contains(" on " + daemon.socket()));
    CHECK(inode_of(daemon.socket()) == theirs);
  }
  CHECK(daemon.stop() == "exit 0");
  CHECK(inode_of(daemon.socket()) == theirs);
  CHECK(outcome(rival.client->ping()) == "ok");
  CHECK(rival.stop() == "exit 0");
}
