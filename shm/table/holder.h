#pragma once
// Holder: the reader's half of the pin protocol: how a client gets and releases a reference to a sealed object, without
// a request to the daemon. The daemon's half is SealedObjects::retire().
//
//   get                                              retire (daemon)
//   1 find the slot; s = seq, must be even           1 seq = s + 1
//   2 references += 1                                2 for every client: references?
//   3 seq == s still?  yes: it is held               3 all 0: the extent may be reused
//                      no: references -= 1, again      some > 0: seq = s + 2, or wait until they are gone
//
// All of these operations are sequentially consistent, so at least one side sees the other. Thread-safe.

#include <cstdint>
#include <utility>

#include <dolium/object_id.h>

#include "shm/table/index_reader.h"
#include "shm/table/pin_table.h"

namespace dolium::shm {

/// The row of a held object. It does not change while the object is held.
struct Held {
  SlotIndex slot = kNoSlot;
  std::uint64_t offset = 0;
  std::uint64_t data_size = 0;
  std::uint32_t metadata_size = 0;
  std::uint64_t type_tag = 0;
};

/// The place of an object that a server keeps for this client.
struct Granted {
  Held object;
  std::uint32_t succession = 0;  ///< IndexReader::successions() of that server
};

class Holder {
 public:
  enum class Verdict : std::uint8_t { held, absent, undecided };
  struct Attempt {
    Verdict verdict;
    Held object = {};
    /// A create waits for room, and a temporary reference of this attempt may have been in its way: notify the daemon.
    bool release_wanted = false;
  };

  /// Maximum number of attempts while the object is being retired. Then the get asks the daemon.
  static constexpr int kMaxAttempts = 8;

  Holder() = default;
  Holder(IndexReader index, PinTable table) noexcept : index_(index), table_(std::move(table)) {}

  /// Takes a reference. After `held`, the caller must call release() once. Does not count a hit: see
  /// PinTable::record_hit(). `undecided`, too, if the object is spilled: the daemon reads it back.
  [[nodiscard]] Attempt hold(const ObjectId& id) noexcept { return hold(id, IndexReader::kMaxSteps); }
  /// The same for an object that the daemon has granted to this client: it exists, however long its chain is. (Ids with
  /// the same hash are easy to craft; a chain of them must not hide another client's object.)
  [[nodiscard]] Attempt hold_kept(const ObjectId& id) noexcept { return hold(id, index_.slot_count()); }
  /// The same where the server says that the object is. It may have left the index (a take, or a removal meanwhile).
  /// `absent` if another server has begun: the slot may have another object.
  [[nodiscard]] Attempt hold_granted(const Granted& granted) noexcept;
  void hold_again(SlotIndex slot) noexcept { table_.copy_reference(slot); }
  /// Drops a reference. Returns true if a create waits for room: then notify the daemon of this release.
  [[nodiscard]] bool release(SlotIndex slot) noexcept { return table_.drop_reference(slot) && index_.release_wanted(); }

  /// Records that the references of all grants up to this number were taken, or are not wanted. Returns true as
  /// release() does: the end of a grant is the end of a reference.
  [[nodiscard]] bool take_up_grants(std::uint64_t through) noexcept {
    table_.set_granted_through(through);
    return index_.release_wanted();
  }

  [[nodiscard]] IndexReader::Lookup find(const ObjectId& id) const noexcept { return index_.find(id); }
  [[nodiscard]] const IndexReader& index() const noexcept { return index_; }
  [[nodiscard]] PinTable& table() noexcept { return table_; }
  [[nodiscard]] const PinTable& table() const noexcept { return table_; }
  /// Replaces the table by another one with the same reference counts. Returns the old one.
  [[nodiscard]] PinTable exchange_table(PinTable table) noexcept { return std::exchange(table_, std::move(table)); }

 private:
  [[nodiscard]] Attempt hold(const ObjectId& id, std::uint32_t max_steps) noexcept;

  IndexReader index_;
  PinTable table_;
};

}  // namespace dolium::shm
