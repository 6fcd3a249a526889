// System failures in the daemon: each of its calls fails, with each possible errno, at the n-th call for growing n,
// until no call is reached any more. Each time, a refused client gets the reason, and the daemon continues, or its
// server ends and another one takes over every object (never the keeper, never the store). When the cause is gone
// everything works, and nothing has leaked.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <numeric>
#include <sstream>

#include "tests/client/store_under_test.h"
#include "tests/e2e/raw_client.h"
#include "tests/faults/faults.h"
#include "tests/faults/visit.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::faults;
using namespace dolium::test;

namespace {

constexpr std::size_t kTreasures = 20;

void bury_treasures(ObjectStore& store) {
  for (std::size_t n = 0; n < kTreasures; ++n) REQUIRE(outcome(store.put(id_of(n), pattern(5000 + n))) == "ok");
}

bool has_treasures(ObjectStore& store) {
  for (std::size_t n = 0; n < kTreasures; ++n) {
    const auto found = store.get_raw(id_of(n));
    if (!found || !same(found->data(), pattern(5000 + n))) return false;
  }
  return true;
}

std::string joined(const Refusals& refusals) {
  return std::accumulate(refusals.begin(), refusals.end(), std::string(),
                         [](std::string text, const std::string& each) { return std::move(text) + each + '\n'; });
}

/// Whether it is said why. Libraries in C (libuv, the C library's own) end the process without a word when they are
/// refused memory, or epoll_ctl(), where they do not expect it: that it has ended is all that is known.
bool daemon_gives_reason(const std::string& text, const Fault& fault) {
  const auto says = [&](const std::string& what) { return text.find(what) != std::string::npos; };
  if (fault.error == ENOMEM && says("no memory")) return true;
  const bool may_be_dumb = fault.call == Call::heap || fault.call == Call::epoll_ctl;
  return says(words_for(fault.error)) || (may_be_dumb && says("ended by signal 6"));
}

/// Whether the daemon has said that something went wrong, be it killed by the test meanwhile or not.
bool was_noticed(const std::string& log) {
  constexpr const char* kSigns[] = {"ended by signal 6", "trying again", "this process ends"};
  return std::ranges::any_of(kSigns, [&](const char* sign) { return log.find(sign) != std::string::npos; });
}

/// A daemon under the interposer with objects in it, and what must be so after each fault.
class Victim {
 public:
  explicit Victim(Faults& faults) : faults_(faults) {
    bury_treasures(*daemon.watcher());
    renew_server();  // what follows a server differs a little from what began
    before_ = daemon.census();
    keeper_before_ = daemon.process().settled_descriptors();
  }

  /// Does what `meanwhile` does, under the fault; true when the fault has struck.
  bool suffer(const Fault& fault, const std::function<Refusals()>& meanwhile) {
    INFO(fault.text());
    const std::size_t log_before = daemon.log().size();
    faults_.arm(fault);
    const Refusals refusals = meanwhile();
    const std::uint64_t struck = faults_.disarm();
    injected += struck;
    REQUIRE(daemon.process().running());
    const bool served = eventually([&] { return daemon.watcher()->ping().has_value(); });
    const std::string said = daemon.log().substr(log_before);
    INFO("refused:\n" << joined(refusals) << "logged:\n" << said);
    REQUIRE(served);
    clean_up(*daemon.watcher());
    if (is_harmless(fault)) CHECK(refusals.empty());
    if (!refusals.empty() || was_noticed(said)) CHECK(daemon_gives_reason(joined(refusals) + said, fault));
    check_unharmed();
    return struck != 0;
  }

  void renew_server() const {
    const pid_t old = daemon.server();
    daemon.kill_server();
    REQUIRE(daemon.replaced(old));
  }

  void check_unharmed() {
    CHECK(has_treasures(*daemon.watcher()));
    CHECK(outcome(daemon.watcher()->put(id_of("after"), pattern(100))) == "ok");
    CHECK(daemon.watcher()->remove(id_of("after")).value());
    // Where it was short of something it may do without: rings for a client that came back, a listener's spare number.
    const Census now = daemon.census();
    if (now.daemon_mappings < before_.daemon_mappings || now.daemon_descriptors < before_.daemon_descriptors)
      renew_server();
    CHECK(daemon.settled(before_) == before_);
    CHECK(eventually([&] { return daemon.process().descriptors() == keeper_before_; }));
  }

