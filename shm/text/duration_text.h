#pragma once
// Durations in text: "10s" in a configuration file or on a command line. The daemon and the command line share one
// grammar:
//
//   duration = number unit, one or more                     "10s", "1.5 h", "500ms", "2h30m"
//   units: ms, s, m or min, h, d; 0 needs none

#include <chrono>
#include <string>
#include <string_view>

#include <dolium/result.h>

namespace dolium {

/// Fails with invalid_argument, and names examples, if `text` is not a duration, or is more than 104,000 days.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// For messages: the two largest units: "250 ms", "12 s", "3 min 5 s", "2 h", "5 d 3 h".
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

/// For files: exact, "60s", "1500ms", "0s".
[[nodiscard]] std::string format_duration_exact(std::chrono::milliseconds duration);

}  // namespace dolium
