#pragma once
// Spill: the sealed objects of retention `keep`, their records on disk, and what is read back.
//
// A row is one of these. Only the server moves it; the spill tier (daemon/tier) says when:
//
//   from -> to               when                                     after a crash
//   unsealed -> dirty        the seal of a row with `kept`            as any seal
//   dirty -> clean           written(): the record is on disk         the location is stored first, then the bit
//   clean -> spilled         eviction, when nothing holds it          a relocation to kSpilledOffset
//   spilled -> clean         end_reading(): the bytes are back        a relocation from kSpilledOffset
//   clean -> dirty           forget_record()                          the bit is cleared first, then the location
//   any -> retired, free     remove, expire, clear                    the record is dropped: see DroppedRecords
//
//   dirty     in memory only. A wall to eviction, as an object that is in use.
//   clean     in memory, and on disk under a location.
//   spilled   on disk only. Its row is sealed, even and linked, so exists(), lists and removal need no disk. It has no
//             extent, is not in eviction's order, and is neither pinned nor in a grace.
//
// Reading back. The spilled object's own slot gets an extent, and the ledger notes the extent and the client that
// writes there, before that client hears of it. The object stays spilled until end_reading(). Meanwhile the server
// holds it, so that its removal retires the row, and the extent stays. A server that begins after a crash does not use
// an extent again that the ledger notes, until that client has ended: see adopt(). (An unsealed row of the client, as a
// design had it, would need slots beyond max_objects: a store full of spilled objects could read none of them back.)
//
// Not thread-safe.

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "shm/store/clients.h"
#include "shm/store/dropped_records.h"
#include "shm/store/rows.h"
#include "shm/store/usage.h"

namespace dolium::shm {

class Spill {
 public:
  /// What a record says of an object. Times to live are what is left of them.
  struct Record {
    NewObject object;  ///< type_name and label have the right sizes; their bytes are not read
    std::uint64_t location = 0;
    std::uint32_t uid = 0;
  };

  Spill(Rows& rows, Clients& clients, Usage& usage) noexcept
      : rows_(rows), clients_(clients), usage_(usage), dropped_(rows) {}

  /// Marks the row of an object that is being written. Precondition: the ledger's spill row of this slot is reserved.
  void set(SlotIndex slot, std::uint32_t uid);

  // ---- room for dirty objects ----

  /// Nothing but the disk can make a dirty object evictable. So that objects can be read back whatever the disk does,
  /// dirty ones and those being written leave this share of the arena alone, as 1/n, or as much as the largest object
  /// that was on disk alone, but at most 1/kMostReserved.
  static constexpr std::uint64_t kReserveShare = 8;
  static constexpr std::uint64_t kMostReserved = 2;

  /// Maximum bytes of dirty objects, and of objects that are being written.
  [[nodiscard]] std::uint64_t dirty_limit() const noexcept;
  /// Whether an object of retention `keep` that takes so many bytes may be created; `unsealed`: bytes of the objects
  /// that are being written. A single object may be larger than the limit, while the disk takes it.
  [[nodiscard]] bool may_keep(std::uint64_t taken, std::uint64_t unsealed) const noexcept {
    return dirty_.bytes + unsealed + taken <= dirty_limit() ||
           (dirty_.bytes + unsealed == 0 && why_not_written_.empty());
  }
  /// Why the tier writes nothing, for people; empty: it writes.
  void tell_disk(std::string why_not_written) {
    rows_.room_made = rows_.room_made || why_not_written.empty();  // may_keep() may say yes now
    why_not_written_ = std::move(why_not_written);
  }
  [[nodiscard]] const std::string& why_not_written() const noexcept { return why_not_written_; }

  // ---- a sealed row; precondition for all: it is kept ----

  [[nodiscard]] bool is_dirty(SlotIndex slot) const noexcept {
    return rows_.margin(slot).kept && !rows_.margin(slot).clean;
  }
  /// Whether it cannot leave the memory: it is dirty, or its record does not count.
  [[nodiscard]] bool must_stay(SlotIndex slot) const noexcept {
    return rows_.margin(slot).kept && !rows_.may_spill(slot);
  }
  /// Whether records count: not while their directory is gone. Otherwise clean objects stay in memory.
  void trust_records(bool trust) noexcept {
    rows_.trusts_records = trust;
    rows_.room_made = rows_.room_made || trust;
  }
  /// From now on only these records count (by slot); nullptr: all.
  void trust_only(const std::vector<bool>* told) noexcept {
    rows_.told_records = told;
    rows_.room_made = rows_.room_made || told == nullptr;
  }
  /// The record of the object that was sealed at `stamp` is complete. False: that object is not there any more, or it
  /// has a record; then this one is of no use.
  [[nodiscard]] bool written(SlotIndex slot, TimeNs stamp, std::uint64_t location);
  /// The record of a clean object is gone: it is dirty again. Precondition: it is not spilled.
  void forget_record(SlotIndex slot);

