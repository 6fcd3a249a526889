// The memory check, with machines that exist only as files: each test writes a /proc and a /sys.

#include "shm/table/host_check.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "tests/shm/test_values.h"
#include "tests/temporary_directory.h"

namespace dolium::shm {
namespace {

using Catch::Matchers::Contains;
using test::kMiB;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

/// 16 GiB, of which 8 are available; no cgroup; no huge pages.
class Machine : public dolium::test::TemporaryDirectory {
 public:
  Machine() { memory(16, 8); }

  void memory(std::uint64_t total_gib, std::uint64_t available_gib) {
    write("proc/meminfo", fmt::format("MemTotal:       {} kB\nMemFree:        1 kB\nMemAvailable:   {} kB\n",
                                      total_gib << 20, available_gib << 20));
  }
  void version_2(const std::string& group, const std::string& limit, std::uint64_t used, std::uint64_t cache = 0) {
    write("sys/fs/cgroup" + group + "/memory.max", limit + "\n");
    write("sys/fs/cgroup" + group + "/memory.current", fmt::format("{}\n", used));
    write("sys/fs/cgroup" + group + "/memory.stat", fmt::format("anon 5\ninactive_file {}\n", cache));
  }
  void version_1(const std::string& group, std::uint64_t limit, std::uint64_t used) {
    write("sys/fs/cgroup/memory" + group + "/memory.limit_in_bytes", fmt::format("{}\n", limit));
    write("sys/fs/cgroup/memory" + group + "/memory.usage_in_bytes", fmt::format("{}\n", used));
  }
  void huge_pages(int free, int reserved, int overcommit) {
    const std::string pool = "sys/kernel/mm/hugepages/hugepages-2048kB/";
    write(pool + "free_hugepages", fmt::format("{}\n", free));
    write(pool + "resv_hugepages", fmt::format("{}\n", reserved));
    write(pool + "nr_overcommit_hugepages", fmt::format("{}\n", overcommit));
    write(pool + "surplus_hugepages", "0\n");
  }

  [[nodiscard]] Result<std::vector<std::string>> check(const StoreConfig& config) const {
    return check_host(config, {.root = path()});
  }
  [[nodiscard]] std::string error(const StoreConfig& config) const {
    const Result<std::vector<std::string>> result = check(config);
    return result ? "no error" : result.error().message;
  }
  [[nodiscard]] std::size_t warnings(std::uint64_t capacity) const {
    return check({.capacity = capacity}).value().size();
  }
};

}  // namespace

TEST_CASE("what fits is no matter") {
  const Machine machine;
  CHECK(machine.warnings(kGiB) == 0);
  CHECK(machine.warnings(6 * kGiB) == 0);
}

TEST_CASE("more than is available is a warning, or an error when all is taken at once") {
  const Machine machine;
  const std::vector<std::string> warnings = machine.check({.capacity = 9 * kGiB}).value();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Contains("capacity 9 GiB is more than this machine's 8 GiB of available memory"));
  CHECK_THAT(machine.error({.capacity = 9 * kGiB, .preallocate = true}),
             Contains("this machine's 8 GiB of available memory") && Contains("--preallocate=false"));
}

TEST_CASE("more than the machine has is an error") {
  const Machine machine;
  const Result<std::vector<std::string>> result = machine.check({.capacity = 64 * kGiB});
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::out_of_memory);
  CHECK(result.error().message == "capacity 64 GiB is more than this machine's 16 GiB of memory; lower --capacity");
}

TEST_CASE("sizes that round to the same are told apart") {
  const Machine machine;
  CHECK_THAT(machine.error({.capacity = 16 * kGiB + 4096}),
             Contains("capacity 17179873280 bytes is more than this machine's 17179869184 bytes"));
}

TEST_CASE("a cgroup's limit holds, wherever on the path it stands") {
  Machine machine;
  machine.write("proc/self/cgroup", "0::/jobs/one\n");
  machine.version_2("/jobs/one", "max", 0);
  machine.version_2("/jobs", std::to_string(4 * kGiB), kGiB);
  CHECK(machine.warnings(2 * kGiB) == 0);
  const std::vector<std::string> warnings = machine.check({.capacity = 3 * kGiB + (1u << 20)}).value();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Contains("this cgroup has left"));
  CHECK(machine.error({.capacity = 5 * kGiB}) ==
        "capacity 5 GiB is more than the 4 GiB that this cgroup may use; lower --capacity or raise the cgroup's memory "
        "limit");
  CHECK_THAT(machine.error({.capacity = 4 * kGiB, .preallocate = true}),
             Contains("the 3 GiB that this cgroup has left"));
}

TEST_CASE("file cache counts as room in a cgroup") {
  Machine machine;
  machine.write("proc/self/cgroup", "0::/\n");
  machine.version_2("", std::to_string(4 * kGiB), 3 * kGiB, 2 * kGiB);
  CHECK(machine.warnings(2 * kGiB) == 0);
  CHECK(machine.warnings(4 * kGiB) == 1);
}

TEST_CASE("a cgroup that uses more than its limit has nothing left") {
  Machine machine;
  machine.write("proc/self/cgroup", "0::/\n");
  machine.version_2("", std::to_string(4 * kGiB), 5 * kGiB, 7 * kGiB);
  CHECK(machine.warnings(3 * kGiB) == 0);
  machine.version_2("", std::to_string(4 * kGiB), 5 * kGiB, 0);
  CHECK(machine.warnings(4096) == 1);
}

