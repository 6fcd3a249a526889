#include "client/mapped/fork_gate.h"

#include <chrono>

namespace dolium::detail {

namespace {

/// Maximum time to wait for a forking thread: more than the daemon may take (kForkPatience) plus the time that fork()
/// needs to copy large page tables.
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::microseconds kPause{50};

}  // namespace

void ForkGate::shut() noexcept {
  overtaken_.store(false, std::memory_order_seq_cst);
  forker_.store(std::this_thread::get_id(), std::memory_order_seq_cst);
}

void ForkGate::wait() noexcept {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const std::thread::id forker = forker_.load(std::memory_order_seq_cst);
    if (forker == std::thread::id()) return;
    if (forker == std::this_thread::get_id() || std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(kPause);  // a fork is short, and too rare to be worth a wake-up
  }
  overtaken_.store(true, std::memory_order_seq_cst);
}

}  // namespace dolium::detail
