#pragma once
// IndexReader: finding an object in the index while the daemon changes it. Wait-free: every walk is bounded,
// and what cannot be decided is left to the daemon.
//
// Reads only. The index is the daemon's, and trusted; still no value read from it is used as an index without
// a bound, so that a torn read cannot lead outside.

#include <cstdint>

#include <dolium/result.h>

#include "shm/table/index_layout.h"

namespace dolium::shm {

class IndexReader {
 public:
  enum class Verdict : std::uint8_t {
    found,      ///< `slot` had this id, live, at `seq`: take a reference, then see whether seq still stands
    absent,     ///< at some moment during the call no live object had this id
    undecided,  ///< too much changed, or the object is being retired at this moment: ask the daemon
  };
  struct Lookup {
    Verdict verdict;
    SlotIndex slot = kNoSlot;
    std::uint64_t seq = 0;
  };

  /// How many rows one walk visits, and how many walks one lookup makes, before it is `undecided`.
  static constexpr std::uint32_t kMaxSteps = 128;
  static constexpr int kMaxWalks = 8;

  IndexReader() = default;
  /// `base` is a mapping of `bytes` bytes of an index that outlives this. protocol_error when it is none.
  [[nodiscard]] static Result<IndexReader> open(const std::byte* base, std::uint64_t bytes);

  [[nodiscard]] Lookup find(const ObjectId& id, std::uint32_t max_steps = kMaxSteps) const noexcept;
  [[nodiscard]] const Slot& slot(SlotIndex index) const noexcept { return slots_[index]; }
  [[nodiscard]] std::uint32_t slot_count() const noexcept { return slot_count_; }
  [[nodiscard]] std::uint64_t arena_bytes() const noexcept { return header_->arena_bytes; }
  [[nodiscard]] std::uint32_t successions() const noexcept {
    return header_->successions.load(std::memory_order_relaxed);
  }
  /// Whether the store is still there.
  [[nodiscard]] const OwnerWord& owner() const noexcept { return header_->owner; }
  [[nodiscard]] const Incarnation& incarnation() const noexcept { return header_->incarnation; }
  /// Sequentially consistent: for the look after a reference was dropped.
  [[nodiscard]] bool release_wanted() const noexcept {
    return header_->release_wanted.load(std::memory_order_seq_cst) != 0;
  }

 private:
  [[nodiscard]] Lookup walk(const ObjectId& id, std::uint32_t link, std::uint32_t max_steps) const noexcept;

  const IndexHeader* header_ = nullptr;
  const Bucket* buckets_ = nullptr;
  const Slot* slots_ = nullptr;
  std::uint32_t slot_count_ = 0;
  std::uint32_t bucket_count_ = 0;
};

}  // namespace dolium::shm