TEST_CASE("version 1 cgroups are read too, beside an empty version 2") {
  Machine machine;
  machine.write("proc/self/cgroup", "5:cpuset:/\n4:cpu,memory:/jobs/one\n1:name=systemd:/\n0::/\n");
  machine.version_1("/jobs/one", 2 * kGiB, kGiB);
  machine.version_1("", 9223372036854771712u, kGiB);
  CHECK(machine.warnings(kGiB / 2) == 0);
  CHECK(machine.warnings(2 * kGiB) == 1);
  CHECK_THAT(machine.error({.capacity = 3 * kGiB}), Contains("the 2 GiB that this cgroup may use"));
}

TEST_CASE("in a container, the root of what can be seen counts") {
  Machine machine;
  for (const char* line : {"0::/../../host/path\n", "0::/docker/5f2a\n", "0::/\n"}) {
    machine.write("proc/self/cgroup", line);
    machine.version_2("", std::to_string(2 * kGiB), 0);
    CHECK_THAT(machine.error({.capacity = 3 * kGiB}), Contains("the 2 GiB that this cgroup may use"));
  }
}

TEST_CASE("files that are missing or strange are no limit") {
  Machine machine;
  for (const char* text : {"", "\n", "nonsense\n", "0:\n", "0::\n", "::::\n", "0::relative\n"}) {
    INFO(text);
    machine.write("proc/self/cgroup", text);
    CHECK(machine.warnings(kGiB) == 0);
  }
  machine.write("proc/self/cgroup", "0::/a\n");
  machine.version_2("/a", "a lot", 0);
  CHECK(machine.warnings(kGiB) == 0);
  machine.version_2("/a", "99999999999999999999999999", 0);
  CHECK(machine.warnings(kGiB) == 0);
}

TEST_CASE("memory limits: books, pin tables and processes count beside the capacity") {
  Machine machine;
  machine.write("proc/self/cgroup", "0::/\n");
  machine.version_2("", std::to_string(96 * kMiB), 0);
  const std::vector<std::string> warnings = machine.check({.capacity = 88 * kMiB}).value();
  REQUIRE(warnings.size() == 1);
  CHECK(
      warnings.front() ==
      "capacity 88 MiB, the tables for up to 90112 objects (10.8 MiB), the pin tables of 4 clients (5.52 MiB) and the "
      "processes of doliumd (8 MiB) need 112 MiB, which is more than the 96 MiB that this cgroup may use; lower "
      "--capacity to 74 MiB, or raise the cgroup's memory limit by 17 MiB, or processes may be killed when the store "
      "fills up");
  CHECK(machine.warnings(74 * kMiB) == 0);
  CHECK(machine.warnings(75 * kMiB) == 1);
  machine.version_2("", std::to_string((96 + 17) * kMiB), 0);
  CHECK(machine.warnings(88 * kMiB) == 0);
}

TEST_CASE("memory limits: the books are as large as the number of objects that the store may hold") {
  Machine machine;
  machine.write("proc/self/cgroup", "4:memory:/\n");
  machine.version_1("", 96 * kMiB, 0);
  CHECK(machine.warnings(80 * kMiB) == 1);
  CHECK(machine.check({.capacity = 80 * kMiB, .max_objects = 1024}).value().empty());
  const std::vector<std::string> warnings = machine.check({.capacity = 16 * kMiB, .max_objects = 1'000'000}).value();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Contains("1000000 objects") && Contains("lower --max-objects"));
}

TEST_CASE("memory limits: what is preallocated takes its first books with it") {
  Machine machine;
  machine.write("proc/self/cgroup", "0::/\n");
  machine.version_2("", std::to_string(kGiB), 0);
  CHECK(machine.check({.capacity = kGiB - 5 * kMiB, .preallocate = true}).value().size() == 1);
  CHECK_THAT(machine.error({.capacity = kGiB - 1 * kMiB, .preallocate = true}),
             Contains("the 1 GiB that this cgroup may use") && Contains("raise the cgroup's memory limit by"));
}

TEST_CASE("memory limits: of a store that there is, what it has taken is not asked for again") {
  Machine machine;
  machine.write("proc/self/cgroup", "0::/\n");
  machine.version_2("", std::to_string(113 * kMiB), 105 * kMiB);
  const HostQuery running{.root = machine.path(), .reserved = 88 * kMiB};
  CHECK(check_host({.capacity = 88 * kMiB}, running).value().empty());
  machine.version_2("", std::to_string(96 * kMiB), 95 * kMiB);
  CHECK(check_host({.capacity = 88 * kMiB}, running).value().size() == 1);
}

TEST_CASE("without meminfo nothing can be said") {
  const dolium::test::TemporaryDirectory nothing;
  const Error error = check_host({}, {.root = nothing.path()}).error();
  CHECK(error.code == Errc::system_error);
  CHECK(error.message == "cannot read the machine's memory from " + (nothing.path() / "proc/meminfo").string() +
                             " (is /proc mounted?): No such file or directory (errno 2)");
}

TEST_CASE("huge pages come from their pool and from nowhere else") {
  Machine machine;
  const auto config = [](std::uint64_t capacity) { return StoreConfig{.capacity = capacity, .huge_pages = true}; };
  CHECK_THAT(machine.error(config(kGiB)), Contains("no 2 MiB huge pages"));
  machine.huge_pages(512, 0, 0);
  CHECK(machine.check(config(kGiB)));
  CHECK_THAT(machine.error(config(kGiB + 4096)), Contains("raise vm.nr_hugepages by 1,"));
  machine.huge_pages(512, 2, 0);
  CHECK_THAT(machine.error(config(kGiB)), Contains("raise vm.nr_hugepages by 2,"));
  machine.huge_pages(512, 2, 2);
  CHECK(machine.check(config(kGiB)));
  machine.memory(16, 0);
  CHECK(machine.check(config(kGiB)));
}

TEST_CASE("this very machine has a page to spare") {
  CHECK(check_host({.capacity = 4096}));
}

}  // namespace dolium::shm
