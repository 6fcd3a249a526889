#include "daemon/process/log_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/circular_buffer.hpp>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <system_error>
#include <utility>

#include "shm/os/last_words.h"
#include "shm/os/system_error.h"
#include "shm/os/unique_fd.h"

namespace dolium::daemon {
namespace {

using shm::retry_interrupted;
using shm::UniqueFd;
using Clock = std::chrono::steady_clock;

constexpr mode_t kOwnerOnly = 0600;

Result<UniqueFd> open_target(const std::string& path) {
  if (path.empty()) {
    UniqueFd fd(retry_interrupted([] { return ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, UniqueFd::kFirst); }));
    if (!fd.valid()) return shm::system_error("keep a descriptor of standard error for the log");
    return fd;
  }
  // Non-blocking only while opening, which otherwise waits for a pipe's reader. The file description is not shared.
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
  UniqueFd fd(retry_interrupted([&] { return ::open(path.c_str(), flags | O_NONBLOCK, kOwnerOnly); }));
  if (!fd.valid()) return explain_log_error(path, errno);
  if (::fcntl(fd.get(), F_SETFL, flags) != 0) return shm::system_error(fmt::format("prepare the log {}", path));
  return fd;
}

/// Returns 0, or the errno of a write that failed; then `torn` tells whether a part of the text was written.
int write_all(int fd, std::string_view text, bool& torn) {
  const std::size_t whole = text.size();
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    const int reason = count == 0 ? EIO : errno;
    if (count > 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (count < 0 && reason == EAGAIN) {  // another process has made the shared descriptor non-blocking
      pollfd entry{fd, POLLOUT, 0};
      static_cast<void>(::poll(&entry, 1, -1));
    } else if (reason != EINTR) {
      torn = torn || text.size() != whole;
      return reason;
    }
  }
  torn = false;
  return 0;
}

/// While it exists, new threads begin with all signals blocked, and so never handle one.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

Error explain_log_error(const std::string& path, int reason) {
  Error error = shm::system_error(fmt::format("open the log {}", path), reason);
  if (reason == ENOENT) error.message += ": make its directory, or choose another --log-file";
  if (reason == ENXIO) error.message += ": it is a pipe that no process reads";
  return error;
}

struct LogWriter::State {
  State(std::string where, UniqueFd target, Formatter formatter)
      : path(std::move(where)), format(std::move(formatter)), fd(std::move(target)), ring(kMaxQueuedBytes) {
    line.reserve(kMaxLineBytes + 1);
  }

  void run();
  [[nodiscard]] std::uint64_t take_lost();
  [[nodiscard]] bool is_idle() const { return ring.empty() && !busy && !reopen && !must_tell(); }
  [[nodiscard]] bool must_tell() const { return dropped != 0 && ring.empty() && !failing; }

  // Used by the thread alone.
  const std::string path;
  const Formatter format;
  UniqueFd fd;
  bool torn = false;  // the file's last line is incomplete
  std::string line;   // never longer than its reserve
  // No allocation under the mutex: a process without memory writes its last line here, from the new-handler.

  std::mutex mutex;
  std::condition_variable changed;  // for the thread
  std::condition_variable written;  // for callers that wait
  // Under the mutex.
  boost::circular_buffer<char> ring;
  bool busy = false;    // the thread is writing a line
  bool behind = false;  // a caller has waited a moment in vain
  bool reopen = false;
  bool ended = false;
  bool finished = false;      // the thread has ended
  std::uint64_t turns = 0;    // of the thread: it makes progress
  std::uint64_t dropped = 0;  // lines, not logged yet
  int reason = 0;             // errno of the last of them; 0: the ring was full
  bool failing = false;       // the last write failed: dropped lines are logged after one that succeeds

 private:
  using Lock = std::unique_lock<std::mutex>;
  void take_line();
  void put_line(Lock& lock, std::uint64_t stands_for);
  void tell(Lock& lock);
  void open_anew(Lock& lock);
};

void LogWriter::State::run() {
  Lock lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return !ring.empty() || must_tell() || reopen || ended; });
    busy = true;
    if (std::exchange(reopen, false)) {
      open_anew(lock);
    } else if (!ring.empty()) {
      take_line();
      put_line(lock, 1);
    } else if (must_tell()) {
      tell(lock);
    } else {
      break;
    }
    busy = false;
    ++turns;
    behind = behind && !is_idle();
    written.notify_all();
  }
  finished = true;
  written.notify_all();
}

