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

/// Where the interpreter runs with a standard stream closed, a descriptor would get its number, and what is printed.
int above_streams(int fd) noexcept {
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int above = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int reason = errno;
  ::close(fd);
  errno = reason;
  return above;
}

/// The end of an asynchronous operation. Whichever thread processes events may deliver it; the descriptor tells the
/// one that waits.
template <class T>
class Answer {
 public:
  Answer() : fd_(above_streams(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  void deliver(Result<T> result) {
    const std::lock_guard lock(mutex_);
    result_.emplace(std::move(result));
    static_cast<void>(::eventfd_write(fd_, 1));  // fails only when the counter is full, and then it is readable
  }
  [[nodiscard]] std::optional<Result<T>> take() {
    const std::lock_guard lock(mutex_);
    return std::move(result_);
  }

 private:
  int fd_;
  std::mutex mutex_;
  std::optional<Result<T>> result_;  // guarded by mutex_
};

/// A wait ends in the daemon, at its deadline, unless the daemon is stopped, or starved: then, so much later, here.
constexpr milliseconds kAnswerGrace{100};

Clock::time_point give_up_after(Timeout timeout) {
  const auto now = Clock::now();
  const bool never = timeout.is_forever() || timeout.duration() >= Clock::time_point::max() - now - kAnswerGrace;
  return never ? Clock::time_point::max() : now + timeout.duration() + kAnswerGrace;
}

/// How long to poll.
int slice_before(Clock::time_point end) {
  const auto left = std::chrono::ceil<milliseconds>(std::max(end - Clock::now(), Clock::duration(0)));
  return static_cast<int>(std::min(left, kSlice).count());
}

/// Begins an operation, and waits for its end; a Python signal handler that raises cancels it, and so does the time to
/// give up: then there is no result.
template <class T, class Begin>
std::optional<Result<T>> wait_beside_signals(PyObject* self, ObjectStore& store, Clock::time_point give_up,
                                             Begin&& begin) {
  const auto answer = std::make_shared<Answer<T>>();
  if (answer->fd() < 0)
    return Result<T>(Error{Errc::system_error, std::string("make an eventfd: ") + std::strerror(errno)});
  const auto others_run = std::make_unique<py::gil_scoped_release>();
  AsyncHandle handle = begin([answer](Result<T> result) { answer->deliver(std::move(result)); });
  for (;;) {
    const Result<void> processed = process_events(store, self);
    if (std::optional<Result<T>> result = answer->take()) return result;
    if (!processed) return Result<T>(processed.error());
    if (Clock::now() >= give_up && handle.cancel()) return std::nullopt;
    // A signal that comes just before the poll does not interrupt it; hence the limit.
    pollfd both[] = {{answer->fd(), POLLIN, 0}, {store.event_fd(), POLLIN, 0}};
    ::poll(both, 2, slice_before(give_up));
    const py::gil_scoped_acquire back;
    if (PyErr_CheckSignals() != 0) {
      const py::error_already_set raised;
      const py::gil_scoped_release again;
      handle.cancel();
      const py::gil_scoped_acquire for_the_throw;
      throw raised;
    }
  }
}

}  // namespace

bool is_main_thread() noexcept {
  return ::gettid() == ::getpid();
}

Result<Object> get_waiting(PyObject* self, ObjectStore& store, const ObjectId& id, Timeout timeout) {
  if (timeout.is_no_wait() || !is_main_thread()) {
    const py::gil_scoped_release others_run;
    return store.get_raw(id, timeout);
  }
  auto got = wait_beside_signals<Object>(self, store, give_up_after(timeout),
                                         [&](auto done) { return store.get_async(id, timeout, std::move(done)); });
  if (got) return *std::move(got);
  const py::gil_scoped_release others_run;
  return store.get_raw(id, std::chrono::nanoseconds(1));  // it may be there by now, and else has the same to say
}

Result<ObjectBuilder> create_waiting(PyObject* self, ObjectStore& store, const ObjectId& id, std::uint64_t size,
                                     const CreateOptions& options) {
  if (options.timeout.is_no_wait() || !is_main_thread()) {
    const py::gil_scoped_release others_run;
    return store.create(id, size, options);
  }
  // Nobody else knows the outcome: the answer is waited for, however late.
  return *wait_beside_signals<ObjectBuilder>(self, store, Clock::time_point::max(), [&](auto done) {
    return store.create_async(id, size, options, std::move(done));
  });
}

void wait_in_slices(Timeout timeout, const std::function<bool(Timeout)>& attempt, Sliced sliced) {
  const bool whole = timeout.is_no_wait() || (sliced == Sliced::for_signals && !is_main_thread());
  const auto begin = Clock::now();
  for (;;) {
    Timeout left = timeout;
    if (!whole && !timeout.is_forever()) left = timeout.duration() - (Clock::now() - begin);
    const bool last = whole || (!left.is_forever() && left.duration() <= kSlice);
    {
      const py::gil_scoped_release others_run;
      if (attempt(last ? left : Timeout(kSlice))) return;
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (last) return;
  }
}

Timeout timeout_of(py::handle value) {
  if (value.is_none()) return wait_forever;
  if (PyObject_HasAttrString(value.ptr(), "total_seconds") != 0) return timeout_of(value.attr("total_seconds")());
  const double seconds = PyFloat_AsDouble(value.ptr());
  if (seconds == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw py::type_error("a timeout is a number of seconds, a timedelta, or None to wait for ever");
  }
  if (std::isnan(seconds) || seconds < 0) throw py::value_error("a timeout is not negative; None waits for ever");
  return std::chrono::duration<double>(seconds);
}

}  // namespace dolium::python
