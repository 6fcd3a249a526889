#pragma once
// SealedObjects: an object from its seal to the moment at which its slot is free again. The server's half of the pin
// protocol (shm/README.md); the readers' half is shm/table/holder.h.
//
//   sealed    visible to all clients. In eviction's order unless it is pinned, or spilled (spill.h).
//   retired   removed, expired or cleared while it was in use: freed after the last release, by sweep().
//
// Each end of an object takes the steps of the protocol: note the operation in the row's margin (step 0), make the row
// odd (1), read all pin tables (2), then decide (3). A server that is killed between any two stores leaves a row that
// its successor can settle (store_recovery.cc).
//
// Not thread-safe.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "shm/eviction/eviction.h"
#include "shm/store/graces.h"
#include "shm/store/pins.h"
#include "shm/store/rows.h"
#include "shm/store/spill.h"
#include "shm/store/usage.h"
#include "shm/table/expiry.h"

namespace dolium::shm {

class SealedObjects {
 public:
  /// Number of victims whose metadata is prefetched together: some five cache lines each, a small part of the caches.
  static constexpr std::size_t kFetchedTogether = 64;
  /// Maximum size of a pinned object that is moved out of the way of a create, and of all of them together: some
  /// milliseconds of copying.
  static constexpr std::uint64_t kMostMovedAside = std::uint64_t{16} << 20;

  SealedObjects(Rows& rows, Pins& pins, Graces& graces, Usage& usage, Spill& spill);
  SealedObjects(const SealedObjects&) = delete;
  SealedObjects& operator=(const SealedObjects&) = delete;

  /// One listener, which outlives the store or is taken away with nullptr.
  void set_listener(StoreListener* listener) noexcept { listener_ = listener; }

  /// unsealed -> sealed. `object` is what the row says: it was often just written, and is not read again. `created`:
  /// time of the creation.
  void publish(SlotIndex slot, const SlotFields& object, TimeNs created);
  /// Precondition: it is sealed and not pinned, and the ledger's pinner is reserved.
  void pin(SlotIndex slot, std::uint32_t uid);
  /// Precondition: it is sealed and pinned.
  void unpin(SlotIndex slot);

  /// A hint: objects with these ids will be looked up, and published.
  void prefetch(std::span<const ObjectId> ids) const noexcept;
  /// Removes an object. If it is in use, it is retired.
  void retire(SlotIndex slot, RemovalCause cause);
  /// Evicts all of them, unless one is in use. Then none is evicted: returns false. Clean objects of retention `keep`
  /// are spilled instead. Precondition: none is dirty.
  [[nodiscard]] bool evict_unused(const std::vector<SlotIndex>& slots);
  /// Moves an object's bytes to the start of a free extent that is large enough, unless it is in use. False when the
  /// system has no memory for the new place.
  [[nodiscard]] bool relocate(SlotIndex slot, ExtentRef place);
  /// Whether a pinned object, or one in a grace, may be moved out of the way of a create.
  [[nodiscard]] bool may_move_aside(SlotIndex slot) const {
    return rows_.config.relocation && rows_.taken_bytes(slot) <= kMostMovedAside;
  }
  /// A spilled object's bytes are in the extent that they were read back to: it is in memory again, as one that was
  /// just accessed. If it was removed meanwhile, only its row is left, for sweep().
  void end_reading(SlotIndex slot, TimeNs now);
  /// A record becomes a spilled object. Precondition: the slot is taken, with memory for all that its row says.
  void adopt_record(SlotIndex slot, const Spill::Record& record);
  /// The record of this object is on disk: Spill::written().
  [[nodiscard]] bool written(SlotIndex slot, TimeNs stamp, std::uint64_t location);
  /// Removes what is due, kRemovalsPerPiece looks at most.
  void expire();
  /// The time of the next expire(). kNever: nothing expires.
  [[nodiscard]] TimeNs next_expiry() const noexcept { return expiry_.next_due(); }
  /// Looks at so many retired objects, and frees those that are not in use any more.
  void sweep(std::size_t how_many);
  /// An access that a client's table told of before the client left. Later ones than the row knows count.
  void note_access(SlotIndex slot, TimeNs accessed);
  /// Hits that Usage::hit_sum() does not count any more: of a client that left, or of a table that was settled.
  void forget_hits(SlotIndex slot, std::uint32_t hits);

  /// After a crash: counts a row that is sealed, or retired, and has its extent.
  void adopt_sealed(SlotIndex slot);
  void adopt_retired(SlotIndex slot);
  /// All rows are adopted: now their objects can be evicted.
  void end_recovery();

  /// To plan with. Objects leave the order by evict_unused().
  [[nodiscard]] Eviction& eviction() noexcept { return eviction_; }
  [[nodiscard]] const Eviction& eviction() const noexcept { return eviction_; }
  /// Those in memory.
  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }
  [[nodiscard]] const Tally& retired() const noexcept { return retired_tally_; }
  /// Data and metadata of all objects that were evicted since this server began.
  [[nodiscard]] std::uint64_t evicted_object_bytes() const noexcept { return evicted_object_bytes_; }
  void check_invariants() const;  ///< aborts with a message; for tests

 private:
  void evict_together(std::span<const SlotIndex> slots);
  void spill(SlotIndex slot);
  void leave_index(SlotIndex slot, RemovalCause cause);
  void count_removal(RemovalCause cause, std::uint64_t bytes) noexcept;
  [[nodiscard]] bool is_mortal(const Expiry::Due& object) const noexcept;
  void look_at(const Expiry::Due& object, TimeNs when);
  void repair_hits(SlotIndex slot);

  Rows& rows_;
  Pins& pins_;
  Graces& graces_;
  Usage& usage_;
  Spill& spill_;
  std::unique_ptr<Policy> policy_;
  Eviction eviction_;
  Expiry expiry_;
  std::vector<SlotIndex> recovered_;  // by adopt_sealed(), for end_recovery()
  std::vector<SlotIndex> retired_;
  std::size_t next_sweep_ = 0;  // position in retired_
  Tally tally_, retired_tally_;
  std::uint64_t evicted_object_bytes_ = 0;
  StoreListener* listener_ = nullptr;
};

}  // namespace dolium::shm
