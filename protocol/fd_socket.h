#pragma once
// Unix stream sockets: connecting and waiting. Listener (listener.h) is the other end; peer.h identifies the peer.
//
// Every descriptor created here is close-on-exec and non-blocking. wait_readable() and wait_writable() wait until a
// point in time, so that interrupted waits do not get longer.
//
// Free functions are thread-safe. No function blocks longer than its deadline.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <dolium/result.h>
#include <dolium/timeout.h>

#include "shm/os/unique_fd.h"

namespace dolium::protocol {

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kNoDeadline = Deadline::max();
[[nodiscard]] Deadline deadline_after(Timeout timeout);

/// A system_error for the loss of `what`, because this process has no descriptors left. The error names the limit.
[[nodiscard]] Error out_of_descriptors(std::string_view what);

/// Connects. While no daemon listens or its queue is full, retries until the deadline; always tries at least once.
/// Fails with disconnected ("no daemon listens at ..."), timed_out if the queue stayed full, permission_denied, or
/// invalid_argument for a path that is too long.
[[nodiscard]] Result<shm::UniqueFd> connect_to(std::string_view path, Deadline deadline);

/// Both ends of a connection, for tests.
[[nodiscard]] Result<std::pair<shm::UniqueFd, shm::UniqueFd>> socket_pair();
/// A copy of a descriptor, close-on-exec, for example for FrameWriter::push().
[[nodiscard]] Result<shm::UniqueFd> duplicate(int fd);

/// Returns true if ready, or if the peer is gone (the next read or write tells); false if the deadline passed first.
[[nodiscard]] Result<bool> wait_readable(int fd, Deadline deadline);
[[nodiscard]] Result<bool> wait_writable(int fd, Deadline deadline);

}  // namespace dolium::protocol
