// The keeper's spill process. Its program is a shell script here.

#include "daemon/keeper/spill_process.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <iterator>

#include "daemon/process/logging.h"
#include "daemon/process/spill_program.h"
#include "shm/os/monotonic_clock.h"
#include "tests/temporary_directory.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::test;

namespace {

/// A script that tells its token through a pipe that it inherits, then does what `then` says.
struct Script {
  explicit Script(const std::string& then) {
    REQUIRE(::pipe(ends.data()) == 0);
    std::ofstream(path()) << "while [ \"$1\" != --token-fd ]; do shift; done\ncat /dev/fd/$2 >&" << ends[1] << "\n"
                          << then << "\n";
  }
  ~Script() {
    for (const int end : ends) ::close(end);
  }
  [[nodiscard]] std::string path() const { return directory.path() / "spill"; }
  [[nodiscard]] std::string told() const {
    std::string text(32, ' ');
    for (std::size_t got = 0; got < text.size();) {
      const ssize_t count = ::read(ends[0], text.data() + got, text.size() - got);
      REQUIRE(count > 0);
      got += static_cast<std::size_t>(count);
    }
    return text;
  }

  TemporaryDirectory directory;
  std::array<int, 2> ends{};
};

int wait_for_child(pid_t& child) {
  int status = 0;
  child = ::waitpid(-1, &status, 0);
  REQUIRE(child > 0);
  return status;
}

}  // namespace

TEST_CASE("the spill process gets the keeper's token through a descriptor, and ends with the daemon") {
  const Script script("exec sleep 1000");
  const KeeperLog log(open_log({.log_level = LogLevel::off}).value(), {});
  SpillProcess spill({"/bin/sh", script.path(), "--socket", "/x"});
  CHECK(spill.next_start() == shm::kNever);
  const std::string token = spill.token().value();
  CHECK(token.size() == 32);
  CHECK(spill.token().value() == token);
  REQUIRE(spill.next_start() == 0);
  spill.start_if_due(shm::monotonic_now(), log);
  CHECK(script.told() == token);
  CHECK(spill.next_start() == shm::kNever);
  spill.stop(log);
  CHECK(::waitpid(-1, nullptr, WNOHANG) < 0);  // reaped
}

TEST_CASE("a spill process that has ended is started again, after growing pauses") {
  const Script script("exit 1");
  const KeeperLog log(open_log({.log_level = LogLevel::off}).value(), {});
  SpillProcess spill({"/bin/sh", script.path()});
  const std::string token = spill.token().value();
  shm::TimeNs now = shm::monotonic_now();
  shm::TimeNs last = 0;
  for (int i = 0; i < 3; ++i) {
    spill.start_if_due(now, log);
    CHECK(script.told() == token);
    pid_t child = 0;
    const int status = wait_for_child(child);
    CHECK_FALSE(spill.ended(child + 1, status, now, log));
    REQUIRE(spill.ended(child, status, now, log));
    REQUIRE(spill.next_start() > now);
    CHECK(spill.next_start() - now > last);
    last = spill.next_start() - now;
    spill.start_if_due(now, log);  // not yet
    CHECK(spill.next_start() != shm::kNever);
    now = spill.next_start();
  }
}

TEST_CASE("a spill process that ends with the daemon is not started again") {
  const Script script("exit 0");
  const KeeperLog log(open_log({.log_level = LogLevel::off}).value(), {});
  SpillProcess spill({"/bin/sh", script.path()});
  CHECK(spill.token().value().size() == 32);
  spill.start_if_due(shm::monotonic_now(), log);
  spill.expect_end();
  pid_t child = 0;
  const int status = wait_for_child(child);
  CHECK(spill.ended(child, status, shm::monotonic_now(), log));
  CHECK(spill.next_start() == shm::kNever);
  spill.stop(log);  // nothing is left to wait for
}

TEST_CASE("a first spill process that cannot use its directory ends the daemon, and a later one is started again") {
  const KeeperLog log(open_log({.log_level = LogLevel::off}).value(), {});
  const bool is_first = GENERATE(true, false);
  const Script script("exit $(cat \"$(dirname \"$0\")/status\")");
  const auto end_with = [&](SpillProcess& spill, const char* status) {
    std::ofstream(script.directory.path() / "status") << status;
    spill.start_if_due(shm::kNever - 1, log);
    static_cast<void>(script.told());
    pid_t child = 0;
    const int how = wait_for_child(child);
    REQUIRE(spill.ended(child, how, 0, log));
  };
  SpillProcess spill({"/bin/sh", script.path()});
  CHECK(spill.token().value().size() == 32);
  if (!is_first) end_with(spill, "1");
  CHECK_FALSE(spill.is_unusable());
  end_with(spill, std::to_string(kSpillUnusable).c_str());
  CHECK(spill.is_unusable() == is_first);
}

TEST_CASE("without a spill directory there is no spill process") {
  CHECK(spill_arguments({}).empty());
  SpillProcess spill({});
  CHECK(spill.token().value().empty());
  CHECK(spill.next_start() == shm::kNever);
  Config config;
  config.store.spill = true;
  config.spill_directory = "/d";
  config.socket_path = "/s";
  config.spill_capacity = 5;
  config.spill_io = SpillIo::threads;
  const std::vector<std::string> arguments = spill_arguments(config);
  CHECK_THAT(arguments.front(), Catch::EndsWith("/doliumd-spill"));
  CHECK(std::vector(arguments.begin() + 1, arguments.end()) ==
        std::vector<std::string>{"--socket", "/s", "--directory", "/d", "--capacity", "5", "--io", "threads",
                                 "--log-level", "info"});
  config.log_file = "/l";
  config.log_level = LogLevel::debug;
  const std::vector<std::string> logging = spill_arguments(config);
  CHECK(std::vector(logging.end() - 4, logging.end()) ==
        std::vector<std::string>{"--log-level", "debug", "--log-file", "/l"});
}

TEST_CASE("a spill directory that cannot serve is refused in words") {
  const TemporaryDirectory directory;
  Config config;
  config.store.spill = true;
  const auto refusal_of = [&config](const std::string& path) {
    config.spill_directory = path;
    const auto checked = check_spill_directory(config);
    return checked ? std::string() : checked.error().message;
  };
  CHECK_THAT(refusal_of(directory.path() / "none"), Catch::Contains("make it"));
  std::ofstream(directory.path() / "file") << "x";
  CHECK_THAT(refusal_of(directory.path() / "file"), Catch::Contains("Not a directory"));
  std::filesystem::create_directory(directory.path() / "open");
  std::filesystem::permissions(directory.path() / "open", std::filesystem::perms(0755));
  CHECK_THAT(refusal_of(directory.path() / "open"), Catch::Contains("chmod 700"));
  CHECK_THAT(refusal_of("/dev/shm"), Catch::Contains("spill directory"));
  config.store.spill = false;
  CHECK(check_spill_directory(config).value().empty());
}
