#pragma once
// Finds the processes of a daemon through the kernel: they hold the lock file of its socket. So a pid found here is
// that of the daemon in the PID namespace of /proc, even if the socket file or the lock file was removed. (A pid that a
// process wrote into a file may mean another process in this namespace.)
//
// Only the same user and root can see the descriptors of a process. Processes of other PID namespaces are visible if
// those are below this one.

#include <sys/types.h>

#include <string>
#include <vector>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::protocol {

struct LockHolder {
  pid_t keeper = 0;  ///< the process that holds the lock, and whose parent does not
  pid_t server = 0;  ///< a child of the keeper that also holds the lock; 0: there is none now
  uid_t user = 0;    ///< user of the keeper
  /// Whether it holds the lock file that is there now. False: it holds one that was removed or replaced.
  bool is_current = false;
};

/// Every daemon that holds the lock file of this socket, or one that was removed. Daemons that this user cannot see are
/// missing. The current one is first.
[[nodiscard]] std::vector<LockHolder> find_lock_holders(const std::string& socket_path);

/// A pidfd of the keeper, verified to be that process. disconnected if it has ended meanwhile. permission_denied for a
/// process of a user other than root, this user, or the owner of the socket's directory: any user who can write there
/// could hold such a lock.
[[nodiscard]] Result<shm::UniqueFd> open_keeper(const LockHolder& holder, const std::string& socket_path);

}  // namespace dolium::protocol
