#pragma once
// LimitedLog: limits the log lines that a client, or a damaged disk, can cause. Each kind of line has its own allowance
// per interval. When the interval ends, one line tells how many were left out. So a client in a loop cannot fill a disk
// (some 100 bytes a line: at most 10 MB a day and kind), and cannot hide lines of another kind.
//
// No clock, no timer: its owner calls tick() when next_deadline() is reached.

#include <array>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <spdlog/logger.h>

#include "shm/os/basic_types.h"

namespace dolium::daemon {

class LimitedLog {
 public:
  enum class Kind : std::uint8_t {
    not_accepted,
    turned_away,
    refused,
    ended,
    without_rings,
    connected,
    gone,
    disk_error,
    kCount
  };
  static constexpr shm::TimeNs kIntervalNs = shm::TimeNs{60} * 1'000'000'000;

  /// `allowance`: maximum number of lines of one kind in an interval; 0: no limit.
  LimitedLog(std::shared_ptr<spdlog::logger> log, std::uint64_t allowance) noexcept
      : log_(std::move(log)), allowance_(allowance) {}

  template <class... Arguments>
  void write(Kind kind, shm::TimeNs now, spdlog::level::level_enum level, fmt::format_string<Arguments...> text,
             Arguments&&... arguments) {
    write_text(kind, now, level, fmt::string_view(text), fmt::make_format_args(arguments...));
  }

  /// Logs how many lines were left out in intervals that have ended.
  void tick(shm::TimeNs now);
  /// When tick() will have something to log; kNever: nothing was left out.
  [[nodiscard]] shm::TimeNs next_deadline() const noexcept;

 private:
  struct Account {
    shm::TimeNs ends = 0;  // of the interval in which the last line was written or left out
    std::uint64_t lines = 0, left_out = 0;
    spdlog::level::level_enum level = spdlog::level::off;  // of the lines left out
  };

  void write_text(Kind kind, shm::TimeNs now, spdlog::level::level_enum level, fmt::string_view text,
                  fmt::format_args arguments);
  [[nodiscard]] bool admits(Kind kind, spdlog::level::level_enum level, shm::TimeNs now);

  std::shared_ptr<spdlog::logger> log_;
  std::uint64_t allowance_;
  std::array<Account, static_cast<std::size_t>(Kind::kCount)> accounts_;
};

}  // namespace dolium::daemon
