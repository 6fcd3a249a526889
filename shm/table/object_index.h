#pragma once
// ObjectIndex: the daemon's side of the index, and its only writer.
//
// A slot's life: free (odd) -> taken (odd, fields written, not linked) -> published (even, linked) -> retiring (odd,
// linked) -> published again, unchanged or relocated; or unlinked (odd) -> free. The pin protocol defines the order of
// these steps; each method names its step.
//
// Not thread-safe (one writer). Readers in other threads and processes use IndexReader.

#include <cstdint>
#include <span>

#include <dolium/result.h>

#include "shm/os/host_memory.h"
#include "shm/os/segment.h"
#include "shm/table/index_layout.h"

namespace dolium::shm {

struct SlotFields {
  ObjectId id;
  std::uint64_t offset = 0;
  std::uint64_t data_size = 0;
  std::uint32_t metadata_size = 0;
  std::uint64_t type_tag = 0;
};

class ObjectIndex {
 public:
  /// Number of bytes of slots that are reserved at a time. It is small, so that a store with few objects costs little.
  static constexpr std::uint64_t kReserveStep = std::uint64_t{256} << 10;

  /// `host`: the machine whose memory bounds the table; another one in tests.
  [[nodiscard]] static Result<ObjectIndex> create(std::uint32_t slot_count, std::uint64_t arena_bytes,
                                                  HostQuery host = {});

  /// Takes over another daemon's index as it left it. The caller must find its rows, and repair each of them
  /// (IndexRepair), before it calls other functions.
  [[nodiscard]] static Result<ObjectIndex> adopt(UniqueFd memory);

  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }
  [[nodiscard]] std::uint32_t slot_count() const noexcept { return geometry_.slot_count; }
  [[nodiscard]] std::uint64_t arena_bytes() const noexcept { return header().arena_bytes; }
  [[nodiscard]] const Incarnation& incarnation() const noexcept { return header().incarnation; }
  /// Number of servers that have taken over the store.
  [[nodiscard]] std::uint32_t successions() const noexcept {
    return header().successions.load(std::memory_order_relaxed);
  }
  /// Ends the store in an orderly stop: from now on no client gets an object, and no other server can take over.
  void end() noexcept { header().owner.end(); }
  /// Number of slots ever taken: the highest one plus one. Walks over all objects end there.
  [[nodiscard]] std::uint32_t slots_touched() const noexcept { return touched_; }

  enum class Growth : bool { forbidden, allowed };
  /// Takes a free slot; kNoSlot if there is none. Its memory is reserved, so writing it cannot fail. An error if it
  /// cannot be reserved. With Growth::forbidden, a slot that needs a reservation counts as not there.
  [[nodiscard]] Result<SlotIndex> take(Growth growth = Growth::allowed);
  /// Writes the row of a taken slot. It is not visible yet.
  void write(SlotIndex slot, const SlotFields& fields) noexcept;
  /// taken -> published: the object becomes visible. `id` must be the written one.
  void publish(SlotIndex slot, const ObjectId& id) noexcept;
  /// published -> retiring (step 1): from now on readers are refused. Sequentially consistent with the reads of the pin
  /// tables that must follow.
  void begin_retire(SlotIndex slot) noexcept;
  /// Reduces the data size in the row of a taken slot. Precondition: it has no metadata.
  void shrink(SlotIndex slot, std::uint64_t data_size) noexcept;
  /// Changes the offset in a row; with kSpilledOffset, the row becomes spilled. Precondition: it is retiring; and it
  /// has no references, or was spilled until now. All that was written before is visible to a reader that finds the
  /// offset.
  void relocate(SlotIndex slot, std::uint64_t offset) noexcept;
  /// retiring -> published, unchanged or relocated.
  void cancel_retire(SlotIndex slot) noexcept;
  /// retiring -> unlinked: lookups do not find it any more.
  void unlink(SlotIndex slot) noexcept;
  /// taken or unlinked -> free. Precondition: it has no references.
  void release(SlotIndex slot) noexcept;

  /// Prefetches the cache lines that find() of these ids will read: their buckets, and the first rows of their chains.
  /// Without it, each lookup waits for its own cache misses.
  void prefetch(std::span<const ObjectId> ids) const noexcept;
  /// The same for unlink(), in steps: step 0 fetches the row, step 1 its bucket, each further step a row of its chain.
  /// A step waits if the line of the step before has not arrived yet.
  void prefetch_unlink(SlotIndex slot, int step) const noexcept;
  /// The published (or retiring) slot with this id, or kNoSlot.
  [[nodiscard]] SlotIndex find(const ObjectId& id) const noexcept { return look_up(id, chain_of(id)).slot; }
  /// The same, with the number of rows of the chain that the search passed. `chain`: chain_of(id).
  struct LookUp {
    SlotIndex slot;
    std::uint32_t passed;
  };
  [[nodiscard]] LookUp look_up(const ObjectId& id, std::uint32_t chain) const noexcept;
  /// The number of the chain that this id belongs to.
  [[nodiscard]] std::uint32_t chain_of(const ObjectId& id) const noexcept {
    return bucket_of(id, geometry_.bucket_count);
  }
  [[nodiscard]] SlotFields read(SlotIndex slot) const noexcept;
  [[nodiscard]] std::uint64_t id_hash(SlotIndex index) const noexcept { return slot(index).id.load().hash(); }
  [[nodiscard]] bool is_live(SlotIndex slot) const noexcept;
  /// The daemon's own fields of a row: written at any time after take(), read at any time.
  [[nodiscard]] SlotMargin& margin(SlotIndex index) const noexcept { return slot(index).margin; }

  /// Tells clients whether to notify the daemon of releases. Sequentially consistent.
  void set_release_wanted(bool wanted) noexcept;

  /// The used part of the index's memory, for LargePages.
  [[nodiscard]] std::span<std::byte> in_use() const noexcept {
    return {mapping_.data(), geometry_.slots_at + std::uint64_t{touched_} * sizeof(Slot)};
  }
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;
  void check_invariants() const;  ///< aborts with a message on a violation; O(slots); for tests

 private:
  friend class IndexRepair;

  ObjectIndex(Segment segment, Mapping mapping, const IndexGeometry& geometry);

  [[nodiscard]] IndexHeader& header() const noexcept;
  [[nodiscard]] Bucket& bucket(std::uint32_t chain) const noexcept;
  [[nodiscard]] Bucket& bucket(const ObjectId& id) const noexcept { return bucket(chain_of(id)); }
  [[nodiscard]] Slot& slot(SlotIndex index) const noexcept {
    return reinterpret_cast<Slot*>(mapping_.data() + geometry_.slots_at)[index];
  }
  void set_bucket(Bucket& bucket, std::uint32_t head) noexcept;
  void prefetch_row(const Bucket& chain, int nth) const noexcept;

  Segment segment_;
  Mapping mapping_;
  HostQuery host_;
  IndexGeometry geometry_;
  std::uint32_t touched_ = 0;
  std::uint64_t reserved_bytes_ = 0;  // from the segment's start
  std::uint32_t free_ =
      0;  // link to the slot freed last; each free row has in `offset` a link to the slot freed before it
};

}  // namespace dolium::shm
