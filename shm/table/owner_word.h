#pragma once
// OwnerWord: whether a store is still there. It lies in the index's header, in a line that nothing writes while the
// store lives, and every get looks at it.
//
//   bits 0 to 29   thread id of the keeper that owns the store; 0: an InProcessStore, or the owner is dead
//   bit 30         the owner has died. The kernel sets it and clears the thread id, by whatever death, because the word
//                  is in the owner's list of robust futexes (daemon/keeper/owner_mark.h)
//   bit 31         the store has ended: an orderly stop. Sticky: neither a successor nor the kernel clears it. (For the
//                  kernel it is the bit of a futex that has waiters, which it keeps; to wake a waiter costs it
//                  nothing.)
//
// `ended` is final. An owner's death is final, too, unless a service manager keeps the store's descriptors: then
// another keeper may go on with the store, and become its owner.
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
  /// With these bits: for a word that belongs to no store.
  constexpr explicit OwnerWord(std::uint32_t word) noexcept : word_(word) {}

  // ---- clients: one load and one compare ----

  /// The store has ended, or its owner has died.
  [[nodiscard]] bool gone() const noexcept {
    return (word_.load(std::memory_order_acquire) & (kOwnerDied | kEnded)) != 0;
  }
  /// It is gone, and nothing can go on with it.
  [[nodiscard]] bool gone_for_good() const noexcept {
    const std::uint32_t word = word_.load(std::memory_order_acquire);
    return (word & kEnded) != 0 || ((word & kOwnerDied) != 0 && !descriptors_stored());
  }
  [[nodiscard]] bool ended() const noexcept { return (word_.load(std::memory_order_acquire) & kEnded) != 0; }
  [[nodiscard]] bool descriptors_stored() const noexcept {
    return (flags_.load(std::memory_order_acquire) & kDescriptorsStored) != 0;
  }

  // ---- the daemon ----

  /// This thread owns the store from here on. Leaves `ended` as it is. False: the store has ended.
  [[nodiscard]] bool own(std::uint32_t thread) noexcept {
    std::uint32_t before = word_.load(std::memory_order_relaxed);
    while (!word_.compare_exchange_weak(before, (before & kEnded) | thread, std::memory_order_seq_cst)) {
    }
    return (before & kEnded) == 0;
  }
  void end() noexcept { word_.fetch_or(kEnded, std::memory_order_seq_cst); }
  /// A service manager keeps the descriptors, or no longer does.
  void set_descriptors_stored(bool stored) noexcept {
    flags_.store(stored ? kDescriptorsStored : 0, std::memory_order_release);
  }
  [[nodiscard]] std::uint32_t owner() const noexcept { return word_.load(std::memory_order_acquire) & kOwnerMask; }
  /// What the kernel is to be told of: the word itself.
  [[nodiscard]] const void* futex() const noexcept { return &word_; }

 private:
  std::atomic<std::uint32_t> word_ = 0;
  std::atomic<std::uint32_t> flags_ = 0;
};
static_assert(sizeof(OwnerWord) == 8);

}  // namespace dolium::shm
