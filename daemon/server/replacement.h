#pragma once
// Has a running daemon go on with another server, as `doliumd --replace` does.
//
// It is asked over its socket, and asks its keeper: so no process is signalled by a number, which may be another's in
// this PID namespace. Only where the socket file is gone, or no connection is to be had, the keeper is sent SIGHUP: if
// it is seen from here, and the kernel shows that it is the daemon (protocol/lock_holders.h).

#include <sys/types.h>

#include <chrono>
#include <string>

#include <dolium/result.h>

namespace dolium::daemon {

/// How long a successor may take until it serves.
inline constexpr std::chrono::seconds kReplacementPatience{30};

/// Returns when the new server serves: its number, in the daemon's PID namespace. `config_file` is what the operator
/// means the daemon to read; empty: whatever it reads. disconnected when no daemon is there, invalid_argument when no
/// server could go on, or the daemon reads another file; permission_denied; timed_out when the old server goes on.
[[nodiscard]] Result<pid_t> replace_server(const std::string& socket_path, const std::string& config_file);

}  // namespace dolium::daemon
