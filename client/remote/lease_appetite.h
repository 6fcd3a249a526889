#pragma once
// What a connection has learned of the leases that it can have: see client/remote/lease.h.

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace dolium::detail {

/// Whether to ask for leases, and how large: half as large after each refusal, and when that is small already not
/// before so many more bytes were put, twice as many each time. Thread-safe.
class LeaseAppetite {
 public:
  /// How many puts a lease is for. Where a store is full, it displaces as many cold neighbours: the more, the harder
  /// they are to find.
  static constexpr std::uint64_t kMostPuts = 128;
  static constexpr std::uint64_t kLeastPuts = 8;
  static constexpr std::uint64_t kFirstRest = 128 * 1024;
  static constexpr std::uint64_t kLongestRest = 4 * 1024 * 1024;

  [[nodiscard]] std::uint64_t puts() const noexcept { return puts_.load(std::memory_order_relaxed); }
  /// For puts of so many bytes.
  [[nodiscard]] bool may_ask(std::uint64_t bytes) noexcept {
    const std::uint64_t rest = rest_.load(std::memory_order_relaxed);
    if (rest == 0) return true;
    rest_.store(rest - std::min(rest, bytes), std::memory_order_relaxed);  // of two threads one may count for nothing
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
