#pragma once
// ForkGate: keeps gets from ending while a fork() of their process is prepared.
//
// A child of fork() that takes over has a copy of its parent's pin table. That copy must contain every reference that
// the child finds. A get by another thread of the parent between the copy and fork() would be missing. So gets, and
// copies of Objects, do not end while the gate is shut. This is Dekker's pattern: the getting thread counts its
// reference, then reads the gate; the forking thread shuts the gate, then has the table copied; all sequentially
// consistent. Either the reference is in the copy, or the thread waits at the gate, and the Object that it will return
// does not exist yet in the memory that the child inherits. Releases do not wait: a reference that is released between
// copy and fork() stays counted in the child's table until the child ends, as does a reference that was being taken
// when the gate was shut. A thread has a few of those at most.
//
// The wait is bounded, since fork handlers of other libraries may wait for a lock of the waiting thread. A thread that
// gives up, or that is the forking thread itself, goes on and sets a mark. The child sees the mark, knows that its
// table is incomplete, and does not use it. The mark is written before the Object: fork() never shows the child a later
// write of a thread without the earlier ones.

#include <atomic>
#include <thread>

namespace dolium::detail {

/// Thread-safe.
class ForkGate {
 public:
  /// Called by a get after its reference is counted and before the reference is returned.
  void pass() noexcept {
    if (forker_.load(std::memory_order_seq_cst) != std::thread::id()) wait();
  }

  // ---- called by the forking thread ----

  void shut() noexcept;
  void open() noexcept { forker_.store(std::thread::id(), std::memory_order_seq_cst); }
  /// Whether a thread did not wait since the gate was shut.
  [[nodiscard]] bool was_overtaken() const noexcept { return overtaken_.load(std::memory_order_seq_cst); }

 private:
  void wait() noexcept;

  std::atomic<std::thread::id> forker_{};  // the thread that shut the gate; none: the gate is open
  std::atomic<bool> overtaken_ = false;
};

}  // namespace dolium::detail
