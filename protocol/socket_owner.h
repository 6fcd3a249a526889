#pragma once
// Who serves at a socket: a line in the lock file beside it, written by servers, readable by the daemon's own user and
// root alone, and believed only while the lock is held: a keeper whose lock is held lives, and is what it says it is.

#include <sys/types.h>

#include <cstdint>
#include <string>

#include <dolium/result.h>

namespace dolium::protocol {

struct SocketOwner {
  pid_t keeper = 0;  ///< 0: nobody holds the lock, or whoever does has not said yet who it is
  pid_t server = 0;
  std::uint32_t layout = 0;  ///< of the store's index (shm/table/index_layout.h); 0: of 2, or older
};

/// Of the lock file at this path. system_error when it cannot be read.
[[nodiscard]] Result<SocketOwner> read_socket_owner(const std::string& lock_path);

/// By a server that is about to serve: this process does, with its parent as the keeper, a store of this layout. `lock`
/// is the locked file.
[[nodiscard]] Result<void> write_socket_owner(int lock, std::uint32_t layout);

}  // namespace dolium::protocol
