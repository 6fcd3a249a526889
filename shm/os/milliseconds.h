#pragma once
// Between the store's nanoseconds and the milliseconds that people are told and lifetimes are given in.

#include <chrono>

#include "shm/os/basic_types.h"

namespace dolium::shm {

inline constexpr TimeNs kNsPerMs = 1'000'000;

/// Rounded down.
[[nodiscard]] constexpr std::chrono::milliseconds to_ms(TimeNs duration) noexcept {
  return std::chrono::milliseconds(duration / kNsPerMs);
}

}  // namespace dolium::shm
