#include "client/remote/deferred_puts.h"

#include <utility>

#include "client/mapped/store_backend.h"

namespace dolium::detail {

Result<std::uint64_t> DeferredPuts::begin() {
  if (exchange_.gone_for_good()) return exchange_.failure();
  const auto lock = exchange_.lock();
  if (exchange_.failed()) return *exchange_.failed();
  if (failures_.size() >= kMaxPutFailures) return too_many_put_failures();
  sent_.fetch_add(1, std::memory_order_relaxed);
  return exchange_.take_number();
}

Result<void> DeferredPuts::settle() {
  if (!are_under_way()) return {};
  const std::uint64_t sent = sent_.load(std::memory_order_relaxed);
  Call call;
  auto answered =
      exchange_.ask<protocol::DoneReply>(protocol::PingRequestT(), call,  // requests are carried out in order
                                         [](const protocol::DoneReply&) { return Result<void>(); });
  if (!answered) return answered;
  const auto lock = exchange_.lock();
  settled_.store(std::max(sent, settled_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
  return {};
}

Result<std::vector<PutFailure>> DeferredPuts::take_failures() {
  const auto lock = exchange_.lock();
  if (exchange_.failed()) return *exchange_.failed();
  std::vector<PutFailure> failures = std::exchange(failures_, {});
  // The known failures are dropped with this error: the next call reports those of later puts only.
  if (std::exchange(lost_, false))
    return Error{Errc::disconnected,
                 "the daemon's server has died, or was replaced, and another goes on with its objects; which of the "
                 "deferred puts of before were carried out is not known: look (exists) before you repeat them"};
  return failures;
}

void DeferredPuts::take(const protocol::PutFailedNotice& notice) {
  if (notice.code() > protocol::ErrorCode::MAX) return exchange_.fail(protocol::error_of(notice));
  const auto lock = exchange_.lock();
  failures_.push_back({protocol::from_wire(*notice.id()), protocol::error_of(notice)});
}

void DeferredPuts::lose() noexcept {
  lost_ |= are_under_way();
  settled_.store(sent_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

}  // namespace dolium::detail
