#pragma once
// MemoryCgroup: the control groups that bound and count a process's memory, in either version of cgroups.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dolium::shm {

/// The names that cgroup v1 and v2 have for the same things.
struct MemoryCgroupNames {
  std::string_view mount;
  std::string_view limit;
  std::string_view usage;
  std::string_view reclaimable;  ///< a label in memory.stat
  std::string_view events;       ///< the file that counts OOM kills, in a line "oom_kill NUMBER"
};

/// A process's group in one hierarchy.
struct MemoryCgroup {
  const MemoryCgroupNames* names = nullptr;
  /// The group, its parent, and so on up to the root of what can be seen here: a limit holds for all groups below. In a
  /// container a path may name directories that exist on the host only.
  std::vector<std::filesystem::path> directories;
};

/// The groups of a process ("self" or a pid) that account memory. `root` is where /proc and /sys are found. Empty
/// without cgroups.
[[nodiscard]] std::vector<MemoryCgroup> memory_cgroups(const std::filesystem::path& root, const std::string& process);

/// How many processes of this process's groups the kernel has killed for want of memory, ever; on the whole machine
/// where the groups do not tell. Nothing when the kernel does not say.
[[nodiscard]] std::optional<std::uint64_t> count_oom_kills(const std::filesystem::path& root = "/");

}  // namespace dolium::shm
