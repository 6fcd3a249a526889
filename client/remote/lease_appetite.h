#pragma once
// LeaseAppetite: what a connection has learned about the leases that it is given. See lease.h.

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace dolium::detail {

/// Whether to ask for leases, and how large they should be. Each refusal halves the size. When the size is at its
/// minimum, a refusal makes the client wait until a number of further bytes were put; that number doubles each time
/// (exponential back-off). Thread-safe.
class LeaseAppetite {
 public:
  /// Maximum and minimum number of puts that one lease is for. In a full store a lease evicts as many cold neighbours:
  /// the more, the harder they are to find.
  static constexpr std::uint64_t kMostPuts = 128;
  static constexpr std::uint64_t kLeastPuts = 8;
  /// Number of bytes to be put before the client asks again: after the first refusal, and at most.
  static constexpr std::uint64_t kFirstRest = 128 * 1024;
  static constexpr std::uint64_t kLongestRest = 4 * 1024 * 1024;

  [[nodiscard]] std::uint64_t puts() const noexcept { return puts_.load(std::memory_order_relaxed); }
  /// Whether to ask for a lease for puts of so many bytes.
  [[nodiscard]] bool may_ask(std::uint64_t bytes) noexcept {
    const std::uint64_t rest = rest_.load(std::memory_order_relaxed);
    if (rest == 0) return true;
    rest_.store(rest - std::min(rest, bytes), std::memory_order_relaxed);  // of two threads, one may not be counted
    return false;
  }
  void refused() noexcept {
    const std::uint64_t puts = this->puts();
    if (puts > kLeastPuts) return puts_.store(puts / 2, std::memory_order_relaxed);
    const std::uint64_t rest = next_rest_.load(std::memory_order_relaxed);
    rest_.store(rest, std::memory_order_relaxed);
    next_rest_.store(std::min(2 * rest, kLongestRest), std::memory_order_relaxed);
  }
  void satisfied() noexcept {
    puts_.store(std::min(2 * puts(), kMostPuts), std::memory_order_relaxed);
    next_rest_.store(kFirstRest, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> puts_ = kMostPuts;
  std::atomic<std::uint64_t> rest_ = 0;
  std::atomic<std::uint64_t> next_rest_ = kFirstRest;
};

}  // namespace dolium::detail
