// Signals to either process of doliumd and to both at once, and inherited signal settings.

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "tests/child_processes.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/launched_daemon.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

const std::vector<std::string> kOwnGroup = {"/usr/bin/setsid"};

void put_a(Client& client) {
  REQUIRE(outcome(client.put(id_of("a"), pattern(1000))) == "ok");
}
bool has_a(Client& client) {
  const Result<Object> object = client.get_raw(id_of("a"));
  return object && same(object->data(), pattern(1000));
}

/// "SigCgt:", "SigIgn:", "SigBlk:" of a process, as the kernel shows them.
std::uint64_t signal_set(pid_t pid, const std::string& label) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;)
    if (word == label) {
      std::uint64_t set = 0;
      status >> std::hex >> set;
      return set;
    }
  return 0;
}

}  // namespace

TEST_CASE("signals: one to the whole group, and again, ends the daemon once, in order, with status 0") {
  for (int round = 0; round < 24; ++round) {
    const int number = std::array{SIGTERM, SIGINT, SIGQUIT}[static_cast<std::size_t>(round % 3)];
    CAPTURE(round, number);
    LaunchedDaemon daemon(kOwnGroup);
    for (int times = 0; times <= round % 4; ++times) static_cast<void>(::kill(-daemon.process().pid(), number));
    const std::string how = daemon.process().wait();
    INFO("doliumd says:\n" << daemon.log());
    REQUIRE(how == "exit 0");
    REQUIRE_FALSE(daemon.has_socket());
  }
}

TEST_CASE("signals: what means nothing to a daemon changes nothing, in either process") {
  LaunchedDaemon daemon(kOwnGroup);
  put_a(daemon.client());
  const pid_t server = daemon.server();
  std::vector<int> meaningless = {SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE, SIGIO,   SIGVTALRM, SIGPROF,  SIGPWR, SIGSTKFLT,
                                  SIGXCPU, SIGXFSZ, SIGTTIN, SIGTTOU, SIGCHLD, SIGURG,    SIGWINCH, SIGCONT};
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) meaningless.push_back(number);
  for (const int number : meaningless) {
    daemon.process().signal(number);
    REQUIRE(::kill(server, number) == 0);
  }
  CHECK(outcome(daemon.client().ping()) == "ok");
  CHECK(has_a(daemon.client()));
  CHECK(daemon.server() == server);
  daemon.process().signal(SIGTERM);
  CHECK(daemon.process().wait() == "exit 0");
}

TEST_CASE("signals: one that ends, to the server alone, is a restart") {
  const int number = GENERATE(SIGTERM, SIGINT, SIGQUIT, SIGHUP);
  CAPTURE(number);
  Daemon daemon;
  put_a(*daemon.watcher());
  const pid_t server = daemon.server();
  REQUIRE(::kill(server, number) == 0);
  REQUIRE(daemon.replaced(server));
  CHECK(has_a(*daemon.watcher()));
  CHECK_THAT(daemon.log(), Catch::Contains("it is restarted, and the objects are kept"));
}

TEST_CASE("signals: one to the whole group, as timeout(1) sends it, is never told as a replacement") {
  LaunchedDaemon daemon(kOwnGroup);
  const pid_t keeper = daemon.process().pid();
  const pid_t server = daemon.server();
  // The server hears of it first, and says so; then the keeper finds both.
  daemon.process().signal(SIGSTOP);
  REQUIRE(::kill(server, SIGTERM) == 0);
  REQUIRE(eventually([&] { return signal_set(server, "ShdPnd:") == 0; }));
  REQUIRE(::kill(keeper, SIGTERM) == 0);
  daemon.process().signal(SIGCONT);
  CHECK(daemon.process().wait() == "exit 0");
  CHECK_THAT(daemon.log(), !Catch::Contains("it is restarted"));
}

TEST_CASE("signals: SIGHUP to the whole group, as when a terminal closes, replaces the server") {
  LaunchedDaemon daemon(kOwnGroup);
  put_a(daemon.client());
  const pid_t server = daemon.server();
  REQUIRE(::kill(-daemon.process().pid(), SIGHUP) == 0);
  REQUIRE(daemon.replaced(server));
  CHECK(has_a(daemon.client()));
  daemon.process().signal(SIGTERM);
  CHECK(daemon.process().wait() == "exit 0");
}

TEST_CASE("signals: SIGTERM while the server makes way ends the daemon in order") {
  Daemon daemon;
  daemon.process().signal(SIGHUP);
  REQUIRE(eventually([&] { return daemon.log().find("restarting the server (SIGHUP)") != std::string::npos; }));
  CHECK(daemon.stop() == "exit 0");
  CHECK_FALSE(std::filesystem::exists(daemon.socket()));
}

