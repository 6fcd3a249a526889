#pragma once
// How much memory a process may hope for: the machine's, and what its cgroups leave of it. Facts; what follows from
// them is host_check.h's business.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <dolium/result.h>

namespace dolium::shm {

/// Whose limits are asked for, and where.
struct HostQuery {
  std::filesystem::path root = "/";  ///< where /proc and /sys are found; another one in tests
  std::string process = "self";      ///< or a pid
  std::uint64_t reserved = 0;        ///< bytes of the capacity that the kernel has given already
};

struct HostMemory {
  std::uint64_t total = 0;  ///< bytes, as all that follows
  std::uint64_t available = 0;
  std::uint64_t swap = 0;
  std::uint64_t swap_left = 0;  ///< of `swap`, what is free and what the cgroups allow
  /// The strictest of the cgroups on the process's path; UINT64_MAX: none.
  std::uint64_t group_limit = UINT64_MAX;
  /// Of the limit; what the kernel would drop first, file cache, counts as free.
  std::uint64_t group_left = UINT64_MAX;
  /// Pages of the 2 MiB pool that nobody has been promised; nothing when the kernel has no such pool.
  std::optional<std::uint64_t> huge_pages_left;
};

/// Files that this kernel or container does not have are taken for "no limit"; only /proc/meminfo must be readable
/// (system_error).
[[nodiscard]] Result<HostMemory> read_host_memory(const HostQuery& query);

/// out_of_memory, with the cause `memory`, unless the machine and this process's cgroups have so many bytes left; with
/// `huge_pages`, unless the pool of 2 MiB pages has. Ask before each reservation: the limit of a cgroup does not refuse
/// a reservation, it kills.
[[nodiscard]] Result<void> check_memory_left(std::uint64_t bytes, bool huge_pages, const HostQuery& query);

/// Bytes of the machine's and the cgroup's memory that a store does not take: a server that is restarted needs them.
inline constexpr std::uint64_t kMemoryLeftFree = std::uint64_t{8} << 20;

/// Before a store takes so many bytes more: check_memory_left() for them and for what is left free. Succeeds where
/// /proc cannot be read: the kernel decides then.
[[nodiscard]] Result<void> check_room_to_grow(std::uint64_t bytes, const HostQuery& query = {});

}  // namespace dolium::shm
