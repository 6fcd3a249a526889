#pragma once
// Greeting: the first words of a connection, by who waits for nothing else: of a child's session before fork()
// (heir.h), and of one that goes on after the daemon's server has died.

#include <optional>
#include <string>

#include <dolium/result.h>

#include "protocol/codec.h"
#include "protocol/fd_socket.h"
#include "protocol/frame.h"
#include "shm/os/segment.h"
#include "shm/os/unique_fd.h"

namespace dolium::detail {

/// What a session must know of itself to be followed, and to be gone on with.
struct SessionOrigin {
  std::string path;  // of the socket
  std::uint64_t session_id = 0;
  std::uint64_t fork_token = 0;
};

/// A daemon that is not there is not waited for, one that has too many waiting is.
[[nodiscard]] Result<shm::UniqueFd> connect_at_once(const std::string& path, protocol::Deadline deadline);

/// The rings that came with a HelloReply as its last descriptor.
[[nodiscard]] Result<shm::Mapping> map_rings(const protocol::HelloReply& hello, const shm::UniqueFd& descriptor);

/// Sends a whole frame.
[[nodiscard]] Result<void> send_frame(const shm::UniqueFd& socket, std::span<const std::byte> frame,
                                      protocol::Deadline deadline);

/// Says hello and waits for the answer, which lies in the reader. `disconnected` when the daemon went away, or could
/// not let us in at this moment; what it has against us is another error. `spare` is closed before the answer is read,
/// for a descriptor that may come with it.
[[nodiscard]] Result<const protocol::HelloReply*> exchange_hellos(const shm::UniqueFd& socket,
                                                                  protocol::HelloRequestT hello,
                                                                  protocol::FrameReader& reader,
                                                                  protocol::Deadline deadline,
                                                                  shm::UniqueFd spare = {});

struct Resumed {
  shm::UniqueFd socket;
  std::optional<shm::Mapping> rings;  // frames go through these from here on
};

/// Another connection for a session whose server has died: however often servers die meanwhile, until the deadline.
/// disconnected at once when the whole daemon is gone, or does not know the session.
[[nodiscard]] Result<Resumed> resume_session(const SessionOrigin& session, bool rings, protocol::Deadline deadline);

}  // namespace dolium::detail
