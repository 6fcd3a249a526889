#pragma once
// DeferredPuts: puts that are sent without waiting for their replies. Their failures arrive as notices, and are kept
// until flush().

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include <dolium/client.h>
#include <dolium/result.h>

#include "client/remote/exchange.h"
#include "client/remote/lease.h"

namespace dolium::detail {

class DeferredPuts {
 public:
  /// `before`: of a child, its parent's. What the parent sent may be under way.
  DeferredPuts(Exchange& exchange, const DeferredPuts* before) : exchange_(exchange) {
    if (before == nullptr) return;
    sent_ = before->sent_.load(std::memory_order_relaxed);
    settled_ = before->settled_.load(std::memory_order_relaxed);
  }

  /// Sends a deferred put. Blocks while the send queue is full. out_of_memory when kMaxPutFailures were not taken yet.
  template <class View>
  [[nodiscard]] Result<void> post(const View& view) {
    const Result<std::uint64_t> number = begin();
    if (!number) return number.error();
    return exchange_.send(*number, view, Exchange::Patience::wait);
  }
  /// Waits until the daemon has carried out, or failed, all deferred puts that were sent before.
  [[nodiscard]] Result<void> settle();
  /// disconnected when the connection ended before all outcomes were known.
  [[nodiscard]] Result<std::vector<PutFailure>> take_failures();
  /// Whether there were any since the last settle(): an object that is not in the index may be under way. Only the
  /// daemon, which takes requests in order, can tell.
  [[nodiscard]] bool are_under_way() const noexcept {
    return sent_.load(std::memory_order_relaxed) != settled_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] DeferredLease& lease() noexcept { return lease_; }

  /// By the leader.
  void take(const protocol::PutFailedNotice& notice);
  /// The server has died: the outcome of those under way is unknown. Under the exchange's mutex.
  void lose() noexcept;

 private:
  [[nodiscard]] Result<std::uint64_t> begin();

  Exchange& exchange_;
  // Numbers of puts: sent, and known to be done or lost. Written under the exchange's mutex.
  std::atomic<std::uint64_t> sent_ = 0;
  std::atomic<std::uint64_t> settled_ = 0;
  bool lost_ = false;                 // some were under way when a server died, and flush() has not said so yet
  std::vector<PutFailure> failures_;  // at most kMaxPutFailures, and those under way when that was reached
  DeferredLease lease_;
};

}  // namespace dolium::detail
