// Listening: the socket's file, its lock, and what else may lie at the path.

#include "protocol/listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <optional>
#include <thread>

#include "protocol/fd_socket.h"
#include "tests/protocol/socket_files.h"

namespace dolium::protocol::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("the socket's mode is the one asked for, whatever the umask") {
  const mode_t mask = GENERATE(mode_t{0}, mode_t{0777});
  const mode_t mode = GENERATE(mode_t{0600}, mode_t{0660}, mode_t{0666});
  SocketDirectory directory;
  const mode_t old = ::umask(mask);
  auto listener = Listener::open({.path = directory.socket(), .mode = mode, .group = ::getegid()});
  ::umask(old);
  REQUIRE(listener);
  CHECK(mode_of(directory.socket()) == mode);
}

TEST_CASE("a second daemon is refused, and the socket goes with the first") {
  SocketDirectory directory;
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
  const SocketDirectory directory;
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
  const SocketDirectory directory;
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
  SocketDirectory directory;
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
  SocketDirectory directory;
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
  SocketDirectory directory;
  auto first = Listener::open({.path = directory.socket()});
  REQUIRE(first);
  fs::remove(directory.socket() + ".lock");
  CHECK(Listener::open({.path = directory.socket()}).error().code == Errc::already_exists);
  CHECK(connect_to(directory.socket(), kPassed));
}

TEST_CASE("a stale socket is replaced") {
  SocketDirectory directory;
  leave_stale_socket(directory.socket(), GENERATE(false, true));
  CHECK(connect_to(directory.socket(), kPassed).error().code != Errc::timed_out);
  auto listener = Listener::open({.path = directory.socket()});
  REQUIRE(listener);
  CHECK(connect_to(directory.socket(), kPassed));
}

TEST_CASE("what is not a socket is left as it is") {
  SocketDirectory directory;
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
  SocketDirectory directory;
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
  SocketDirectory directory;
  {
    auto listener = Listener::open({.path = directory.socket()});
    REQUIRE(listener);
    fs::rename(directory.socket(), directory.socket() + ".old");
    leave_stale_socket(directory.socket());
  }
  CHECK(fs::exists(directory.socket()));
}

TEST_CASE("the socket's file removed: a listener makes it, and its lock, again; what is there stays") {
  SocketDirectory directory;
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
  SocketDirectory directory;
  auto listener = Listener::open({.path = directory.socket()}).value();
  const auto waiting = connect_to(directory.socket(), kPassed).value();
  fs::remove(directory.socket());
  Listener::Renewal done = listener.renew({.path = directory.socket()}).value();
  Listener former = Listener::adopt(directory.socket(), {}, std::move(done.former_socket));
  CHECK(former.accept().value().valid());
  CHECK_FALSE(former.accept().value().valid());
  CHECK(fs::exists(directory.socket()));
}

}  // namespace
}  // namespace dolium::protocol::test
