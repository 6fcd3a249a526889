#pragma once
// How much memory a process can get: that of the machine, and what its cgroups leave of it. Facts only; host_check.h
// judges them.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <dolium/result.h>

namespace dolium::shm {

/// Which process's limits to read, and where.
struct HostQuery {
  std::filesystem::path root = "/";  ///< directory that has proc and sys; another one in tests
  std::string process = "self";      ///< "self" or a pid
  std::uint64_t reserved = 0;        ///< bytes of the capacity that the kernel has reserved already
};

struct HostMemory {
  std::uint64_t total = 0;  ///< in bytes, as all other fields
  std::uint64_t available = 0;
  std::uint64_t swap = 0;
  std::uint64_t swap_left = 0;  ///< free part of `swap`, as far as the cgroups allow it
  /// The smallest limit of the cgroups on the process's path; UINT64_MAX: no limit.
  std::uint64_t group_limit = UINT64_MAX;
  /// Bytes left below that limit. Reclaimable file cache counts as free.
  std::uint64_t group_left = UINT64_MAX;
  /// Unreserved pages of the 2 MiB pool; empty if the kernel has no such pool.
  std::optional<std::uint64_t> huge_pages_left;
};

/// A missing file counts as "no limit", since kernels and containers differ. Only /proc/meminfo must be readable; else
/// system_error.
[[nodiscard]] Result<HostMemory> read_host_memory(const HostQuery& query);

/// Checks that the machine and this process's cgroup have so many bytes left; with `huge_pages`, that the pool of 2 MiB
/// pages has. Else out_of_memory, with the cause `memory`. Call it before each reservation: reaching a cgroup's limit
/// kills processes instead of failing the reservation.
[[nodiscard]] Result<void> check_memory_left(std::uint64_t bytes, bool huge_pages, const HostQuery& query);

/// Number of bytes that a store leaves free in the machine and the cgroup: a restarted server needs them.
inline constexpr std::uint64_t kMemoryLeftFree = std::uint64_t{8} << 20;

/// Checks before a store takes so many bytes more: calls check_memory_left() for them plus kMemoryLeftFree. Succeeds if
/// /proc cannot be read: then the kernel decides.
[[nodiscard]] Result<void> check_room_to_grow(std::uint64_t bytes, const HostQuery& query = {});

}  // namespace dolium::shm
