#pragma once
// What the keeper does about the kernel's OOM killer: which of the two processes it is to take, and how soon another
// server follows one that it took. The store's memory stays with the keeper, so a killed server frees little of it, and
// its successor would run into the next kill at once.

#include "shm/os/basic_types.h"

namespace dolium::daemon {

/// The kernel's order of victims (proc(5), oom_score_adj): the server before the keeper, the keeper last of all.
class OomScores {
 public:
  static constexpr int kKeeper = -999;      ///< the last to be killed, if it may be that (CAP_SYS_RESOURCE)
  static constexpr int kServerAbove = 100;  ///< above what the daemon was started with: a tenth of the memory

  /// In the keeper, before there is a server: lowers its own, as far as the system allows.
  [[nodiscard]] static OomScores lower_own() noexcept;
  /// In the child that becomes a server. Without /proc it stays as the keeper's.
  void set_servers() const noexcept;

 private:
  explicit OomScores(int given) noexcept : given_(given) {}
  int given_;  // what the daemon was started with
};

/// The pause between a server that was killed for want of memory and the next one. No clock: time is passed in.
class OomPause {
 public:
  static constexpr int kFirstMs = 500;
  /// A client waits longer for the next server (Connection::kResumePatience).
  static constexpr int kLongestMs = 8000;
  /// A server that lived so long was not killed for the same want as the one before it.
  static constexpr shm::TimeNs kForgotten = 60'000'000'000;

  /// After a server that lived so long: how long to wait. Doubles from kill to kill.
  [[nodiscard]] int after_kill(shm::TimeNs lived) noexcept;

 private:
  int next_ms_ = kFirstMs;
};

}  // namespace dolium::daemon
