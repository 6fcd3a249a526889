#pragma once
// The only place that reads the clock. State machines get the time as an argument.

#include <ctime>

#include "shm/os/basic_types.h"

namespace dolium::shm {

/// CLOCK_MONOTONIC: the same for all processes of a host, unaffected by changes of the wall clock, and read without a
/// system call (vDSO).
[[nodiscard]] inline TimeNs monotonic_now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<TimeNs>(time.tv_sec) * 1'000'000'000 + static_cast<TimeNs>(time.tv_nsec);
}

/// now + wait, without overflow; a wait of kNever gives kNever.
[[nodiscard]] constexpr TimeNs deadline_after(TimeNs now, TimeNs wait) noexcept {
  return wait >= kNever - now ? kNever : now + wait;
}

}  // namespace dolium::shm
