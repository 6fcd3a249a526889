#pragma once
// Drain: before a server ends, the tier writes what is dirty. This decides when that is over, and says what was not
// written, and why.
//
//   before a stop      what is not written is lost. Over when nothing is dirty, at the limit, when an operator does not
//                      want to wait, or when the disk has taken nothing for kHopeless because it is full, read-only or
//                      has failed. A process that is absent or stalled may come back: until the limit
//   before a restart   the memory stays, so nothing is lost. Over when as many objects are written as were dirty at its
//                      beginning, at the limit, or as soon as the tier is not ready. The server serves meanwhile
//
// Not thread-safe; time is passed in.

#include <optional>
#include <string>

#include "daemon/tier/tier.h"

namespace dolium::daemon {

class Drain {
 public:
  enum class Before : std::uint8_t { stop, restart };

  static constexpr shm::TimeNs kHopeless = 5'000'000'000;
  /// Time between two reports.
  static constexpr shm::TimeNs kReportEvery = 5'000'000'000;

  Drain(Tier& tier, const shm::Spill& spill, Before before, shm::TimeNs limit, shm::TimeNs now);
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  ~Drain();

  [[nodiscard]] Before before() const noexcept { return before_; }
  /// For the log, at its beginning.
  [[nodiscard]] std::string plan() const;
  /// It is over now. `why`: in words, for the report.
  void end(std::string why) { why_ = std::move(why); }
  /// Call it in each turn, after the tier's work.
  [[nodiscard]] bool is_over(shm::TimeNs now);
  /// A line for the log, if one is due.
  [[nodiscard]] std::optional<std::string> report(shm::TimeNs now);
  [[nodiscard]] shm::TimeNs next_deadline() const noexcept;
  /// At its end: whether everything is on disk; and in words.
  [[nodiscard]] bool is_complete() const noexcept { return spill_.dirty().count == 0; }
  [[nodiscard]] std::string outcome() const;

 private:
  [[nodiscard]] bool is_hopeless(shm::TimeNs now);

  Tier& tier_;
  const shm::Spill& spill_;
  const Before before_;
  const shm::TimeNs limit_;
  const shm::TimeNs ends_at_;
  const std::uint64_t first_;           // objects that were dirty at its beginning
  const std::uint64_t written_before_;  // Tier::written_count() then
  shm::TimeNs next_report_;
  shm::TimeNs hopeless_since_ = shm::kNever;
  std::string why_;  // it is over before everything is written
};

}  // namespace dolium::daemon
