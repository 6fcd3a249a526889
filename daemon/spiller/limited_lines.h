#pragma once
// LimitedLines: bounds the log lines that a damaged disk causes. Some are written in each minute; the next minute says
// how many were left out.
//
// No clock. One thread.

#include <spdlog/logger.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shm/os/basic_types.h"

namespace dolium::spill {

class LimitedLines {
 public:
  /// Maximum number of lines in a minute.
  static constexpr std::uint64_t kAllowance = 20;
  static constexpr shm::TimeNs kInterval = shm::TimeNs{60} * 1'000'000'000;

  explicit LimitedLines(std::shared_ptr<spdlog::logger> log) : log_(std::move(log)) {}

  /// Errors. `now`: monotonic. Called again and again, also without lines: it tells of those that were left out.
  void write(const std::vector<std::string>& lines, shm::TimeNs now) {
    if (now >= ends_ && ends_ != 0) {
      if (left_out_ != 0) log_->error("{} more errors of the disk in the last minute", left_out_);
      ends_ = 0;
    }
    if (ends_ == 0 && !lines.empty()) {
      ends_ = now + kInterval;
      lines_ = left_out_ = 0;
    }
    for (const std::string& line : lines) {
      if (lines_ < kAllowance)
        log_->error("{}", line);
      else
        ++left_out_;
      lines_ = lines_ < kAllowance ? lines_ + 1 : lines_;
    }
  }

 private:
  std::shared_ptr<spdlog::logger> log_;
  shm::TimeNs ends_ = 0;  // of the minute; 0: none has begun
  std::uint64_t lines_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace dolium::spill
