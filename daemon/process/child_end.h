#pragma once
// How a child process has ended, for the log.

#include <string>

namespace dolium::daemon {

/// Of a wait status: "by signal 9 (Killed)", or "with status 3".
[[nodiscard]] std::string end_text(int status);

}  // namespace dolium::daemon
