#pragma once
// The memory layout of the index. Only the daemon writes it; every client reads it in place.
//
//   page 0            IndexHeader
//   from kPageBytes   buckets: bucket_count words {u32 head slot, u32 version}
//   then              slots: slot_count rows of 64 bytes
//
// Slots of the same bucket are chained through `next`. A row never moves; there are no tombstones. Every word is
// atomic: readers race with the writer by design, and use `seq` and the bucket's version to validate their reads
// (shm/README.md has the whole protocol and its proof idea).
//
//   seq even   the row is live; its fields are stable
//   seq odd    the row is free, being written, or being retired: its fields are not valid
//
// A live row with the offset kSpilledUnits is *spilled*: the object is visible, but its bytes are on disk. Only the
// server can have it read back. No object can be at that offset: an arena ends before it (kMaxArena). A library that
// does not know the value does not know the layout either, and refuses the index.
//
// Fields are packed, so that the margin, which belongs to the daemon alone, fits into the row's cache line.

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dolium/object_id.h>

#include "shm/os/basic_types.h"
#include "shm/table/owner_word.h"
#include "shm/table/slot_margin.h"

namespace dolium::shm {

inline constexpr std::uint64_t kIndexMagic = 0x3178646e696c6f64;  // "dolindx1"
inline constexpr std::uint32_t kIndexLayout = 5;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free,
              "shared words must need no lock");

/// An ObjectId as atomic words, which can be read while they change.
class AtomicId {
 public:
  void store(const ObjectId& id) noexcept {
    std::array<std::uint32_t, kWords> words;
    std::memcpy(words.data(), id.bytes().data(), sizeof(words));
    for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_relaxed);
  }
  [[nodiscard]] ObjectId load() const noexcept {
    std::array<std::uint32_t, kWords> words;
    for (std::size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_relaxed);
    return std::bit_cast<ObjectId>(words);
  }
  /// load() == id, compared in registers. A value that is stored in four-byte words and loaded in sixteen bytes cannot
  /// be forwarded from the store buffer: the load would wait until all earlier stores have reached the cache (Intel's
  /// optimization manual, *Store Forwarding*).
  [[nodiscard]] bool is(const ObjectId& id) const noexcept {
    std::uint32_t difference = 0;
    for (std::size_t i = 0; i < kWords; ++i) {
      std::uint32_t word = 0;
      std::memcpy(&word, id.bytes().data() + i * sizeof(word), sizeof(word));
      difference |= word ^ words_[i].load(std::memory_order_relaxed);
    }
    return difference == 0;
  }

 private:
  static constexpr std::size_t kWords = ObjectId::kSize / sizeof(std::uint32_t);
  std::array<std::atomic<std::uint32_t>, kWords> words_;
};

struct alignas(64) Slot {
  std::atomic<std::uint64_t> seq;
  AtomicId id;
  std::atomic<std::uint32_t> next;
  std::atomic<std::uint64_t> sizes;  ///< metadata_size << kDataSizeBits | data_size
  std::atomic<std::uint64_t> type_tag;
  std::atomic<std::uint32_t> offset;  ///< of the data in the arena, in units of kUnitBytes; in a free row: see take()
  SlotMargin margin;
};
static_assert(sizeof(Slot) == 64);

/// The offset of a spilled object, as the row has it, and in bytes.
inline constexpr std::uint32_t kSpilledUnits = 0xffffffff;
inline constexpr std::uint64_t kSpilledOffset = std::uint64_t{kSpilledUnits} * kUnitBytes;
/// Maximum size of an arena: a page less than offsets of 32 bits can address.
inline constexpr std::uint64_t kMaxArena = kSpilledOffset + kUnitBytes - kPageBytes;

inline constexpr int kDataSizeBits = 40;
inline constexpr int kMetadataSizeBits = 64 - kDataSizeBits;

