// A log that cannot be written: the daemon serves, is replaced and ends as usual, and reports the number of dropped
// lines as soon as it can.

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/raw_client.h"
#include "tests/log_lines.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// A connection that says what no client says: worth a line of the log.
void provoke_line(const Daemon& daemon) {
  RawClient raw(daemon.socket());
  const std::array<std::byte, 4> length = {std::byte{255}, std::byte{255}, std::byte{255}, std::byte{255}};
  REQUIRE(raw.send(length));
  REQUIRE_FALSE(raw.last_words().empty());
}

/// Writes until nothing more is taken, without changing how the file is written to by others afterwards.
void fill_up(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  REQUIRE(::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
  for (const std::size_t size : {std::size_t{4096}, std::size_t{1}}) {
    const std::string junk(size, '\n');
    while (::write(fd, junk.data(), junk.size()) > 0) {
    }
    REQUIRE(errno == EAGAIN);
  }
  REQUIRE(::fcntl(fd, F_SETFL, flags) == 0);
}

void check_serves(Daemon& daemon) {
  daemon.expect_misbehaviour();
  const pid_t server = daemon.server();
  for (int n = 0; n < 3; ++n) provoke_line(daemon);
  Client& store = *daemon.watcher();
  CHECK(outcome(store.put(id_of("a"), pattern(1000))) == "ok");
  CHECK(same(store.get_raw(id_of("a")).value().data(), pattern(1000)));
  CHECK(daemon.server() == server);
  replace_server(daemon, SIGHUP);
  replace_server(daemon, SIGKILL);
  provoke_line(daemon);
  CHECK(same(store.get_raw(id_of("a")).value().data(), pattern(1000)));
  CHECK(daemon.stop() == "exit 0");
}

std::string read_until(int fd, std::string_view wanted) {
  std::string text;
  std::array<char, 4096> part;
  while (text.find(wanted) == std::string::npos || !text.ends_with('\n')) {
    const ssize_t size = ::read(fd, part.data(), part.size());
    if (size <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(size));
  }
  return text;
}

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

/// Sum of the counts of lost lines that a log tells.
std::size_t dropped_lines(const std::string& log) {
  std::size_t dropped = 0;
  for (const std::string& line : test::lines_of(log))
    if (const std::string event = test::without_time_stamp(line); event.starts_with("warning "))
      dropped += test::number_between(event, "warning ", " lines of this log were dropped: ").value_or(0);
  return dropped;
}

}  // namespace

TEST_CASE("a log that cannot be written: a pipe whose reader is gone kills neither keeper nor server") {
  Pipe pipe = make_pipe();
  Daemon daemon({}, Launch{.error = pipe.write_end.get()});
  pipe.read_end = shm::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));  // the fixture counts descriptors
  check_serves(daemon);
}

TEST_CASE("a log that cannot be written: a full pipe that nobody reads holds up neither keeper nor server") {
  const Pipe pipe = make_pipe();
  fill_up(pipe.write_end.get());
  Daemon daemon({}, Launch{.error = pipe.write_end.get()});
  check_serves(daemon);
}

