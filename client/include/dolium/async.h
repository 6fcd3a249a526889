#pragma once
// AsyncHandle: an operation that was begun and answers by callback.

#include <functional>
#include <memory>
#include <utility>

namespace dolium {

/// Copies share one operation. Destroying a handle does not cancel: keep it only to cancel().
class AsyncHandle {
 public:
  AsyncHandle() = default;
  /// Internal. `cancel` returns whether it came in time.
  explicit AsyncHandle(std::function<bool()> cancel)
      : cancel_(std::make_shared<std::function<bool()>>(std::move(cancel))) {}

  /// True: the callback has not been called and never will be. False: it was called, or is being called.
  bool cancel() { return cancel_ != nullptr && (*cancel_)(); }

 private:
  std::shared_ptr<std::function<bool()>> cancel_;
};

}  // namespace dolium
