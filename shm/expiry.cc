#include "shm/expiry.h"

#include <algorithm>

#include "shm/monotonic_clock.h"

namespace dolium::shm {
namespace {

TimeNs after(TimeNs start, std::chrono::milliseconds wait) noexcept {
  if (wait.count() <= 0) return kNever;
  const auto ms = static_cast<std::uint64_t>(wait.count());
  return ms > kNever / 1'000'000 ? kNever : deadline_after(start, ms * 1'000'000);
}

}  // namespace

TimeNs Lifetimes::due(TimeNs sealed, TimeNs accessed) const noexcept {
  return std::min(after(sealed, to_live), after(accessed, to_idle));
}

void Expiry::insert(SlotIndex slot, TimeNs sealed, const Lifetimes& lifetimes) {
  lifetimes_[slot] = {sealed, lifetimes};
  look_again(slot, lifetimes.due(sealed, sealed));
}

Lifetimes Expiry::lifetimes(SlotIndex slot) const noexcept {
  const auto found = lifetimes_.find(slot);
  return found == lifetimes_.end() ? Lifetimes{} : found->second.lifetimes;
}

std::optional<SlotIndex> Expiry::pop_due(TimeNs now) {
  while (!heap_.empty() && heap_.top().when <= now) {
    const Entry entry = heap_.top();
    heap_.pop();
    const auto found = lifetimes_.find(entry.slot);
    if (found != lifetimes_.end() && found->second.sealed == entry.sealed) return entry.slot;
  }
  return std::nullopt;
}

void Expiry::look_again(SlotIndex slot, TimeNs when) {
  if (when != kNever) heap_.push({when, slot, lifetimes_.at(slot).sealed});
}

}  // namespace dolium::shm