TEST_CASE("a log that cannot be written: a terminal that nobody reads holds up neither keeper nor server") {
  const shm::UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(::grantpt(master.get()) == 0);
  REQUIRE(::unlockpt(master.get()) == 0);
  std::array<char, 64> name;
  REQUIRE(::ptsname_r(master.get(), name.data(), name.size()) == 0);
  const shm::UniqueFd terminal(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  fill_up(terminal.get());
  Daemon daemon({}, Launch{.error = terminal.get()});
  check_serves(daemon);
}

TEST_CASE("a log that cannot be written: a full disk changes nothing") {
  Daemon daemon({"--log-file=/dev/full"});
  check_serves(daemon);
}

TEST_CASE("a log that cannot be written: a file that is as large as the server may make one is no signal's matter") {
  const TemporaryDirectory directory;
  const std::string file = (directory.path() / "log").string();
  Daemon daemon({"--log-file=" + file});
  daemon.expect_misbehaviour();
  const pid_t server = daemon.server();
  rlimit before{};
  REQUIRE(::prlimit(server, RLIMIT_FSIZE, nullptr, &before) == 0);
  const rlimit small{.rlim_cur = 1, .rlim_max = before.rlim_max};
  REQUIRE(::prlimit(server, RLIMIT_FSIZE, &small, nullptr) == 0);
  for (int n = 0; n < 3; ++n) provoke_line(daemon);
  CHECK(outcome(daemon.watcher()->put(id_of("a"), pattern(1000))) == "ok");
  CHECK(daemon.server() == server);
  REQUIRE(::prlimit(server, RLIMIT_FSIZE, &before, nullptr) == 0);
  CHECK(eventually([&] {
    provoke_line(daemon);
    std::ifstream stream(file);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    return text.find("lines of this log were dropped: they could not be written: File too large") != std::string::npos;
  }));
}

TEST_CASE("a log that cannot be written: lines that were dropped are counted, and told when it can be") {
  constexpr std::size_t kLines = 700;  // more than a full queue
  const Pipe pipe = make_pipe();
  fill_up(pipe.write_end.get());
  Daemon daemon({"--log-lines-per-minute=0"}, Launch{.error = pipe.write_end.get()});
  daemon.expect_misbehaviour();
  for (std::size_t n = 0; n < kLines; ++n) provoke_line(daemon);
  const std::string text = read_until(pipe.read_end.get(), "were dropped");
  const std::size_t dropped = dropped_lines(text);
  CHECK(dropped > 0);
  CHECK(count_of(text, "is ended for misbehaviour") + dropped == kLines);
}

TEST_CASE("a log that cannot be written: the next server tells of lines that were dropped before it") {
  constexpr std::size_t kLines = 700;  // more than a full queue
  Pipe pipe = make_pipe();
  fill_up(pipe.write_end.get());
  Daemon daemon({"--log-lines-per-minute=0"}, Launch{.error = pipe.write_end.get()});
  daemon.expect_misbehaviour();
  for (std::size_t n = 0; n < kLines; ++n) provoke_line(daemon);
  replace_server(daemon, SIGHUP);
  REQUIRE(::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK) == 0);
  std::string text;
  CHECK(eventually([&] {
    text += read_until(pipe.read_end.get(), "were dropped");
    return text.ends_with('\n') && dropped_lines(text) != 0;
  }));
  // Beside those of the clients, at least the line with which the first server made way.
  CHECK(count_of(text, "is ended for misbehaviour") + dropped_lines(text) > kLines);
}

TEST_CASE("the keeper's lines go to the configured log, with the time, and follow it when it changes") {
  const TemporaryDirectory directory;
  const auto log = [&](const char* name) { return (directory.path() / name).string(); };
  const std::string file = log("doliumd.toml");
  std::ofstream(file) << "[log]\nfile = \"" << log("one") << "\"\n";
  Daemon daemon({"--config", file});
  replace_server(daemon, SIGKILL);
  std::ofstream(file) << "[log]\nfile = \"" << log("two") << "\"\n";
  replace_server(daemon, SIGHUP);
  replace_server(daemon, SIGKILL);
  std::ofstream(file) << "[log]\nfile = \"" << log("two") << "\"\n[access]\nreaders = [\"no-such-user\"]\n";
  daemon.process().signal(SIGHUP);
  const auto says = [&](const char* what) {
    std::ifstream stream(log("two"));
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    return text.find(what) != std::string::npos;
  };
  CHECK(eventually([&] { return says("the old server keeps running"); }));
  CHECK(says("this machine has no user \"no-such-user\""));
  for (const char* name : {"one", "two"}) {
    std::ifstream stream(log(name));
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    CAPTURE(name, text);
    CHECK(std::ranges::count_if(test::lines_of(text), [](const std::string& line) {
            return test::without_time_stamp(line).starts_with("error the server was ended by signal 9");
          }) == 1);
  }
}

TEST_CASE("the daemon's processes name themselves, and keep their arguments") {
  const Daemon daemon;
  const auto text_of = [](pid_t process, const char* file) {
    std::ifstream stream(fmt::format("/proc/{}/{}", process, file));
    return std::string{std::istreambuf_iterator<char>(stream), {}};
  };
  std::string arguments;
  const std::vector<std::string> command = daemon.command();
  for (auto word = command.begin() + 1; word != command.end(); ++word) arguments += *word + '\0';
  const pid_t keeper = const_cast<Daemon&>(daemon).process().pid();
  CHECK(text_of(keeper, "comm") == "doliumd: keeper\n");
  CHECK(text_of(keeper, "cmdline") == std::string("doliumd: keeper") + '\0' + arguments);
  CHECK(text_of(daemon.server(), "comm") == "doliumd: server\n");
  CHECK(text_of(daemon.server(), "cmdline") == "doliumd: server " + daemon.socket() + '\0' + arguments);
}

TEST_CASE("a client that is refused leaves a line in the log") {
  const Daemon daemon;
  RawClient raw(daemon.socket());
  REQUIRE(raw.request(1, RawClient::hello_request(Access::read_write, protocol::kProtocolVersion + 1)));
  REQUIRE(raw.receive() != nullptr);
  const std::string wanted = fmt::format(", pid {}, user ", ::getpid());
  CHECK(eventually([&] { return daemon.log().find(wanted) != std::string::npos; }));
  CHECK_THAT(daemon.log(),
             Catch::Contains("warning a client is refused (") && Catch::Contains("use the same release of both"));
}
