#pragma once
// Checks that the machine has enough memory for a store, before any is reserved. The kernel reports a lack too late: a
// memfd is not limited by the size of /dev/shm, so it grows until the machine swaps, or until the cgroup's limit is
// reached, and that limit kills processes instead of failing a call.
//
// A configuration that can never work is an error. One that works if other processes free memory, or if the store stays
// half empty, is a warning; with `preallocate`, which takes all memory at once, it is an error, too. The check counts
// the capacity, the tables for the maximum number of objects, some clients' pin tables and the processes
// (store_needs.h): without room for those, a store that fills up is killed for lack of memory. Huge pages were set
// aside when their pool was filled, so only the pool counts for them, not the available memory nor the cgroup's limit.

#include <string>
#include <vector>

#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/os/host_memory.h"

namespace dolium::shm {

/// A lack of memory, and what to do about it.
struct Shortage {
  std::string what;
  std::string remedy;
  bool can_never_work;
};

/// The first shortage that can never work, or else all that may work; system_error if the memory cannot be read.
[[nodiscard]] Result<std::vector<Shortage>> find_shortages(const StoreConfig& config, const HostQuery& query = {});
/// The same as sentences: warnings, or the error out_of_memory; system_error if the memory cannot be read.
[[nodiscard]] Result<std::vector<std::string>> check_host(const StoreConfig& config, const HostQuery& query = {});

}  // namespace dolium::shm
