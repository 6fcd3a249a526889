// The doctor's findings about hosts that exist only as files.

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "client/cli/host_findings.h"
#include "tests/cli/findings.h"
#include "tests/temporary_directory.h"

namespace dolium::cli {
namespace {

using Catch::Matchers::Contains;
using Level = Finding::Level;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

/// 16 GiB, half of it available; no cgroup, no swap, generous limits, large pages.
class Machine : public test::TemporaryDirectory {
 public:
  Machine() {
    memory(16, 8, 0);
    write("proc/sys/vm/overcommit_memory", "0\n");
    write("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always [within_size] advise never deny force\n");
    limits("1048576", "unlimited", "unlimited");
  }
  void memory(std::uint64_t total_gib, std::uint64_t available_gib, std::uint64_t swap_gib) {
    write("proc/meminfo", fmt::format("MemTotal: {} kB\nMemAvailable: {} kB\nSwapTotal: {} kB\nCommitLimit: {} kB\n"
                                      "Committed_AS: {} kB\n",
                                      total_gib << 20, available_gib << 20, swap_gib << 20, 8 << 20, 7 << 20));
  }
  void limits(const std::string& files, const std::string& size, const std::string& space) {
    write("proc/self/limits",
          fmt::format("Limit                     Soft Limit           Hard Limit           Units     \n"
                      "Max file size             unlimited            {:<20} bytes     \n"
                      "Max open files            1024                 {:<20} files     \n"
                      "Max locked memory         8388608              8388608              bytes     \n"
                      "Max address space         unlimited            {:<20} bytes     \n",
                      size, files, space));
  }
  [[nodiscard]] Findings examine(const HostLoad& load = {.capacity = kGiB}, std::uint64_t reserved = 0) const {
    return host_findings({.root = path(), .reserved = reserved}, load);
  }
};

}  // namespace

TEST_CASE("a host with everything that the store needs is fine") {
  const Machine machine;
  const Findings findings = machine.examine();
  CHECK(count_of(findings, Level::fine) == findings.size());
  CHECK(on(findings, "memory").found == "8 GiB of 16 GiB are available, no cgroup sets a limit: enough for 1 GiB");
}

TEST_CASE("memory that is not there is a problem, memory that is short a note") {
  const Machine machine;
  const Finding none = on(machine.examine({.capacity = 64 * kGiB}), "memory");
  CHECK(none.level == Level::problem);
  CHECK(none.found == "capacity 64 GiB is more than this machine's 16 GiB of memory");
  CHECK(none.meaning == "doliumd refuses to start with this capacity.");
  CHECK(none.remedy == "lower --capacity");
  CHECK_THAT(on(machine.examine({.capacity = 64 * kGiB, .daemon_runs = true}), "memory").meaning,
             Contains("cannot grow to its capacity"));
  CHECK(on(machine.examine({.capacity = 9 * kGiB}), "memory").level == Level::note);
  // What the running store has already is not asked for once more.
  CHECK(on(machine.examine({.capacity = 9 * kGiB, .daemon_runs = true}, 2 * kGiB), "memory").level == Level::fine);
}

TEST_CASE("a cgroup's limit is told, of the daemon's own process") {
  const Machine machine;
  machine.write("proc/7/cgroup", "0::/jobs\n");
  machine.write("proc/7/limits", "");
  machine.write("sys/fs/cgroup/jobs/memory.max", fmt::format("{}\n", 4 * kGiB));
  machine.write("sys/fs/cgroup/jobs/memory.current", fmt::format("{}\n", kGiB));
  const auto examine = [&](std::uint64_t capacity) {
    return on(host_findings({.root = machine.path(), .process = "7"}, {.capacity = capacity}), "memory");
  };
  CHECK_THAT(examine(kGiB).found, Contains("the cgroup has 3 GiB left of 4 GiB"));
  CHECK(examine(5 * kGiB).level == Level::problem);
  CHECK_THAT(examine(5 * kGiB).remedy, Contains("raise the cgroup's memory limit"));
  CHECK(on(machine.examine({.capacity = 5 * kGiB}), "memory").level == Level::fine);
}

TEST_CASE("strict overcommit counts what was promised to others") {
  const Machine machine;
  machine.write("proc/sys/vm/overcommit_memory", "2\n");
  CHECK(on(machine.examine({.capacity = kGiB}), "overcommit").level == Level::fine);
  const Finding strict = on(machine.examine({.capacity = 2 * kGiB}), "overcommit");
  CHECK(strict.level == Level::problem);
  CHECK(strict.found == "vm.overcommit_memory is 2: 1 GiB can still be committed, but the store needs 2 GiB more");
  CHECK(on(machine.examine({.capacity = 2 * kGiB}, kGiB), "overcommit").level == Level::fine);
}

TEST_CASE("swap, and pages that stay small, are worth a note") {
  Machine machine;
  machine.memory(16, 8, 4);
  CHECK(on(machine.examine(), "swap").found == "there are 4 GiB of swap space");
  machine.write("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n");
  const auto pages = [&] { return on(machine.examine(), "huge pages"); };
  CHECK(pages().found == "shmem_enabled is never");
  CHECK(pages().level == Level::note);
  for (const auto& [release, level] : {std::pair("5.15.0-generic", Level::note),
                                       {"6.0.19", Level::note},
                                       {"6.1.0-18-amd64", Level::fine},
                                       {"10.0", Level::fine},
                                       {"strange", Level::note}}) {
    INFO(release);
    machine.write("proc/sys/kernel/osrelease", release);
    CHECK(pages().level == level);
  }
  machine.write("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise never [deny] force\n");
  machine.write("proc/sys/kernel/osrelease", "6.1.0");
  CHECK(pages().level == Level::note);
}

TEST_CASE("limits of the process are judged by what the store and its clients need") {
  Machine machine;
  CHECK_THAT(on(machine.examine(), "locked memory").found, Contains("RLIMIT_MEMLOCK is 8 MiB; it does not matter"));
  machine.limits("1024", "unlimited", "unlimited");
  const Finding few = on(machine.examine(), "descriptors");
  CHECK(few.level == Level::note);
  CHECK_THAT(few.meaning, Contains("Enough for 240 clients"));
  CHECK_THAT(few.remedy, Contains("LimitNOFILE="));
  CHECK(on(machine.examine({.capacity = kGiB, .clients = 300}), "descriptors").level == Level::problem);
  machine.limits("unlimited", "1048576", "1048576");
  CHECK(on(machine.examine(), "descriptors").level == Level::fine);
  CHECK(on(machine.examine(), "file size").found == "RLIMIT_FSIZE is 1 MiB");
  CHECK(on(machine.examine(), "file size").level == Level::problem);
  CHECK(on(machine.examine(), "address space").remedy ==
        "raise RLIMIT_AS to at least 2.25 GiB, for doliumd and its clients");
}

TEST_CASE("this very machine can make shared memory") {
  CHECK(shared_memory_finding().level == Level::fine);
}

}  // namespace dolium::cli
