#pragma once
// The daemon's log. No logger is registered anywhere: who logs is handed this one.

#include <memory>

#include <dolium/result.h>
#include <spdlog/logger.h>

#include "daemon/config.h"

namespace dolium::daemon {

/// A logger for Config::log_level and Config::log_file, usable from any thread. One line an event, beginning
/// with the time in ISO 8601. Lines of level info and above have reached the file when the call returns; a file
/// is appended to, and made with its missing directories.
[[nodiscard]] Result<std::shared_ptr<spdlog::logger>> open_log(const Config& config);

/// What open_log() would say now, as far as can be seen without making anything.
[[nodiscard]] Result<void> foresee_log(const Config& config);

}  // namespace dolium::daemon
