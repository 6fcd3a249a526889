#pragma once
// The ledger: per-object data that only requests need, and that has no room in the index row (shm/table/slot_margin.h),
// in rows parallel to the index's slots; and the store's own state. It consists of memfds that no client has. A
// restarted daemon gets them again, and continues with the same data.
//
// Columns are separate, so only the objects that need one pay for it: lifetimes, graces and pinning users are written,
// and their memory reserved, for the few objects that have them. Hits are counted for lfu only.

#include <cstdint>
#include <optional>
#include <vector>

#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/os/basic_types.h"
#include "shm/table/ledger_column.h"
#include "shm/table/pin_table.h"

namespace dolium::shm {

/// The times by which eviction orders objects. They are read far more often than the other columns.
struct LedgerRow {
  /// Unique among all objects; gives the order of seals. Of a lease: its last use. Of a row in quarantine: the end of
  /// its resting time.
  TimeNs sealed;
  /// The last known access, never before `sealed`. Until the object is sealed: the ClientId of its writer, which a
  /// restarted server needs.
  std::uint64_t accessed;
};

/// The lifetimes of an object that expires, in milliseconds; 0: unlimited.
struct LifetimeRow {
  std::uint64_t to_live_ms;
  std::uint64_t to_idle_ms;
};

/// The grace of an object: it is not evicted until `readers` sessions have got it, or until the deadline.
struct GraceRow {
  TimeNs deadline;        ///< until the seal: the duration
  TimeNs since;           ///< gets after this time count
  std::uint64_t session;  ///< the ClientId that gave the grace
  std::uint32_t uid;      ///< the user whose quota it counts against
  std::uint32_t readers;  ///< number of readers that are missing, apart from those in the pin tables
  bool own_gets;          ///< gets of `session` count, too
};

/// Where the bytes of an object of retention `keep` are on disk, and where they are read back to.
struct SpillRow {
  std::uint64_t location;    ///< the record, as the spill tier names it; 0: there is none
  std::uint64_t reading_to;  ///< while it is read back: the extent's offset in the arena, plus 1; else 0
  std::uint64_t reader;      ///< the ClientId that writes there
  std::uint32_t uid;         ///< of the user that created the object
};

/// What lfu needs in addition.
struct HitRow {
  std::uint32_t hits;  ///< number of known gets
  std::uint32_t base;  ///< sum of the clients' counters at publication, without clients that died since
};

/// Counts of events since the store was created.
struct StoreCounters {
  std::uint64_t puts = 0, evictions = 0, evicted_bytes = 0, expired = 0, removed = 0, aborted = 0, refused = 0;
  AccessCounts of_the_dead;  ///< gets of clients that have ended
  // At the end, where the memory of an older program is zero.
  std::uint64_t relocations = 0, relocated_bytes = 0;
  std::uint64_t spills = 0, spilled_bytes = 0, read_backs = 0, read_back_bytes = 0;
};

/// The store's own persistent state.
struct LedgerState {
  static constexpr std::uint64_t kMagic = 0x3172676c696c6f64;  // "dolilgr1"
  static constexpr std::uint32_t kLayout = 5;                  ///< version of the whole ledger's layout

  std::uint64_t magic = 0;
  std::uint32_t layout = 0;
  EvictionPolicy policy = {};
  TimeNs started = 0;
  std::uint64_t last_client = 0;     ///< highest ClientId ever assigned
  std::uint64_t arena_reserved = 0;  ///< number of bytes reserved from the start of the arena
  StoreCounters counters;
  /// The random number of the spill tier's directory, and whether all of its records have become rows. From then on the
  /// rows are the truth. 0: no directory so far.
  std::uint64_t tier_directory[2] = {};
  bool tier_catalogued = false;
  bool spills = false;         ///< the store began with a spill tier
  bool arena_trimmed = false;  ///< pages below arena_reserved may have been given back to the system
  double newcomers_share = 0;  ///< of the policy `adaptive`, for the next server; 0: not adjusted so far
};

class Ledger {
 public:
  [[nodiscard]] static Result<Ledger> create(std::uint32_t slot_count, EvictionPolicy policy, TimeNs now);
  /// Takes over the memory of another process's segments(), in that order.
  [[nodiscard]] static Result<Ledger> adopt(std::uint32_t slot_count, std::vector<UniqueFd> memory);
  [[nodiscard]] std::vector<const Segment*> segments() const;

  /// Reserves memory for a slot's row. Call it before the first write.
  [[nodiscard]] Result<void> reserve(SlotIndex slot);
  /// The same for its lifetimes.
  [[nodiscard]] Result<void> reserve_lifetimes(SlotIndex slot) { return lifetimes_.reserve(slot); }
  /// The same for the uid of the pinning user.
  [[nodiscard]] Result<void> reserve_pinner(SlotIndex slot) { return pinners_.reserve(slot); }
  /// The same for its grace.
  [[nodiscard]] Result<void> reserve_grace(SlotIndex slot) { return graces_.reserve(slot); }

  /// The same for its record on disk.
  [[nodiscard]] Result<void> reserve_spill(SlotIndex slot) { return spills_.reserve(slot); }

  [[nodiscard]] LedgerState& state() const noexcept { return state_.row(0); }
  [[nodiscard]] LedgerRow& row(SlotIndex slot) const noexcept { return rows_.row(slot); }
  /// Precondition: they are reserved. Those of a row with `mortal` are.
  [[nodiscard]] LifetimeRow& lifetimes(SlotIndex slot) const noexcept { return lifetimes_.row(slot); }
  /// The uid of the user that pinned the object. Precondition: it is reserved. That of a row with `pinned` is.
  [[nodiscard]] std::uint32_t& pinner(SlotIndex slot) const noexcept { return pinners_.row(slot); }
  /// Precondition: it is reserved. That of a row with `graced` is.
  [[nodiscard]] GraceRow& grace(SlotIndex slot) const noexcept { return graces_.row(slot); }
  /// Precondition: it is reserved. That of a row with `kept` is.
  [[nodiscard]] SpillRow& spill(SlotIndex slot) const noexcept { return spills_.row(slot); }
  [[nodiscard]] bool counts_hits() const noexcept { return hits_.has_value(); }
  /// Precondition: counts_hits().
  [[nodiscard]] HitRow& hit_row(SlotIndex slot) const noexcept { return hits_->row(slot); }
  /// The rows of the first slots, for LargePages.
  [[nodiscard]] std::span<std::byte> in_use(std::uint32_t slots_touched) const noexcept {
    return rows_.first(slots_touched);
  }
  [[nodiscard]] std::uint64_t bookkeeping_bytes(std::uint32_t slots_touched) const noexcept;

 private:
  LedgerColumn<LedgerState> state_;
  LedgerColumn<LedgerRow> rows_;
  // Reserved page by page: the rows in use lie far apart.
  LedgerColumn<LifetimeRow, kPageBytes> lifetimes_;
  LedgerColumn<std::uint32_t, kPageBytes> pinners_;
  LedgerColumn<GraceRow, kPageBytes> graces_;
  LedgerColumn<SpillRow, kPageBytes> spills_;
  std::optional<LedgerColumn<HitRow>> hits_;
};

}  // namespace dolium::shm
