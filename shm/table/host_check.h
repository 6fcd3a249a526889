#pragma once
// Is there memory for what is asked? Asked before any is reserved, because the kernel answers too late and in
// the wrong way: a memfd is not bounded by the size of /dev/shm, it grows until the machine swaps or the
// cgroup's limit is hit, and that limit kills instead of failing.
//
// What can never work is an error; what may work, if others give memory back or the store stays half empty, is
// a warning, unless `preallocate` takes it all at once. Beside the capacity, the books of as many objects as there may
// be, some clients' pin tables and the processes count (store_needs.h): without room for those, a store that fills up
// is killed for memory. Pages of the huge page pool were set apart when the pool was filled: only the pool counts for
// them, neither what is available otherwise nor the cgroup's memory.

#include <string>
#include <vector>

#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/os/host_memory.h"

namespace dolium::shm {

/// What is asked for and not there, and what to do about it.
struct Shortage {
  std::string what;
  std::string remedy;
  bool can_never_work;
};

/// The first that can never work, or all that may work; system_error where nothing can be known.
[[nodiscard]] Result<std::vector<Shortage>> find_shortages(const StoreConfig& config, const HostQuery& query = {});
/// The same in sentences: warnings, or out_of_memory with what to do about it; system_error where nothing can be known.
[[nodiscard]] Result<std::vector<std::string>> check_host(const StoreConfig& config, const HostQuery& query = {});

}  // namespace dolium::shm
