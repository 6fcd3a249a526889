// The keeper, with servers that are this test program: how it reacts to their ends.

#include "daemon/keeper/keeper.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "daemon/process/heap.h"
#include "daemon/process/keeper_link.h"
#include "daemon/process/logging.h"
#include "tests/temporary_directory.h"

using namespace dolium;
using namespace dolium::daemon;
using namespace dolium::test;

namespace {

constexpr std::size_t kRefusals = Keeper::kMaxEarlyDeaths;  // more of another kind, and it would be given up
constexpr const char* kDiary = "DOLIUM_TEST_DIARY";         // where servers say that they were there

void write_diary() {
  std::ofstream(std::getenv(kDiary), std::ios::app) << "started\n";
}

/// The end of the keeper's socket, as a server has it.
KeeperLink link_to_keeper() {
  return KeeperLink(shm::UniqueFd(std::atoi(std::getenv(KeeperLink::kVariable))));
}

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t diary_lines() {
  const std::string entries = content(std::getenv(kDiary));
  return static_cast<std::size_t>(std::ranges::count(entries, '\n'));
}

struct Ended {
  int status;
  std::string said;
  std::size_t servers;
};

using Servers = std::size_t;

/// A keeper, in a process of its own, whose servers run that hidden test case of this program. It is sent SIGTERM each
/// time that so many lines stand in the diary.
Ended keep(const char* server, const std::vector<Servers>& stops = {}) {
  const TemporaryDirectory directory;
  const std::string said = directory.path() / "said";
  const std::string diary = directory.path() / "diary";
  const pid_t child = ::fork();
  if (child == 0) {
    const int out = ::open(said.c_str(), O_WRONLY | O_CREAT, 0600);
    if (::dup2(out, STDERR_FILENO) < 0 || ::setenv(kDiary, diary.c_str(), 1) != 0) ::_exit(99);
    std::string program = "doliumd";
    std::string test = server;
    std::vector<char*> arguments = {program.data(), test.data(), nullptr};
    const int status = Keeper::run(arguments.data(), {open_log({}).value(), {}});
    ::_exit(status);
  }
  for (const Servers until : stops) {
    const auto begun = [&] { return static_cast<Servers>(std::ranges::count(content(diary), '\n')); };
    while (begun() < until) ::usleep(1000);
    REQUIRE(::kill(child, SIGTERM) == 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  const std::string entries = content(diary);
  return {WEXITSTATUS(status), content(said), static_cast<std::size_t>(std::ranges::count(entries, '\n'))};
}

}  // namespace

TEST_CASE("server that dies at once", "[.server]") {
  write_diary();
  ::raise(SIGKILL);
}

TEST_CASE("server that serves once and for long cannot follow", "[.server]") {
  write_diary();
  const KeeperLink link = link_to_keeper();
  const bool first = link.receive().value().kind == KeeperMessage::Kind::start;  // nothing is kept yet
  if (!first && diary_lines() <= 1 + kRefusals) ::_exit(3);
  if (!first) {  // whatever was wrong has been mended
    // Who ends with something unread resets the connection, and what it said is lost with it.
    while (link.receive().value().kind != KeeperMessage::Kind::start) {
    }
    REQUIRE(link.send(KeeperMessage::Kind::ready, 0));
    ::_exit(0);
  }
  REQUIRE(link.send(KeeperMessage::Kind::keep, 1, "something"));
  REQUIRE(link.send(KeeperMessage::Kind::ready, 0));
  ::raise(SIGKILL);
}

TEST_CASE("server that cannot even begin", "[.server]") {
  write_diary();
  ::_exit(3);
}

TEST_CASE("server that serves once and cannot be followed", "[.server]") {
  write_diary();
  const KeeperLink link = link_to_keeper();
  if (link.receive().value().kind != KeeperMessage::Kind::start) ::_exit(3);
  REQUIRE(link.send(KeeperMessage::Kind::keep, 1, "something"));
  REQUIRE(link.send(KeeperMessage::Kind::ready, 0));
  ::raise(SIGKILL);
}

TEST_CASE("server that is still starting", "[.server]") {
  ::signal(SIGTERM, SIG_IGN);
  write_diary();
  for (;;) ::pause();
}

TEST_CASE("server that looks at its signals", "[.server]") {
  sigset_t blocked;
  if (::sigprocmask(SIG_SETMASK, nullptr, &blocked) != 0 || ::sigisemptyset(&blocked) == 0) ::_exit(3);
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction action {};  // the test's own framework handles some
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) ::_exit(4);
  }
  ::_exit(0);
}

TEST_CASE("signals: SIGTERM between two servers ends the keeper at once, with status 0") {
  const Ended ended = keep("server that serves once and cannot be followed", {4});
  CHECK(ended.status == EXIT_SUCCESS);
  CHECK_THAT(ended.said, Catch::EndsWith("ended while no server was running: the objects are gone\n"));
}

