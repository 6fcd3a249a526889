#include "protocol/channel.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "shm/system_error.h"

namespace dolium::protocol {
namespace {

/// A failure needs no care: a full socket holds bells enough, and a broken one is found out by who reads it.
void ring_bell(int socket) {
  constexpr std::byte kBell{1};
  while (::send(socket, &kBell, sizeof(kBell), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

}  // namespace

void Channel::use_rings(shm::Mapping memory, RingPair::Side side) {
  rings_ = std::make_unique<RingPair>(std::move(memory), side);
}

Result<ReadState> Channel::read(int socket, FrameReader& reader, Look look) {
  if (!has_rings()) return reader.read_from(socket);
  // Bells first: one that is left behind would wake somebody for nothing. And the other side's last words were in the
  // ring before it closed the socket.
  const Result<ReadState> bells = look == Look::everywhere ? take_bells(socket) : ReadState::would_block;
  if (!bells) return bells;
  const Result<ReadState> read = read_ring(socket, reader);
  return read && *read == ReadState::would_block ? bells : read;
}

Result<ReadState> Channel::read_ring(int socket, FrameReader& reader) {
  Result<ReadState> read = reader.read_from(rings_->in);
  if (read && *read == ReadState::progress && rings_->in.take_bell()) ring_bell(socket);
  return read;
}

Result<bool> Channel::flush(int socket, FrameWriter& writer) {
  if (!has_rings()) return writer.flush(socket);
  Result<bool> flushed = writer.flush(rings_->out);
  if (flushed && rings_->out.take_bell()) ring_bell(socket);
  return flushed;
}

void Channel::wake_early(int socket) noexcept {
  if (has_rings() && rings_->out.take_early_bell()) ring_bell(socket);
}

Result<ReadState> Channel::take_bells(int socket) {
  std::array<std::byte, 256> bells;  // what is left keeps the socket readable
  ssize_t count = 0;
  do count = ::recv(socket, bells.data(), bells.size(), MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  if (count > 0) return ReadState::would_block;
  if (count == 0 || errno == ECONNRESET) return ReadState::end_of_file;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return ReadState::would_block;
  return shm::system_error("read from the connection");
}

}  // namespace dolium::protocol
