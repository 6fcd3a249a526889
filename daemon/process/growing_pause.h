#pragma once
// GrowingPause: how long to wait before a process that has ended is started again. The pause doubles from end to end;
// it is short again after a process that has lived for long. No clock: time is passed in.

#include <algorithm>

#include "shm/os/basic_types.h"

namespace dolium::daemon {

class GrowingPause {
 public:
  struct Limits {
    int first_ms;
    int longest_ms;
    /// A process that lived this long ended for another cause than the one before it.
    shm::TimeNs forgotten;
  };

  explicit constexpr GrowingPause(const Limits& limits) noexcept : limits_(limits), next_ms_(limits.first_ms) {}

  /// Returns the pause after a process that lived this long, in milliseconds.
  [[nodiscard]] int after(shm::TimeNs lived) noexcept { return after(lived, limits_.longest_ms); }
  /// The same; this end makes the next pauses at most so long.
  [[nodiscard]] int after(shm::TimeNs lived, int longest_ms) noexcept {
    if (lived >= limits_.forgotten) next_ms_ = limits_.first_ms;
    const int pause_ms = next_ms_;
    next_ms_ = std::min(longest_ms, 2 * next_ms_);
    return pause_ms;
  }

 private:
  Limits limits_;
  int next_ms_;
};

}  // namespace dolium::daemon
