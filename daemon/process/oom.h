#pragma once
// The keeper and the kernel's OOM killer: which of the two processes it kills first, and how long the keeper waits
// before the next server. The store's memory stays with the keeper, so killing the server frees little, and a server
// that starts at once would be killed again.

#include "daemon/process/growing_pause.h"

namespace dolium::daemon {

/// The kernel's order of victims (proc(5), oom_score_adj): the server before the keeper, the keeper last of all.
class OomScores {
 public:
  static constexpr int kKeeper = -999;      ///< killed last, if the system allows it (CAP_SYS_RESOURCE)
  static constexpr int kServerAbove = 100;  ///< above the score that the daemon was started with: a tenth of the memory

  /// Lowers the score of the calling keeper, as far as the system allows. Call it before the first server.
  [[nodiscard]] static OomScores lower_own() noexcept;
  /// Sets the score of the child that becomes a server. Without /proc it stays as the keeper's.
  void set_servers() const noexcept;

 private:
  explicit OomScores(int given) noexcept : given_(given) {}
  int given_;  // the score that the daemon was started with
};

/// The pause after a server that the OOM killer took. A client waits longer for the next server
/// (Connection::kResumePatience).
inline constexpr GrowingPause::Limits kOomPause{.first_ms = 500, .longest_ms = 8000, .forgotten = 60'000'000'000};

}  // namespace dolium::daemon