  /// Every call of the table in one of the two processes, each with each errno, once and for growing n.
  void suffer_all(Role role, const std::function<Refusals()>& meanwhile) {
    for (const auto& [call, errors] : fault_table())
      for (const std::int32_t error : errors) {
        for (std::int64_t n = 1; suffer({.call = call, .role = role, .error = error, .n = n}, meanwhile);
             n = next_n(n)) {
        }
        if (is_harmless({.error = error}))
          suffer({.call = call,
                  .role = role,
                  .error = error,
                  .span = error == EINTR ? Span::every_second : Span::from_then_on},
                 meanwhile);
      }
  }

  Daemon daemon{std::vector<std::string>{"--log-lines-per-minute=0"}};  // each fault shall say why
  std::uint64_t injected = 0;

 private:
  Faults& faults_;
  Census before_;
  std::size_t keeper_before_ = 0;
};

}  // namespace

TEST_CASE("calls that fail in the serving daemon are told, and survived") {
  Faults faults;
  Victim victim(faults);
  victim.suffer_all(Role::server, [&] { return visit(victim.daemon.socket()); });
  fmt::print("{} failures injected into the serving server\n", victim.injected);
}

TEST_CASE("calls that fail while a server follows another, in either half, are survived") {
  Faults faults;
  Victim victim(faults);
  const auto kill = [&]() -> Refusals {
    const pid_t old = victim.daemon.server();
    victim.daemon.kill_server();
    CHECK(eventually([&] { return victim.daemon.server() != 0 && victim.daemon.server() != old; }));
    const Result<void> answered = victim.daemon.watcher()->ping();
    return answered ? Refusals() : Refusals{to_string(answered.error())};
  };
  victim.suffer_all(Role::server, kill);
  victim.suffer_all(Role::keeper_or_client, kill);
  fmt::print("{} failures injected while a server follows another\n", victim.injected);
}

TEST_CASE("no memory for the rings of who comes back: the log says so, calls work, and the next server tries again") {
  Faults faults;
  Victim victim(faults);
  const Fault fault{.call = Call::memfd_create, .error = ENOMEM, .span = Span::from_then_on};
  const std::size_t log_before = victim.daemon.log().size();
  CHECK(victim.suffer(fault, [&]() -> Refusals {  // which replaces the server again, and finds all as it was
    const pid_t old = victim.daemon.server();
    victim.daemon.kill_server();
    CHECK(victim.daemon.replaced(old));
    return {};
  }));
  CHECK_THAT(victim.daemon.log().substr(log_before),
             Catch::Contains("has no shared rings") && Catch::Contains(words_for(ENOMEM)));
}

TEST_CASE("calls that fail in the keeper while clients come and go are survived") {
  Faults faults;
  Victim victim(faults);
  victim.suffer_all(Role::keeper_or_client, [&] { return visit(victim.daemon.socket()); });
  fmt::print("{} failures injected into the keeper\n", victim.injected);
}

TEST_CASE("calls that go on failing are told, and all is well when the cause is gone") {
  Faults faults;
  Victim victim(faults);
  for (const auto& [call, errors] : fault_table()) {
    // Who is out of memory for messages, or cannot even be heard of, waits: the next test's business.
    const bool keeps_waiting = call == Call::sendmsg || call == Call::recvmsg || call == Call::recv ||
                               call == Call::send || call == Call::accept4 || call == Call::poll || call == Call::heap;
    for (const std::int32_t error : errors)
      if (!keeps_waiting && !is_harmless({.error = error}))
        victim.suffer({.call = call, .error = error, .span = Span::from_then_on},
                      [&] { return visit(victim.daemon.socket()); });
  }
  fmt::print("{} failures injected into the serving server, without a pause\n", victim.injected);
}

