#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <mutex>
#include <optional>

#include "errors.h"
#include "store_type.h"

namespace dolium::python {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// If the interpreter runs with a closed standard stream, a new descriptor would get its number, and the printed text.
int above_streams(int fd) noexcept {
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int above = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int reason = errno;
  ::close(fd);
  errno = reason;
  return above;
}

/// The results of some asynchronous operations. Any thread that processes events may deliver them. The descriptor wakes
/// the waiting thread when all results are there.
template <class T>
class Answers {
 public:
  explicit Answers(std::size_t count)
      : results_(count), open_(count), fd_(above_streams(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {
    if (fd_ < 0) throw StoreError({Errc::system_error, std::string("make an eventfd: ") + std::strerror(errno)});
  }
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;
  ~Answers() { ::close(fd_); }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  void deliver(std::size_t i, Result<T> result) {
    const std::lock_guard lock(mutex_);
    results_[i].emplace(std::move(result));
    if (--open_ == 0) static_cast<void>(::eventfd_write(fd_, 1));
  }
  /// No answer will come.
  void forget() {
    const std::lock_guard lock(mutex_);
    --open_;
  }
  [[nodiscard]] bool complete() {
    const std::lock_guard lock(mutex_);
    return open_ == 0;
  }
  /// After completion. nullopt for a forgotten answer.
  [[nodiscard]] std::vector<std::optional<Result<T>>> take() {
    const std::lock_guard lock(mutex_);
    return std::move(results_);
  }

 private:
  std::mutex mutex_;
  std::vector<std::optional<Result<T>>> results_;  // guarded by mutex_, like the next member
  std::size_t open_;
  const int fd_;
};

/// The daemon ends a wait at its deadline. If the daemon is stopped or starved, the wait ends here, this much later.
constexpr milliseconds kAnswerGrace{100};

Clock::time_point give_up_after(Timeout timeout) {
  const auto now = Clock::now();
  const bool never = timeout.is_forever() || timeout.duration() >= Clock::time_point::max() - now - kAnswerGrace;
  return never ? Clock::time_point::max() : now + timeout.duration() + kAnswerGrace;
}

/// The timeout of poll(2).
int slice_before(Clock::time_point end) {
  const auto left = std::chrono::ceil<milliseconds>(std::max(end - Clock::now(), Clock::duration(0)));
  return static_cast<int>(std::min(left, kSlice).count());
}

/// The work of a waiting thread: it processes the store's events, checks whether the store was closed, and, in the main
/// thread, runs Python's signal handlers.
class Waiter {
 public:
  /// Called with the GIL.
  Waiter(PyObject* self, ObjectStore& store, Clock::time_point give_up)
      : self_(self), store_(store), give_up_(give_up), closed_(reinterpret_cast<PyStore*>(self)->closed) {}

  /// Waits until all answers are there. Cancels operations that take longer than the time to give up, and all
  /// operations when the store is closed or a signal handler raises. Called without the GIL.
  template <class T>
  void wait(Answers<T>& answers, std::vector<AsyncHandle>& handles) {
    while (!answers.complete()) {
      const Result<void> processed = process_events(store_, self_);
      if (answers.complete()) return;
      if (!processed) throw StoreError(processed.error());
      if (*closed_) {
        cancel(answers, handles);
        throw StoreError({Errc::disconnected, "the store was closed while this call waited"});
      }
      if (Clock::now() >= give_up_) cancel(answers, handles);
      if (answers.complete()) return;
      pollfd both[] = {{answers.fd(), POLLIN, 0}, {store_.event_fd(), POLLIN, 0}};
      ::poll(both, 2, slice_before(give_up_));  // a signal just before poll() does not interrupt it; hence the limit
      if (is_main_thread()) run_signal_handlers(answers, handles);
    }
  }

 private:
  /// Waits for operations that can no longer be cancelled.
  template <class T>
  static void cancel(Answers<T>& answers, std::vector<AsyncHandle>& handles) {
    for (AsyncHandle& handle : handles)
      if (handle.cancel()) answers.forget();
    handles.clear();
  }
  template <class T>
  static void run_signal_handlers(Answers<T>& answers, std::vector<AsyncHandle>& handles) {
    const WithGil back;
    if (PyErr_CheckSignals() == 0) return;
    const py::error_already_set raised;
    {
      const WithoutGil again;
      cancel(answers, handles);
    }
    throw raised;
  }

  PyObject* self_;
  ObjectStore& store_;
  Clock::time_point give_up_;
  std::shared_ptr<const std::atomic<bool>> closed_;
};

}  // namespace

bool is_main_thread() noexcept {
  return ::gettid() == ::getpid();
}

namespace {

/// Starts operations with begin(i, callback), and waits for their results. nullopt if the time to give up came first.
template <class T, class Begin>
std::vector<std::optional<Result<T>>> wait_for_all(PyObject* self, ObjectStore& store, Clock::time_point give_up,
                                                   std::size_t count, Begin&& begin) {
  const auto answers = std::make_shared<Answers<T>>(count);
  Waiter waiter(self, store, give_up);
  const WithoutGil others_run;
  std::vector<AsyncHandle> handles;
  handles.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    handles.push_back(begin(i, [answers, i](Result<T> result) { answers->deliver(i, std::move(result)); }));
  waiter.wait(*answers, handles);
  return answers->take();
}

}  // namespace

Result<Object> get_waiting(PyObject* self, ObjectStore& store, const ObjectId& id, Timeout timeout) {
  if (!timeout.is_no_wait()) {
    auto got = wait_for_all<Object>(self, store, give_up_after(timeout), 1, [&](std::size_t, auto done) {
      return store.get_async(id, timeout, std::move(done));
    });
    if (got.front()) return *std::move(got.front());
    timeout = std::chrono::nanoseconds(1);  // the object may be there by now; otherwise the error is the same
  }
  const WithoutGil others_run;
  return store.get_raw(id, timeout);
}

Result<std::vector<std::optional<Object>>> get_many_waiting(PyObject* self, ObjectStore& store,
                                                            const std::vector<ObjectId>& ids, std::size_t count,
                                                            Timeout timeout) {
  auto got = wait_for_all<std::vector<std::optional<Object>>>(
      self, store, give_up_after(timeout), 1,
      [&](std::size_t, auto done) { return store.get_many_async(ids, count, timeout, std::move(done)); });
  if (got.front()) return *std::move(got.front());
  std::vector<std::optional<Object>> found;  // the daemon did not answer in time
  for (const ObjectId& id : ids) found.push_back(store.try_get(id));
  return found;
}

Result<ObjectBuilder> create_waiting(PyObject* self, ObjectStore& store, const ObjectId& id, std::uint64_t size,
                                     const CreateOptions& options) {
  if (options.timeout.is_no_wait()) {
    const WithoutGil others_run;
    return store.create(id, size, options);
  }
  // Only the answer tells the outcome: wait for it, however late.
  auto made = wait_for_all<ObjectBuilder>(self, store, Clock::time_point::max(), 1, [&](std::size_t, auto done) {
    return store.create_async(id, size, options, std::move(done));
  });
  return *std::move(made.front());
}

void wait_in_slices(Timeout timeout, const std::function<bool(Timeout)>& attempt, Sliced sliced) {
  const bool whole = timeout.is_no_wait() || (sliced == Sliced::for_signals && !is_main_thread());
  const auto begin = Clock::now();
  for (;;) {
    Timeout left = timeout;
    if (!whole && !timeout.is_forever()) left = timeout.duration() - (Clock::now() - begin);
    const bool last = whole || (!left.is_forever() && left.duration() <= kSlice);
    {
      const WithoutGil others_run;
      if (attempt(last ? left : Timeout(kSlice))) return;
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (last) return;
  }
}

double seconds_of(py::handle value, const char* what, const char* about_none) {
  if (PyObject_HasAttrString(value.ptr(), "total_seconds") != 0)
    return seconds_of(value.attr("total_seconds")(), what, about_none);
  const double seconds = PyFloat_AsDouble(value.ptr());
  if (seconds == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw py::type_error(std::string(what) + " is a number of seconds or a timedelta, not " +
                         Py_TYPE(value.ptr())->tp_name + about_none);
  }
  if (std::isnan(seconds) || seconds < 0)
    throw py::value_error(std::string(what) + (seconds < 0 ? " cannot be negative" : " cannot be nan") + about_none);
  return seconds;
}

Timeout timeout_of(py::handle value) {
  if (value.is_none()) return wait_forever;
  return std::chrono::duration<double>(seconds_of(value, "a timeout", "; None waits without limit"));
}

}  // namespace dolium::python
