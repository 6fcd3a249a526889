#pragma once
// The ledger: what only requests need to know of an object and its index row has no room for (shm/table/slot_margin.h),
// in rows parallel to the index's slots, and what the store must remember of itself. Memfds of the daemon's own: no
// client has them, and a restarted daemon that is handed them again knows what it knew.
//
// Columns are separate, so that only who needs one pays for it: lifetimes, and who pinned it, are written, and their
// memory reserved, for the few objects that have any; hits are counted for lfu alone.

#include <cstdint>
#include <optional>
#include <vector>

#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/os/basic_types.h"
#include "shm/table/ledger_column.h"
#include "shm/table/pin_table.h"

namespace dolium::shm {

/// The times by which eviction orders objects: compared far more often than anything else is read.
struct LedgerRow {
  /// Unique among all objects: the order of seals. Of a lease: its last use. Of a row in quarantine: the end of its
  /// rest.
  TimeNs sealed;
  /// The last access that was noticed; never before `sealed`. Until the object is sealed: the ClientId of its writer,
  /// which a successor must know.
  std::uint64_t accessed;
};

/// Of an object that expires. Milliseconds; 0: for ever.
struct LifetimeRow {
  std::uint64_t to_live_ms;
  std::uint64_t to_idle_ms;
};

/// What lfu needs besides.
struct HitRow {
  std::uint32_t hits;  ///< gets that were noticed
  std::uint32_t base;  ///< what the clients' counters said at publication, less those of dead clients
};

/// What happened since the store was made.
struct StoreCounters {
  std::uint64_t puts = 0, evictions = 0, evicted_bytes = 0, expired = 0, removed = 0, aborted = 0, refused = 0;
  AccessCounts of_the_dead;  ///< gets of clients that are gone
  // Last, where an older program's memory is zero.
  std::uint64_t relocations = 0, relocated_bytes = 0;
};

/// What the store must remember of itself.
struct LedgerState {
  static constexpr std::uint64_t kMagic = 0x3172676c696c6f64;  // "dolilgr1"
  static constexpr std::uint32_t kLayout = 3;                  ///< of all that is in the ledger

  std::uint64_t magic = 0;
  std::uint32_t layout = 0;
  EvictionPolicy policy = {};
  TimeNs started = 0;
  std::uint64_t last_client = 0;     ///< the highest ClientId ever given
  std::uint64_t arena_reserved = 0;  ///< bytes of the arena that are reserved, from its start
  StoreCounters counters;
};

class Ledger {
 public:
  [[nodiscard]] static Result<Ledger> create(std::uint32_t slot_count, EvictionPolicy policy, TimeNs now);
  /// From what segments() gave, in that order.
  [[nodiscard]] static Result<Ledger> adopt(std::uint32_t slot_count, std::vector<UniqueFd> memory);
  [[nodiscard]] std::vector<const Segment*> segments() const;

  /// Before a slot's row is first written.
  [[nodiscard]] Result<void> reserve(SlotIndex slot);
  /// Before its lifetimes are written.
  [[nodiscard]] Result<void> reserve_lifetimes(SlotIndex slot) { return lifetimes_.reserve(slot); }

  /// Before it is written who pinned it.
  [[nodiscard]] Result<void> reserve_pinner(SlotIndex slot) { return pinners_.reserve(slot); }

  [[nodiscard]] LedgerState& state() const noexcept { return state_.row(0); }
  [[nodiscard]] LedgerRow& row(SlotIndex slot) const noexcept { return rows_.row(slot); }
  /// Precondition: they are reserved, as those of a mortal row are.
  [[nodiscard]] LifetimeRow& lifetimes(SlotIndex slot) const noexcept { return lifetimes_.row(slot); }
  /// The uid of who pinned it. Precondition: it is reserved, as that of a pinned row is.
  [[nodiscard]] std::uint32_t& pinner(SlotIndex slot) const noexcept { return pinners_.row(slot); }
  [[nodiscard]] bool counts_hits() const noexcept { return hits_.has_value(); }
  /// Precondition: counts_hits().
  [[nodiscard]] HitRow& hit_row(SlotIndex slot) const noexcept { return hits_->row(slot); }
  /// The rows of the first slots: see LargePages.
  [[nodiscard]] std::span<std::byte> in_use(std::uint32_t slots_touched) const noexcept {
    return rows_.first(slots_touched);
  }
  [[nodiscard]] std::uint64_t bookkeeping_bytes(std::uint32_t slots_touched) const noexcept;

 private:
  LedgerColumn<LedgerState> state_;
  LedgerColumn<LedgerRow> rows_;
  // Reserved page by page: those who have any lie far apart.
  LedgerColumn<LifetimeRow, kPageBytes> lifetimes_;
  LedgerColumn<std::uint32_t, kPageBytes> pinners_;
  std::optional<LedgerColumn<HitRow>> hits_;
};

}  // namespace dolium::shm
