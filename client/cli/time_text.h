#pragma once
// Durations (shm/text/duration_text.h) and times in text.

#include <chrono>
#include <string>
#include <string_view>

#include <dolium/result.h>
#include <dolium/timeout.h>

#include "shm/text/duration_text.h"

namespace dolium::cli {

using dolium::format_duration;
using dolium::parse_duration;

/// A duration, or "forever".
[[nodiscard]] Result<Timeout> parse_timeout(std::string_view text);

/// "850 ns", "23.4 us", "1.2 ms", "3.1 s"
[[nodiscard]] std::string format_latency(std::chrono::nanoseconds latency);

/// "2026-11-22T15:36:45.669Z"
[[nodiscard]] std::string format_utc(std::chrono::system_clock::time_point moment);
/// Parses the output of format_utc(); the fraction of a second may be missing. invalid_argument for any other text.
[[nodiscard]] Result<std::chrono::system_clock::time_point> parse_utc(std::string_view text);
/// "2026-11-22 16:36:45.669", in the user's time zone
[[nodiscard]] std::string format_local(std::chrono::system_clock::time_point moment);

}  // namespace dolium::cli
