#pragma once
// Would a daemon start here, would another server go on with a store that there is: found out by looking, before
// anybody is started, stopped or asked to go.

#include <string>
#include <vector>

#include <dolium/result.h>

#include "daemon/config/config.h"

namespace dolium::daemon {

/// Whether /proc is there, without which nothing goes.
[[nodiscard]] Result<void> check_proc();

/// What doliumd would find if it started now with this configuration, as this user: warnings, or why it would fail.
/// Nothing is made, removed or changed. A daemon that listens there already is a warning: what is checked may be meant
/// for when it has made way.
[[nodiscard]] Result<std::vector<std::string>> check_start(const Config& config);

/// Whether the keeper that runs at this socket can own the store of a server of this program: a keeper stays the
/// program that it was started from, and a server cannot go on with a store of another layout. protocol_error when it
/// cannot; what is not known is no obstacle.
[[nodiscard]] Result<void> check_keeper(const std::string& socket_path);

/// Whether a server with this configuration could go on with a store that there is. Opens the log. `config_asked` is
/// what an operator means the daemon to read: invalid_argument when it reads another file. Empty: whatever it reads.
[[nodiscard]] Result<void> check_successor(const Invocation& invocation, const std::string& config_asked);

}  // namespace dolium::daemon