TEST_CASE("server that ends in order if it gets as far as to serve", "[.server]") {
  write_diary();
  const KeeperLink link = link_to_keeper();
  if (diary_lines() == 1) {
    REQUIRE(link.receive().value().kind == KeeperMessage::Kind::start);  // with it unread, "ready" would be lost
    REQUIRE(link.send(KeeperMessage::Kind::ready, 0));
    ::_exit(KeeperLink::kRestart);
  }
  ::usleep(200'000);  // a signal would end it here
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  REQUIRE(link.send(KeeperMessage::Kind::ready, 0));
  int number = 0;
  REQUIRE(::sigwait(&term, &number) == 0);
  write_diary();
  ::_exit(0);
}

TEST_CASE("signals: SIGTERM reaches a server that follows another when it serves, and not before") {
  const Ended ended = keep("server that ends in order if it gets as far as to serve", {2});
  CHECK(ended.status == EXIT_SUCCESS);
  CHECK(ended.servers == 3);  // the second one has written twice
}

TEST_CASE("signals: SIGTERM ends a server that does not get as far as to serve") {
  const Ended ended = keep("server that is still starting", {1});
  CHECK(ended.status == EXIT_SUCCESS);
  CHECK_THAT(ended.said, Catch::EndsWith("the server was still starting: it is killed\n"));
}

TEST_CASE("server that writes to disk when it is told to end", "[.server]") {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  const KeeperLink link = link_to_keeper();
  while (link.receive().value().kind != KeeperMessage::Kind::start) {
  }
  REQUIRE(link.send(KeeperMessage::Kind::ready, 0));
  write_diary();
  int number = 0;
  REQUIRE(::sigwait(&term, &number) == 0);
  REQUIRE(link.send(KeeperMessage::Kind::draining, 60'000));
  write_diary();
  if (diary_lines() == 2) ::raise(SIGKILL);
  REQUIRE(link.receive().value().kind == KeeperMessage::Kind::hurry);
  REQUIRE(link.send(KeeperMessage::Kind::draining, 0));
  ::_exit(0);
}

TEST_CASE("server that runs out of memory once when it is told to end", "[.server]") {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  const KeeperLink link = link_to_keeper();
  REQUIRE(link.receive().value().kind == KeeperMessage::Kind::start);
  REQUIRE(link.send(KeeperMessage::Kind::ready, 0));
  write_diary();
  int number = 0;
  REQUIRE(::sigwait(&term, &number) == 0);
  ::_exit(diary_lines() == 1 ? kRefusedBySystem : EXIT_SUCCESS);
}

TEST_CASE("signals: SIGTERM while a server runs out of memory: the next one ends the store in order") {
  const Ended ended = keep("server that runs out of memory once when it is told to end", {1});
  CHECK(ended.status == EXIT_SUCCESS);
  CHECK(ended.servers == 2);
}

TEST_CASE("signals: SIGTERM again reaches a server that writes to disk, also the next one after its death") {
  const Ended ended = keep("server that writes to disk when it is told to end", {1, 4});
  CHECK(ended.status == EXIT_SUCCESS);
  CHECK(ended.servers == 4);
  CHECK_THAT(ended.said, Catch::Contains("while it wrote kept objects to disk: a new server continues\n"));
}

TEST_CASE("signals: a server begins with default dispositions and an empty mask") {
  CHECK(keep("server that looks at its signals").status == EXIT_SUCCESS);
}

TEST_CASE("the keeper gives up a server that dies again and again before it serves") {
  const Ended ended = keep("server that dies at once");
  CHECK(ended.status == EXIT_FAILURE);
  CHECK(ended.servers == Keeper::kMaxEarlyDeaths);
  CHECK_THAT(ended.said, Catch::Contains("signal 9"));
  CHECK_THAT(ended.said, Catch::EndsWith("giving up, all objects are lost\n"));
}

TEST_CASE("a server that could not follow another is tried again until it can") {
  const Ended ended = keep("server that serves once and for long cannot follow");
  CHECK(ended.status == EXIT_SUCCESS);
  CHECK(ended.servers == 1 + kRefusals + 1);
  CHECK_THAT(ended.said,
             Catch::Contains("the server did not start: remove the cause that it logged; the objects are kept"));
  CHECK_THAT(ended.said, !Catch::Contains("giving up"));
}

TEST_CASE("the first server that cannot begin is not tried again, and its status is the keeper's") {
  const Ended ended = keep("server that cannot even begin");
  CHECK(ended.status == 3);
  CHECK(ended.servers == 1);
  CHECK(ended.said == "");
}

TEST_CASE("server that serves until it is told to end", "[.server]") {
  write_diary();
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);  // before the keeper can have a reason to send it
  REQUIRE(link_to_keeper().send(KeeperMessage::Kind::ready, 0));
  int number = 0;
  REQUIRE(::sigwait(&term, &number) == 0);
  ::_exit(0);
}

TEST_CASE("starter: the keeper says when a server serves, and ends when the other end is closed") {
  const TemporaryDirectory directory;
  const std::string diary = directory.path() / "diary";
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    ::setenv(kDiary, diary.c_str(), 1);
    std::string program = "doliumd";
    std::string test = "server that serves until it is told to end";
    std::vector<char*> arguments = {program.data(), test.data(), nullptr};
    ::_exit(Keeper::run(arguments.data(), {open_log({}).value(), {}}, Starter::adopt(ends[1]).value()));
  }
  ::close(ends[1]);
  std::string said(std::char_traits<char>::length(Starter::kServes), '\0');
  CHECK(::recv(ends[0], said.data(), said.size(), MSG_WAITALL) == static_cast<ssize_t>(said.size()));
  CHECK(said == Starter::kServes);
  CHECK(::send(ends[0], "ignored", 7, 0) == 7);
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS));
}

TEST_CASE("starter: a descriptor that is no stream socket is refused in words") {
  CHECK(Starter::adopt(-1).value().fd() == -1);
  const shm::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const int wrong : {file.get(), 999'999}) {
    const auto adopted = Starter::adopt(wrong);
    REQUIRE_FALSE(adopted.has_value());
    CHECK_THAT(adopted.error().message,
               Catch::Contains("is not a stream socket: pass doliumd one end of a socketpair()"));
  }
}
