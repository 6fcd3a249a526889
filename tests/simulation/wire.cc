#include "tests/simulation/wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>

#include "protocol/channel.h"

namespace dolium::simulation {

using protocol::ReadState;

void Wire::use_rings(shm::Mapping memory) {
  rings_ = std::make_unique<protocol::RingPair>(std::move(memory), protocol::RingPair::Side::client);
}

// ---- out ----

void Wire::push(std::size_t most) {
  while (most != 0 && has_unsent()) {
    const std::size_t sent = write(std::span(outbox_).subspan(sent_, std::min(most, outbox_.size() - sent_)));
    if (sent == 0) return;
    sent_ += sent;
    most -= sent;
  }
  if (has_unsent()) return;
  outbox_.clear();
  sent_ = 0;
}

std::size_t Wire::write(std::span<const std::byte> bytes) {
  if (rings_ == nullptr) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  const std::size_t sent = rings_->out.write(bytes).value();
  if (rings_->out.take_bell()) ring_bell();
  return sent;
}

void Wire::ring_bell() const {
  const ssize_t sent = ::send(socket_.get(), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  REQUIRE((sent == 1 || errno == EPIPE));
}

// ---- in ----

bool Wire::take_in() {
  if (ended_) return false;
  Result<ReadState> read = rings_ == nullptr ? reader_.read_from(socket_.get()) : reader_.read_from(rings_->in);
  if (read.value() == ReadState::progress) {
    if (rings_ != nullptr && rings_->in.take_bell()) ring_bell();
    return true;
  }
  if (rings_ != nullptr) read = protocol::Channel::take_bells(socket_.get());
  // A ring has no end of its own: what was written to it before the socket was closed is there by now.
  ended_ = read.value() == ReadState::end_of_file && (rings_ == nullptr || rings_->in.is_empty());
  return false;
}

}  // namespace dolium::simulation
