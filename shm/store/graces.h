#pragma once
// Graces: which sealed objects are kept for readers that are about to come.
//
// A sender puts an object, sends its id to a receiver, and drops its own references. Until the receiver gets the
// object, nothing holds it. A grace keeps it: it is not evicted until `readers` other sessions have got it, or until
// its time has passed, also if the sender ends meanwhile. A grace does not hold up removal, clear() and expiry.
//
// No message says that an object was got. A get is found in the reader's pin table: its last access is later than the
// grace's `since`. When a client leaves, its gets are taken off the row's `readers`, as its table is folded
// (room_upkeep.cc). So whether a grace is over is only known by looking, and each function here that looks ends it when
// it is over.
//
// The bytes count against the quota of pinned bytes of the user that gave the grace, from the creation on. An object
// that is pinned as well counts once, for the user that pinned it (pins.h).
//
// The row is marked before the object is sealed, or when a grace is given to a sealed object. Its ledger row is always
// written first: a successor that finds the mark trusts the row.
//
// A client can say in its own table that it got an object, and so end a grace: it could have got the object. A time in
// the future makes no other client's gets invisible, but for those up to that time.
//
// Not thread-safe.

#include <chrono>
#include <cstdint>

#include <dolium/result.h>

#include "shm/store/clients.h"
#include "shm/store/pins.h"
#include "shm/store/rows.h"
#include "shm/table/expiry.h"

namespace dolium::shm {

class Graces {
 public:
  /// Up to so many graces are all looked at before a user is refused for its quota. Of more, not again for kSettleRest
  /// for each grace and client: ten times what a look takes.
  static constexpr std::uint64_t kSettleAlways = 4096;
  static constexpr TimeNs kSettleRest = 160;

  Graces(Rows& rows, Pins& pins, Clients& clients) noexcept : rows_(rows), pins_(pins), clients_(clients) {}

  /// Pins::check_quota(), after graces that are over were ended. For a pin, too.
  [[nodiscard]] Result<void> check_quota(std::uint32_t uid, std::uint64_t bytes);
  /// The same for an object that exists. It may count for this user already.
  [[nodiscard]] Result<void> check_quota_of(SlotIndex slot, std::uint32_t uid);

  /// Marks the row of an object that is being written. Precondition: the ledger's grace of this slot is reserved.
  void set(SlotIndex slot, const Grace& grace, const AttachedClient& giver);
  /// At the seal, before the object is visible: its time begins. Precondition: it is marked.
  void begin(SlotIndex slot);
  /// Watches the end of a grace, from the seal on, or after a crash.
  void watch(SlotIndex slot);
  /// Keeps a sealed object at least as long as this, and for at least so many readers from now on. Precondition: as for
  /// set().
  void extend(SlotIndex slot, const Grace& grace, const AttachedClient& giver);
  /// Ends it. Precondition: the row is marked.
  void end(SlotIndex slot);
  /// Counts a row that was marked before a crash.
  void count(SlotIndex slot);

  /// Whether a grace keeps this object. Of an object that is being written: whether it will.
  [[nodiscard]] bool keeps(SlotIndex slot) const {
    return rows_.margin(slot).graced && (rows_.margin(slot).state != SlotState::sealed || !is_over(slot));
  }
  /// The same of a sealed object. A grace that is over ends.
  [[nodiscard]] bool still_keeps(SlotIndex slot) {
    return tally_.count != 0 && rows_.margin(slot).graced && !end_if_over(slot);
  }
  /// The client has left, and got this object last at that time.
  void fold(SlotIndex slot, ClientId client, TimeNs last_access);
  /// Ends graces whose time has passed. Looks at kRemovalsPerPiece at most. Call it at next_end(), which may be at
  /// once.
  void expire();
  [[nodiscard]] TimeNs next_end() const noexcept { return ends_.next_due(); }

  // ---- reports; precondition for one slot: keeps() ----

  /// Of an object that is being written: the whole time.
  [[nodiscard]] std::chrono::milliseconds left(SlotIndex slot, TimeNs now) const;
  /// Number of readers that are missing.
  [[nodiscard]] std::uint32_t readers_left(SlotIndex slot) const;
  /// The sealed objects that are kept by graces that this client gave.
  [[nodiscard]] Tally given_by(ClientId client) const;
  /// Number of looks of given_by().
  [[nodiscard]] std::uint64_t looks() const noexcept { return ends_.size(); }
  /// All marked rows. Some may be over.
  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }
  /// When the first and the last grace of a sealed object end by time.
  struct Ends {
    TimeNs first = kNever;  ///< kNever: there is no such grace
    TimeNs last = 0;
  };
  [[nodiscard]] Ends ends() const;

 private:
  [[nodiscard]] bool is_there(const Expiry::Due& object) const noexcept;
  [[nodiscard]] bool is_over(SlotIndex slot) const;
  [[nodiscard]] std::uint32_t readers_so_far(SlotIndex slot) const;
  void mark(SlotIndex slot, const GraceRow& row);
  bool end_if_over(SlotIndex slot);
  void settle();
  void charge(SlotIndex slot);
  void uncharge(SlotIndex slot);

  Rows& rows_;
  Pins& pins_;
  Clients& clients_;
  Expiry ends_;
  Tally tally_;
  TimeNs next_settle_ = 0;
};

}  // namespace dolium::shm
