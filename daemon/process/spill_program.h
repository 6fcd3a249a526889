#pragma once
// The spill process's program and flags, and whether its directory could serve. daemon/keeper/spill_process.h starts
// it.

#include <sys/types.h>

#include <string>
#include <vector>

#include <dolium/result.h>

#include "daemon/config/config.h"

namespace dolium::daemon {

/// Exit status of doliumd-spill when it could not use its directory, and never served.
inline constexpr int kSpillUnusable = 3;

/// doliumd-spill, in the directory of this program.
[[nodiscard]] std::string spill_program();
/// The program and its flags; empty if the configuration has no spill directory.
[[nodiscard]] std::vector<std::string> spill_arguments(const Config& config);
/// Whether the spill process could use the configured directory (daemon/spill_home/spill_directory.h). An error says
/// what is in the way, and stays until an operator acts: also a lock that a living daemon has, unless that is the
/// daemon with the process `own`. Returns warnings. Changes nothing.
[[nodiscard]] Result<std::vector<std::string>> check_spill_directory(const Config& config, pid_t own = 0);

}  // namespace dolium::daemon
