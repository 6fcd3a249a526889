#include "tests/e2e/spill_daemon.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/client/store_under_test.h"

namespace dolium::e2e {
namespace {

std::vector<std::string> with_directory(std::vector<std::string> flags, const std::string& directory) {
  flags.push_back("--spill-directory=" + directory);
  return flags;
}

bool kill_process(pid_t process) {
  return process != 0 && ::kill(process, SIGKILL) == 0;
}

}  // namespace

SpillDaemon::SpillDaemon(std::vector<std::string> flags, Program program, const std::string& directory)
    : directory_(directory.empty() ? disk_.path().string() : directory),
      daemon_(with_directory(std::move(flags), directory_), program) {}

bool SpillDaemon::kill_spiller() {
  return kill_process(spiller());
}

bool SpillDaemon::kill_server() {
  return kill_process(server());
}

void SpillDaemon::await_all() {
  REQUIRE(test::eventually([this] { return spiller() != 0 && server() != 0; }));
  REQUIRE(test::eventually([this] { return daemon_.watcher()->ping().has_value(); }));
}

Result<void> SpillDaemon::write_all() {
  const Result<StoreStats> stats = daemon_.watcher()->stats();
  if (!stats) return stats.error();
  const auto all = daemon_.watcher()->create(
      ObjectId::random(), stats->capacity,
      {.timeout = std::chrono::milliseconds(kProcessPatience), .retention = Retention::cache});
  return all ? Result<void>() : Result<void>(all.error());
}

void SpillDaemon::kill() {
  const shm::UniqueFd spill_process(static_cast<int>(::syscall(SYS_pidfd_open, spiller(), 0)));
  static_cast<void>(daemon_.kill());
  if (!spill_process.valid()) return;
  pollfd gone{spill_process.get(), POLLIN, 0};
  REQUIRE(::poll(&gone, 1, static_cast<int>(std::chrono::milliseconds(kProcessPatience).count())) == 1);
}

}  // namespace dolium::e2e
