// Waiting for replies: which thread reads for all, and for how long. See exchange.h.

#include <algorithm>
#include <new>

#include "client/remote/exchange.h"

namespace dolium::detail {

using protocol::Deadline;
using protocol::kNoDeadline;
using protocol::ReadState;

bool Exchange::wait(Call& call, Deadline deadline) {
  std::unique_lock lock(mutex_);
  return wait_until(
      lock, call.wake, [&call] { return call.answered; }, deadline);
}

bool Exchange::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wake,
                          const std::function<bool()>& done, Deadline deadline) {
  bool in_time = true;
  while (in_time && !done()) {
    in_time = deadline == kNoDeadline || std::chrono::steady_clock::now() < deadline;
    if (!in_time) break;
    if (!reading_) {
      reading_ = true;
      lock.unlock();
      read_once(deadline);
      lock.lock();
      stop_reading();
      if (!unsent_.exchange(false)) continue;
      lock.unlock();
      flush(Patience::wait);
      lock.lock();
      continue;
    }
    Follower self(wake);
    followers_.push_back(self);
    if (deadline == kNoDeadline)
      wake.wait(lock);
    else
      wake.wait_until(lock, deadline);
  }
  if (!reading_) pass_lead();
  return done();
}

void Exchange::pass_lead() noexcept {
  if (!followers_.empty()) followers_.front().wake.notify_one();
}

bool Exchange::try_read() {
  {
    const std::lock_guard lock(mutex_);
    if (reading_ || failure_) return false;
    reading_ = true;
  }
  const bool more = take([this] { return transport_.read(); });
  std::unique_lock lock(mutex_);
  stop_reading();
  pass_lead();
  return more;
}

/// A thread that waits for event_fd() must learn of what arrives from now on, and of what arrived meanwhile.
void Exchange::stop_reading() {
  reading_ = false;
  if (watched_ && !transport_.may_sleep()) completions_.poke();
}

void Exchange::watch() {
  const std::lock_guard lock(mutex_);
  watched_ = true;
  if (!reading_ && !transport_.may_sleep()) completions_.poke();
}

void Exchange::read_once(Deadline deadline) {
  take([&] { return transport_.receive(deadline); });
}

/// Calls `read`, and handles what has arrived; true when there may be more. The leader reads for all: if there is no
/// memory for a message, its reader would never get it, so the connection fails, for every thread to see.
template <class Read>
bool Exchange::take(Read&& read) {
  try {
    const Result<ReadState> state = read();
    while (const auto payload = transport_.next()) dispatch(*payload);
    if (!state)
      session_.lost(state.error());
    else if (*state == ReadState::end_of_file)
      session_.lost({Errc::disconnected,
                     "the daemon closed the connection: it was stopped, or has died; connect again when it is back"});
    return state && *state == ReadState::progress;
  } catch (const std::bad_alloc&) {
    fail_without_memory();
    return false;
  }
}

}  // namespace dolium::detail
