#include "shm/os/memory_cgroup.h"

#include <fmt/format.h>

#include <sstream>

#include "shm/os/proc_file.h"

namespace dolium::shm {
namespace {

namespace fs = std::filesystem;

constexpr MemoryCgroupNames kVersion1 = {"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                         "total_inactive_file ", "memory.oom_control"};
constexpr MemoryCgroupNames kVersion2 = {"sys/fs/cgroup",  "memory.max",    "memory.current",
                                         "inactive_file ", "memory.events", true};
constexpr std::string_view kOomKills = "oom_kill ";

MemoryCgroup group_at(const fs::path& root, fs::path group, const MemoryCgroupNames& names) {
  MemoryCgroup result{&names, {}};
  for (bool at_root = false; !at_root; group = group.parent_path()) {
    at_root = !group.has_relative_path();
    result.directories.push_back(root / names.mount / group.relative_path());
  }
  return result;
}

/// A line of /proc/PID/cgroup: "4:cpu,memory:/path" for version 1, "0::/path" for version 2.
std::optional<MemoryCgroup> group_in(const fs::path& root, const std::string& line) {
  const std::size_t first = line.find(':');
  const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
  if (second == std::string::npos) return std::nullopt;
  const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
  const bool is_version_2 = controllers == ",,";
  if (!is_version_2 && controllers.find(",memory,") == std::string::npos) return std::nullopt;
  // A group outside this cgroup namespace is shown as "/../..". Only its root is visible.
  std::string group = line.substr(second + 1);
  if (group.find("..") != std::string::npos) group = "/";
  return group_at(root, group, is_version_2 ? kVersion2 : kVersion1);
}

}  // namespace

std::vector<MemoryCgroup> memory_cgroups(const fs::path& root, const std::string& process) {
  std::vector<MemoryCgroup> groups;
  std::istringstream lines(read_text(root / "proc" / process / "cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);)
    if (auto group = group_in(root, line)) groups.push_back(*std::move(group));
  return groups;
}

std::optional<std::uint64_t> count_oom_kills(const fs::path& root) {
  std::optional<std::uint64_t> kills;
  for (const MemoryCgroup& group : memory_cgroups(root, "self"))
    for (const fs::path& directory : group.directories)
      if (const auto here = read_number(directory / group.names->events, kOomKills)) {
        kills = kills.value_or(0) + *here;
        break;  // the first visible directory is the process's own group
      }
  return kills ? kills : read_number(root / "proc/vmstat", kOomKills);
}

}  // namespace dolium::shm
