#include "shm/host_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "shm/proc_file.h"
#include "shm/system_error.h"

namespace dolium::shm {
namespace {

namespace fs = std::filesystem;

/// The names that cgroup v1 and v2 have for the same things.
struct Hierarchy {
  std::string_view mount;
  std::string_view limit;
  std::string_view usage;
  std::string_view reclaimable;  ///< a label in memory.stat
};
constexpr Hierarchy kVersion1 = {"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                 "total_inactive_file "};
constexpr Hierarchy kVersion2 = {"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "};

struct Headroom {
  std::uint64_t limit = UINT64_MAX;
  std::uint64_t left = UINT64_MAX;  ///< of the limit, counting as free what the kernel would drop first: file cache
};

/// Limits hold for all groups below, so the path is walked up to its root. In a container the path may name
/// directories that only the host sees: those are passed over.
Headroom headroom_along(const fs::path& mount, fs::path group, const Hierarchy& names) {
  Headroom result;
  for (bool at_root = false; !at_root; group = group.parent_path()) {
    at_root = !group.has_relative_path();
    const fs::path here = mount / group.relative_path();
    const std::optional<std::uint64_t> limit = read_number(here / names.limit);
    if (!limit) continue;
    const std::uint64_t usage = read_number(here / names.usage).value_or(0);
    const std::uint64_t reclaimable = read_number(here / "memory.stat", names.reclaimable).value_or(0);
    const std::uint64_t needed = usage - std::min(usage, reclaimable);
    result.limit = std::min(result.limit, *limit);
    result.left = std::min(result.left, *limit - std::min(*limit, needed));
  }
  return result;
}

/// Lines of /proc/PID/cgroup: "4:cpu,memory:/path" for version 1, "0::/path" for version 2.
Headroom cgroup_headroom(const fs::path& root, const std::string& process) {
  Headroom result;
  std::istringstream lines(read_text(root / "proc" / process / "cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const bool is_version_2 = controllers == ",,";
    if (!is_version_2 && controllers.find(",memory,") == std::string::npos) continue;
    // A group outside of this namespace is shown as "/../..": of that, only the root can be seen.
    std::string group = line.substr(second + 1);
    if (group.find("..") != std::string::npos) group = "/";
    const Hierarchy& names = is_version_2 ? kVersion2 : kVersion1;
    const Headroom one = headroom_along(root / names.mount, group, names);
    result.limit = std::min(result.limit, one.limit);
    result.left = std::min(result.left, one.left);
  }
  return result;
}

/// Reserved pages are promised to others. Pages over the pool's size are made on demand up to the overcommit.
std::optional<std::uint64_t> huge_pages_left(const fs::path& root) {
  const fs::path pool = root / "sys/kernel/mm/hugepages/hugepages-2048kB";
  const auto count = [&](const char* name) { return read_number(pool / name).value_or(0); };
  const std::optional<std::uint64_t> free = read_number(pool / "free_hugepages");
  if (!free) return std::nullopt;
  const std::uint64_t overcommit = count("nr_overcommit_hugepages");
  return *free - std::min(*free, count("resv_hugepages")) + overcommit -
         std::min(overcommit, count("surplus_hugepages"));
}

}  // namespace

Result<HostMemory> read_host_memory(const HostQuery& query) {
  const fs::path meminfo = query.root / "proc/meminfo";
  errno = 0;
  const std::optional<std::uint64_t> total_kib = read_number(meminfo, "MemTotal:");
  const std::optional<std::uint64_t> available_kib = read_number(meminfo, "MemAvailable:");
  if (!total_kib || !available_kib)
    return system_error(fmt::format("find out how much memory there is from {} (is /proc mounted?)", meminfo.string()),
                        errno != 0 ? errno : ENODATA);
  const Headroom group = cgroup_headroom(query.root, query.process);
  HostMemory memory;
  memory.total = *total_kib * 1024;
  memory.available = *available_kib * 1024;
  memory.swap = read_number(meminfo, "SwapTotal:").value_or(0) * 1024;
  memory.group_limit = group.limit;
  memory.group_left = group.left;
  memory.huge_pages_left = huge_pages_left(query.root);
  return memory;
}

}  // namespace dolium::shm