TEST_CASE("signals: SIGQUIT ends the daemon as SIGTERM does") {
  Daemon daemon;
  daemon.process().signal(SIGQUIT);
  CHECK(daemon.process().wait() == "exit 0");
  CHECK_FALSE(std::filesystem::exists(daemon.socket()));
}

TEST_CASE("signals: SIGUSR1 to the keeper has both processes open the log file again") {
  const TemporaryDirectory logs;
  const std::filesystem::path file = logs.path() / "doliumd.log";
  Daemon daemon({"--log-file=" + file.string()});
  std::filesystem::rename(file, logs.path() / "doliumd.log.1");
  daemon.process().signal(SIGUSR1);
  REQUIRE(eventually([&] { return std::filesystem::exists(file); }));
  const pid_t old = daemon.server();
  daemon.process().signal(SIGHUP);
  REQUIRE(daemon.replaced(old));
  const pid_t killed = daemon.server();
  REQUIRE(::kill(killed, SIGKILL) == 0);
  REQUIRE(daemon.replaced(killed));
  const auto text = [](const std::filesystem::path& path) {
    std::ifstream stream(path);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  CHECK_THAT(text(file), Catch::Contains("restarting the server (SIGHUP)") && Catch::Contains("ended by signal 9"));
  CHECK_THAT(text(logs.path() / "doliumd.log.1"), !Catch::Contains("restarting the server (SIGHUP)"));
}

TEST_CASE("signals: what the program that starts the daemon ignores or blocks is undone") {
  const std::string inherited = GENERATE("--ignore-signal", "--ignore-signal=CHLD", "--block-signal");
  CAPTURE(inherited);
  LaunchedDaemon daemon({"/usr/bin/env", inherited});
  put_a(daemon.client());
  const pid_t killed = daemon.server();
  REQUIRE(::kill(killed, SIGKILL) == 0);
  REQUIRE(daemon.replaced(killed));
  const pid_t replaced = daemon.server();
  const Finished asked = run_to_end({DOLIUM_DOLIUMD_PATH, "--replace", "--socket", daemon.socket()});
  INFO(asked.output);
  CHECK(asked.how == "exit 0");
  REQUIRE(daemon.replaced(replaced));
  CHECK(has_a(daemon.client()));
  daemon.process().signal(SIGTERM);
  CHECK(daemon.process().wait() == "exit 0");
}

TEST_CASE("signals: both processes have the same dispositions, however they were started") {
  LaunchedDaemon plain({"/usr/bin/env"});
  LaunchedDaemon other({"/usr/bin/env", "--ignore-signal", "--block-signal"});
  for (const char* label : {"SigBlk:", "SigIgn:"}) {
    INFO(label);
    CHECK(signal_set(plain.process().pid(), label) != 0);
    CHECK(signal_set(other.process().pid(), label) == signal_set(plain.process().pid(), label));
    CHECK(signal_set(plain.server(), label) == signal_set(plain.process().pid(), label));
    CHECK(signal_set(other.server(), label) == signal_set(plain.process().pid(), label));
  }
}

TEST_CASE("signals: as process 1 of a container the daemon reaps orphans and obeys SIGTERM") {
  const std::vector<std::string> container = {"/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"};
  std::vector<std::string> probe = container;
  probe.emplace_back("/bin/true");
  if (run_to_end(probe).how != "exit 0") {
    WARN("skipped: this user may not make a pid namespace");
    return;
  }
  // An orphan of process 1, which ends when the file is there.
  const TemporaryDirectory outside;
  const std::string go = (outside.path() / "go").string();
  std::vector<std::string> launcher = container;
  for (const std::string& word : {std::string("/bin/sh"), std::string("-c"),
                                  "(until [ -e " + go + " ]; do sleep 0.02; done) & exec \"$@\"", std::string("sh")})
    launcher.push_back(word);
  LaunchedDaemon daemon(launcher);
  const pid_t keeper = first_child(daemon.process().pid());
  CHECK(children_of(keeper).size() == 2);
  std::ofstream(go).close();
  CHECK(eventually([&] { return children_of(keeper).size() == 1; }));  // the dead are children until they are reaped
  REQUIRE(::kill(keeper, SIGTERM) == 0);
  CHECK(daemon.process().wait() == "exit 0");
  CHECK_FALSE(daemon.has_socket());
}
