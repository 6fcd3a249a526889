#pragma once
// Converts the store's nanoseconds to the milliseconds of reports and lifetimes, and to the seconds of the
// configuration.

#include <chrono>

#include "shm/os/basic_types.h"

namespace dolium::shm {

inline constexpr TimeNs kNsPerMs = 1'000'000;
inline constexpr TimeNs kNsPerSecond = 1'000'000'000;

/// Rounded down.
[[nodiscard]] constexpr std::chrono::milliseconds to_ms(TimeNs duration) noexcept {
  return std::chrono::milliseconds(duration / kNsPerMs);
}

}  // namespace dolium::shm
