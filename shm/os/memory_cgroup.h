#pragma once
// MemoryCgroup: the control groups that limit and count a process's memory, in cgroup v1 and v2.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dolium::shm {

/// File names that differ between cgroup v1 and v2.
struct MemoryCgroupNames {
  std::string_view mount;
  std::string_view limit;
  std::string_view usage;
  std::string_view reclaimable;  ///< label of the line in memory.stat
  std::string_view events;       ///< file that counts OOM kills, in a line "oom_kill NUMBER"
  bool counts_swap = false;      ///< has memory.swap.max and memory.swap.current
};

/// A process's group in one hierarchy.
struct MemoryCgroup {
  const MemoryCgroupNames* names = nullptr;
  /// The group, its parent, and so on up to the visible root: a limit holds for all groups below it. In a container, a
  /// path may name directories that exist on the host only.
  std::vector<std::filesystem::path> directories;
};

/// The groups of a process ("self" or a pid) that count its memory. `root` has proc and sys. Empty without cgroups.
[[nodiscard]] std::vector<MemoryCgroup> memory_cgroups(const std::filesystem::path& root, const std::string& process);

/// Number of processes in this process's cgroups that the kernel has ever killed for lack of memory; of the whole
/// machine if the cgroups do not count it. Empty if the kernel does not tell.
[[nodiscard]] std::optional<std::uint64_t> count_oom_kills(const std::filesystem::path& root = "/");

}  // namespace dolium::shm
