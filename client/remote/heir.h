#pragma once
// Heir: a session for a child that is about to be forked. The parent asks for it before fork(). A child that connected
// only at its first use would be too late: by then the parent may have released the objects that the child inherited.
// The daemon's side: HelloRequest.fork_of in messages.fbs.
//
// A resource. The session ends when parent and child have both destroyed their Heir.

#include <cstdint>
#include <string>

#include <dolium/result.h>

#include "client/remote/handshake.h"
#include "protocol/fd_socket.h"
#include "shm/os/segment.h"
#include "shm/os/unique_fd.h"

namespace dolium::detail {

struct Heir {
  shm::UniqueFd socket;
  shm::UniqueFd release_event;
  shm::Mapping pin_table;  // unlike other pin tables, the next child inherits it
  std::uint64_t session_id = 0;
  std::uint64_t fork_token = 0;

  /// Asks the daemon for the session. On success all of the parent's references are counted in the new table.
  /// `pin_table_bytes`: the size of the parent's own table. Waits until the deadline at most.
  [[nodiscard]] static Result<Heir> ask(const SessionIdentity& parent, std::uint64_t pin_table_bytes,
                                        protocol::Deadline deadline);
  /// Called once, in the child: tells the daemon that the session belongs to this process. Does not wait; if the daemon
  /// is gone, later calls find out.
  static void adopt(const shm::UniqueFd& socket);
};

}  // namespace dolium::detail
