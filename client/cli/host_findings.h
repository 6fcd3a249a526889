#pragma once
// What the doctor finds out about the host: is there memory for the store, do the limits of the process that keeps it
// leave it enough, and what kind of pages does it get. The checks of memory are those that doliumd makes when it
// starts (shm/table/host_check.h).

#include <cstdint>

#include "client/cli/finding.h"
#include "shm/os/host_memory.h"

namespace dolium::cli {

/// The store that the host is asked to carry.
struct HostLoad {
  std::uint64_t capacity = 0;
  std::uint32_t max_objects = 0;  ///< 0: as many as the capacity calls for
  std::uint64_t clients = 0;      ///< connected now
  bool daemon_runs = false;       ///< `query.process` is its server; else one is only being thought of
};

/// Reads /proc and /sys below query.root.
[[nodiscard]] Findings host_findings(const shm::HostQuery& query, const HostLoad& load);

/// Makes, and throws away, memory as the store's: can this be done here at all?
[[nodiscard]] Finding shared_memory_finding();

}  // namespace dolium::cli
