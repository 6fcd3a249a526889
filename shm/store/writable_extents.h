#pragma once
// WritableExtents: the extents that clients may be writing to: unsealed objects, leases, and abandoned extents.
//
//   unsealed   an object between its creation and its seal. Its creator alone can find it.
//   lease      looks like an unsealed object, but is never sealed: its client cuts objects off its end (leases.h).
//   abandoned  was unsealed when an earlier server died, or was aborted by a creator that may still write to it. It
//              stays until that client gives it up, or leaves. Its id is free.
//
// The bytes of all three count against their client's limit, and are a wall to eviction.
//
// Not thread-safe.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <dolium/result.h>

#include "shm/store/clients.h"
#include "shm/store/graces.h"
#include "shm/store/pins.h"
#include "shm/store/rows.h"
#include "shm/store/unsealed_objects.h"
#include "shm/table/index_reader.h"

namespace dolium::shm {

/// not_found, naming the object.
[[nodiscard]] Error no_such_object(const ObjectId& id);

class WritableExtents {
 public:
  /// Maximum number of objects that one client may be writing at once.
  static constexpr std::size_t kMaxUnsealedPerClient = 65536;
  /// Maximum number of objects in one hash chain of the index. Clients can craft colliding ids; bounding the chain
  /// bounds the cost of each lookup. Random ids, in a full index, share a chain with a dozen others. No more than
  /// readers follow.
  static constexpr std::uint32_t kLongestChain = IndexReader::kMaxSteps;

  WritableExtents(Rows& rows, Clients& clients, Pins& pins, Graces& graces) noexcept
      : rows_(rows), clients_(clients), pins_(pins), graces_(graces) {}

  /// All errors of a creation but want of room: those that waiting would not mend. Of the client's unsealed bytes,
  /// `not_counted` are taken for free.
  [[nodiscard]] Result<void> check_creation(const AttachedClient& client, const NewObject& object,
                                            std::uint64_t not_counted = 0) const;
  [[nodiscard]] Result<void> check_creation(ClientId client, const NewObject& object) const {
    return check_creation(clients_.at(client), object);
  }

  // ---- unsealed objects ----

  /// The row of this slot was just written for this client.
  void begin(AttachedClient& creator, const ObjectId& id, SlotIndex slot);
  /// nullptr: no object of this id is being written.
  [[nodiscard]] const UnsealedObject* find(const ObjectId& id) const {
    return unsealed_.empty() ? nullptr : unsealed_.find(rows_.index.chain_of(id), id);  // saves the hash when empty
  }
  /// The client's own; with an offset, only if its bytes are there. Errors: not_found, already_sealed,
  /// permission_denied.
  [[nodiscard]] Result<UnsealedObject> own(ClientId client, const ObjectId& id,
                                           std::optional<std::uint64_t> offset) const;
  /// It is not being written any more. Its row stays as it is.
  void end(const UnsealedObject& object, const ObjectId& id);
  /// end(), as an aborted object. Returns its slot, which nothing counts then.
  SlotIndex forget(const UnsealedObject& object, const ObjectId& id);
  /// forget(), and frees the slot.
  void discard(const UnsealedObject& object, const ObjectId& id) { rows_.free(forget(object, id)); }
  /// The creator may write to the bytes from now on, not the server alone.
  void lend(SlotIndex slot) { rows_.margin(slot).lent = true; }

  // ---- abandoned extents ----

  /// Aborts an object, whose memory stays the creator's until give_up_abandoned() at the offset that is returned.
  [[nodiscard]] Result<std::uint64_t> abort_and_keep(ClientId client, const ObjectId& id,
                                                     std::optional<std::uint64_t> offset = {});
  /// The client will not write to this extent any more. Without an offset: to an object of this id whose place it was
  /// never told, and that is at none of the `spared` offsets. not_found when there is none.
  [[nodiscard]] Result<void> give_up_abandoned(ClientId client, const ObjectId& id, std::optional<std::uint64_t> offset,
                                               std::span<const std::uint64_t> spared = {});
  /// Counts a row that is abandoned by a client that is attached.
  void adopt_abandoned(SlotIndex slot, AttachedClient& creator);
  [[nodiscard]] const std::vector<SlotIndex>& abandoned() const noexcept { return abandoned_; }
  /// Frees the one at this position of abandoned(). The last one takes the position.
  void free_abandoned(std::size_t position) { rows_.free(forget_abandoned(position)); }

  /// Forgets all extents of a client that was removed, and calls gone(slot) for each.
  template <class Gone>
  void forget_all_of(AttachedClient& client, Gone&& gone) {
    while (!client.unsealed.empty()) {
      const UnsealedObject& object = client.unsealed.front();
      gone(forget(object, rows_.index.read(object.slot).id));
    }
    for (std::size_t i = abandoned_.size(); i-- > 0;)
      if (rows_.row(abandoned_[i]).accessed == client.id) gone(forget_abandoned(i));
  }

  // ---- leases ----

  /// An unsealed object of this client becomes a lease.
  void mark_leased(AttachedClient& creator, SlotIndex slot);
  /// The client's lease has fewer bytes.
  void shrink_lease(AttachedClient& creator, SlotIndex lease, std::uint64_t bytes_less);
  /// Bytes of all leases, abandoned ones included.
  [[nodiscard]] std::uint64_t leased_bytes() const noexcept { return leased_bytes_; }

  /// Unsealed objects, leases and abandoned extents together.
  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }
  [[nodiscard]] std::size_t unsealed_count() const noexcept { return unsealed_.size(); }

 private:
  void uncount(SlotIndex slot);
  void unmark(SlotIndex slot);
  SlotIndex forget_abandoned(std::size_t position);

  Rows& rows_;
  Clients& clients_;
  Pins& pins_;
  Graces& graces_;
  UnsealedObjects unsealed_;
  std::vector<SlotIndex> abandoned_;
  Tally tally_;
  std::uint64_t leased_bytes_ = 0;
};

}  // namespace dolium::shm
