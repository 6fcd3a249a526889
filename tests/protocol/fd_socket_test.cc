// Listening, connecting and waiting, in the test's own directory.

#include "protocol/fd_socket.h"
#include "protocol/listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <csignal>

#include <atomic>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>

#include "tests/protocol/helpers.h"

namespace dolium::protocol::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const Deadline kPassed{};

struct Directory {
  Directory() {
    std::string name = (fs::temp_directory_path() / "dolium-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Directory() { fs::remove_all(path); }
  [[nodiscard]] std::string socket() const { return (path / "d.sock").string(); }
  fs::path path;
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// What a daemon that was killed leaves behind.
void leave_stale_socket(const std::string& path, bool alive_as_datagram = false) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const shm::UniqueFd fd(::socket(AF_UNIX, alive_as_datagram ? SOCK_DGRAM : SOCK_STREAM, 0));
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
}

TEST_CASE("a connection goes both ways, close-on-exec and non-blocking") {
  const auto before = open_descriptors();
  {
    Directory directory;
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

TEST_CASE("the socket's mode is the one asked for, whatever the umask") {
  const mode_t mask = GENERATE(mode_t{0}, mode_t{0777});
  const mode_t mode = GENERATE(mode_t{0600}, mode_t{0660}, mode_t{0666});
  Directory directory;
  const mode_t old = ::umask(mask);
  auto listener = Listener::open({.path = directory.socket(), .mode = mode, .group = ::getegid()});
  ::umask(old);
  REQUIRE(listener);
  CHECK(mode_of(directory.socket()) == mode);
}

TEST_CASE("a second daemon is refused, and the socket goes with the first") {
  Directory directory;
  {
    auto first = Listener::open({.path = directory.socket()});
    REQUIRE(first);
    const auto second = Listener::open({.path = directory.socket()});
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::already_exists);
    CHECK(second.error().message.find("already listening") != std::string::npos);
    CHECK(connect_to(directory.socket(), kPassed));
  }
  CHECK_FALSE(fs::exists(directory.socket()));
  CHECK(Listener::open({.path = directory.socket()}));
}

TEST_CASE("what listening would come to is foreseen, and nothing is made or removed") {
  const Directory directory;
  const auto foreseen = [&] {
    const Result<void> result = Listener::foresee({.path = directory.socket()});
    return result ? "no error" : result.error().message;
  };
  CHECK(foreseen() == "no error");
  CHECK(fs::is_empty(directory.path));
  leave_stale_socket(directory.socket());
  CHECK(foreseen() == "no error");
  CHECK(fs::is_socket(directory.socket()));
  {
    const auto listener = Listener::open({.path = directory.socket()});
    REQUIRE(listener);
    CHECK(Listener::foresee({.path = directory.socket()}).error().code == Errc::already_exists);
  }
  CHECK(foreseen() == "no error");  // with the lock file that stays
  std::ofstream(directory.socket() + "x") << "precious";
  CHECK_THAT(Listener::foresee({.path = directory.socket() + "x"}).error().message,
             Catch::Contains("exists and is not a socket"));
  CHECK_THAT(Listener::foresee({.path = std::string(120, 'x')}).error().message, Catch::Contains("the limit is 107"));
}

TEST_CASE("a group that this user is not in cannot be given the socket, which is foreseen") {
  if (::geteuid() != 0) {
    WARN("needs root to be another user");
    return;
  }
  const Directory directory;
  constexpr uid_t kStranger = 12345;
  const ListenOptions options{.path = directory.socket(), .mode = 0660, .group = gid_t{kStranger}};
  CHECK(Listener::foresee(options));
  REQUIRE(::chown(directory.path.c_str(), kStranger, kStranger) == 0);
  REQUIRE(::seteuid(kStranger) == 0);
  const Result<void> foreseen = Listener::foresee(options);
  const Result<Listener> opened = Listener::open(options);
  REQUIRE(::seteuid(0) == 0);
  CHECK(foreseen.error().message == opened.error().message);
}

TEST_CASE("a stranger's lock file is named, whether the stranger locks it or not") {
  if (::geteuid() != 0) {
    WARN("needs root to make another user's file");
    return;
  }
  constexpr uid_t kStranger = 12345;
  Directory directory;
  const std::string lock = directory.socket() + ".lock";
  std::ofstream(lock).close();
  REQUIRE(::chown(lock.c_str(), kStranger, kStranger) == 0);
  const shm::UniqueFd theirs(::open(lock.c_str(), O_RDONLY | O_CLOEXEC));
  for (const bool locked : {false, true}) {
    INFO(locked);
    if (locked) REQUIRE(::flock(theirs.get(), LOCK_EX) == 0);
    const auto listener = Listener::open({.path = directory.socket()});
    REQUIRE_FALSE(listener);
    CHECK(listener.error().code == Errc::permission_denied);
    CHECK(Listener::foresee({.path = directory.socket()}).error().message == listener.error().message);
    CHECK(listener.error().message == lock +
                                          " belongs to user 12345, who could prevent every other daemon from starting; "
                                          "choose another --socket, or have that file removed");
  }
}

TEST_CASE("of daemons that start at once, one wins") {
  Directory directory;
  leave_stale_socket(directory.socket());
  std::vector<std::optional<Listener>> listeners(8);
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (auto& place : listeners) {
      threads.emplace_back([&] {
        auto opened = Listener::open({.path = directory.socket()});
        if (opened) {
          place.emplace(*std::move(opened));
        } else if (opened.error().code == Errc::already_exists) {
          ++refused;
        }
      });
    }
  }
  CHECK(refused == 7);
  CHECK(connect_to(directory.socket(), kPassed));
}

TEST_CASE("a live socket without a lock is respected, too") {
  Directory directory;
  auto first = Listener::open({.path = directory.socket()});
  REQUIRE(first);
  fs::remove(directory.socket() + ".lock");
  CHECK(Listener::open({.path = directory.socket()}).error().code == Errc::already_exists);
  CHECK(connect_to(directory.socket(), kPassed));
}

TEST_CASE("a stale socket is replaced") {
  Directory directory;
  leave_stale_socket(directory.socket(), GENERATE(false, true));
  CHECK(connect_to(directory.socket(), kPassed).error().code != Errc::timed_out);
  auto listener = Listener::open({.path = directory.socket()});
  REQUIRE(listener);
  CHECK(connect_to(directory.socket(), kPassed));
}

TEST_CASE("what is not a socket is left as it is") {
  Directory directory;
  const bool link = GENERATE(false, true);
  const fs::path target = directory.path / "target";
  std::ofstream(link ? target : fs::path(directory.socket())) << "precious";
  if (link) fs::create_symlink(target, directory.socket());
  const auto listener = Listener::open({.path = directory.socket()});
  REQUIRE_FALSE(listener);
  CHECK(listener.error().code == Errc::invalid_argument);
  CHECK(fs::file_size(directory.socket()) == 8);
  CHECK_FALSE(fs::exists(directory.socket() + ".lock"));  // a refusal leaves nothing behind
}

TEST_CASE("an empty file of our own, as mkstemp() makes it, is replaced by the socket") {
  Directory directory;
  std::ofstream(directory.socket()).close();
  REQUIRE(Listener::open({.path = directory.socket()}));
  const fs::path target = directory.path / "target";
  std::ofstream(target).close();
  fs::remove(directory.socket());
  fs::create_symlink(target, directory.socket());
  CHECK_FALSE(Listener::open({.path = directory.socket()}));
  CHECK(fs::exists(target));
}

TEST_CASE("a listener leaves the socket file of somebody else alone") {
  Directory directory;
  {
    auto listener = Listener::open({.path = directory.socket()});
    REQUIRE(listener);
    fs::rename(directory.socket(), directory.socket() + ".old");
    leave_stale_socket(directory.socket());
  }
  CHECK(fs::exists(directory.socket()));
}

TEST_CASE("the socket's file removed: a listener makes it, and its lock, again; what is there stays") {
  Directory directory;
  const ListenOptions options{.path = directory.socket(), .mode = 0640};
  const std::string lock = directory.socket() + ".lock";
  auto listener = Listener::open(options).value();
  const auto renewed = [&] {
    const Listener::Renewal done = listener.renew(options).value();
    CHECK_FALSE(done.without_lock);
    return std::pair(done.former_socket.valid(), done.lock);
  };
  CHECK(renewed() == std::pair(false, false));
  fs::remove(directory.socket());
  CHECK(renewed() == std::pair(true, false));
  CHECK(mode_of(directory.socket()) == 0640);
  CHECK(connect_to(directory.socket(), kPassed));
  fs::remove(lock);
  CHECK(renewed() == std::pair(false, true));
  CHECK_THAT(Listener::open(options).error().message, Catch::Contains("already listening"));
  fs::remove(lock);
  fs::remove(directory.socket());
  CHECK(renewed() == std::pair(true, true));
  CHECK(mode_of(directory.socket()) == 0640);
  CHECK(renewed() == std::pair(false, false));
  fs::remove(directory.socket());
  std::ofstream(directory.socket()) << "precious";
  CHECK(listener.renew(options).error().code == Errc::invalid_argument);
  CHECK(fs::file_size(directory.socket()) == 8);
}

TEST_CASE("the socket's file removed: who had come to the former socket can still be let in") {
  Directory directory;
  auto listener = Listener::open({.path = directory.socket()}).value();
  const auto waiting = connect_to(directory.socket(), kPassed).value();
  fs::remove(directory.socket());
  Listener::Renewal done = listener.renew({.path = directory.socket()}).value();
  Listener former = Listener::adopt(directory.socket(), {}, std::move(done.former_socket));
  CHECK(former.accept().value().valid());
  CHECK_FALSE(former.accept().value().valid());
  CHECK(fs::exists(directory.socket()));
}

TEST_CASE("paths that no socket can have are refused in words") {
  Directory directory;
  const std::string too_long = (directory.path / std::string(120, 'x')).string();
  for (const std::string& path : {std::string(), too_long, std::string("a\0b", 3)}) {
    CHECK(Listener::open({.path = path}).error().code == Errc::invalid_argument);
    CHECK(connect_to(path, kPassed).error().code == Errc::invalid_argument);
  }
  const std::string nowhere = (directory.path / "no/such/d.sock").string();
  CHECK(Listener::open({.path = nowhere}).error().code == Errc::system_error);
}

TEST_CASE("the longest path that fits is used whole") {
  Directory directory;
  std::string path = directory.path.string() + "/";
  path.append(sizeof(sockaddr_un::sun_path) - 1 - path.size(), 'x');
  auto listener = Listener::open({.path = path});
  REQUIRE(listener);
  CHECK(fs::exists(path));
  CHECK(connect_to(path, kPassed));
}

TEST_CASE("where no daemon is, the error says how to start one") {
  Directory directory;
  const auto connection = connect_to(directory.socket(), deadline_after(3ms));
  REQUIRE_FALSE(connection);
  CHECK(connection.error().code == Errc::disconnected);
  CHECK(connection.error().message ==
        "no daemon listens at " + directory.socket() + "; start one with doliumd --socket " + directory.socket());
}

TEST_CASE("a connect waits for a daemon that is still starting") {
  Directory directory;
  std::optional<Listener> listener;
  {
    const std::jthread daemon([&] { listener.emplace(Listener::open({.path = directory.socket()}).value()); });
    CHECK(connect_to(directory.socket(), deadline_after(30s)));
  }
}

TEST_CASE("a daemon that accepts nobody makes a connect time out") {
  Directory directory;
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
  fs::remove(directory.socket() + ".lock");
  CHECK(Listener::open({.path = directory.socket()}).error().code == Errc::already_exists);
}

TEST_CASE("without descriptors left, connections are turned away instead of spinning") {
  Directory directory;
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
