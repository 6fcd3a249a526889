#pragma once
// The daemon's log. No logger is registered anywhere: who logs is handed this one.

#include <memory>
#include <string>

#include <dolium/result.h>
#include <spdlog/logger.h>

#include "daemon/config/config.h"
#include "daemon/process/log_writer.h"

namespace dolium::daemon {

/// A logger for Config::log_level and Config::log_file, usable from any thread. One line an event, beginning with the
/// time in ISO 8601. No call waits for the log longer than a moment, whatever it is: see log_writer.h. Lines of level
/// info and above have reached the file when the call returns, unless the log takes longer than that. A file is
/// appended to, and made, but not its directory.
[[nodiscard]] Result<std::shared_ptr<spdlog::logger>> open_log(const Config& config);

/// What open_log() would say now, as far as can be seen without making anything.
[[nodiscard]] Result<void> foresee_log(const Config& config);

/// Of a logger that open_log() has made: what its lines go through, to reopen() it, and to write() where there is no
/// memory. Lives as long as the logger.
[[nodiscard]] LogWriter& writer_of(const spdlog::logger& log);

/// "doliumd: " and the text on standard error, for what happens before there is a log. Gives up soon where that takes
/// nothing.
void say_on_standard_error(const std::string& text);

}  // namespace dolium::daemon
