#include "daemon/server/event_loop.h"

#include "shm/os/system_error.h"

namespace dolium::daemon {
namespace {

Error loop_error(const char* doing, int status) {
  return shm::system_error(doing, -status);
}

/// Calls a copy: a callback may destroy its owner, and with it the function itself.
template <class Box, class... Arguments>
void call(void* data, Arguments... arguments) {
  auto* box = static_cast<Box*>(data);
  if (box->closing) return;
  const auto callback = box->callback;
  callback(arguments...);
}

/// Initialises a boxed handle. Before that has succeeded, plain deletion is right.
template <class Box, class Initialise>
Result<std::unique_ptr<Box, detail::CloseBox>> make_box(decltype(Box::callback) callback, const char* doing,
                                                        Initialise&& initialise) {
  auto box = std::make_unique<Box>();
  box->callback = std::move(callback);
  if (const int status = initialise(&box->handle); status != 0) return loop_error(doing, status);
  box->handle.data = box.get();
  return std::unique_ptr<Box, detail::CloseBox>(box.release());
}

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  std::unique_ptr<EventLoop> loop(new EventLoop());
  if (const int status = uv_loop_init(&loop->loop_); status != 0) return loop_error("make an event loop", status);
  loop->made_ = true;
  return loop;
}

EventLoop::~EventLoop() {
  if (!made_) return;
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

Result<Poll> Poll::create(EventLoop& loop, int fd, Callback callback) {
  Poll poll;
  auto box = make_box<Box>(std::move(callback), "watch a descriptor",
                           [&](uv_poll_t* handle) { return uv_poll_init(loop.get(), handle, fd); });
  if (!box) return std::move(box).error();
  poll.box_ = *std::move(box);
  return poll;
}

void Poll::watch(int events) noexcept {
  if (events == box_->watched) return;
  box_->watched = events;
  if (events == 0)
    uv_poll_stop(&box_->handle);
  else
    start(*box_);
}

void Poll::start(Box& box) noexcept {
  uv_poll_start(&box.handle, box.watched, [](uv_poll_t* handle, int status, int happened) {
    // libuv stops polling after an error. Start again: bytes that the peer sent before its end are still unread.
    if (auto* watched = static_cast<Box*>(handle->data); status != 0 && !watched->closing) start(*watched);
    call<Box>(handle->data, status != 0 ? static_cast<int>(UV_READABLE) : happened);
  });
}

Result<Timer> Timer::create(EventLoop& loop, std::function<void()> callback) {
  Timer timer;
  auto box = make_box<Box>(std::move(callback), "make a timer",
                           [&](uv_timer_t* handle) { return uv_timer_init(loop.get(), handle); });
  if (!box) return std::move(box).error();
  timer.box_ = *std::move(box);
  return timer;
}

void Timer::start_once(std::uint64_t delay_ms) noexcept {
  uv_update_time(box_->handle.loop);
  uv_timer_start(
      &box_->handle, [](uv_timer_t* handle) { call<Box>(handle->data); }, delay_ms, 0);
}

Result<BeforeWait> BeforeWait::create(EventLoop& loop, std::function<void()> callback) {
  BeforeWait hook;
  auto box = make_box<Box>(std::move(callback), "hook into the event loop", [&](uv_prepare_t* handle) {
    uv_prepare_init(loop.get(), handle);
    return uv_prepare_start(handle, [](uv_prepare_t* prepare) { call<Box>(prepare->data); });
  });
  if (!box) return std::move(box).error();
  hook.box_ = *std::move(box);
  return hook;
}

Result<BusyLoop> BusyLoop::create(EventLoop& loop, std::function<void()> callback) {
  BusyLoop busy;
  auto box = make_box<Box>(std::move(callback), "keep the event loop awake",
                           [&](uv_idle_t* handle) { return uv_idle_init(loop.get(), handle); });
  if (!box) return std::move(box).error();
  busy.box_ = *std::move(box);
  return busy;
}

void BusyLoop::set(bool on) noexcept {
  if (on == on_) return;
  on_ = on;
  if (on)
    uv_idle_start(&box_->handle, [](uv_idle_t* handle) { call<Box>(handle->data); });
  else
    uv_idle_stop(&box_->handle);
}

Background::~Background() {
  if (task_ == nullptr) return;
  task_->worked.acquire();
  task_->owner = nullptr;
}

void Background::start(std::function<void()> work, std::function<void()> done) {
  task_ = new Task{{}, std::move(work), std::move(done), this};
  task_->request.data = task_;
  uv_queue_work(
      loop_.get(), &task_->request,
      [](uv_work_t* request) {
        auto* task = static_cast<Task*>(request->data);
        task->work();
        task->worked.release();
      },
      [](uv_work_t* request, int) {
        const std::unique_ptr<Task> task(static_cast<Task*>(request->data));
        if (task->owner == nullptr) return;
        task->owner->task_ = nullptr;
        task->done();
      });
}

}  // namespace dolium::daemon
