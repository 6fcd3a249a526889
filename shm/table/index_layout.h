#pragma once
// The index as it lies in memory: written by the daemon alone, read by every client in place.
//
//   page 0            IndexHeader
//   from kPageBytes   buckets: bucket_count words {u32 head slot, u32 version}
//   then              slots: slot_count rows of 64 bytes
//
// Slots with the same bucket are chained through `next`. A row never moves; there are no tombstones.
// Every word is an atomic: readers race with the writer by design, and decide by `seq` and the bucket's
// version what they saw (shm/README.md has the whole protocol and its proof idea).
//
//   seq even   the row is live; its fields are stable
//   seq odd    the row is free, being written, or being retired: nothing in it may be trusted
//
// Fields are as narrow as what they say, so that the margin, which is the daemon's own, fits into the row's cache line.

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
inline constexpr std::uint32_t kIndexLayout = 3;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free,
              "shared words must need no lock");

/// An ObjectId as words that can be read one by one while they change.
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
  /// load() == id, in registers: what is stored in four bytes and read back in sixteen must first have reached the
  /// cache, behind all that was stored before it (Intel's optimization manual, *Store Forwarding*).
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
  std::atomic<std::uint32_t> offset;  ///< of the data in the arena, in units of kUnitBytes; of a free row: see take()
  SlotMargin margin;
};
static_assert(sizeof(Slot) == 64);

inline constexpr int kDataSizeBits = 40;
inline constexpr int kMetadataSizeBits = 64 - kDataSizeBits;

/// Where an object's bytes are: the metadata stand right behind the data.
struct Place {
  std::uint64_t offset = 0;
  std::uint64_t data_size = 0;
  std::uint32_t metadata_size = 0;
};
inline void set_place(Slot& row, const Place& place) noexcept {
  row.offset.store(static_cast<std::uint32_t>(place.offset / kUnitBytes), std::memory_order_relaxed);
  row.sizes.store(std::uint64_t{place.metadata_size} << kDataSizeBits | place.data_size, std::memory_order_relaxed);
}
[[nodiscard]] inline Place place_of(const Slot& row) noexcept {
  const std::uint64_t sizes = row.sizes.load(std::memory_order_relaxed);
  return {row.offset.load(std::memory_order_relaxed) * kUnitBytes, sizes & ((std::uint64_t{1} << kDataSizeBits) - 1),
          static_cast<std::uint32_t>(sizes >> kDataSizeBits)};
}

/// {head, version} in one word, so that a reader sees both change at once. The version counts every change of
/// the chain; it wraps after 2^32 of them, which a reader would have to sleep through exactly.
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
/// Slot indices in buckets and in `next` are one higher than they are, so that fresh memory is an empty index.
[[nodiscard]] constexpr std::uint32_t to_link(SlotIndex slot) noexcept {
  return slot + 1;
}
[[nodiscard]] constexpr SlotIndex from_link(std::uint32_t link) noexcept {
  return link - 1;
}
static_assert(from_link(0) == kNoSlot);

/// Which store this is: random, and another for each store that there ever was.
using Incarnation = std::array<std::uint64_t, 2>;

/// All but the last line is written when the store begins, when a server follows another, and when the store ends.
struct IndexHeader {
  std::uint64_t magic;
  std::uint32_t layout;
  std::uint32_t slot_count;
  std::uint32_t bucket_count;              ///< a power of two
  std::atomic<std::uint32_t> successions;  ///< how many servers have gone on with it after another
  std::uint64_t arena_bytes;
  Incarnation incarnation;
  OwnerWord owner;
  /// Set while a create waits for room: whoever drops an object's last reference shall say so.
  alignas(64) std::atomic<std::uint32_t> release_wanted;
};
static_assert(offsetof(IndexHeader, release_wanted) == 64,
              "what every get reads stands in one line, which is not written");
static_assert(sizeof(IndexHeader) <= kPageBytes);

/// Where everything is, computed from the slot count alone.
struct IndexGeometry {
  std::uint32_t slot_count = 0;
  std::uint32_t bucket_count = 0;
  std::uint64_t slots_at = 0;
  std::uint64_t total_bytes = 0;

  [[nodiscard]] static constexpr IndexGeometry for_slots(std::uint32_t slots) noexcept {
    IndexGeometry geometry;
    geometry.slot_count = slots;
    // Half as many buckets as slots: chains of two on average when full, at 4 to 8 bytes a slot.
    geometry.bucket_count = std::bit_ceil(std::max<std::uint32_t>(slots / 2, 16));
    geometry.slots_at = kPageBytes + round_up(std::uint64_t{geometry.bucket_count} * sizeof(Bucket), kPageBytes);
    geometry.total_bytes = round_up(geometry.slots_at + std::uint64_t{slots} * sizeof(Slot), kPageBytes);
    return geometry;
  }
};

/// Which chain an id belongs to.
[[nodiscard]] inline std::uint32_t bucket_of(const ObjectId& id, std::uint32_t bucket_count) noexcept {
  return static_cast<std::uint32_t>(id.hash()) & (bucket_count - 1);
}

}  // namespace dolium::shm
