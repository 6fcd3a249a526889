#pragma once
// The checks of a spill directory, and its lock: one set of them, for doliumd-spill, and for doliumd before it starts.
//
// The lock is a flock() of the file "lock" in the directory. It belongs to the open file, so it lives as long as any
// I/O or process that has it: a process that hangs in the disk keeps the directory, and the next one is told so.
//
// Errors: invalid_argument and already_exists, and what is_permanent() says, stay until an operator acts. The others
// may pass by themselves.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include <dolium/result.h>

#include "daemon/spill_home/superblock.h"
#include "shm/os/unique_fd.h"

namespace dolium::spill {

/// The process that has a directory locked.
struct LockHolder {
  pid_t process = 0;  ///< 0: unknown
  pid_t daemon = 0;   ///< the keeper that it belongs to; 0: that one has ended, or it is unknown
};

/// What can be said of a directory without locking it for good.
struct DirectoryFindings {
  std::uint64_t free_bytes = 0;        ///< that this user may use
  dev_t device = 0;                    ///< of its file system
  std::vector<std::string> warnings;   ///< for the operator
  std::optional<LockHolder> holder{};  ///< none: it is not locked
};

/// Opens it, if it may be used: a directory of this user alone, not in memory.
[[nodiscard]] Result<shm::UniqueFd> open_spill_directory(const std::string& path);
/// The names of its files.
[[nodiscard]] Result<std::vector<std::string>> list_spill_directory(const shm::UniqueFd& directory,
                                                                    const std::string& path);
/// Takes the lock; the error is locked().
[[nodiscard]] Result<shm::UniqueFd> lock_spill_directory(const shm::UniqueFd& directory, const std::string& path);
/// Whether this descriptor of the lock is the file that has its name still. True also if that cannot be found out.
[[nodiscard]] bool holds_spill_lock(const shm::UniqueFd& directory, const shm::UniqueFd& lock) noexcept;
/// That another process has the lock. already_exists if its daemon lives; otherwise the process is ending, or hangs.
[[nodiscard]] Error locked(const LockHolder& holder, const std::string& path);
/// Whether the directory could serve this machine: all that doliumd-spill would refuse, but for the lock. Changes
/// nothing.
[[nodiscard]] Result<DirectoryFindings> examine_spill_directory(const std::string& path, const Machine& machine);
/// Whether the cause stays until an operator removes it.
[[nodiscard]] bool is_permanent(const Error& error) noexcept;

}  // namespace dolium::spill