/// At the end. The line that a stuck thread is writing counts as lost: the process does not wait for it.
std::uint64_t LogWriter::State::take_lost() {
  const auto queued = static_cast<std::uint64_t>(std::count(ring.begin(), ring.end(), '\n'));
  ring.clear();
  return std::exchange(dropped, 0) + queued + (busy && !finished ? 1 : 0);
}

void LogWriter::State::take_line() {
  line.clear();
  do {
    line.push_back(ring.front());
    ring.pop_front();
  } while (line.back() != '\n');
}

/// If the write fails, `stands_for` lines count as dropped.
void LogWriter::State::put_line(Lock& lock, std::uint64_t stands_for) {
  lock.unlock();
  if (torn) line.insert(line.begin(), '\n');
  const int failure = write_all(fd.get(), line, torn);
  lock.lock();
  failing = failure != 0;
  if (!failing) return;
  dropped += stands_for;
  reason = failure;
}

void LogWriter::State::tell(Lock& lock) {
  const std::uint64_t count = std::exchange(dropped, 0);
  const int last_reason = reason;
  lock.unlock();
  const std::string why = last_reason == 0
                              ? "they came faster than they could be written"
                              : "they could not be written: " + std::generic_category().message(last_reason);
  line.assign(format(fmt::format("{} lines of this log were dropped: {}", count, why)), 0, kMaxLineBytes);
  lock.lock();
  put_line(lock, count);
}

void LogWriter::State::open_anew(Lock& lock) {
  if (path.empty()) return;
  lock.unlock();
  Result<UniqueFd> next = open_target(path);
  const bool opened = next.has_value();
  if (opened) {
    fd = *std::move(next);
    torn = false;
  } else {
    line.assign(format(next.error().message + ": the log continues in the old file"), 0, kMaxLineBytes);
  }
  lock.lock();
  failing = false;
  if (!opened) put_line(lock, 1);
}

LogWriter::LogWriter(std::shared_ptr<State> state) : state_(std::move(state)) {
  const AllSignalsBlocked blocked;
  thread_ = std::thread([own = state_] { own->run(); });
}

Result<std::unique_ptr<LogWriter>> LogWriter::open(const std::string& path, Formatter format) {
  Result<UniqueFd> fd = open_target(path);
  if (!fd) return std::move(fd).error();
  try {
    return std::unique_ptr<LogWriter>(new LogWriter(std::make_shared<State>(path, *std::move(fd), std::move(format))));
  } catch (const std::system_error& error) {
    return Error{Errc::system_error,
                 fmt::format("cannot start the log's thread: {} (Cannot allocate memory, or the limit "
                             "of processes and threads is reached: ulimit -u, TasksMax=)",
                             error.code().message())};
  }
}

LogWriter::~LogWriter() {
  if (thread_.joinable()) static_cast<void>(finish());
}

std::uint64_t LogWriter::finish() noexcept {
  std::unique_lock lock(state_->mutex);
  state_->ended = true;
  state_->changed.notify_one();
  const auto last = Clock::now() + kLongestEnd;
  std::uint64_t seen = 0;
  const auto moved = [&] { return state_->finished || state_->turns != seen; };
  do {
    seen = state_->turns;
  } while (state_->written.wait_for(lock, kLastPatience, moved) && !state_->finished && Clock::now() < last);
  const bool finished = state_->finished;
  const std::uint64_t lost = state_->take_lost();
  lock.unlock();
  if (finished)
    thread_.join();
  else
    thread_.detach();
  return lost;
}

void LogWriter::count_lost(std::uint64_t lines) noexcept {
  const std::lock_guard lock(state_->mutex);
  if (lines == 0) return;
  state_->dropped += lines;
  state_->changed.notify_one();
}

void LogWriter::write(std::string_view line) noexcept {
  if (line.empty()) return;
  const std::string_view text = line.substr(0, std::min(line.size(), kMaxLineBytes) - 1);  // without its newline
  const std::lock_guard lock(state_->mutex);
  if (state_->ring.reserve() < text.size() + 1) {
    ++state_->dropped;
    state_->reason = 0;
    return;
  }
  state_->ring.insert(state_->ring.end(), text.begin(), text.end());
  state_->ring.push_back('\n');
  state_->changed.notify_one();
}

void LogWriter::write_last(std::string_view text) const {
  shm::last_words(state_->format(text), state_->fd.get());
}

bool LogWriter::settle() noexcept {
  std::unique_lock lock(state_->mutex);
  const auto idle = [this] { return state_->is_idle(); };
  if (!state_->behind) state_->behind = !state_->written.wait_for(lock, kMoment, idle);
  return idle();
}

void LogWriter::reopen() noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->reopen = true;
  state_->changed.notify_one();
}

}  // namespace dolium::daemon
