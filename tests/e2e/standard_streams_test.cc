// Programs that run with a closed standard stream: no descriptor of the daemon or the library gets its number, so that
// printed text is not written into it.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include <dolium/in_process_store.h>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::size_t kSmall = 300;  // what a few log lines would overwrite

std::string stream_of(pid_t process, int number) {
  std::error_code none;
  return std::filesystem::read_symlink(fmt::format("/proc/{}/fd/{}", process, number), none).string();
}

bool is_intact(ObjectStore& store) {
  const auto found = store.get_raw(id_of("small"));
  return found && same(found->data(), pattern(kSmall));
}

/// The test's own standard streams, closed while this lives.
class WithoutStreams {
 public:
  WithoutStreams() {
    for (int number = 0; number < 3; ++number) {
      kept_.at(static_cast<std::size_t>(number)) = ::fcntl(number, F_DUPFD_CLOEXEC, 10);
      ::close(number);
    }
  }
  WithoutStreams(const WithoutStreams&) = delete;
  WithoutStreams& operator=(const WithoutStreams&) = delete;
  ~WithoutStreams() {
    for (int number = 0; number < 3; ++number) {
      const int kept = kept_.at(static_cast<std::size_t>(number));
      if (kept < 0) continue;
      ::dup2(kept, number);
      ::close(kept);
    }
  }
  /// None of them was opened meanwhile.
  [[nodiscard]] static bool are_closed() {
    for (int number = 0; number < 3; ++number)
      if (::fcntl(number, F_GETFD) != -1 || errno != EBADF) return false;
    return true;
  }

 private:
  std::array<int, 3> kept_{-1, -1, -1};
};

/// What goes wrong below, without a stream to say it on.
std::string use_store_without_streams(Daemon& daemon) {
  const WithoutStreams without;
  auto client = Client::connect(daemon.socket());
  if (!client) return "connect: " + to_string(client.error());
  if (!WithoutStreams::are_closed()) return "connect() left a descriptor below 3";
  if (!(*client)->put(id_of("small"), pattern(kSmall)) || !is_intact(**client)) return "put and get";
  const pid_t old = daemon.server();
  if (::kill(old, SIGKILL) != 0 || !daemon.replaced(old) || !(*client)->ping()) return "resume";
  if (!WithoutStreams::are_closed()) return "resuming left a descriptor below 3";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(WithoutStreams::are_closed() && is_intact(**client) && WithoutStreams::are_closed() ? 0 : 1);
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0) return "a forked child";
  const auto local = InProcessStore::open({.capacity = 1 << 20});
  if (!local) return "InProcessStore: " + to_string(local.error());
  if (!WithoutStreams::are_closed()) return "InProcessStore left a descriptor below 3";
  return {};
}

}  // namespace

TEST_CASE("standard streams: a daemon started without some of them never writes its log into objects") {
  const std::string closed = GENERATE("<&-", ">&-", "2>&-", "<&- >&- 2>&-");
  CAPTURE(closed);
  Daemon daemon({}, Launch{.redirections = closed});
  Client& store = *daemon.watcher();
  REQUIRE(outcome(store.put(id_of("small"), pattern(kSmall))) == "ok");
  for (const int signal : {SIGHUP, SIGKILL}) {
    CAPTURE(signal);
    replace_server(daemon, signal);  // each server, and the keeper, log a line
    CHECK(is_intact(store));
  }
  for (const pid_t process : {daemon.process().pid(), daemon.server()})
    for (int number = 0; number < 3; ++number) {
      const std::string what = stream_of(process, number);
      CAPTURE(process, number, what);
      CHECK((what == "/dev/null" || what == (daemon.directory() / "log").string()));
    }
}

TEST_CASE("standard streams: a client without them keeps every descriptor of the library's above them") {
  Daemon daemon;
  const std::string failure = use_store_without_streams(daemon);
  CHECK(failure.empty());
  CAPTURE(failure);
  CHECK(is_intact(*daemon.watcher()));
}
