#pragma once
// The handshake: the first request and the first reply of every connection. One function serves a new session
// (connection.cc), a session that continues after the server's death (resume_session), and the session of a forked
// child (heir.h). See HelloRequest in messages.fbs.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/result.h>

#include "protocol/codec.h"
#include "protocol/fd_socket.h"
#include "protocol/frame.h"
#include "shm/os/segment.h"
#include "shm/os/unique_fd.h"

namespace dolium::detail {

/// What identifies a session to the daemon: enough to continue it after the server's death, or to copy it for a child.
struct SessionIdentity {
  std::string path;  // of the socket, absolute
  std::uint64_t session_id = 0;
  std::uint64_t fork_token = 0;  // 0: the daemon cannot continue or copy it
};

/// The daemon's answer to a HelloRequest, and what came with it.
struct Welcome {
  shm::UniqueFd socket;
  protocol::HelloReplyT hello;
  std::vector<shm::UniqueFd> descriptors;         // without the rings'
  std::optional<shm::Mapping> rings;              // if present, all later frames go through them
  std::unique_ptr<protocol::FrameReader> reader;  // may hold bytes that arrived behind the reply
};

/// Connects without waiting for a daemon that is not there, but waits while its queue is full.
[[nodiscard]] Result<shm::UniqueFd> connect_at_once(const std::string& path, protocol::Deadline deadline);

/// Sends a whole frame.
[[nodiscard]] Result<void> send_frame(const shm::UniqueFd& socket, std::span<const std::byte> frame,
                                      protocol::Deadline deadline);

/// Sends `hello`, with this library's version and this process's origin, and waits for the answer. On success the
/// welcome owns `socket`; after an error the caller still has it. `what` names what this process asks for, for the
/// error when it runs out of descriptors. `spare` is closed just before the answer is read, so that a descriptor that
/// comes with it has room.
/// Errors: `disconnected` when the daemon closed the connection; timed_out; the daemon's refusal as it is.
[[nodiscard]] Result<Welcome> shake_hands(shm::UniqueFd& socket, protocol::HelloRequestT hello, std::string_view what,
                                          protocol::Deadline deadline, shm::UniqueFd spare = {});

/// A new connection for a session whose server has died. Retries, however many servers die meanwhile, until the
/// deadline. `disconnected` at once when there is no daemon, or it does not know the session.
[[nodiscard]] Result<Welcome> resume_session(const SessionIdentity& session, bool rings, protocol::Deadline deadline);

}  // namespace dolium::detail
