#pragma once
// The arena's allocator: which bytes of the arena belong to which slot, and which are free.
//
// Model: the arena is one row of extents in address order, without gaps: every byte belongs to exactly one
// extent, which is either live (owned by one slot) or free. Two free extents never touch: they coalesce at
// once. All records are in this process's own heap, none in the arena, so that nobody who can write to the
// arena can mislead the allocator; this class never touches the arena's bytes.
//
// A live extent's record is found by its owner's slot and costs 12 bytes: its offset and its two neighbours
// (its size is where its neighbour starts). Free extents hang in segregated lists by size, two levels of
// bitmaps above them (Masmano et al., "TLSF: a new dynamic memory allocator for real-time systems", 2004),
// last freed first, so that memory that is still warm is used again: allocate and free are O(1).
//
// Not thread-safe. A resource: neither copied nor moved.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "shm/arena/extent_ref.h"
#include "shm/arena/free_lists.h"
#include "shm/os/basic_types.h"
#include "shm/os/reserved_vector.h"

namespace dolium::shm {

/// 32-bit offsets in units of 64 bytes bound the arena at 256 GiB.
inline constexpr std::uint64_t kMaxCapacity = std::uint64_t{1} << 38;

class Arena {
 public:
  /// capacity_bytes: a multiple of kUnitBytes, at most kMaxCapacity. Slots are below max_slots (< 2^31).
  /// std::bad_alloc when there are no addresses for that many.
  Arena(std::uint64_t capacity_bytes, std::uint32_t max_slots);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// The bytes an object of this size takes: rounded up to the grain, and at least one unit.
  [[nodiscard]] static std::uint64_t taken_by(std::uint64_t size_bytes) noexcept;

  /// Takes taken_by(size_bytes) bytes for `owner`, which must own nothing; returns their offset, or nothing
  /// when no free extent is large enough.
  [[nodiscard]] std::optional<std::uint64_t> allocate(std::uint64_t size_bytes, SlotIndex owner);
  /// Takes exactly the range [offset, offset + taken_by(size)) for `owner`: how a restarted daemon gets its
  /// books back. False when any of it is taken already or outside. O(1) when called in the order of offsets,
  /// else O(n): the search goes from the last extent claimed.
  [[nodiscard]] bool claim(std::uint64_t offset, std::uint64_t size_bytes, SlotIndex owner);
  /// The free extent out of which allocate() would take so many bytes; none when there is none.
  [[nodiscard]] ExtentRef fit(std::uint64_t size_bytes) const noexcept;
  /// Gives `owner` the first bytes of `place` instead of what it owns, as many. Preconditions: owns(owner), and `place`
  /// is free and large enough.
  void move(SlotIndex owner, ExtentRef place);
  /// Gives back what `owner` owns. Precondition: owns(owner).
  void free(SlotIndex owner);
  /// Gives the last taken_by(size_bytes) bytes of what `from` owns, which is more, to `owner`, which must own nothing.
  /// Returns their offset.
  std::uint64_t split(SlotIndex from, std::uint64_t size_bytes, SlotIndex owner);
  /// Gives back the last taken_by(size_bytes) bytes of what `owner` owns, which is more.
  void trim(SlotIndex owner, std::uint64_t size_bytes);

  [[nodiscard]] bool owns(SlotIndex owner) const noexcept;
  [[nodiscard]] std::uint64_t offset_of(ExtentRef extent) const noexcept { return start_of(extent) * kUnitBytes; }
  [[nodiscard]] std::uint64_t size_of(ExtentRef extent) const noexcept {  ///< bytes
    return (end_of(extent) - start_of(extent)) * kUnitBytes;
  }
  /// The neighbours in address order; none at the ends.
  [[nodiscard]] ExtentRef before(ExtentRef extent) const noexcept {
    return extent.is_live() ? live_[extent.owner()].before : free_[extent.record()].before;
  }
  [[nodiscard]] ExtentRef after(ExtentRef extent) const noexcept {
    return extent.is_live() ? live_[extent.owner()].after : free_[extent.record()].after;
  }
  [[nodiscard]] ExtentRef first() const noexcept { return first_; }

  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::uint64_t free_bytes() const noexcept { return free_bytes_; }
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return capacity_ - free_bytes_; }
  [[nodiscard]] std::uint64_t largest_free_extent() const noexcept;
  /// So many free extents, or all, none of them of a lower bin than any other (shm/arena/size_class.h).
  [[nodiscard]] std::vector<ExtentRef> largest_free_extents(std::uint32_t how_many) const;
  /// The records of live extents: see LargePages.
  [[nodiscard]] std::span<std::byte> in_use() noexcept { return std::as_writable_bytes(std::span(live_)); }
  /// Heap bytes of the records, for the benchmark of overhead.
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;

  /// Aborts with a message when any sentence of the model above is untrue. O(n); for tests.
  void check_invariants() const;

 private:
  struct LiveExtent {
    std::uint32_t offset;  // units
    ExtentRef before;      // kUnowned: the slot owns nothing
    ExtentRef after;
  };
  static_assert(sizeof(LiveExtent) == 12);
  static constexpr ExtentRef kUnowned = ExtentRef::free(FreeLists::kMaxRecords);

  ExtentRef give_back(SlotIndex owner);
  ExtentRef make_free(ExtentRef left, std::uint64_t start, std::uint64_t end, ExtentRef right);
  [[nodiscard]] std::uint64_t end_piece(SlotIndex owner, std::uint64_t size_bytes) const;
  LiveExtent& record_of(SlotIndex owner);
  void carve(std::uint32_t record, std::uint64_t offset, std::uint64_t units, SlotIndex owner);
  void link(ExtentRef left, ExtentRef right) noexcept;
  ExtentRef add_free(std::uint64_t offset, std::uint64_t units);
  [[nodiscard]] std::uint64_t start_of(ExtentRef extent) const noexcept {
    return extent.is_live() ? live_[extent.owner()].offset : free_[extent.record()].offset;
  }
  [[nodiscard]] std::uint64_t end_of(ExtentRef extent) const noexcept {
    if (extent.is_free()) return start_of(extent) + free_[extent.record()].size;
    const ExtentRef next = after(extent);
    return next.is_none() ? capacity_ / kUnitBytes : start_of(next);
  }
  [[nodiscard]] ExtentRef extent_at(std::uint64_t offset) const noexcept;
  void check_extent(ExtentRef extent, ExtentRef previous) const;

  std::uint64_t capacity_;
  std::uint64_t free_bytes_;
  std::uint32_t max_slots_;
  std::uint32_t live_count_ = 0;
  SlotIndex last_claimed_ = kNoSlot;  // where claim() starts to look; may own nothing by now
  ExtentRef first_;
  ReservedVector<LiveExtent> live_;  // by owner; as long as the highest owner so far needs
  FreeLists free_;
};

}  // namespace dolium::shm
