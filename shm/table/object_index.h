#pragma once
// ObjectIndex: the daemon's side of the index: the only writer.
//
// A slot's life: free (odd) -> taken (odd, fields written, not linked) -> published (even, linked) ->
// retiring (odd, linked) -> either published again, unchanged or relocated, or unlinked (odd) -> free.
// What may be in which order is the pin protocol's business; each method names its step.
//
// Not thread-safe (one writer); readers in other threads and processes use IndexReader.

#include <cstdint>
#include <span>

#include <dolium/result.h>

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
  [[nodiscard]] static Result<ObjectIndex> create(std::uint32_t slot_count, std::uint64_t arena_bytes);

  /// Goes on with another daemon's index, as it left it. What rows there are is for the caller to find out, and to
  /// settle each (see *after a crash* below) before anything else is asked of it.
  [[nodiscard]] static Result<ObjectIndex> adopt(UniqueFd memory);

  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }
  [[nodiscard]] std::uint32_t slot_count() const noexcept { return geometry_.slot_count; }
  [[nodiscard]] std::uint64_t arena_bytes() const noexcept { return header().arena_bytes; }
  [[nodiscard]] const Incarnation& incarnation() const noexcept { return header().incarnation; }
  /// An orderly stop: from here on no client gets anything, and no other server can go on with the store.
  void end() noexcept { header().owner.end(); }
  /// One above the highest slot ever taken: what walks need to look at.
  [[nodiscard]] std::uint32_t slots_touched() const noexcept { return touched_; }

  /// A free slot, or kNoSlot. Its memory is reserved, so writing it cannot fail; an error when it cannot be.
  [[nodiscard]] Result<SlotIndex> take();
  /// Writes the row of a taken slot; nobody can see it yet.
  void write(SlotIndex slot, const SlotFields& fields) noexcept;
  /// taken -> published: visible from here on. `id` is what was written.
  void publish(SlotIndex slot, const ObjectId& id) noexcept;
  /// published -> retiring (step 1): readers that arrive from here on are turned away. Sequentially consistent
  /// with the reads of the pin tables that must follow it.
  void begin_retire(SlotIndex slot) noexcept;
  /// The row of a taken slot, without metadata, says that it has fewer bytes.
  void shrink(SlotIndex slot, std::uint64_t data_size) noexcept;
  /// The row says another place for its bytes. Only while it is retiring, and nobody holds it.
  void relocate(SlotIndex slot, std::uint64_t offset) noexcept;
  /// retiring -> published, unchanged or relocated.
  void cancel_retire(SlotIndex slot) noexcept;
  /// retiring -> unlinked: gone for all who look it up.
  void unlink(SlotIndex slot) noexcept;
  /// taken or unlinked -> free. Nobody may hold it any more.
  void release(SlotIndex slot) noexcept;

  /// Has the processor fetch what find() of each of these will walk over: their buckets, and the first rows of their
  /// chains. One at a time it would wait for each of them.
  void prefetch(std::span<const ObjectId> ids) const noexcept;
  /// The same for unlink(), in steps: 0 fetches the row, 1 its bucket, each that follows a row of its chain. A step
  /// that comes before the one before has arrived waits for it.
  void prefetch_unlink(SlotIndex slot, int step) const noexcept;
  /// The published (or retiring) slot with this id, or kNoSlot.
  [[nodiscard]] SlotIndex find(const ObjectId& id) const noexcept { return look_up(id, chain_of(id)).slot; }
  /// The same, and how many rows of its chain had to be passed. `chain`: chain_of(id).
  struct LookUp {
    SlotIndex slot;
    std::uint32_t passed;
  };
  [[nodiscard]] LookUp look_up(const ObjectId& id, std::uint32_t chain) const noexcept;
  /// The number of the chain to which objects of this id belong.
  [[nodiscard]] std::uint32_t chain_of(const ObjectId& id) const noexcept {
    return bucket_of(id, geometry_.bucket_count);
  }
  [[nodiscard]] SlotFields read(SlotIndex slot) const noexcept;
  [[nodiscard]] bool is_live(SlotIndex slot) const noexcept;
  /// What the daemon notes for itself: written at any time after take(), read at any time.
  [[nodiscard]] SlotMargin& margin(SlotIndex index) const noexcept { return slot(index).margin; }

  // ---- after a crash: a row may be even and not linked, odd and linked, or its chain changed without a new version
  // ----

  /// Whether the row stands in its bucket's chain.
  [[nodiscard]] bool is_linked(SlotIndex slot) const noexcept;
  /// Makes an even row that nobody finds one that everybody finds.
  void link(SlotIndex slot) noexcept;
  /// Takes an odd row out of its chain if it is still there. In any case its bucket has a new version then, so that
  /// nobody who stands on the row trusts what is written there next.
  void unlink_remains(SlotIndex slot) noexcept;

  /// Says that a release matters to somebody, or no longer does. Sequentially consistent.
  void set_release_wanted(bool wanted) noexcept;

  /// Of the index's memory, from its start: see LargePages.
  [[nodiscard]] std::span<std::byte> in_use() const noexcept {
    return {mapping_.data(), geometry_.slots_at + std::uint64_t{touched_} * sizeof(Slot)};
  }
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;
  void check_invariants() const;  ///< aborts with a message; O(slots); for tests

 private:
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
  IndexGeometry geometry_;
  std::uint32_t touched_ = 0;
  std::uint64_t reserved_bytes_ = 0;  // of the segment, from its start
  std::uint32_t free_ = 0;  // link to the slot last freed; each free row names, in `offset`, the one freed before it
};

}  // namespace dolium::shm
