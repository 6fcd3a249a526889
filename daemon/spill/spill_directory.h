#pragma once
// The checks of a spill directory, and its lock.
//
// The lock is a flock() of the file "lock" in the directory. It belongs to the open file, so it lives as long as any
// I/O or process that has it: a process that hangs in the disk keeps the directory, and the next one is told so.

#include <string>

#include <dolium/result.h>

#include "daemon/spill/disk_files.h"
#include "shm/os/unique_fd.h"

namespace dolium::spill {

/// Opens it, if it may be used: a directory of this user alone, not in memory.
[[nodiscard]] Result<shm::UniqueFd> open_spill_directory(const std::string& path);
/// Takes the lock; the error names the process that has it.
[[nodiscard]] Result<shm::UniqueFd> lock_spill_directory(const shm::UniqueFd& directory, const std::string& path);
/// Whether lock_spill_directory() would succeed now.
[[nodiscard]] Result<void> foresee_lock(const shm::UniqueFd& directory, const std::string& path);
[[nodiscard]] Result<DirectoryFindings> describe_spill_directory(const shm::UniqueFd& directory,
                                                                 const std::string& path);

}  // namespace dolium::spill
