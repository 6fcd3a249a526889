#pragma once
// IndexReader: finds an object in the index while the daemon changes it. Wait-free: every walk is bounded, and a lookup
// that cannot be decided is left to the daemon.
//
// Reads only. The index belongs to the daemon, and is trusted. Still, no value from it is used as an array index
// without a bounds check, so a torn read cannot lead outside.

#include <cstdint>

#include <dolium/result.h>

#include "shm/table/index_layout.h"

namespace dolium::shm {

class IndexReader {
 public:
  enum class Verdict : std::uint8_t {
    found,      ///< `slot` was live with this id at `seq`: take a reference, then check that seq is unchanged
    absent,     ///< at some moment during the call, no live object had this id
    undecided,  ///< the chain changed too often, or the object is being retired now: ask the daemon
  };
  struct Lookup {
    Verdict verdict;
    SlotIndex slot = kNoSlot;
    std::uint64_t seq = 0;
  };

  /// Maximum number of rows per walk, and of walks per lookup. Beyond these, a lookup is `undecided`.
  static constexpr std::uint32_t kMaxSteps = 128;
  static constexpr int kMaxWalks = 8;

  IndexReader() = default;
  /// `base` is a mapping of `bytes` bytes of an index, which must outlive this object. protocol_error if it is not an
  /// index.
  [[nodiscard]] static Result<IndexReader> open(const std::byte* base, std::uint64_t bytes);

  [[nodiscard]] Lookup find(const ObjectId& id, std::uint32_t max_steps = kMaxSteps) const noexcept;
  [[nodiscard]] const Slot& slot(SlotIndex index) const noexcept { return slots_[index]; }
  [[nodiscard]] std::uint32_t slot_count() const noexcept { return slot_count_; }
  [[nodiscard]] std::uint64_t arena_bytes() const noexcept { return header_->arena_bytes; }
  /// Number of servers that have taken over the store. Sequentially consistent: see Holder::hold_granted().
  [[nodiscard]] std::uint32_t successions() const noexcept {
    return header_->successions.load(std::memory_order_seq_cst);
  }
  /// The word that tells whether the store still exists.
  [[nodiscard]] const OwnerWord& owner() const noexcept { return header_->owner; }
  [[nodiscard]] const Incarnation& incarnation() const noexcept { return header_->incarnation; }
  /// Whether a create waits for room. Sequentially consistent: read it after dropping a reference.
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
