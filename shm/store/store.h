#pragma once
// Store: the state machine of the object store. It has no socket, no file and no clock (time is passed in), and it
// never blocks. This class is a facade: its own functions are those that need several of its parts.
//
//   rows()        index, ledger, arena: all that is known of each object
//   clients()     the attached clients, with pin tables and limits
//   usage()       holds and grants; in use, last access
//   writing()     unsealed objects and abandoned extents
//   room()        slots and extents for new objects: evict, move, sweep
//   leases()      extents out of which clients make small objects
//   quarantine()  memory of writers that are gone
//   spill()       objects of retention `keep`: dirty, clean, spilled, being read back
//   report()      what the store tells of itself, without changing it
//
// An object's life, by the state in its row's margin:
//   unsealed   create_object(): has a slot and an extent. Only its creator can find it. So is a lease.
//   sealed     seal(): in the index, visible to all; in eviction's order unless it is pinned, or spilled to disk
//   retired    removed, expired or cleared while it was in use: freed after the last release
//   abandoned  was unsealed when an earlier server died, or was aborted by a creator that may still write to it: freed
//              when the creator gives it up. Or its writer is gone: in quarantine until no I/O of it can reach it
//   free       neither slot nor extent
//
// The store's state lies in the memory of rows().segments() and of the pin tables, but for holds, which end with the
// server that gave them. recover() makes a store from what a dead server left, at whatever store instruction it was
// killed (store_recovery.cc).
//
// Not thread-safe. All that a client can ask for is validated here; callers only decode.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/store/store_parts.h"
#include "shm/store/store_types.h"
#include "shm/types/stats_piece.h"

namespace dolium::shm {

class Store final {
 public:
  /// Number of pieces of Room::tidy() that detach() does at once.
  static constexpr int kPiecesAtOnce = 4;

  /// `host`: the machine whose memory bounds the store; another one in tests.
  [[nodiscard]] static Result<std::unique_ptr<Store>> create(const StoreConfig& config, TimeNs now,
                                                             const HostQuery& host = {});
  /// Goes on with the memory of an earlier store: what its segments() gave, in that order. `survivors` are all clients
  /// whose processes may still use it; what any other client holds or writes is taken for free. Capacity, max_objects
  /// eviction_policy and spill belong to the memory: they stay, whatever `config` says.
  [[nodiscard]] static Result<std::unique_ptr<Store>> recover(const StoreConfig& config, std::vector<UniqueFd> memory,
                                                              std::vector<SurvivingClient> survivors, TimeNs now);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// What recover() found.
  [[nodiscard]] const Recovery& recovery() const noexcept { return recovery_; }
  /// An orderly stop: from now on no client gets anything, and no other server can go on with the store. For ever.
  void end() noexcept { parts_.rows.index.end(); }

  // ---- clients ----

  [[nodiscard]] Result<ClientId> attach(const ClientIdentity& identity, TimeNs now);
  /// A client that begins with a copy of another's references, as a child of fork() does: what the original holds at
  /// this moment is held twice from now on. Not its unsealed objects, not its grants. The same identity, until
  /// Clients::set_process().
  [[nodiscard]] Result<ClientId> attach_copy(ClientId original, TimeNs now);
  /// The client left: its unsealed objects are aborted, its references and holds dropped. Memory that was lent to it is
  /// in quarantine from now on. The remaining cleanup is incremental: see Room::tidy().
  void detach(ClientId client, TimeNs now);

  // ---- the life of an object ----

