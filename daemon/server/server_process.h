#pragma once
// The server's process, which the keeper starts.

#include "daemon/config/config.h"
#include "daemon/process/keeper_link.h"

namespace dolium::daemon {

/// Takes over what the keeper has, serves until the end, and returns the exit status: 0 after an orderly stop,
/// KeeperLink::kRestart, kRefusedBySystem if the system may grant the next server what it refused to this one, or
/// EXIT_FAILURE. What goes wrong is logged, and while the store starts also told on standard error.
[[nodiscard]] int run_server(const Invocation& invocation, KeeperLink link);

}  // namespace dolium::daemon
