// A daemon in a real cgroup with too little memory for its store: it warns, and the kernel kills the server, never the
// keeper. (The warnings themselves: shm/host_check_test.cc.)

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <optional>

#include "shm/os/proc_file.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/launched_daemon.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

namespace fs = std::filesystem;

/// A memory cgroup of this test's own, of either version, below the one that the test runs in.
class Cgroup {
 public:
  /// Nothing where this user or this machine has none to give.
  static std::optional<fs::path> make(std::uint64_t limit) {
    for (const auto& [root, file] :
         {std::pair("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), std::pair("/sys/fs/cgroup", "memory.max")}) {
      const fs::path group = fs::path(root) / fmt::format("dolium-test-{}", ::getpid());
      std::error_code error;
      if (!fs::create_directory(group, error)) continue;
      std::ofstream limit_file(group / file);
      if (fs::exists(group / file) && limit_file << limit << std::flush) return group;
      fs::remove(group, error);
    }
    return std::nullopt;
  }
  explicit Cgroup(fs::path path) : path_(std::move(path)) {}
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  /// When its processes are gone.
  ~Cgroup() {
    CHECK(eventually([&] { return ::rmdir(path_.c_str()) == 0; }));
  }

  /// What begins there, and then becomes another program.
  [[nodiscard]] std::vector<std::string> launcher() const {
    return {"/bin/sh", "-c", fmt::format("echo $$ >{}/cgroup.procs && exec \"$@\"", path_.string()), "sh"};
  }
  /// A process there that takes ever more memory, and is killed after the server and before the keeper.
  [[nodiscard]] Process start_hog() const {
    return Process::start({"/bin/sh", "-c",
                           fmt::format("echo -998 >/proc/self/oom_score_adj; echo $$ >{}/cgroup.procs && exec tail "
                                       "/dev/zero",
                                       path_.string())},
                          {});
  }
  void raise_limit(std::uint64_t bytes) const {
    for (const char* file : {"memory.limit_in_bytes", "memory.max"})
      if (fs::exists(path_ / file)) std::ofstream(path_ / file) << bytes;
  }
  [[nodiscard]] std::uint64_t kills() const {
    const auto version_1 = shm::read_number(path_ / "memory.oom_control", "oom_kill ");
    return version_1 ? *version_1 : shm::read_number(path_ / "memory.events", "oom_kill ").value_or(0);
  }

 private:
  fs::path path_;
};

int score_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/oom_score_adj", pid));
  int score = 0;
  file >> score;
  return score;
}

}  // namespace

TEST_CASE(
    "memory limits: a store that does not fit into its cgroup is warned of, and loses servers, never the keeper") {
  const std::optional<fs::path> path = Cgroup::make(96 << 20);
  if (!path) {
    WARN("skipped: this user may not make a memory cgroup, or this machine has none");
    return;
  }
  const Cgroup cgroup(*path);
  LaunchedDaemon daemon(cgroup.launcher(), {"--capacity=88MiB"});
  CHECK_THAT(daemon.log(), Catch::Contains("capacity 88 MiB, the tables for up to 90112 objects (10.8 MiB)") &&
                               Catch::Contains("raise the cgroup's memory limit by"));
  REQUIRE(outcome(daemon.client().put(id_of("precious"), pattern(1000), {.pinned = true})) == "ok");
  // What the group has no room for evicts colder objects. (The kernel would not refuse the memory, but kill the
  // server.)
  const std::vector<std::byte> bytes = pattern(900);
  StoreStats full;
  for (std::uint64_t batch = 0; batch < 200 && full.eviction_count == 0; ++batch) {
    std::vector<PutItem> items(1000);
    for (std::size_t i = 0; i < items.size(); ++i) items[i] = {.id = id_of(batch * 1000 + i), .data = bytes};
    REQUIRE(daemon.client().put_many(items));
    REQUIRE(daemon.client().create(id_of("large"), 8 << 20));
    full = daemon.client().stats().value();
  }
  CHECK(full.eviction_count > 0);
  CHECK(full.used_bytes < full.capacity - (8 << 20));
  CHECK(cgroup.kills() == 0);
  // Where other processes of the group take the memory, the server is killed, and the next one, never the keeper.
  const auto says = [&](const char* what) { return daemon.log().find(what) != std::string::npos; };
  for (const char* pause :
       {"restarting it with the same objects in 500 ms", "restarting it with the same objects in 1000 ms"}) {
    Process hog = cgroup.start_hog();
    const bool killed = eventually([&] { return says(pause) || !daemon.process().running() || !hog.running(); });
    INFO("doliumd says:\n" << daemon.log());
    REQUIRE(killed);
    CHECK(eventually([&] { return says(pause); }));
    REQUIRE(daemon.process().running());
    hog.signal(SIGKILL);
    static_cast<void>(hog.wait());
    CHECK(eventually([&] { return outcome(daemon.client().ping()) == "ok"; }));
  }
  cgroup.raise_limit(192 << 20);  // as the log says
  CHECK(cgroup.kills() >= 2);
  CHECK_THAT(daemon.log(), Catch::Contains("(OOM kill)") &&
                               Catch::Contains("restarting it with the same objects in 500 ms") &&
                               Catch::Contains("restarting it with the same objects in 1000 ms"));
  CHECK(eventually([&] { return outcome(daemon.client().ping()) == "ok"; }));
  CHECK(same(daemon.client().get_raw(id_of("precious")).value().data(), pattern(1000)));
  daemon.process().signal(SIGTERM);
  CHECK(daemon.process().wait() == "exit 0");
}

TEST_CASE("memory limits: the server is killed before the keeper, also one that follows another") {
  LaunchedDaemon daemon({"/usr/bin/env"});
  const int given = score_of(::getpid());
  const int keeper = score_of(daemon.process().pid());
  CHECK((keeper == given || keeper == -999));  // as far as this user may lower it
  CHECK(score_of(daemon.server()) == given + 100);
  const pid_t old = daemon.server();
  REQUIRE(::kill(old, SIGKILL) == 0);
  REQUIRE(daemon.replaced(old));
  CHECK(score_of(daemon.server()) == given + 100);
}
