#pragma once
// QuarantinedExtents: extents of writers that are gone, which I/O of the kernel may still reach (shm/arena/quarantine.h
// says why, and decides what is due; this class owns rows and memory).
//
// Their rows are `abandoned`, by a client that is not attached, and lent. Rows outlive the server. So does the time at
// which the rest ends: it is written to the ledger's row before the operation `resting` says so. Otherwise each restart
// would begin the rest anew, and frequent restarts would keep the memory for ever.
//
// An extent whose middle is free again has up to two rows, one for each end. The second one is written first, while the
// first still covers all. A successor that finds one inside the other drops the inner one.
//
// Not thread-safe.

#include <cstdint>
#include <optional>

#include "shm/arena/arena_memory.h"
#include "shm/arena/quarantine.h"
#include "shm/store/room.h"
#include "shm/store/rows.h"

namespace dolium::shm {

class QuarantinedExtents {
 public:
  QuarantinedExtents(Rows& rows, Room& room) noexcept
      : rows_(rows), room_(room), quarantine_(rows.memory.page_bytes()) {}

  /// The slot's extent, which was lent to a client that left. No other part counts it any more.
  void admit(SlotIndex slot);
  /// After a crash. An extent that was here already rests no longer than it would have, nor longer than this server's
  /// configuration asks for.
  void readmit(SlotIndex slot);
  /// Pages to renew next, with ArenaMemory::renew() and then renewed(). Nothing when none are due. One piece at a time.
  [[nodiscard]] std::optional<ArenaMemory::Stretch> next_to_renew() const noexcept { return quarantine_.next_piece(); }
  void renewed(const Renewal& renewal, TimeNs now);
  /// Frees what has rested for long enough, kRemovalsPerPiece extents at most. Call it at next_deadline().
  void tend(TimeNs now);
  [[nodiscard]] TimeNs next_deadline() const noexcept { return quarantine_.next_deadline(); }

  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }
  void check_invariants() const;  ///< aborts with a message; for tests

 private:
  void admit_until(SlotIndex slot, TimeNs rests_until);
  [[nodiscard]] TimeNs end_of_rest() const noexcept;
  void release_fresh(const Quarantine::Renewed& done);
  [[nodiscard]] bool rest_tail(SlotIndex whole, std::uint64_t bytes, TimeNs until);
  void leave(SlotIndex slot);

  Rows& rows_;
  Room& room_;
  Quarantine quarantine_;
  Tally tally_;
};

}  // namespace dolium::shm
