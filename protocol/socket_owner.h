#pragma once
// The owner of a socket: a line in the lock file beside it. Servers write it; the daemon's user and root can read it.
// It is only trusted while the lock is held: then the keeper lives, and the line names it correctly.

#include <sys/types.h>

#include <cstdint>
#include <string>

#include <dolium/result.h>

namespace dolium::protocol {

struct SocketOwner {
  pid_t keeper = 0;  ///< 0: the lock is not held, or its holder has not written the line yet
  pid_t server = 0;
  std::uint32_t layout = 0;  ///< layout of the store's index (shm/table/index_layout.h); 0: layout 2 or older
};

/// Reads the lock file at this path. system_error if it cannot be read.
[[nodiscard]] Result<SocketOwner> read_socket_owner(const std::string& lock_path);

/// Writes that this process serves, with its parent as the keeper, a store of this layout. A server calls it before it
/// begins to serve. `lock` is the locked file.
[[nodiscard]] Result<void> write_socket_owner(int lock, std::uint32_t layout);

}  // namespace dolium::protocol
