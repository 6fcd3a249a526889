#pragma once
// BusyPoll: how long to busy-poll for the action of another process before sleeping, and when not to poll at all.
//
// The polling thread yields its core (sched_yield) between looks, because the awaited process may need that core. If a
// third process computes there, each yield costs a whole time slice, some milliseconds. A sleeping thread is woken at
// once, ahead of that process. So after a slow yield polling pauses: for the time that was lost, and for twice as many
// times the lost time when it happens again soon, up to kRests times. On a busy machine processes therefore sleep, and
// try to poll from time to time. A single slow yield, for example before the kernel spread the processes over the
// cores, has little effect. (Binary exponential back-off, as in Ethernet: Metcalfe and Boggs, CACM 1976.)
//
// Thread-safe: the threads of a process share one pause. Reads no clock: time is passed in (shm/os/give_way.h reads
// it).

#include <algorithm>
#include <atomic>

#include "shm/os/basic_types.h"

namespace dolium::shm {

class BusyPoll {
 public:
  /// Shortest slow yield, in ns. Yielding to the awaited process mostly takes less: it answers, and sleeps again.
  static constexpr TimeNs kDear = 200'000;
  /// Maximum pause: kRests times the lost time, and never more than kLongestRest ns. (A process that was stopped may
  /// have lost hours.)
  static constexpr TimeNs kRests = 16;
  static constexpr TimeNs kLongestRest = 1'000'000'000;

  /// Sets the polling time. Call it before other threads use the object.
  void set(TimeNs how_long) noexcept { how_long_ = how_long; }
  /// How long to poll now, in ns; 0 during a pause.
  [[nodiscard]] TimeNs how_long(TimeNs now) const noexcept { return rests(now) ? 0 : how_long_; }
  /// Whether polling pauses now, because of a slow yield.
  [[nodiscard]] bool rests(TimeNs now) const noexcept { return now < rests_until_.load(std::memory_order_relaxed); }
  /// Records a yield from `begin` to `end`. Returns false if it was slow: stop polling.
  bool gave_way(TimeNs begin, TimeNs end) noexcept {
    const TimeNs lost = end - begin;
    if (lost < kDear) return true;
    const TimeNs last = rests_until_.load(std::memory_order_relaxed);
    TimeNs times = times_.load(std::memory_order_relaxed);
    if (begin >= last)  // else another thread has recorded the same slow yield
      times = last != 0 && begin < last + kRests * lost ? std::min(2 * times, kRests) : 1;
    const TimeNs until = end + std::min(times * lost, kLongestRest);
    if (until <= last) return false;
    // Two threads may race here. Either result is good enough.
    times_.store(times, std::memory_order_relaxed);
    rests_until_.store(until, std::memory_order_relaxed);
    return false;
  }

 private:
  TimeNs how_long_ = 0;
  std::atomic<TimeNs> rests_until_ = 0;
  std::atomic<TimeNs> times_ = 1;  // length of the last pause, as a multiple of the lost time
};

}  // namespace dolium::shm