  /// The dirty object that was sealed first, of those that were not taken yet. kNoSlot: there is none. The order in
  /// which objects are written ahead of need: each is written once, and eviction decides by itself which of the clean
  /// ones go.
  [[nodiscard]] SlotIndex take_dirty();
  /// When the object that take_dirty() would return was sealed. kNever: there is none.
  [[nodiscard]] TimeNs next_dirty();
  /// It was taken, and not written: it is the next.
  void give_back_dirty(SlotIndex slot) { dirty_order_.push_front({slot, rows_.sealed_at(slot)}); }
  /// The same order, to look at. dirty_at(): the object at this position, or kNoSlot if it is not dirty any more.
  [[nodiscard]] std::size_t dirty_order_size() const noexcept { return dirty_order_.size(); }
  [[nodiscard]] SlotIndex dirty_at(std::size_t position) const noexcept {
    return is_dirty(dirty_order_[position]) ? dirty_order_[position].slot : kNoSlot;
  }

  // ---- for SealedObjects: the row of this slot was just ... ----

  void count_sealed(SlotIndex slot);  ///< sealed, or found after a crash
  void count_gone(SlotIndex slot);    ///< unlinked: its record is dropped
  void count_spilled(SlotIndex slot);

  // ---- reading back ----

  /// Notes that `reader` will write the object's bytes at its slot's new extent. The object is held until the end.
  /// Precondition: it is spilled, is not being read, and the arena gave this slot an extent at `offset`.
  void begin_reading(SlotIndex slot, std::uint64_t offset, ClientId reader);
  [[nodiscard]] bool is_reading(SlotIndex slot) const noexcept {
    return rows_.margin(slot).kept && rows_.ledger.spill(slot).reading_to != 0;
  }
  /// The bytes are there, unless the object was removed meanwhile: then false. SealedObjects counts the object as
  /// resident.
  [[nodiscard]] bool end_reading(SlotIndex slot);
  /// The bytes did not come, and the client does not write there any more: the extent is free.
  void give_up_reading(SlotIndex slot);
  /// The same for all that this client was reading: it has ended, or began anew.
  void give_up_reader(ClientId reader);
  [[nodiscard]] const std::vector<SlotIndex>& reading() const noexcept { return reading_; }

  // ---- records without rows ----

  /// What the store remembers of the tier's directory.
  [[nodiscard]] LedgerState& state() noexcept { return rows_.ledger.state(); }

  [[nodiscard]] DroppedRecords& dropped() noexcept { return dropped_; }

  // ---- after a crash ----

  /// Whether the ledger notes an extent of this row that a client may still write to. Otherwise the note is cleared.
  [[nodiscard]] bool settle_reading(SlotIndex slot);
  /// Such a row has got its extent in the arena's books.
  void adopt_reading(SlotIndex slot);

  [[nodiscard]] const Tally& dirty() const noexcept { return dirty_; }      ///< bytes of the arena
  [[nodiscard]] const Tally& clean() const noexcept { return clean_; }      ///< bytes of the arena
  [[nodiscard]] const Tally& spilled() const noexcept { return spilled_; }  ///< bytes on disk: Rows::size_of()
  void check_invariants() const;                                            ///< aborts with a message; for tests

 private:
  struct Dirty {
    SlotIndex slot;
    TimeNs sealed;
  };

  void stop_reading(SlotIndex slot);
  void queue_dirty(SlotIndex slot);
  void add_spilled(SlotIndex slot);
  [[nodiscard]] bool is_dirty(const Dirty& object) const noexcept;

  Rows& rows_;
  Clients& clients_;
  Usage& usage_;
  Tally dirty_, clean_, spilled_;
  std::vector<SlotIndex> reading_;
  DroppedRecords dropped_;
  std::deque<Dirty> dirty_order_;      // some are not dirty any more, or gone
  std::uint64_t largest_spilled_ = 0;  // bytes of the arena that it took, or will take
  std::string why_not_written_;
};

}  // namespace dolium::shm
