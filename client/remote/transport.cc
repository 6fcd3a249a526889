#include "client/remote/transport.h"

#include <algorithm>
#include <chrono>

#include "shm/os/cores.h"
#include "shm/os/give_way.h"

namespace dolium::detail {

using protocol::Channel;
using protocol::Deadline;
using protocol::ReadState;

void Transport::begin(std::unique_ptr<protocol::FrameReader> reader, std::optional<shm::Mapping> rings) {
  writer_.emplace();
  reader_ = std::move(reader);
  channel_ = {};
  if (rings) channel_.use_rings(*std::move(rings), protocol::RingPair::Side::client);
}

// ---- writing ----

Result<Transport::Flushed> Transport::flush(protocol::WhenFull when_full) {
  const std::lock_guard lock(write_mutex_);
  const Result<bool> flushed = channel_.flush(socket_.get(), *writer_, when_full);
  if (!flushed) return flushed.error();
  return Flushed{*flushed, writer_->queued_bytes()};
}

std::size_t Transport::queued_bytes() {
  const std::lock_guard lock(write_mutex_);
  return writer_->queued_bytes();
}

bool Transport::has_rings() {
  const std::lock_guard lock(write_mutex_);  // another connection's may take their place
  return channel_.has_rings();
}

void Transport::wake_early() noexcept {
  if (busy_poll_.how_long(shm::monotonic_now()) == 0) return;
  const std::unique_lock lock(write_mutex_, std::try_to_lock);  // a thread that writes wakes the daemon anyway
  if (lock.owns_lock()) channel_.wake_early(socket_.get());
}

// ---- reading ----

Result<ReadState> Transport::receive(Deadline deadline) {
  using SteadyClock = std::chrono::steady_clock;
  if (const Deadline end = std::min(deadline, poll_until()); SteadyClock::now() < end) {
    do {
      for (int looks = 0; channel_.has_rings() && looks < kLooksPerYield && !channel_.ring_has_bytes(); ++looks)
        shm::relax();
      Result<ReadState> read = channel_.read(socket_.get(), *reader_, Channel::Look::ring_only);
      if (!read || *read != ReadState::would_block) return read;
    } while (give_way() && SteadyClock::now() < end);
  }
  if (!channel_.may_sleep()) return channel_.read(socket_.get(), *reader_, Channel::Look::ring_only);
  const Result<bool> ready = protocol::wait_readable(socket_.get(), deadline);
  channel_.awake();
  if (!ready) return ready.error();
  return channel_.read(socket_.get(), *reader_, *ready ? Channel::Look::everywhere : Channel::Look::ring_only);
}

// ---- busy polling ----

Deadline Transport::poll_until() const {
  return std::chrono::steady_clock::now() + std::chrono::nanoseconds(busy_poll_.how_long(shm::monotonic_now()));
}

bool Transport::give_way() noexcept {
  return shm::give_way(busy_poll_);
}

}  // namespace dolium::detail