/// Where an object's bytes are. The metadata follow the data directly.
struct Place {
  std::uint64_t offset = 0;
  std::uint64_t data_size = 0;
  std::uint32_t metadata_size = 0;
};
inline void set_place(Slot& row, const Place& place) noexcept {
  row.offset.store(static_cast<std::uint32_t>(place.offset / kUnitBytes), std::memory_order_relaxed);
  row.sizes.store(std::uint64_t{place.metadata_size} << kDataSizeBits | place.data_size, std::memory_order_relaxed);
}
/// `units`: the row's offset, which was read already.
[[nodiscard]] inline Place place_of(const Slot& row, std::uint32_t units) noexcept {
  const std::uint64_t sizes = row.sizes.load(std::memory_order_relaxed);
  return {std::uint64_t{units} * kUnitBytes, sizes & ((std::uint64_t{1} << kDataSizeBits) - 1),
          static_cast<std::uint32_t>(sizes >> kDataSizeBits)};
}
[[nodiscard]] inline Place place_of(const Slot& row) noexcept {
  return place_of(row, row.offset.load(std::memory_order_relaxed));
}

/// {head, version} in one word, so a reader sees both change at once. The version counts every change of the chain. It
/// wraps after 2^32 changes; only a reader that sleeps through exactly that many would be misled.
struct BucketWord {
  std::uint32_t head;
  std::uint32_t version;
};
using Bucket = std::atomic<std::uint64_t>;

[[nodiscard]] constexpr std::uint64_t pack(BucketWord word) noexcept {
  return (std::uint64_t{word.version} << 32) | word.head;
}
[[nodiscard]] constexpr BucketWord unpack(std::uint64_t word) noexcept {
  return {static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32)};
}
/// Buckets and `next` store slot indices plus one, so that zeroed memory is an empty index.
[[nodiscard]] constexpr std::uint32_t to_link(SlotIndex slot) noexcept {
  return slot + 1;
}
[[nodiscard]] constexpr SlotIndex from_link(std::uint32_t link) noexcept {
  return link - 1;
}
static_assert(from_link(0) == kNoSlot);

/// Identifies a store: a random number, different for each store ever created.
using Incarnation = std::array<std::uint64_t, 2>;

/// The last cache line changes at any time. The rest is only written when the store begins, when a server is replaced,
/// and when the store ends.
struct IndexHeader {
  std::uint64_t magic;
  std::uint32_t layout;
  std::uint32_t slot_count;
  std::uint32_t bucket_count;              ///< a power of two
  std::atomic<std::uint32_t> successions;  ///< number of servers that have taken over the store from an earlier one
  std::uint64_t arena_bytes;
  Incarnation incarnation;
  OwnerWord owner;
  /// Set while a create waits for room: a client that drops an object's last reference must then notify the daemon.
  alignas(64) std::atomic<std::uint32_t> release_wanted;
};
static_assert(offsetof(IndexHeader, release_wanted) == 64,
              "the fields that every get reads are in a cache line that is rarely written");
static_assert(sizeof(IndexHeader) <= kPageBytes);

/// Offsets and sizes of the index's parts, computed from the slot count alone.
struct IndexGeometry {
  std::uint32_t slot_count = 0;
  std::uint32_t bucket_count = 0;
  std::uint64_t slots_at = 0;
  std::uint64_t total_bytes = 0;

  [[nodiscard]] static constexpr IndexGeometry for_slots(std::uint32_t slots) noexcept {
    IndexGeometry geometry;
    geometry.slot_count = slots;
    // Half as many buckets as slots, rounded up to a power of two: chains of at most two on average when full, at 4 to
    // 8 bytes per slot.
    geometry.bucket_count = std::bit_ceil(std::max<std::uint32_t>(slots / 2, 16));
    geometry.slots_at = kPageBytes + round_up(std::uint64_t{geometry.bucket_count} * sizeof(Bucket), kPageBytes);
    geometry.total_bytes = round_up(geometry.slots_at + std::uint64_t{slots} * sizeof(Slot), kPageBytes);
    return geometry;
  }
};

/// The bucket, and so the chain, of an id.
[[nodiscard]] inline std::uint32_t bucket_of(const ObjectId& id, std::uint32_t bucket_count) noexcept {
  return static_cast<std::uint32_t>(id.hash()) & (bucket_count - 1);
}

}  // namespace dolium::shm
