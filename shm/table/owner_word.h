#pragma once
// OwnerWord: whether a store still exists. It is in the index's header, in a cache line that is not written while the
// store lives. Every get reads it.
//
//   bits 0 to 29   thread id of the keeper that owns the store; 0: an InProcessStore, or the owner is dead
//   bit 30         the owner has died. The kernel sets this bit and clears the thread id after any kind of death,
//                  because the word is in the owner's list of robust futexes (daemon/keeper/owner_mark.h)
//   bit 31         the store has ended in an orderly stop. Sticky: neither a later server nor the kernel clears it.
//                  (For the kernel, this is the bit of a futex with waiters. It keeps the bit, and waking no waiter
//                  is cheap.)
//
// `ended` is final. The owner's death is final, too, unless a service manager keeps the store's descriptors: then
// another keeper can take over the store and become its owner.
//
// Shared by processes: the daemon writes, clients read. Lock-free.

#include <linux/futex.h>

#include <atomic>
#include <cstdint>

namespace dolium::shm {

class OwnerWord {
 public:
  static constexpr std::uint32_t kOwnerMask = FUTEX_TID_MASK;
  static constexpr std::uint32_t kOwnerDied = FUTEX_OWNER_DIED;
  static constexpr std::uint32_t kEnded = FUTEX_WAITERS;
  static constexpr std::uint32_t kDescriptorsStored = 1;

  OwnerWord() = default;
  /// A word with these bits, which belongs to no store.
  constexpr explicit OwnerWord(std::uint32_t word) noexcept : word_(word) {}

  // ---- clients: one load and one compare ----

  /// True if the store has ended, or its owner has died.
  [[nodiscard]] bool gone() const noexcept {
    return (word_.load(std::memory_order_acquire) & (kOwnerDied | kEnded)) != 0;
  }
  /// True if the store is gone, and no other keeper can take it over.
  [[nodiscard]] bool gone_for_good() const noexcept {
    const std::uint32_t word = word_.load(std::memory_order_acquire);
    return (word & kEnded) != 0 || ((word & kOwnerDied) != 0 && !descriptors_stored());
  }
  [[nodiscard]] bool ended() const noexcept { return (word_.load(std::memory_order_acquire) & kEnded) != 0; }
  [[nodiscard]] bool descriptors_stored() const noexcept {
    return (flags_.load(std::memory_order_acquire) & kDescriptorsStored) != 0;
  }

  // ---- the daemon ----

  /// Makes this thread the owner of the store. Keeps `ended`. Returns false if the store has ended.
  [[nodiscard]] bool own(std::uint32_t thread) noexcept {
    std::uint32_t before = word_.load(std::memory_order_relaxed);
    while (!word_.compare_exchange_weak(before, (before & kEnded) | thread, std::memory_order_seq_cst)) {
    }
    return (before & kEnded) == 0;
  }
  void end() noexcept { word_.fetch_or(kEnded, std::memory_order_seq_cst); }
  /// Records whether a service manager keeps the store's descriptors.
  void set_descriptors_stored(bool stored) noexcept {
    flags_.store(stored ? kDescriptorsStored : 0, std::memory_order_release);
  }
  [[nodiscard]] std::uint32_t owner() const noexcept { return word_.load(std::memory_order_acquire) & kOwnerMask; }
  /// Address of the word, for the owner's list of robust futexes.
  [[nodiscard]] const void* futex() const noexcept { return &word_; }

 private:
  std::atomic<std::uint32_t> word_ = 0;
  std::atomic<std::uint32_t> flags_ = 0;
};
static_assert(sizeof(OwnerWord) == 8);

}  // namespace dolium::shm
