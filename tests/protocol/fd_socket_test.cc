// Connecting, accepting and waiting, in the test's own directory.

#include "protocol/fd_socket.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <limits>
#include <optional>
#include <thread>

#include "protocol/listener.h"
#include "tests/protocol/socket_files.h"

namespace dolium::protocol::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a connection goes both ways, close-on-exec and non-blocking") {
  const auto before = open_descriptors();
  {
    SocketDirectory directory;
    auto listener = Listener::open({.path = directory.socket()}).value();
    CHECK_FALSE(listener.accept().value().valid());
    const auto client = connect_to(directory.socket(), kPassed).value();
    CHECK(wait_readable(listener.fd(), deadline_after(10s)).value());
    const auto server = listener.accept().value();
    REQUIRE(server.valid());
    for (const int fd : {listener.fd(), client.get(), server.get()}) {
      CHECK(is_close_on_exec(fd));
      CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    }
    REQUIRE(::send(client.get(), "x", 1, MSG_NOSIGNAL) == 1);
    CHECK(wait_readable(server.get(), deadline_after(10s)).value());
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("paths that no socket can have are refused in words") {
  SocketDirectory directory;
  const std::string too_long = (directory.path / std::string(120, 'x')).string();
  for (const std::string& path : {std::string(), too_long, std::string("a\0b", 3)}) {
    CHECK(Listener::open({.path = path}).error().code == Errc::invalid_argument);
    CHECK(connect_to(path, kPassed).error().code == Errc::invalid_argument);
  }
  const std::string nowhere = (directory.path / "no/such/d.sock").string();
  CHECK(Listener::open({.path = nowhere}).error().code == Errc::system_error);
}

TEST_CASE("the longest path that fits is used whole") {
  SocketDirectory directory;
  std::string path = directory.path.string() + "/";
  path.append(sizeof(sockaddr_un::sun_path) - 1 - path.size(), 'x');
  auto listener = Listener::open({.path = path});
  REQUIRE(listener);
  CHECK(std::filesystem::exists(path));
  CHECK(connect_to(path, kPassed));
}

TEST_CASE("where no daemon is, the error says how to start one") {
  SocketDirectory directory;
  const auto connection = connect_to(directory.socket(), deadline_after(3ms));
  REQUIRE_FALSE(connection);
  CHECK(connection.error().code == Errc::disconnected);
  CHECK(connection.error().message ==
        "no daemon listens at " + directory.socket() + "; start one with doliumd --socket " + directory.socket());
}

TEST_CASE("a connect waits for a daemon that is still starting") {
  SocketDirectory directory;
  std::optional<Listener> listener;
  {
    const std::jthread daemon([&] { listener.emplace(Listener::open({.path = directory.socket()}).value()); });
    CHECK(connect_to(directory.socket(), deadline_after(30s)));
  }
}

TEST_CASE("a daemon that accepts nobody makes a connect time out") {
  SocketDirectory directory;
  auto listener = Listener::open({.path = directory.socket()}).value();
  std::vector<shm::UniqueFd> waiting;
  for (;;) {
    auto connection = connect_to(directory.socket(), kPassed);
    if (!connection) {
      CHECK(connection.error().code == Errc::timed_out);
      break;
    }
    waiting.push_back(*std::move(connection));
    REQUIRE(waiting.size() <= 2 * kListenBacklog);
  }
  // And a second daemon still finds it alive.
  std::filesystem::remove(directory.socket() + ".lock");
  CHECK(Listener::open({.path = directory.socket()}).error().code == Errc::already_exists);
}

TEST_CASE("without descriptors left, connections are turned away instead of spinning") {
  SocketDirectory directory;
  auto listener = Listener::open({.path = directory.socket()}).value();
  const auto client = connect_to(directory.socket(), kPassed).value();
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  const shm::UniqueFd next = duplicate(client.get()).value();
  rlimit none = old;
  none.rlim_cur = static_cast<rlim_t>(next.get());  // everything below is taken, or nearly
  std::vector<shm::UniqueFd> fill;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  while (auto copy = duplicate(client.get())) fill.push_back(*std::move(copy));
  std::string told;
  const auto say = [&](const shm::UniqueFd& newcomer, const Error& why) {
    told = why.message;
    static_cast<void>(::send(newcomer.get(), "x", 1, MSG_NOSIGNAL));
  };
  const auto refused = listener.accept(say);
  const auto after = listener.accept(say);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK_FALSE(refused);
  REQUIRE(after);
  CHECK_FALSE(after->valid());
  CHECK(told == refused.error().message);
  char byte = 0;
  CHECK(::recv(client.get(), &byte, 1, MSG_DONTWAIT) == 1);
  CHECK(::recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0);

  const auto again = connect_to(directory.socket(), kPassed).value();
  CHECK(listener.accept().value().valid());
}

TEST_CASE("waiting ends at the deadline, at readiness and at the peer's end") {
  Connection connection;
  CHECK_FALSE(wait_readable(connection.near.get(), kPassed).value());
  CHECK_FALSE(wait_readable(connection.near.get(), Deadline::min()).value());
  CHECK_FALSE(wait_readable(connection.near.get(), deadline_after(2ms)).value());
  CHECK(wait_writable(connection.near.get(), kNoDeadline).value());
  connection.far.reset();
  CHECK(wait_readable(connection.near.get(), kNoDeadline).value());
  CHECK(wait_writable(connection.near.get(), kNoDeadline).value());
  const int closed = connection.near.get();
  connection.near.reset();
  CHECK(wait_readable(closed, kPassed).error().code == Errc::system_error);
}

TEST_CASE("a signal neither ends nor lengthens a wait") {
  struct sigaction quiet {};
  struct sigaction old {};
  quiet.sa_handler = [](int) {};
  REQUIRE(::sigaction(SIGUSR1, &quiet, &old) == 0);
  Connection connection;
  std::atomic<bool> over = false;
  {
    const pthread_t waiter = ::pthread_self();
    const std::jthread pest([&] {
      while (!over) ::pthread_kill(waiter, SIGUSR1);
    });
    const Deadline deadline = deadline_after(20ms);
    CHECK_FALSE(wait_readable(connection.near.get(), deadline).value());
    CHECK(std::chrono::steady_clock::now() >= deadline);
    over = true;
  }
  REQUIRE(::sigaction(SIGUSR1, &old, nullptr) == 0);
}

TEST_CASE("timeouts become points in time") {
  CHECK(deadline_after(wait_forever) == kNoDeadline);
  CHECK(deadline_after(std::chrono::nanoseconds(std::numeric_limits<std::int64_t>::max() - 1)) == kNoDeadline);
  const auto now = std::chrono::steady_clock::now();
  CHECK(deadline_after(no_wait) >= now);
  CHECK(deadline_after(1h) >= now + 1h);
}

}  // namespace
}  // namespace dolium::protocol::test
