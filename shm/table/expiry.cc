#include "shm/table/expiry.h"

#include <algorithm>

#include "shm/os/milliseconds.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::shm {
namespace {

TimeNs after(TimeNs start, std::chrono::milliseconds wait) noexcept {
  if (wait.count() <= 0) return kNever;
  const auto ms = static_cast<std::uint64_t>(wait.count());
  return ms > kNever / kNsPerMs ? kNever : deadline_after(start, ms * kNsPerMs);
}

}  // namespace

TimeNs Lifetimes::due(TimeNs sealed, TimeNs accessed) const noexcept {
  return std::min(after(sealed, to_live), after(accessed, to_idle));
}

std::optional<Expiry::Due> Expiry::pop_due(TimeNs now) {
  if (next_due() > now || heap_.empty()) return std::nullopt;
  std::ranges::pop_heap(heap_, std::greater());
  const Due object = heap_.back().object;
  heap_.pop_back();
  return object;
}

}  // namespace dolium::shm
