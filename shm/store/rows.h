#pragma once
// Rows: all that is known of an object, in four tables that share one slot number.
//
//   index    the row that clients read, and its margin with the state of the slot (shm/table/object_index.h)
//   ledger   times, lifetimes, graces, hits, and the pinning user: only requests need these (shm/table/ledger.h)
//   arena    the slot's extent (shm/arena/arena.h)
//   memory   the bytes of the extent (shm/arena/arena_memory.h)
//
// Each table keeps its own invariants, so they are public here. Rows adds the functions that need several tables, and
// the two values that order all changes: the time of the current call, and the time of the last seal.
//
// Index, ledger and memory outlive a crash of the server. The arena's books are made again from the rows.
//
// Not thread-safe.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/arena/arena.h"
#include "shm/arena/arena_memory.h"
#include "shm/store/store_types.h"
#include "shm/table/expiry.h"
#include "shm/table/ledger.h"
#include "shm/table/object_index.h"

namespace dolium::shm {

struct Rows {
  /// Maximum number of slots that one page of a walk visits.
  static constexpr std::uint32_t kPage = 4096;

  Rows(const StoreConfig& configuration, ArenaMemory bytes, ObjectIndex rows, Ledger notes, TimeNs time);
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  /// Time never goes back.
  void advance(TimeNs time) noexcept { now = time > now ? time : now; }

  // ---- one row ----

  // Not const, although they could be: a reader of a const Rows cannot change it.
  // NOLINTNEXTLINE(readability-make-member-function-const)
  [[nodiscard]] LedgerRow& row(SlotIndex slot) noexcept { return ledger.row(slot); }
  [[nodiscard]] const LedgerRow& row(SlotIndex slot) const noexcept { return ledger.row(slot); }
  // NOLINTNEXTLINE(readability-make-member-function-const)
  [[nodiscard]] SlotMargin& margin(SlotIndex slot) noexcept { return index.margin(slot); }
  [[nodiscard]] const SlotMargin& margin(SlotIndex slot) const noexcept { return index.margin(slot); }
  [[nodiscard]] SlotFields fields(SlotIndex slot) const noexcept { return index.read(slot); }
  /// The sealed object's slot, or kNoSlot.
  [[nodiscard]] SlotIndex find(const ObjectId& id) const noexcept { return index.find(id); }
  /// Time of the seal of the object in this slot. Unique, and later than that of all objects sealed before.
  [[nodiscard]] TimeNs sealed_at(SlotIndex slot) const noexcept { return row(slot).sealed; }
  /// Whether the bytes of a sealed or retired object are on disk, not in the arena. If it has an extent all the same,
  /// it is being read back (spill.h).
  [[nodiscard]] bool is_spilled(SlotIndex slot) const noexcept {
    return margin(slot).kept && fields(slot).offset == kSpilledOffset;
  }
  /// Whether a kept object may leave the memory: it has a record that counts.
  [[nodiscard]] bool may_spill(SlotIndex slot) const noexcept {
    return margin(slot).clean && trusts_records && (told_records == nullptr || (*told_records)[slot]);
  }
  /// Whether an object of this retention is spilled instead of evicted.
  [[nodiscard]] bool keeps(Retention retention) const noexcept {
    return (retention == Retention::store_default ? config.retention : retention) == Retention::keep;
  }
  /// Size of the slot's extent, in bytes. Precondition: it has one.
  [[nodiscard]] std::uint64_t taken_bytes(SlotIndex slot) const { return arena.size_of(ExtentRef::live(slot)); }
  /// The same of any slot: 0 if it has none.
  [[nodiscard]] std::uint64_t extent_bytes(SlotIndex slot) const { return arena.owns(slot) ? taken_bytes(slot) : 0; }
  /// Bytes of data, metadata, type name and label together.
  [[nodiscard]] std::uint64_t size_of(SlotIndex slot) const noexcept;
  /// The object's data, then its metadata. Precondition for this, and else empty for the next two: it is not spilled.
  [[nodiscard]] std::span<std::byte> bytes(SlotIndex slot) const;
  [[nodiscard]] std::string type_name(SlotIndex slot) const;
  [[nodiscard]] std::string label(SlotIndex slot) const;
  [[nodiscard]] Lifetimes lifetimes(SlotIndex slot) const noexcept;

  /// Reserves the memory of the ledger's optional columns that this object needs.
  [[nodiscard]] Result<void> reserve_notes(SlotIndex slot, const NewObject& object);
  /// Writes the row of an unsealed object. `creator` stands in the ledger until the seal: a successor needs it.
  void write(SlotIndex slot, std::uint64_t offset, const NewObject& object, ClientId creator, std::int32_t creator_pid);
  /// Frees slot and extent. Precondition: the row is odd and not linked, and no other part counts it.
  void free(SlotIndex slot);

  // ---- all of them ----

  [[nodiscard]] StoreCounters& counters() const noexcept { return ledger.state().counters; }
  /// Visits the objects of slots from `begin` on that were sealed up to `through`: one piece, which ends after kPage
  /// slots, or when visit() has returned true kRemovalsPerPiece times: it has changed the object. Returns the slot at
  /// which the next piece begins; 0 at the end.
  template <class Visit>
  SlotIndex for_sealed_piece(SlotIndex begin, TimeNs through, Visit&& visit) const {
    const SlotIndex touched = index.slots_touched();
    SlotIndex slot = begin;
    for (std::uint32_t seen = 0, changed = 0; slot < touched; ++slot) {
      if (changed == kRemovalsPerPiece || seen++ == kPage) break;
      if (margin(slot).state == SlotState::sealed && row(slot).sealed <= through && visit(slot)) ++changed;
    }
    return slot < touched ? slot : 0;
  }
  /// The same for a visit that only reads: kPage slots.
  template <class Visit>
  SlotIndex for_sealed_page(SlotIndex begin, TimeNs through, Visit&& visit) const {
    return for_sealed_piece(begin, through, [&](SlotIndex slot) {
      visit(slot, index.read(slot));
      return false;
    });
  }
  /// Reserves the arena's memory below `end`.
  [[nodiscard]] Result<void> reserve_arena_to(std::uint64_t end);
  /// The same for the memory of a free extent that is about to be used: what was given back of it, too.
  [[nodiscard]] Result<void> reserve_extent(std::uint64_t offset, std::uint64_t bytes) {
    Result<void> reserved = reserve_arena_to(offset + bytes);
    return reserved ? memory.fill_holes(offset, offset + bytes) : reserved;
  }
  /// The memory that a successor needs, besides the clients' pin tables.
  [[nodiscard]] std::vector<const Segment*> segments() const;

  StoreConfig config;
  ArenaMemory memory;
  ObjectIndex index;
  Ledger ledger;
  Arena arena;
  TimeNs now;
  TimeNs last_seal = 0;
  bool trusts_records = true;  // false: the tier's directory is gone, and no record in it counts for now
  /// By slot: while a catalogue of the tier is compared with the rows, only these records count. nullptr: all do.
  const std::vector<bool>* told_records = nullptr;
  bool room_made = false;  // since the last look: bytes or a slot were freed, or an object may be evicted now
};

/// A number of objects, and their bytes in the arena.
struct Tally {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  void add(std::uint64_t more) noexcept { ++count, bytes += more; }
  void subtract(std::uint64_t less) noexcept { --count, bytes -= less; }
  friend bool operator==(const Tally&, const Tally&) = default;
};

}  // namespace dolium::shm
