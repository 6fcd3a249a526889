#pragma once
// The daemon's log. The logger is passed to each part that logs; spdlog's registry is not used.

#include <memory>
#include <string>

#include <dolium/result.h>
#include <spdlog/logger.h>

#include "daemon/config/config.h"
#include "daemon/process/log_writer.h"

namespace dolium::daemon {

/// Opens a logger for Config::log_level and Config::log_file, usable from any thread. One line for each event,
/// beginning with the time in ISO 8601. No call waits for the log longer than a moment: see log_writer.h. Lines of
/// level info and above have reached the file when the call returns, unless the log takes longer than that. A file is
/// created if it does not exist, and appended to; its directory must exist.
[[nodiscard]] Result<std::shared_ptr<spdlog::logger>> open_log(const Config& config);

/// Fails as open_log() would now, as far as can be seen without creating anything.
[[nodiscard]] Result<void> foresee_log(const Config& config);

/// The writer of a logger made by open_log(): to reopen() the log, and to write() without memory. Exists as long as the
/// logger.
[[nodiscard]] LogWriter& writer_of(const spdlog::logger& log);

/// Writes "doliumd: " and the text to standard error, before a log is open. Gives up after a moment if that blocks.
void say_on_standard_error(const std::string& text);

}  // namespace dolium::daemon
