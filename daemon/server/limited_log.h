#pragma once
// LimitedLog: the log's lines that a client can provoke as often as it likes. Each kind has its own allowance: so many
// lines in an interval are written; of the rest the interval's end says how many there were, in one line. So no client
// in a loop can fill a disk (some 100 bytes a line: at most 10 MB a day and kind), nor hide another kind's lines.
//
// No clock, no timer: who drives it calls tick() when next_deadline() is reached.

#include <array>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <spdlog/logger.h>

#include "shm/os/basic_types.h"

namespace dolium::daemon {

class LimitedLog {
 public:
  enum class Kind : std::uint8_t { not_accepted, turned_away, refused, ended, without_rings, connected, gone, kCount };
  static constexpr shm::TimeNs kIntervalNs = shm::TimeNs{60} * 1'000'000'000;

  /// `allowance`: lines of each kind in an interval; 0: no limit.
  LimitedLog(std::shared_ptr<spdlog::logger> log, std::uint64_t allowance) noexcept
      : log_(std::move(log)), allowance_(allowance) {}

  template <class... Arguments>
  void write(Kind kind, shm::TimeNs now, spdlog::level::level_enum level, fmt::format_string<Arguments...> text,
             Arguments&&... arguments) {
    if (log_->should_log(level) && admits(kind, level, now))
      log_->log(level, text, std::forward<Arguments>(arguments)...);
  }

  /// Says how many lines were left out in intervals that are over.
  void tick(shm::TimeNs now);
  /// When there will be something to say; kNever: nothing was left out.
  [[nodiscard]] shm::TimeNs next_deadline() const noexcept;

 private:
  struct Account {
    shm::TimeNs ends = 0;  // of the interval in which the last line was written or left out
    std::uint64_t lines = 0, left_out = 0;
    spdlog::level::level_enum level = spdlog::level::off;  // of what was left out
  };

  [[nodiscard]] bool admits(Kind kind, spdlog::level::level_enum level, shm::TimeNs now);

  std::shared_ptr<spdlog::logger> log_;
  std::uint64_t allowance_;
  std::array<Account, static_cast<std::size_t>(Kind::kCount)> accounts_;
};

}  // namespace dolium::daemon
