#pragma once
// Leases: extents out of which clients make small objects by themselves.
//
// A client that puts many small objects asks for an extent once. It writes one object behind the other, from the
// extent's end towards its start, and sends what each is. Here each object is cut off the end, where it lies. So its
// bytes are copied once, by their writer, and the client does not wait between two puts.
//
// To the store a lease is an unsealed object: it counts against its client, is a wall to eviction, goes into quarantine
// when the client dies, and is kept for the client when the server dies. Objects are cut from the end, so that the
// lease keeps its offset, by which the client gives it back, and its row changes in one word. A server that is killed
// between the cut and the new object's row leaves a piece that belongs to nothing, and that its client has finished
// writing.
//
// Idle leases are taken back when room is needed: lease_recall.h.
//
// Not thread-safe.

#include <cstdint>
#include <optional>
#include <span>

#include <dolium/result.h>

#include "shm/store/lease_recall.h"
#include "shm/store/room.h"
#include "shm/store/sealed_objects.h"
#include "shm/store/writable_extents.h"

namespace dolium::shm {

class Leases {
 public:
  /// Maximum share of the arena for all leases together, as 1/n: they cannot be evicted.
  static constexpr std::uint64_t kShare = 8;

  Leases(Rows& rows, Clients& clients, WritableExtents& writing, LeaseRecall& recall, SealedObjects& sealed,
         Room& room) noexcept
      : rows_(rows), clients_(clients), writing_(writing), recall_(recall), sealed_(sealed), room_(room) {}

  /// An extent for a client. `id`: a new random id; the lease is an object of this id that is never sealed, and abort()
  /// gives back what is left of it. `bytes`: a multiple of kUnitBytes. `recall`: the number of the LeaseWord in the
  /// client's pin table that says whether the lease is idle; none: it cannot be recalled. Errors: those of a create;
  /// out_of_memory when it exceeds half of the client's limit, when all leases exceed their share of the arena (idle
  /// ones are recalled first), and when room could be made only by evicting objects that are still warm.
  [[nodiscard]] Result<Placement> lease(ClientId client, const ObjectId& id, std::uint64_t bytes, TimeNs now,
                                        std::optional<std::uint32_t> recall = std::nullopt);
  /// The client's own lease. not_found when it has none of this id, or not any more.
  [[nodiscard]] Result<SlotIndex> find(ClientId client, const ObjectId& id) const;
  /// What is left of it. Its client may be writing there.
  [[nodiscard]] std::span<const std::byte> bytes(SlotIndex lease) const {
    return rows_.memory.bytes(rows_.arena.offset_of(ExtentRef::live(lease)), rows_.taken_bytes(lease));
  }
  /// Makes an object of the last Arena::taken_by() bytes of a lease. They hold data, metadata and the type's name.
  /// Whatever the outcome, the lease loses these bytes; when it loses its last, it ends. Precondition: it has so many.
  [[nodiscard]] Result<SlotIndex> put(ClientId client, SlotIndex lease, const NewObject& object, TimeNs now);
  /// The same bytes, of which no object is made.
  void cut_off(ClientId client, SlotIndex lease, std::uint64_t size, TimeNs now);

 private:
  void cut_piece(AttachedClient& creator, SlotIndex lease, std::uint64_t size);
  [[nodiscard]] Result<SlotIndex> put_piece(AttachedClient& creator, SlotIndex lease, const NewObject& object);
  [[nodiscard]] Result<SlotIndex> put_rest(const AttachedClient& creator, SlotIndex lease, const NewObject& object);
  void write_sealed(SlotIndex slot, std::uint64_t offset, const NewObject& object, const AttachedClient& creator);

  Rows& rows_;
  Clients& clients_;
  WritableExtents& writing_;
  LeaseRecall& recall_;
  SealedObjects& sealed_;
  Room& room_;
};

}  // namespace dolium::shm
