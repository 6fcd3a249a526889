// Identifiers that mean something else in another namespace: pids, user ids, owners of directories. Uses real
// namespaces; if the kernel refuses them, the tests say so and pass.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/other_user.h"
#include "tests/user_namespace.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace fs = std::filesystem;

namespace {

using Command = std::vector<std::string>;

Command in_pid_namespace(Command command) {
  command.insert(command.begin(), {"/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"});
  return command;
}

bool have_pid_namespaces() {
  if (run_to_end(in_pid_namespace({"/bin/true"})).how == "exit 0") return true;
  WARN("skipped: this kernel refuses a PID namespace here");
  return false;
}

/// A daemon in a PID namespace of its own, whose keeper is process 1 there.
class ContainedDaemon {
 public:
  ContainedDaemon() {
    process_ = Process::start(in_pid_namespace({DOLIUM_DOLIUMD_PATH, "--socket", socket(), "--capacity=4MiB",
                                                "--log-file", log_file().string()}),
                              {});
    REQUIRE(eventually([&] { return connects() || !process_.running(); }));
    REQUIRE(process_.running());
  }
  ContainedDaemon(const ContainedDaemon&) = delete;
  ContainedDaemon& operator=(const ContainedDaemon&) = delete;
  ~ContainedDaemon() {
    ::kill(keeper(), SIGTERM);
    CHECK(process_.wait() == "exit 0");
  }
  [[nodiscard]] std::string socket() const { return (directory_.path() / "dolium.sock").string(); }
  [[nodiscard]] bool connects() const {
    return Client::connect(socket(), {.connect_timeout = no_wait, .follow_fork = false}).has_value();
  }
  [[nodiscard]] fs::path log_file() const { return directory_.path() / "log"; }
  [[nodiscard]] std::string log() const {
    std::ifstream file(log_file());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// Its number here.
  [[nodiscard]] pid_t keeper() const { return first_child(process_.pid()); }

 private:
  TemporaryDirectory directory_;
  Process process_;
};

std::string own_host() {
  std::array<char, 256> host{};
  REQUIRE(::gethostname(host.data(), host.size() - 1) == 0);
  return host.data();
}

/// Of the only client that is not `watcher`.
ClientInfo other_client(const std::shared_ptr<Client>& watcher) {
  for (const ClientInfo& each : watcher->clients().value())
    if (each.session_id != watcher->session_id()) return each;
  FAIL("no other client");
  return {};
}

}  // namespace

TEST_CASE("pids of other namespaces: --replace of a daemon in another one asks it, and signals no number") {
  if (!have_pid_namespaces()) return;
  const ContainedDaemon daemon;
  const auto client = Client::connect(daemon.socket()).value();
  REQUIRE(outcome(client->put(id_of("kept"), pattern(1000))) == "ok");
  const std::int32_t old = client->stats().value().server_pid;
  const Finished replaced = run_to_end({DOLIUM_DOLIUMD_PATH, "--replace", "--socket", daemon.socket()});
  const std::int32_t now = client->stats().value().server_pid;
  CHECK(replaced.output == fmt::format("server {} serves\n", now));
  CHECK(now != old);
  CHECK(now < 20);  // the daemon's own number of it
  CHECK_THAT(daemon.log(), Catch::Contains("a process of another PID namespace, of user ") &&
                               Catch::Contains(" asked for a restart of the server") && !Catch::Contains("process 0 "));
  CHECK(same(client->get_raw(id_of("kept")).value().data(), pattern(1000)));
}

TEST_CASE("pids of other namespaces: without its socket file a daemon in a namespace below is found by its lock") {
  if (!have_pid_namespaces()) return;
  const ContainedDaemon daemon;
  REQUIRE(fs::remove(daemon.socket()));
  const Finished replaced = run_to_end({DOLIUM_DOLIUMD_PATH, "--replace", "--socket", daemon.socket()});
  INFO(replaced.output);
  CHECK(replaced.how == "exit 0");
  CHECK(daemon.connects());
}

TEST_CASE("pids of other namespaces: --replace in a container asks the daemon outside; what it cannot see, it says") {
  if (!have_pid_namespaces()) return;
  Daemon daemon;
  const pid_t old = daemon.server();
  const Command replace = in_pid_namespace({DOLIUM_DOLIUMD_PATH, "--replace", "--socket", daemon.socket()});
  const Finished replaced = run_to_end(replace);
  CHECK(replaced.output == fmt::format("server {} serves\n", daemon.server()));
  const pid_t second = daemon.server();
  CHECK(second != old);

  REQUIRE(fs::remove(daemon.socket()));
  const Finished refused = run_to_end(replace);
  CHECK(refused.how == "exit 1");
  CHECK_THAT(refused.output, Catch::Contains("its processes are not seen from here") &&
                                 Catch::Contains(fmt::format("calls itself process {} in its own PID namespace",
                                                             daemon.process().pid())));
  CHECK(daemon.server() == second);
  replace_server(daemon, SIGHUP);
}

TEST_CASE("pids of other namespaces: a client that the daemon does not see says who it is") {
  if (!have_pid_namespaces()) return;
  const ContainedDaemon daemon;
  REQUIRE(::setenv("POD_NAME", "trainer-0", 1) == 0);
  const auto client = Client::connect(daemon.socket(), {.name = "loader"}).value();
  REQUIRE(::unsetenv("POD_NAME") == 0);
  const auto watcher = Client::connect(daemon.socket(), {.access = Access::read_only}).value();
  const ClientOrigin origin{::getpid(), own_host(), "trainer-0"};
  REQUIRE(outcome(client->put(id_of("held"), pattern(10))) == "ok");
  const Object held = client->get_raw(id_of("held")).value();
  const auto check = [&] {
    const ClientInfo info = other_client(watcher);
    CHECK(info.pid == 0);
    CHECK(info.origin == origin);
    const ObjectMetadata metadata = watcher->metadata(id_of("held")).value();
    CHECK(metadata.creator_pid == 0);
    CHECK(metadata.creator_command == "");
    REQUIRE(metadata.holders.size() == 1);
    CHECK(metadata.holders.front().origin == origin);
  };
  check();
  ::kill(daemon.keeper(), SIGHUP);  // and another server knows it
  const std::int32_t old = watcher->stats().value().server_pid;
  REQUIRE(eventually([&] { return watcher->stats().value().server_pid != old; }));
  check();
  REQUIRE(outcome(client->ping()) == "ok");
  CHECK(other_client(watcher).origin.pid == ::getpid());
}

TEST_CASE("pids of other namespaces: a child of fork() says its own number") {
  Daemon daemon;
  const std::shared_ptr<Client> client = daemon.connect();
  const auto child = as_user({::geteuid(), ::getegid()}, [&] {
    const auto clients = client->clients();
    if (!clients) return to_string(clients.error());
    for (const ClientInfo& each : *clients)
      if (each.session_id == client->session_id()) return fmt::format("{}", each.origin.pid == ::getpid());
    return std::string("not there");
  });
  CHECK(child == "true");
}

TEST_CASE("uids of user namespaces: a daemon that runs as nobody in one gives nothing to a stranger") {
  if (!can_be_others()) return;
  constexpr uid_t kNobody = 65534;
  constexpr uid_t kReal = 61'020;
  const TemporaryDirectory directory;
  REQUIRE(::chown(directory.path().c_str(), kReal, kReal) == 0);
  fs::permissions(directory.path(), fs::perms(0755));
  const std::string socket = (directory.path() / "dolium.sock").string();
  const std::string log = (directory.path() / "log").string();
  Child daemon = start_in_user_namespace({kNobody, kReal}, static_cast<int>(kNobody), [&] {
    ::execl(DOLIUM_DOLIUMD_PATH, "doliumd", "--socket", socket.c_str(), "--capacity=4MiB", "--socket-mode=0666",
            "--log-file", log.c_str(), nullptr);
    return std::string("cannot be started");
  });
  const std::string words = words_of(daemon);
  if (words == kNoNamespace) {
    WARN(words);
    return;
  }
  REQUIRE(words.empty());
  const auto tries = [&](Access access) {
    auto client = Client::connect(socket, {.access = access, .follow_fork = false});
    return client ? "connected" : to_string(client.error());
  };
  const auto has_started = [&] { return fs::exists(socket) || ::waitpid(daemon.pid, nullptr, WNOHANG) == daemon.pid; };
  REQUIRE(eventually(has_started));
  // The real user of the daemon cannot be told from a stranger either.
  for (const uid_t uid : {uid_t{61'002}, kReal})
    for (const Access access : {Access::read_write, Access::read_only}) {
      const std::string said = as_user({uid, uid}, [&] { return tries(access); });
      CAPTURE(uid, access);
      CHECK_THAT(said, Catch::StartsWith("permission_denied: user ") && Catch::Contains("(uid 65534) may not") &&
                           Catch::Contains("every user that the daemon's user namespace does not map"));
    }
  REQUIRE(::kill(daemon.pid, SIGTERM) == 0);
  int status = -1;
  REQUIRE(::waitpid(daemon.pid, &status, 0) == daemon.pid);
  CHECK(status == 0);
}

TEST_CASE("uids of user namespaces: root of one, in a PID namespace too, has a daemon of its own") {
  const TemporaryDirectory directory;
  const std::string socket = (directory.path() / "dolium.sock").string();
  const Command contained = {"/usr/bin/unshare", "-Upf", "--map-root-user", "--mount-proc", "--kill-child"};
  Command command = contained;
  command.insert(command.end(), {"/bin/true"});
  if (run_to_end(command).how != "exit 0") {
    WARN(std::string(kNoNamespace));
    return;
  }
  command = contained;
  command.insert(command.end(), {DOLIUM_DOLIUMD_PATH, "--socket", socket, "--capacity=4MiB"});
  Process process = Process::start(command, {});
  REQUIRE(eventually([&] {
    return Client::connect(socket, {.connect_timeout = no_wait, .follow_fork = false}).has_value() ||
           !process.running();
  }));
  CHECK(outcome(Client::connect(socket).value()->put(id_of("a"), pattern(100))) == "ok");
  const pid_t keeper = first_child(process.pid());
  REQUIRE(::kill(keeper, SIGTERM) == 0);
  CHECK(process.wait() == "exit 0");
}

TEST_CASE("directories of containers: one of mode 0777 is taken below a private ancestor, or by an option") {
  const TemporaryDirectory directory;
  const fs::path shared = directory.path() / "shared";
  const std::string socket = (shared / "dolium.sock").string();
  fs::create_directory(shared);
  fs::permissions(shared, fs::perms::all);
  const bool is_private = GENERATE(true, false);
  CAPTURE(is_private);
  fs::permissions(directory.path(), fs::perms(is_private ? 0700 : 0755));
  Command command = {DOLIUM_DOLIUMD_PATH, "--socket", socket, "--capacity=4MiB"};
  if (!is_private) {
    const Finished refused = run_to_end(command);
    CHECK(refused.how == "exit 1");
    CHECK_THAT(refused.output, Catch::Contains("every user can replace files in " + shared.string()) &&
                                   Catch::Contains("--trust-socket-directory"));
    command.emplace_back("--trust-socket-directory");
  }
  Process process = Process::start(command, {});
  CHECK(eventually([&] {
    return Client::connect(socket, {.connect_timeout = no_wait, .follow_fork = false}).has_value() ||
           !process.running();
  }));
  process.signal(SIGTERM);
  CHECK(process.wait() == "exit 0");
}
