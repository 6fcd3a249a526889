#include "daemon/tier/drain.h"

#include <fmt/format.h>

#include <algorithm>

#include "shm/os/milliseconds.h"
#include "shm/os/monotonic_clock.h"
#include "shm/text/duration_text.h"
#include "shm/text/size_text.h"

namespace dolium::daemon {
namespace {

std::string in_words(const shm::Tally& objects) {
  return fmt::format("{} kept object{} ({})", objects.count, objects.count == 1 ? "" : "s", format_size(objects.bytes));
}

}  // namespace

Drain::Drain(Tier& tier, const shm::Spill& spill, Before before, shm::TimeNs limit, shm::TimeNs now)
    : tier_(tier),
      spill_(spill),
      before_(before),
      limit_(limit),
      ends_at_(shm::deadline_after(now, limit)),
      first_(spill.dirty().count),
      written_before_(tier.written_count()),
      next_report_(now + kReportEvery) {
  tier_.drain(true);
}

Drain::~Drain() {
  tier_.drain(false);
}

std::string Drain::plan() const {
  return fmt::format("writing {} to disk first, for {} at most; another {} ends that at once", in_words(spill_.dirty()),
                     format_duration(shm::to_ms(limit_)), before_ == Before::stop ? "signal to stop" : "SIGHUP");
}

bool Drain::is_over(shm::TimeNs now) {
  if (!why_.empty() || is_complete()) return true;
  if (now >= ends_at_) {
    why_ = limit_ == 0 ? "[spill] drain is 0"
                       : fmt::format("the time limit of {} is over", format_duration(shm::to_ms(limit_)));
  } else if (before_ == Before::restart && tier_.state() == Tier::State::ready) {
    return tier_.written_count() - written_before_ >= first_;
  } else if (before_ == Before::restart || is_hopeless(now)) {
    why_ = "the disk accepts no writes";
  }
  return !why_.empty();
}

bool Drain::is_hopeless(shm::TimeNs now) {
  const Tier::State state = tier_.state();
  const bool refuses = state == Tier::State::full || state == Tier::State::read_only || state == Tier::State::failed;
  if (!refuses)
    hopeless_since_ = shm::kNever;
  else if (hopeless_since_ == shm::kNever)
    hopeless_since_ = now;
  return refuses && now - hopeless_since_ >= kHopeless;
}

std::optional<std::string> Drain::report(shm::TimeNs now) {
  if (now < next_report_) return std::nullopt;
  next_report_ = now + kReportEvery;
  return fmt::format("{} are not on disk yet, {} were written; the spill tier is {}; {} are left",
                     in_words(spill_.dirty()), tier_.written_count() - written_before_, tier_.state_text(),
                     format_duration(shm::to_ms(ends_at_ - std::min(now, ends_at_))));
}

/// While the disk refuses, it may be hopeless before the next report.
shm::TimeNs Drain::next_deadline() const noexcept {
  const shm::TimeNs gives_up = hopeless_since_ == shm::kNever ? shm::kNever : hopeless_since_ + kHopeless;
  return why_.empty() ? std::min({ends_at_, next_report_, gives_up}) : 0;
}

std::string Drain::outcome() const {
  if (is_complete()) return "all kept objects are on disk";
  const std::string what = in_words(spill_.dirty());
  if (before_ == Before::restart)
    return fmt::format("{} are not on disk yet, and stay in memory{}", what, why_.empty() ? "" : ": " + why_);
  const std::string state = tier_.state() == Tier::State::ready ? "" : "; the spill tier is " + tier_.state_text();
  return fmt::format("{} were not written to disk, and are lost: {}{}", what, why_, state);
}

}  // namespace dolium::daemon
