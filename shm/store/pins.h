#pragma once
// Pins: which objects are pinned, by which user, and how many bytes count against each user's quota.
//
// A pinned object is never evicted and never expires. Its row says that it is pinned, its ledger row by which user.
// Against the quotas, objects in a grace (graces.h) count as well. An object that is pinned and in a grace counts once,
// for the user that pinned it. The sums here are made from these rows after a restart.
//
// Not thread-safe.

#include <cstdint>
#include <unordered_map>

#include <dolium/result.h>

#include "shm/store/rows.h"

namespace dolium::shm {

class Pins {
 public:
  explicit Pins(Rows& rows) noexcept : rows_(rows) {}

  /// out_of_memory when `bytes` more would exceed the user's quota.
  [[nodiscard]] Result<void> check_quota(std::uint32_t uid, std::uint64_t bytes) const;
  /// Marks the row as pinned. Precondition: the ledger's pinner of this slot is reserved.
  void set(SlotIndex slot, std::uint32_t uid);
  /// Counts a row that is marked already.
  void count(SlotIndex slot);
  void clear(SlotIndex slot);
  /// Bytes of an object in a grace, which is not pinned.
  void charge(std::uint32_t uid, std::uint64_t bytes) { by_user_[uid] += bytes; }
  void uncharge(std::uint32_t uid, std::uint64_t bytes);

  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }
  /// Sum over all users: tally().bytes, and the bytes in a grace that are not pinned.
  [[nodiscard]] std::uint64_t bytes_of_users() const noexcept;

 private:
  Rows& rows_;
  Tally tally_;
  std::unordered_map<std::uint32_t, std::uint64_t> by_user_;  // uid -> bytes, never 0
};

}  // namespace dolium::shm
