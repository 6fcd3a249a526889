// The kernel's counts of OOM kills, with machines that exist only as files.

#include "shm/os/memory_cgroup.h"

#include <catch2/catch.hpp>

#include "tests/temporary_directory.h"

namespace dolium::shm {

TEST_CASE("memory limits: OOM kills are those of the own cgroup, in either version") {
  const dolium::test::TemporaryDirectory machine;
  machine.write("proc/vmstat", "nr_free_pages 7\noom_kill 9\n");
  machine.write("proc/self/cgroup", "0::/jobs/one\n");
  machine.write("sys/fs/cgroup/jobs/memory.events", "oom 8\noom_kill 8\n");
  machine.write("sys/fs/cgroup/jobs/one/memory.events", "low 0\noom 5\noom_kill 3\noom_group_kill 1\n");
  CHECK(count_oom_kills(machine.path()) == 3);
  machine.write("proc/self/cgroup", "5:cpuset:/\n4:cpu,memory:/jobs/one\n");
  machine.write("sys/fs/cgroup/memory/jobs/one/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  CHECK(count_oom_kills(machine.path()) == 2);
}

TEST_CASE("memory limits: in a container, OOM kills are counted at the root of what can be seen") {
  const dolium::test::TemporaryDirectory machine;
  machine.write("sys/fs/cgroup/memory.events", "oom_kill 4\n");
  for (const char* line : {"0::/../../host/path\n", "0::/docker/5f2a\n", "0::/\n"}) {
    machine.write("proc/self/cgroup", line);
    CHECK(count_oom_kills(machine.path()) == 4);
  }
}

TEST_CASE(
    "memory limits: without cgroups the machine's OOM kills count, and where nothing is told there is no number") {
  const dolium::test::TemporaryDirectory machine;
  CHECK(count_oom_kills(machine.path()) == std::nullopt);
  machine.write("proc/vmstat", "oom_kill 9\n");
  CHECK(count_oom_kills(machine.path()) == 9);
}

}  // namespace dolium::shm
