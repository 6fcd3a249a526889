#pragma once
// Would a daemon start here, would another server go on with a store that there is: found out by looking, before
// anybody is started, stopped or asked to go.

#include <string>
#include <vector>

#include <dolium/result.h>

#include "daemon/config.h"
#include "daemon/running_daemon.h"

namespace dolium::daemon {

/// Whether /proc is there, without which nothing goes.
[[nodiscard]] Result<void> check_proc();

/// What doliumd would find if it started now with this configuration, as this user: warnings, or why it would fail.
/// Nothing is made, removed or changed. A daemon that listens there already is a warning: what is checked may be meant
/// for when it has made way.
[[nodiscard]] Result<std::vector<std::string>> check_start(const Config& config);

/// Whether a server with this configuration could go on with a store that there is. Opens the log.
[[nodiscard]] Result<void> check_successor(const Config& config);

/// The same of a running daemon, whose successor has its command line. `config_file` is what the operator means that
/// daemon to read: invalid_argument when it reads another. Empty: whatever it reads. Goes to where that daemon is, for
/// good.
[[nodiscard]] Result<void> check_successor_of(const RunningDaemon& running, const std::string& config_file);

}  // namespace dolium::daemon
