#pragma once
// Yields the core between two looks of a busy poll. Does the clock readings and the system call for BusyPoll, which
// does neither.

#include <sched.h>

#include "shm/os/busy_poll.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::shm {

/// Yields the core once. Returns false if polling should stop: the yield was slow, or polling pauses already (then it
/// does not yield).
inline bool give_way(BusyPoll& poll) noexcept {
  const TimeNs begin = monotonic_now();
  if (poll.rests(begin)) return false;
  ::sched_yield();
  return poll.gave_way(begin, monotonic_now());
}

}  // namespace dolium::shm
