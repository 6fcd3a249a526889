#pragma once
// The spill process's program and flags, and whether its directory could serve. daemon/keeper/spill_process.h starts
// it.

#include <string>
#include <vector>

#include <dolium/result.h>

#include "daemon/config/config.h"

namespace dolium::daemon {

/// doliumd-spill, in the directory of this program.
[[nodiscard]] std::string spill_program();
/// The program and its flags; empty if the configuration has no spill directory.
[[nodiscard]] std::vector<std::string> spill_arguments(const Config& config);
/// Whether the spill process could use the configured directory: its owner and mode, its file system and free space,
/// and its lock. An error says what is in the way. Returns warnings. Changes nothing.
[[nodiscard]] Result<std::vector<std::string>> check_spill_directory(const Config& config);

}  // namespace dolium::daemon
