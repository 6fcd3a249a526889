#pragma once
// The processes of a daemon, found by what the kernel shows of them: they hold the lock file of its socket. So a
// number here is that of the daemon in the PID namespace of /proc, also when the socket file or the lock file was
// removed. A number that a process wrote down may be another's in this namespace.
//
// To see the descriptors of a process takes its user, or root. Other PID namespaces are seen if they are below ours.

#include <sys/types.h>

#include <string>
#include <vector>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::protocol {

struct LockHolder {
  pid_t keeper = 0;  ///< holds the lock, and its parent does not
  pid_t server = 0;  ///< a child of the keeper that holds it, too; 0: there is none now
  uid_t user = 0;    ///< the keeper's
  /// It is the lock file that lies there now. False: a file of that name that was removed, or replaced.
  bool is_current = false;
};

/// Every daemon that holds, or held when it was removed, the lock file of this socket; those that we cannot see are
/// missing. The current one is the first.
[[nodiscard]] std::vector<LockHolder> find_lock_holders(const std::string& socket_path);

/// A pidfd of the keeper, which is proved to be that process. disconnected when it has gone meanwhile;
/// permission_denied for a process that is neither root's, nor this user's, nor the owner's of the socket's directory:
/// whoever may write there could hold such a lock.
[[nodiscard]] Result<shm::UniqueFd> open_keeper(const LockHolder& holder, const std::string& socket_path);

}  // namespace dolium::protocol
