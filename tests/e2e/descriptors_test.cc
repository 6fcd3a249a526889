// A client that is out of file descriptors: it gets an error that names the limit, and its session waits for a
// descriptor when it must resume with another server.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/other_user.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr rlim_t kLimit = 256;

/// Takes all descriptors but `left`, below a limit that is the process's own from now on.
std::vector<shm::UniqueFd> take_descriptors(std::size_t left) {
  const rlimit limit{kLimit, kLimit};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("cannot set the limit");
  std::vector<shm::UniqueFd> taken;
  for (int fd = 0; (fd = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0;) taken.emplace_back(fd);
  if (taken.size() < left) throw std::runtime_error("too many are open");
  taken.resize(taken.size() - left);
  return taken;
}

/// Whether a thread waits for a point in time, by its /proc/.../syscall, which is open already.
bool sleeps(const shm::UniqueFd& syscall) {
  std::array<char, 32> text{};
  if (::pread(syscall.get(), text.data(), text.size() - 1, 0) <= 0) return false;
  return std::atol(text.data()) == SYS_clock_nanosleep;
}

}  // namespace

TEST_CASE("a client out of descriptors is told that, with its limit, however few it has left") {
  Daemon daemon;
  const bool rings = GENERATE(true, false);
  std::size_t refused = 0;
  for (std::size_t left = 0;; ++left) {
    const std::string said = as_user({::geteuid(), ::getegid()}, [&] {
      const auto taken = take_descriptors(left);
      auto client = Client::connect(daemon.socket(), {.rings = rings, .follow_fork = false});
      return client ? "connected" : to_string(client.error());
    });
    if (said == "connected") break;
    CAPTURE(left);
    ++refused;
    CHECK_THAT(said, Catch::StartsWith("system_error: "));
    CHECK((said.find(fmt::format("its limit is {}", kLimit)) != std::string::npos ||
           said.find(std::strerror(EMFILE)) != std::string::npos));
    REQUIRE(left < 32);
  }
  CHECK(refused >= 6);
}

TEST_CASE("a resume that failed for want of descriptors is tried again") {
  Daemon daemon;
  const std::size_t then_left = GENERATE(1, 3);  // with one there are no rings
  const std::string said = as_user({::geteuid(), ::getegid()}, [&] {
    const auto client = Client::connect(daemon.socket(), {.follow_fork = false}).value();
    if (outcome(client->put(id_of("kept"), pattern(100))) != "ok") return std::string("cannot put");
    const std::int32_t old = client->stats().value().server_pid;
    std::atomic<pid_t> thread = 0;
    std::atomic<bool> begin = false;
    std::atomic<bool> done = false;
    std::string asked;
    std::thread caller([&] {
      thread = static_cast<pid_t>(::syscall(SYS_gettid));
      begin.wait(false);
      auto stats = client->stats();
      while (stats && stats->server_pid == old) stats = client->stats();
      asked = stats ? "ok" : to_string(stats.error());
      done = true;
    });
    while (thread == 0) std::this_thread::yield();
    const shm::UniqueFd syscall(::open(fmt::format("/proc/self/task/{}/syscall", thread.load()).c_str(), O_RDONLY));
    auto taken = take_descriptors(0);
    ::kill(daemon.process().pid(), SIGHUP);
    begin = true;
    begin.notify_one();
    while (!done && !sleeps(syscall)) std::this_thread::yield();
    taken.resize(taken.size() - then_left);
    caller.join();
    const auto kept = client->get_raw(id_of("kept"));
    return fmt::format("{} {}", asked, kept && same(kept->data(), pattern(100)));
  });
  CHECK(said == "ok true");
}
