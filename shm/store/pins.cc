#include "shm/store/pins.h"

#include <fmt/format.h>

#include <atomic>

namespace dolium::shm {

Result<void> Pins::check_quota(std::uint32_t uid, std::uint64_t bytes) const {
  const std::uint64_t limit = rows_.config.max_pinned_bytes_per_user;
  const auto found = by_user_.find(uid);
  const std::uint64_t pinned = found == by_user_.end() ? 0 : found->second;
  if (limit == 0 || pinned + bytes <= limit) return {};
  return Error{Errc::out_of_memory,
               fmt::format("user {} has {} bytes pinned; {} more would pass the limit of {} "
                           "(max_pinned_bytes_per_user), which objects in a grace count against, too: unpin something "
                           "first, or wait for the end of a grace",
                           uid, pinned, bytes, limit),
               RefusalCause::pins};
}

void Pins::set(SlotIndex slot, std::uint32_t uid) {
  if (rows_.margin(slot).graced) uncharge(rows_.ledger.grace(slot).uid, rows_.taken_bytes(slot));
  rows_.ledger.pinner(slot) = uid;
  std::atomic_signal_fence(std::memory_order_release);  // a successor that reads `pinned` trusts the pinner
  rows_.margin(slot).pinned = true;
  count(slot);
}

void Pins::count(SlotIndex slot) {
  tally_.add(rows_.taken_bytes(slot));
  charge(rows_.ledger.pinner(slot), rows_.taken_bytes(slot));
}

void Pins::clear(SlotIndex slot) {
  rows_.margin(slot).pinned = false;
  tally_.subtract(rows_.taken_bytes(slot));
  uncharge(rows_.ledger.pinner(slot), rows_.taken_bytes(slot));
  if (rows_.margin(slot).graced) charge(rows_.ledger.grace(slot).uid, rows_.taken_bytes(slot));
}

void Pins::uncharge(std::uint32_t uid, std::uint64_t bytes) {
  const auto user = by_user_.find(uid);
  user->second -= bytes;
  if (user->second == 0) by_user_.erase(user);
}

std::uint64_t Pins::bytes_of_users() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [uid, bytes] : by_user_) sum += bytes;
  return sum;
}

}  // namespace dolium::shm
