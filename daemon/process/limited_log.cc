#include "daemon/process/limited_log.h"

#include <algorithm>
#include <utility>

namespace dolium::daemon {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(LimitedLog::Kind::kCount)> kWhat = {
    "a connection could not be accepted",
    "a connection was turned away",
    "a client is refused",
    "a client is ended",
    "a client has no shared rings",
    "a client connected",
    "a client is gone",
    "an error of the disk"};

}  // namespace

void LimitedLog::write_text(Kind kind, shm::TimeNs now, spdlog::level::level_enum level, fmt::string_view text,
                            fmt::format_args arguments) {
  if (log_->should_log(level) && admits(kind, level, now)) log_->log(level, fmt::vformat(text, arguments));
}

bool LimitedLog::admits(Kind kind, spdlog::level::level_enum level, shm::TimeNs now) {
  if (allowance_ == 0) return true;
  tick(now);
  Account& account = accounts_.at(static_cast<std::size_t>(kind));
  if (now >= account.ends) account = {.ends = now + kIntervalNs};
  if (account.lines < allowance_) {
    ++account.lines;
    return true;
  }
  ++account.left_out;
  account.level = level;
  return false;
}

void LimitedLog::tick(shm::TimeNs now) {
  for (std::size_t kind = 0; kind < accounts_.size(); ++kind) {
    Account& account = accounts_.at(kind);
    if (account.left_out == 0 || now < account.ends) continue;
    log_->log(account.level, "{} more lines like \"{}\" were left out", std::exchange(account.left_out, 0),
              kWhat.at(kind));
  }
}

shm::TimeNs LimitedLog::next_deadline() const noexcept {
  shm::TimeNs next = shm::kNever;
  for (const Account& account : accounts_)
    if (account.left_out != 0) next = std::min(next, account.ends);
  return next;
}

}  // namespace dolium::daemon
