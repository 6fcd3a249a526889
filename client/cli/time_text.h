#pragma once
// Durations and times in text.
//
//   duration = number unit, one or more, or "forever"       "10s", "1.5 h", "500ms", "2h30m"
//   units: ms, s, m or min, h, d; 0 needs none

#include <chrono>
#include <string>
#include <string_view>

#include <dolium/result.h>
#include <dolium/timeout.h>

namespace dolium::cli {

/// Fails with invalid_argument, and names examples, if `text` is not a duration, or is more than 104,000 days.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The same, and "forever".
[[nodiscard]] Result<Timeout> parse_timeout(std::string_view text);

/// The two largest units: "250 ms", "12 s", "3 min 5 s", "2 h", "5 d 3 h".
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);
/// "850 ns", "23.4 us", "1.2 ms", "3.1 s"
[[nodiscard]] std::string format_latency(std::chrono::nanoseconds latency);

/// "2026-11-22T15:36:45.669Z"
[[nodiscard]] std::string format_utc(std::chrono::system_clock::time_point moment);
/// Parses the output of format_utc(); the fraction of a second may be missing. invalid_argument for any other text.
[[nodiscard]] Result<std::chrono::system_clock::time_point> parse_utc(std::string_view text);
/// "2026-11-22 16:36:45.669", in the user's time zone
[[nodiscard]] std::string format_local(std::chrono::system_clock::time_point moment);

}  // namespace dolium::cli
