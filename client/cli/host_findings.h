#pragma once
// The doctor's findings about the host: whether there is memory for the store, whether the process limits of the daemon
// allow it, and which page size it gets. The memory checks are those of doliumd's start (shm/table/host_check.h).

#include <cstdint>

#include "client/cli/finding.h"
#include "shm/os/host_memory.h"

namespace dolium::cli {

/// The store that the host is checked for.
struct HostLoad {
  std::uint64_t capacity = 0;
  std::uint32_t max_objects = 0;  ///< 0: derived from the capacity
  std::uint64_t clients = 0;      ///< connected now
  bool daemon_runs = false;       ///< if true, `query.process` is its server
};

/// Checks the host, from /proc and /sys below query.root.
[[nodiscard]] Findings host_findings(const shm::HostQuery& query, const HostLoad& load);

/// Checks that this host can create shared memory, by creating and dropping a piece.
[[nodiscard]] Finding shared_memory_finding();

}  // namespace dolium::cli
