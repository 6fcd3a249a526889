#pragma once
// Giving the core to another process, between two looks of a busy poll. The clock and the system call of BusyPoll,
// which has neither.

#include <sched.h>

#include "shm/os/busy_poll.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::shm {

/// Yields the core once. False: that took too long, look no more; or it did lately, and was not done.
inline bool give_way(BusyPoll& poll) noexcept {
  const TimeNs begin = monotonic_now();
  if (poll.rests(begin)) return false;
  ::sched_yield();
  return poll.gave_way(begin, monotonic_now());
}

}  // namespace dolium::shm
