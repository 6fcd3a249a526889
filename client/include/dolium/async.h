#pragma once
// AsyncHandle: an asynchronous operation, whose result goes to a callback.

#include <functional>
#include <memory>
#include <utility>

#include <dolium/export.h>

namespace dolium {

/// Copies share one operation. Destroying a handle does not cancel the operation: keep it only to call cancel().
class AsyncHandle {
 public:
  AsyncHandle() = default;
  /// Internal. `cancel` returns whether it was in time.
  explicit AsyncHandle(std::function<bool()> cancel)
      : cancel_(std::make_shared<std::function<bool()>>(std::move(cancel))) {}

  /// Cancels the operation. True: the callback was not called and never will be. False: it was called, or is being
  /// called.
  bool cancel() { return cancel_ != nullptr && (*cancel_)(); }

 private:
  std::shared_ptr<std::function<bool()>> cancel_;
};

}  // namespace dolium
