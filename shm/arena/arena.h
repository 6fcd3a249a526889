#pragma once
// The arena's allocator: it knows which bytes of the arena belong to which slot, and which are free.
//
// Model: the arena is a sequence of extents in address order, without gaps. Every byte belongs to exactly one extent,
// which is either live (owned by one slot) or free. Two free extents never touch: they are merged at once. The sequence
// ends at the limit, usually the capacity. Bytes beyond the limit belong to no extent, so neither allocation nor a plan
// (of eviction, of a move) uses them. All records are on this process's heap, none in the arena, so a client that can
// write to the arena cannot mislead the allocator. This class never touches the arena's bytes.
//
// A live extent's record is indexed by its owner's slot, and takes 12 bytes: its offset and its two neighbours. (Its
// size is the distance to its neighbour.) Free extents are in segregated free lists by size, with two levels of bitmaps
// above them (Masmano et al., "TLSF: a new dynamic memory allocator for real-time systems", 2004). The lists are last
// in, first out, so that memory that is still in the cache is reused. allocate and free are O(1).
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

/// Maximum capacity: 32-bit offsets in units of 64 bytes reach 256 GiB.
inline constexpr std::uint64_t kMaxCapacity = std::uint64_t{1} << 38;

class Arena {
 public:
  /// capacity_bytes: a multiple of kUnitBytes, at most kMaxCapacity. Slots are below max_slots (< 2^31). Throws
  /// std::bad_alloc if the address space for that many records cannot be reserved.
  Arena(std::uint64_t capacity_bytes, std::uint32_t max_slots);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Bytes that an object of this size takes: rounded up to kUnitBytes, and at least one unit.
  [[nodiscard]] static std::uint64_t taken_by(std::uint64_t size_bytes) noexcept;

  /// Allocates taken_by(size_bytes) bytes for `owner`, which must own nothing. Returns their offset; nothing if no free
  /// extent is large enough.
  [[nodiscard]] std::optional<std::uint64_t> allocate(std::uint64_t size_bytes, SlotIndex owner);
  /// Allocates exactly the range [offset, offset + taken_by(size)) for `owner`: a restarted daemon rebuilds its records
  /// this way. False if part of the range is allocated already, or outside the arena. O(1) when called in the order of
  /// offsets, else O(n): the search starts at the last claimed extent.
  [[nodiscard]] bool claim(std::uint64_t offset, std::uint64_t size_bytes, SlotIndex owner);
  /// The free extent that allocate() would use for so many bytes; none if no free extent is large enough.
  [[nodiscard]] ExtentRef fit(std::uint64_t size_bytes) const noexcept;
  /// Replaces the extent of `owner` by one of the same size at the start of `place`. Preconditions: owns(owner), and
  /// `place` is free and large enough.
  void move(SlotIndex owner, ExtentRef place);
  /// Frees the extent of `owner`. Precondition: owns(owner).
  void free(SlotIndex owner);
  /// Cuts the last taken_by(size_bytes) bytes off the larger extent of `from`, and gives them to `owner`, which must
  /// own nothing. Returns their offset.
  std::uint64_t split(SlotIndex from, std::uint64_t size_bytes, SlotIndex owner);
  /// Frees the last taken_by(size_bytes) bytes of the larger extent of `owner`.
  void trim(SlotIndex owner, std::uint64_t size_bytes);

  /// Changes where the arena ends: at `bytes` (rounded down to kUnitBytes), but not before the end of the last live
  /// extent, nor behind the capacity. O(1).
  void set_limit(std::uint64_t bytes);

  [[nodiscard]] bool owns(SlotIndex owner) const noexcept;
  [[nodiscard]] std::uint64_t offset_of(ExtentRef extent) const noexcept { return start_of(extent) * kUnitBytes; }
  [[nodiscard]] std::uint64_t size_of(ExtentRef extent) const noexcept {  ///< in bytes
    return (end_of(extent) - start_of(extent)) * kUnitBytes;
  }
  /// The neighbours in address order; none at the ends of the arena.
  [[nodiscard]] ExtentRef before(ExtentRef extent) const noexcept {
    return extent.is_live() ? live_[extent.owner()].before : free_[extent.record()].before;
  }
  [[nodiscard]] ExtentRef after(ExtentRef extent) const noexcept {
    return extent.is_live() ? live_[extent.owner()].after : free_[extent.record()].after;
  }
  [[nodiscard]] ExtentRef first() const noexcept { return first_; }

  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  /// The end of the part that is in use, in bytes.
  [[nodiscard]] std::uint64_t limit() const noexcept { return limit_ * kUnitBytes; }
  /// The end of the last live extent, in bytes; 0 if there is none.
  [[nodiscard]] std::uint64_t live_to() const noexcept {
    return (last_.is_free() ? start_of(last_) : limit_) * kUnitBytes;
  }
  [[nodiscard]] std::uint64_t free_bytes() const noexcept { return free_bytes_; }  ///< below the limit
  [[nodiscard]] std::uint64_t used_bytes() const noexcept { return limit() - free_bytes_; }
  [[nodiscard]] std::uint64_t largest_free_extent() const noexcept;
  /// The `how_many` free extents with the highest bins (shm/arena/size_class.h), or all if there are fewer.
  [[nodiscard]] std::vector<ExtentRef> largest_free_extents(std::uint32_t how_many) const;
  /// The records of live extents, for LargePages.
  [[nodiscard]] std::span<std::byte> in_use() noexcept { return std::as_writable_bytes(std::span(live_)); }
  /// Heap bytes of the records, for the overhead benchmark.
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;

  /// Aborts with a message if a sentence of the model above does not hold. O(n); for tests.
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
    return next.is_none() ? limit_ : start_of(next);
  }
  [[nodiscard]] ExtentRef extent_at(std::uint64_t offset) const noexcept;
  void check_extent(ExtentRef extent, ExtentRef previous) const;

  std::uint64_t capacity_;
  std::uint64_t limit_;  // units
  std::uint64_t free_bytes_;
  std::uint32_t max_slots_;
  std::uint32_t live_count_ = 0;
  SlotIndex last_claimed_ = kNoSlot;  // where claim() starts to look; may own nothing by now
  ExtentRef first_;
  ExtentRef last_;
  ReservedVector<LiveExtent> live_;  // by owner; as long as the highest owner so far needs
  FreeLists free_;
};

}  // namespace dolium::shm
