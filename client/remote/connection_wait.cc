// Waiting: who reads for all, how long it looks before it sleeps, and what becomes of a request that finds no room. See
// connection.h.

#include <poll.h>

#include <algorithm>
#include <new>

#include "client/remote/connection.h"
#include "shm/os/cores.h"
#include "shm/os/give_way.h"

namespace dolium::detail {

using protocol::Channel;
using protocol::Deadline;
using protocol::kNoDeadline;
using protocol::ReadState;

bool Connection::wait(Call& call, Deadline deadline) {
  std::unique_lock lock(traffic_->mutex);
  return wait_until(
      lock, call.wake, [&call] { return call.answered; }, deadline);
}

bool Connection::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wake,
                            const std::function<bool()>& done, Deadline deadline) {
  bool in_time = true;
  while (in_time && !done()) {
    in_time = deadline == kNoDeadline || std::chrono::steady_clock::now() < deadline;
    if (!in_time) break;
    if (!traffic_->reading) {
      traffic_->reading = true;
      lock.unlock();
      read_once(deadline);
      lock.lock();
      stop_reading();
      if (!traffic_->unsent.exchange(false)) continue;
      lock.unlock();
      flush(Patience::wait);
      lock.lock();
      continue;
    }
    Follower self(wake);
    traffic_->followers.push_back(self);
    if (deadline == kNoDeadline)
      wake.wait(lock);
    else
      wake.wait_until(lock, deadline);
  }
  if (!traffic_->reading) pass_lead();
  return done();
}

void Connection::pass_lead() noexcept {
  if (!traffic_->followers.empty()) traffic_->followers.front().wake.notify_one();
}

bool Connection::try_read() {
  {
    const std::lock_guard lock(traffic_->mutex);
    if (traffic_->reading || traffic_->failure) return false;
    traffic_->reading = true;
  }
  const bool more =
      take([this] { return traffic_->channel.read(socket_->get(), *traffic_->reader, Channel::Look::everywhere); });
  std::unique_lock lock(traffic_->mutex);
  stop_reading();
  pass_lead();
  return more;
}

/// Who waits for event_fd() must hear of what comes from now on, and of what came meanwhile.
void Connection::stop_reading() {
  traffic_->reading = false;
  if (traffic_->watched && !traffic_->channel.may_sleep()) completions_.poke();
}

int Connection::event_fd() {
  if (inherited()) return poll_fd_.get();  // the mutex may be locked there, by nobody
  const std::lock_guard lock(traffic_->mutex);
  traffic_->watched = true;
  if (!traffic_->reading && !traffic_->channel.may_sleep()) completions_.poke();
  return poll_fd_.get();
}

void Connection::read_once(Deadline deadline) {
  take([&] { return receive(deadline); });
}

/// Reads by `read`, and does what is to be done with it; true when there may be more. Whoever reads, reads for all:
/// where there is no memory for what has come, nobody would ever get it, so the connection fails, for everybody to see.
template <class Read>
bool Connection::take(Read&& read) {
  try {
    const Result<ReadState> state = read();
    while (const auto payload = traffic_->reader->next()) dispatch(*payload);
    if (!state)
      lost(state.error());
    else if (*state == ReadState::end_of_file)
      lost({Errc::disconnected,
            "the daemon closed the connection: it was stopped, or has died; connect again when it is back"});
    return state && *state == ReadState::progress;
  } catch (const std::bad_alloc&) {
    fail_without_memory();
    return false;
  }
}

/// When to look no more, and sleep; now, where looking does not pay.
Deadline Connection::look_until() const {
  return std::chrono::steady_clock::now() + std::chrono::nanoseconds(busy_poll_.how_long(shm::monotonic_now()));
}

/// One piece of what the daemon sends; would_block when nothing came in time.
Result<ReadState> Connection::receive(Deadline deadline) {
  using Clock = std::chrono::steady_clock;
  Channel& channel = traffic_->channel;
  if (const Deadline end = std::min(deadline, look_until()); Clock::now() < end) {
    do {
      for (int looks = 0; channel.has_rings() && looks < kLooksPerYield && !channel.ring_has_bytes(); ++looks)
        shm::relax();
      Result<ReadState> read = channel.read(socket_->get(), *traffic_->reader, Channel::Look::ring_only);
      if (!read || *read != ReadState::would_block) return read;
    } while (shm::give_way(busy_poll_) && Clock::now() < end);
  }
  if (!channel.may_sleep()) return channel.read(socket_->get(), *traffic_->reader, Channel::Look::ring_only);
  const Result<bool> ready = protocol::wait_readable(socket_->get(), deadline);
  channel.awake();
  if (!ready) return ready.error();
  return channel.read(socket_->get(), *traffic_->reader, *ready ? Channel::Look::everywhere : Channel::Look::ring_only);
}

/// A while for the daemon to take something out of the ring. False when it has had long enough.
bool Connection::look_for_room(Deadline until) {
  return std::chrono::steady_clock::now() < until && (try_read() || shm::give_way(busy_poll_));
}

/// The daemon takes no more requests until somebody reads its replies: that may have to be us.
void Connection::wait_for_room() {
  const bool through_rings = [this] {
    const std::lock_guard lock(traffic_->write_mutex);  // a successor's may take their place
    return traffic_->channel.has_rings();
  }();
  if (through_rings) {
    // The bell that says so may be heard by who reads: so never for long.
    if (try_read()) return;
    pollfd socket{socket_->get(), POLLIN, 0};
    ::poll(&socket, 1, kFlushPatienceMs);
    return;
  }
  const bool someone_reads = [this] {
    const std::lock_guard lock(traffic_->mutex);
    return traffic_->reading;
  }();
  const short wanted = someone_reads ? POLLOUT : POLLOUT | POLLIN;
  pollfd socket{socket_->get(), wanted, 0};
  // Who reads now may have its answer and leave at any moment, without a word to us: then it is our turn.
  ::poll(&socket, 1, someone_reads ? kFlushPatienceMs : -1);
  if ((socket.revents & POLLIN) != 0) try_read();
}

Result<void> Connection::process_events() {
  while (try_read()) {
  }
  flush(Patience::none);
  if (gone_for_good()) fail_as_gone();
  completions_.run();
  const std::lock_guard lock(traffic_->mutex);
  return traffic_->failure ? Result<void>(*traffic_->failure) : Result<void>();
}

}  // namespace dolium::detail