TEST_CASE("no memory for a server's heap for a while: servers end, and the objects are kept until one has some") {
  Faults faults;
  Victim victim(faults);
  const auto tries = [&] {
    const std::string log = victim.daemon.log();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = log.find("trying again", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  victim.suffer({.call = Call::heap, .error = ENOMEM, .span = Span::from_then_on}, [&]() -> Refusals {
    RawClient raw(victim.daemon.socket());  // something to do
    CHECK(eventually([&] { return tries() > static_cast<std::size_t>(3); }));
    return {};
  });
}

TEST_CASE("no memory for the keeper's heap, and no process to be had, for a while: the keeper waits") {
  Faults faults;
  Victim victim(faults);
  const auto [call, error] = GENERATE(std::pair(Call::heap, ENOMEM), std::pair(Call::fork, EAGAIN));
  victim.suffer({.call = call, .role = Role::keeper_or_client, .error = error, .span = Span::from_then_on},
                [&]() -> Refusals {
                  victim.daemon.kill_server();
                  CHECK(eventually([&] { return faults.struck() > 3; }));
                  return {};
                });
}

TEST_CASE("pids of other namespaces: a kernel without SO_PEERPIDFD serves a client whose process it cannot name") {
  const std::vector<std::string> contained = {"/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"};
  std::vector<std::string> command = contained;
  command.emplace_back("/bin/true");
  if (run_to_end(command).how != "exit 0") {
    WARN("skipped: this kernel refuses a PID namespace here");
    return;
  }
  Faults faults;
  const TemporaryDirectory directory;
  const std::string socket = (directory.path() / "dolium.sock").string();
  faults.arm({.call = Call::getsockopt, .error = ENOPROTOOPT, .span = Span::from_then_on});
  command = contained;
  command.insert(command.end(), {DOLIUM_DOLIUMD_PATH, "--socket", socket, "--capacity=4MiB"});
  Process process = Process::start(command, {});
  const auto connect = [&] { return Client::connect(socket, {.connect_timeout = no_wait}); };
  REQUIRE(eventually([&] { return connect().has_value() || !process.running(); }));
  const auto watcher = connect().value();
  {
    // Another process: its end is all that the daemon hears of it.
    const pid_t child = ::fork();
    if (child == 0) {
      const auto client = connect();
      const bool served =
          client && (*client)->put(id_of("theirs"), pattern(1000)) && (*client)->create(id_of("b"), 100);
      ::_exit(served ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  CHECK(eventually([&] { return watcher->clients().value().size() == 1; }));
  CHECK(watcher->clients().value().front().pid == 0);
  CHECK(same(watcher->get_raw(id_of("theirs")).value().data(), pattern(1000)));
  // Another server goes on with such a session.
  const pid_t keeper = first_child(process.pid());
  const std::int32_t old = watcher->stats().value().server_pid;
  REQUIRE(::kill(keeper, SIGHUP) == 0);
  REQUIRE(eventually([&] {
    const auto stats = watcher->stats();
    return stats && stats->server_pid != old;
  }));
  CHECK(outcome(watcher->put(id_of("mine"), pattern(10))) == "ok");
  CHECK(faults.disarm() != 0);
  REQUIRE(::kill(keeper, SIGTERM) == 0);
  CHECK(process.wait() == "exit 0");
}

TEST_CASE("calls that fail while the daemon starts end it with a reason, or are survived") {
  Faults faults;
  const TemporaryDirectory directory;
  const std::string socket = (directory.path() / "dolium.sock").string();
  std::uint64_t injected = 0;
  const auto start = [&](const Fault& fault) {
    INFO(fault.text());
    const std::filesystem::path log = directory.path() / "log";
    std::filesystem::remove(log);
    const shm::UniqueFd log_fd(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    faults.arm(fault);
    Process process = Process::start({DOLIUM_DOLIUMD_PATH, "--socket", socket, "--capacity=64MiB"},
                                     {.out = log_fd.get(), .error = log_fd.get()});
    const auto serves = [&] {
      const auto client =
          Client::connect(socket, {.connect_timeout = std::chrono::milliseconds(20), .follow_fork = false});
      if (!client) return false;
      const Result<void> put = (*client)->put(id_of("first"), pattern(100));
      // It is there already when the server has died of the fault after the first of these puts.
      return (put || put.error().code == Errc::already_exists) && (*client)->get_raw(id_of("first"));
    };
    bool served = false;
    CHECK(eventually([&] { return (served = serves()) || !process.running(); }));
    const std::uint64_t struck = faults.disarm();
    injected += struck;
    INFO("logged:\n" << text_of(log));
    if (served) process.signal(SIGTERM);
    CHECK(process.wait() == (served ? "exit 0" : "exit 1"));
    if (!served) CHECK_THAT(text_of(log), Catch::Contains(words_for(fault.error)));
    if (is_harmless(fault)) CHECK(served);
    CHECK_FALSE(std::filesystem::exists(socket));
    return struck != 0;
  };
  for (const Role role : {Role::server, Role::keeper_or_client})
    for (const auto& [call, errors] : fault_table())
      for (const std::int32_t error : errors)
        for (std::int64_t n = 1; start({.call = call, .role = role, .error = error, .n = n}); n = next_n(n)) {
        }
  fmt::print("{} failures injected into a starting daemon\n", injected);
}
