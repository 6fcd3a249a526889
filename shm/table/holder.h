#pragma once
// Holder: the reader's half of the pin protocol: how a client comes to hold a sealed object, and lets go of
// it, without the daemon. The daemon's half is SealedObjects::retire().
//
//   get                                              retire (daemon)
//   1 find the slot; s = seq, must be even           1 seq = s + 1
//   2 references += 1                                2 for every client: references?
//   3 seq == s still?  yes: it is held               3 all 0: the extent may be reused
//                      no: references -= 1, again      some > 0: seq = s + 2, or wait until they are gone
//
// All of these are sequentially consistent, so at least one side sees the other. Thread-safe.

#include <cstdint>
#include <utility>

#include <dolium/object_id.h>

#include "shm/table/index_reader.h"
#include "shm/table/pin_table.h"

namespace dolium::shm {

/// A held object's row, stable as long as it is held.
struct Held {
  SlotIndex slot = kNoSlot;
  std::uint64_t offset = 0;
  std::uint64_t data_size = 0;
  std::uint32_t metadata_size = 0;
  std::uint64_t type_tag = 0;
};

class Holder {
 public:
  enum class Verdict : std::uint8_t { held, absent, undecided };
  struct Attempt {
    Verdict verdict;
    Held object = {};
    /// Somebody waits for room, and a reference that was only passing may have stood in the way: tell the daemon.
    bool release_wanted = false;
  };

  /// How often a get starts over because the object was being retired, before it asks the daemon.
  static constexpr int kMaxAttempts = 8;

  Holder() = default;
  Holder(IndexReader index, PinTable table) noexcept : index_(index), table_(std::move(table)) {}

  /// On `held`, the caller owes one release(). Counts nothing: see PinTable::record_hit().
  [[nodiscard]] Attempt hold(const ObjectId& id) noexcept { return hold(id, IndexReader::kMaxSteps); }
  /// The same for an object that the daemon keeps for us: it is there, in however long a chain. (Ids that hash alike
  /// are easily made: nobody shall hide another's object behind them.)
  [[nodiscard]] Attempt hold_kept(const ObjectId& id) noexcept { return hold(id, index_.slot_count()); }
  void hold_again(SlotIndex slot) noexcept { table_.copy_reference(slot); }
  /// True when somebody waits for room and wants to hear of this release.
  [[nodiscard]] bool release(SlotIndex slot) noexcept { return table_.drop_reference(slot) && index_.release_wanted(); }

  /// The references promised by grants up to this number are taken, or not wanted. True as for release(): a
  /// grant that ends is a reference that ends.
  [[nodiscard]] bool take_up_grants(std::uint64_t through) noexcept {
    table_.set_granted_through(through);
    return index_.release_wanted();
  }

  [[nodiscard]] IndexReader::Lookup find(const ObjectId& id) const noexcept { return index_.find(id); }
  [[nodiscard]] const IndexReader& index() const noexcept { return index_; }
  [[nodiscard]] PinTable& table() noexcept { return table_; }
  [[nodiscard]] const PinTable& table() const noexcept { return table_; }
  /// Goes on with another table that counts the same references. Returns the old one.
  [[nodiscard]] PinTable exchange_table(PinTable table) noexcept { return std::exchange(table_, std::move(table)); }

 private:
  [[nodiscard]] Attempt hold(const ObjectId& id, std::uint32_t max_steps) noexcept;

  IndexReader index_;
  PinTable table_;
};

}  // namespace dolium::shm
