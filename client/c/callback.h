#pragma once
// What a callback of the C interface is called with: the caller's pointer, which is dropped exactly once.

#include <dolium/c/async.h>

#include <atomic>
#include <memory>

#include <dolium/async.h>

namespace dolium::c {

/// The caller's `user`. Dropped when the operation has ended, at the latest with the last owner of this.
class CallbackData {
 public:
  CallbackData(void* user, dolium_drop_callback at_end) noexcept : user_(user), at_end_(at_end) {}
  CallbackData(const CallbackData&) = delete;
  CallbackData& operator=(const CallbackData&) = delete;
  ~CallbackData() { drop(); }

  [[nodiscard]] void* user() const noexcept { return user_; }
  /// Precondition: the callback has returned, or will never be called.
  void drop() noexcept {
    if (const dolium_drop_callback once = at_end_.exchange(nullptr); once != nullptr) once(user_);
  }

 private:
  void* const user_;
  std::atomic<dolium_drop_callback> at_end_;
};

}  // namespace dolium::c

/// An operation that is under way.
struct dolium_async {
  dolium::AsyncHandle handle;
  std::shared_ptr<dolium::c::CallbackData> data;
};
