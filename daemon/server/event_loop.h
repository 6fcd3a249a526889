#pragma once
// libuv's handles as resources: created with a callback, closed by their owner's destructor.
//
// libuv closes a handle later, in a turn of its loop, and needs its memory until then. So each handle is on the heap,
// and its close callback frees it. A callback is never called after its owner is destroyed, and may destroy its owner.

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>

#include <dolium/result.h>

namespace dolium::daemon {

/// A libuv loop. The owners of its handles must be destroyed first.
class EventLoop {
 public:
  [[nodiscard]] static Result<std::unique_ptr<EventLoop>> create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  /// Runs the remaining close callbacks.
  ~EventLoop();

  /// Returns after stop(), at the end of the turn.
  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }
  void stop() { uv_stop(&loop_); }
  [[nodiscard]] uv_loop_t* get() noexcept { return &loop_; }

 private:
  EventLoop() = default;
  uv_loop_t loop_;
  bool made_ = false;
};

namespace detail {
/// A handle and its callback; `Arguments` are what the callback gets.
template <class Handle, class... Arguments>
struct Box {
  Handle handle;
  std::function<void(Arguments...)> callback;
  bool closing = false;
};
struct CloseBox {
  template <class AnyBox>
  void operator()(AnyBox* box) const noexcept {
    box->closing = true;
    uv_close(reinterpret_cast<uv_handle_t*>(&box->handle),
             [](uv_handle_t* handle) { delete static_cast<AnyBox*>(handle->data); });
  }
};
}  // namespace detail

/// Watches a descriptor, which must outlive it. Level-triggered.
class Poll {
 public:
  using Callback = std::function<void(int events)>;

  /// Watches for a hang-up alone, by asking for an event that never comes.
  static constexpr int kHangUp = UV_PRIORITIZED;

  [[nodiscard]] static Result<Poll> create(EventLoop& loop, int fd, Callback callback);
  /// UV_READABLE, UV_WRITABLE, kHangUp; 0 stops. Errors of the descriptor are reported as readable.
  void watch(int events) noexcept;

 private:
  struct Box : detail::Box<uv_poll_t, int> {
    int watched = 0;
  };
  static void start(Box& box) noexcept;
  std::unique_ptr<Box, detail::CloseBox> box_;
};

class Timer {
 public:
  [[nodiscard]] static Result<Timer> create(EventLoop& loop, std::function<void()> callback);
  /// Fires once, after this many milliseconds; replaces an earlier setting.
  void start_once(std::uint64_t delay_ms) noexcept;
  void stop() noexcept { uv_timer_stop(&box_->handle); }

 private:
  using Box = detail::Box<uv_timer_t>;
  std::unique_ptr<Box, detail::CloseBox> box_;
};

/// Calls back before each wait of the loop, at the end of a turn.
class BeforeWait {
 public:
  [[nodiscard]] static Result<BeforeWait> create(EventLoop& loop, std::function<void()> callback);

 private:
  using Box = detail::Box<uv_prepare_t>;
  std::unique_ptr<Box, detail::CloseBox> box_;
};

/// While on, the loop does not wait: it busy-polls for events, and calls back in between.
class BusyLoop {
 public:
  [[nodiscard]] static Result<BusyLoop> create(EventLoop& loop, std::function<void()> callback);
  void set(bool on) noexcept;

 private:
  using Box = detail::Box<uv_idle_t>;
  std::unique_ptr<Box, detail::CloseBox> box_;
  bool on_ = false;
};

/// Work that takes too long for the loop's own thread: runs on a thread of libuv, one piece at a time.
class Background {
 public:
  explicit Background(EventLoop& loop) noexcept : loop_(loop) {}
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  /// Waits for running work; its `done` is not called.
  ~Background();

  [[nodiscard]] bool busy() const noexcept { return task_ != nullptr; }
  /// Calls `work` on another thread, then `done` on the loop's. Precondition: !busy().
  void start(std::function<void()> work, std::function<void()> done);

 private:
  struct Task {
    uv_work_t request;
    std::function<void()> work;
    std::function<void()> done;
    Background* owner;  // nullptr: destroyed
    std::binary_semaphore worked{0};
  };
  EventLoop& loop_;
  Task* task_ = nullptr;  // deleted in the loop, when libuv has finished with it
};

}  // namespace dolium::daemon
