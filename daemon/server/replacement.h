#pragma once
// Restarts the server of a running daemon, as `doliumd --replace` does.
//
// A request over the socket asks the server, which asks its keeper. So no process is signalled by a number, which may
// belong to another process in this PID namespace. SIGHUP is sent to the keeper only if the socket file is gone or
// accepts no connection, if the keeper is visible here, and if the kernel shows that it is the daemon
// (protocol/lock_holders.h).

#include <sys/types.h>

#include <chrono>
#include <string>

#include <dolium/result.h>

namespace dolium::daemon {

/// Time until the new server must serve.
inline constexpr std::chrono::seconds kReplacementPatience{30};

/// Returns the pid of the new server, in the daemon's PID namespace, when it serves. `config_file` is the file that the
/// operator expects the daemon to read; empty: any file. disconnected if there is no daemon; invalid_argument if a new
/// server could not start, or the daemon reads another file; permission_denied; timed_out if the old server keeps
/// running.
[[nodiscard]] Result<pid_t> replace_server(const std::string& socket_path, const std::string& config_file);

}  // namespace dolium::daemon
