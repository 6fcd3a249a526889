#pragma once
// Heir: a session for a child that is about to be forked. The parent asks for it, before fork(): once the child runs,
// the parent may have released what the child inherited, and it may be gone. (Hence a child that connected only at its
// first use would not do.) The daemon's side: HelloRequest.fork_of in messages.fbs.
//
// A resource. Who lets go of it ends the session, if the other process has let go of it too.

#include <cstdint>
#include <string>

#include <dolium/result.h>

#include "client/remote/greeting.h"
#include "protocol/fd_socket.h"
#include "shm/os/segment.h"
#include "shm/os/unique_fd.h"

namespace dolium::detail {

struct Heir {
  shm::UniqueFd socket;
  shm::UniqueFd release_event;
  shm::Mapping pin_table;  // unlike other pin tables it goes through the next fork()
  std::uint64_t session_id = 0;
  std::uint64_t fork_token = 0;

  /// The answer means that all of the parent's references are counted in the new table. `pin_table_bytes` is what the
  /// parent's own has. Waits until the deadline at most.
  [[nodiscard]] static Result<Heir> ask(const SessionOrigin& parent, std::uint64_t pin_table_bytes,
                                        protocol::Deadline deadline);
  /// In the child, once: the session is this process's. Does not wait; if the daemon is gone, later calls find out.
  static void adopt(const shm::UniqueFd& socket);
};

}  // namespace dolium::detail
