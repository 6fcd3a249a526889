// When the daemon sleeps although a request may come soon, because another process needs its core.

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <dolium/copy.h>

#include "shm/os/proc_file.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// The longest that a daemon can be told to look for more after a request, in microseconds.
constexpr const char* kBusyPoll = "1000000";
constexpr int kCreates = 600;
constexpr int kInARow = 10;
constexpr int kLooks = 1000;

/// Whether its thread waits for something, as in proc(5): S, and not R, which runs, or would like to.
bool sleeps(pid_t process) {
  const std::string stat = shm::read_text(fmt::format("/proc/{0}/task/{0}/stat", process)).value();
  return stat.at(stat.rfind(") ") + 2) == 'S';
}

bool sleeps_soon(pid_t process) {
  for (int look = 0; look < kLooks; ++look)
    if (sleeps(process)) return true;
  return false;
}

}  // namespace

TEST_CASE("while a client copies what is large, with threads of its own, the daemon leaves it the core") {
  Daemon daemon({"--busy-poll-us", kBusyPoll});
  const auto client = daemon.release_watcher();  // the only one: nobody else is looked for
  // Not at once: it was asked through a socket, for rings. And looking may rest now and then, but not so many times.
  int in_a_row = 0;
  for (int i = 0; i < kCreates && in_a_row < kInARow; ++i) {
    const ObjectBuilder large = client->create(ObjectId::random(), 2 * kParallelCopyBytes).value();
    in_a_row = sleeps_soon(daemon.server()) ? in_a_row + 1 : 0;
  }
  CHECK(in_a_row == kInARow);
  bool awake = false;  // for what one thread copies
  for (int i = 0; i < kCreates && !awake; ++i) {
    const ObjectBuilder small = client->create(ObjectId::random(), 1).value();
    awake = !sleeps_soon(daemon.server());
  }
  if (!awake) WARN("this machine has one core, or is too busy for the daemon to look for anybody: this shows nothing");
}
