#pragma once
// Checks whether a daemon could start, and whether a new server could continue a store, before any process is started
// or stopped.

#include <string>
#include <vector>

#include <dolium/result.h>

#include "daemon/config/config.h"

namespace dolium::daemon {

/// Fails if /proc is not mounted: doliumd needs it.
[[nodiscard]] Result<void> check_proc();

/// Returns the warnings of a daemon that would start now with this configuration, as this user; or why it would fail.
/// Creates, removes and changes nothing. A daemon that listens already is a warning: the configuration may be meant for
/// its next server.
[[nodiscard]] Result<std::vector<std::string>> check_start(const Config& config);

/// The part of check_start() that concerns the spill directory. One that the daemon on this socket has locked is a
/// warning.
[[nodiscard]] Result<std::vector<std::string>> check_spill(const Config& config);

/// Checks whether the keeper that runs at this socket can own the store of a server of this program. A keeper remains
/// the program that it was started from, and a server cannot continue a store of another layout: protocol_error. No
/// error if the keeper's layout is not known.
[[nodiscard]] Result<void> check_keeper(const std::string& socket_path);

/// Checks whether a server with this configuration could continue an existing store. Opens the log. `config_asked` is
/// the file that the operator expects the daemon to read: invalid_argument if it reads another one. Empty: any file.
[[nodiscard]] Result<void> check_successor(const Invocation& invocation, const std::string& config_asked);

}  // namespace dolium::daemon
