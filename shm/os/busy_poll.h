#pragma once
// BusyPoll: for how long to look for what another process is about to do before sleeping, and when not to look at all.
//
// Who looks gives way (sched_yield) again and again: whoever shares the core may be the one that is waited for. But
// where a third computes on it, giving way costs that one's whole time slice, some milliseconds, while who sleeps is
// woken at once, ahead of it. So where giving way took long, looking rests: for as long as was lost, and for twice as
// many times as long when it happens again soon, up to kRests times. On a busy machine processes sleep, as if nobody
// ever looked, and try again from time to time; who met somebody on its core once, before the kernel gave each its own,
// hardly rests. (Binary exponential back-off, as of Ethernet's: Metcalfe and Boggs, CACM 1976.)
//
// Thread-safe; threads share what they learn. Reads no clock: time is passed in (shm/os/give_way.h reads it).

#include <algorithm>
#include <atomic>

#include "shm/os/basic_types.h"

namespace dolium::shm {

class BusyPoll {
 public:
  /// Giving way to one that is waited for mostly takes less: it answers, and waits itself.
  static constexpr TimeNs kDear = 200'000;
  /// How many times as long as was lost looking rests at most, and for how long: who was stopped lost hours.
  static constexpr TimeNs kRests = 16;
  static constexpr TimeNs kLongestRest = 1'000'000'000;

  /// Before others use it.
  void set(TimeNs how_long) noexcept { how_long_ = how_long; }
  /// For how long to look; 0: not at all, now.
  [[nodiscard]] TimeNs how_long(TimeNs now) const noexcept { return rests(now) ? 0 : how_long_; }
  /// Whether giving way cost much lately.
  [[nodiscard]] bool rests(TimeNs now) const noexcept { return now < rests_until_.load(std::memory_order_relaxed); }
  /// Another process had the core from `begin` to `end`. False: that took too long, look no more.
  bool gave_way(TimeNs begin, TimeNs end) noexcept {
    const TimeNs lost = end - begin;
    if (lost < kDear) return true;
    const TimeNs last = rests_until_.load(std::memory_order_relaxed);
    TimeNs times = times_.load(std::memory_order_relaxed);
    if (begin >= last)  // else another thread lost the same time
      times = last != 0 && begin < last + kRests * lost ? std::min(2 * times, kRests) : 1;
    const TimeNs until = end + std::min(times * lost, kLongestRest);
    if (until <= last) return false;
    // Where two threads find out at once either's word will do.
    times_.store(times, std::memory_order_relaxed);
    rests_until_.store(until, std::memory_order_relaxed);
    return false;
  }

 private:
  TimeNs how_long_ = 0;
  std::atomic<TimeNs> rests_until_ = 0;
  std::atomic<TimeNs> times_ = 1;  // of what was lost, the last rest
};

}  // namespace dolium::shm