  /// out_of_memory when there is no room and none can be made; all other errors are those of
  /// WritableExtents::check_creation().
  [[nodiscard]] Result<Placement> create_object(ClientId client, const NewObject& object, TimeNs now);
  /// Creates, copies the bytes and seals in one call. Errors as create_object().
  [[nodiscard]] Result<SlotIndex> put_object(ClientId client, const NewObject& object, std::span<const std::byte> data,
                                             std::span<const std::byte> metadata, TimeNs now);
  /// With an offset: only if the object's bytes are there, else not_found.
  [[nodiscard]] Result<SlotIndex> seal(ClientId client, const ObjectId& id, TimeNs now,
                                       std::optional<std::uint64_t> offset = {});
  /// Its memory is free at once. If the client may still write to it: WritableExtents::abort_and_keep().
  [[nodiscard]] Result<void> abort(ClientId client, const ObjectId& id, std::optional<std::uint64_t> offset = {});
  /// False: there was no such object.
  [[nodiscard]] Result<bool> remove(const ObjectId& id, TimeNs now);
  /// Only the object that was sealed at this time (ObjectMetadata::seal_stamp). False also if it is another by now,
  /// sealed or not.
  [[nodiscard]] bool remove_sealed_at(const ObjectId& id, TimeNs sealed, TimeNs now);
  void clear(TimeNs now);
  /// One piece of it: from slot `cursor` on, the objects that were sealed up to `through` (Rows::last_seal when it
  /// began). Returns the cursor of the next piece; 0: this was the last.
  [[nodiscard]] SlotIndex clear(TimeNs now, SlotIndex cursor, TimeNs through);
  /// out_of_memory for a spilled object: read it back first. So does extend_grace().
  [[nodiscard]] Result<void> pin(ClientId client, const ObjectId& id, TimeNs now);
  [[nodiscard]] Result<void> unpin(const ObjectId& id, TimeNs now);
  /// Keeps a sealed object for readers: Graces::extend(). Errors as pin(); invalid_argument for a grace of no time.
  [[nodiscard]] Result<void> extend_grace(ClientId client, const ObjectId& id, const Grace& grace, TimeNs now);
  /// Removes what is due, kRemovalsPerPiece objects at most, and ends as many graces. Call it at next_expiry(), which
  /// may be at once.
  void expire(TimeNs now);
  [[nodiscard]] TimeNs next_expiry() const noexcept {
    return std::min(parts_.sealed.next_expiry(), parts_.graces.next_end());
  }

  // ---- parts ----

  [[nodiscard]] const Rows& rows() const noexcept { return parts_.rows; }
  [[nodiscard]] Clients& clients() noexcept { return parts_.clients; }
  [[nodiscard]] Usage& usage() noexcept { return parts_.usage; }
  [[nodiscard]] WritableExtents& writing() noexcept { return parts_.writing; }
  [[nodiscard]] Room& room() noexcept { return parts_.room; }
  [[nodiscard]] Leases& leases() noexcept { return parts_.leases; }
  [[nodiscard]] QuarantinedExtents& quarantine() noexcept { return parts_.quarantine; }
  [[nodiscard]] SealedObjects& sealed() noexcept { return parts_.sealed; }
  [[nodiscard]] Spill& spill() noexcept { return parts_.spill; }
  [[nodiscard]] const Report& report() const noexcept { return parts_.report; }

  /// All figures, and those that are counted object by object for the slots from `cursor` on. Frees retired objects
  /// first. The caller adds the waiting clients.
  [[nodiscard]] StatsPiece stats(TimeNs now, SlotIndex cursor);
  [[nodiscard]] StoreStats stats(TimeNs now);
  void check_invariants() const;  ///< aborts with a message; counts everything anew; for tests

 private:
  Store(const StoreConfig& config, ArenaMemory memory, ObjectIndex index, Ledger ledger, TimeNs now)
      : parts_(config, std::move(memory), std::move(index), std::move(ledger), now) {}
  [[nodiscard]] static Result<std::unique_ptr<Store>> over(const StoreConfig& config, ArenaMemory memory,
                                                           ObjectIndex index, Ledger ledger, TimeNs now);
  /// The slot of a sealed object, or kNoSlot. not_sealed when the object is still being written.
  [[nodiscard]] Result<SlotIndex> find_sealed(const ObjectId& id) const;

  StoreParts parts_;
  Recovery recovery_;
};

}  // namespace dolium::shm
