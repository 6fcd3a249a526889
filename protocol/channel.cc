#include "protocol/channel.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "shm/os/persevere.h"

namespace dolium::protocol {
namespace {

/// Maximum number of retries, one per millisecond, while the kernel has no memory for a bell.
constexpr int kMaxShortages = 100;

/// Most failures can be ignored: a full socket has enough bells, and the reader notices a broken one. But if a bell is
/// lost for lack of kernel memory, the other side sleeps forever; so the connection is shut down instead.
void ring_bell(int socket) {
  constexpr std::byte kBell{1};
  const auto ring = [&] { return ::send(socket, &kBell, sizeof(kBell), MSG_DONTWAIT | MSG_NOSIGNAL); };
  if (shm::persevere(kMaxShortages, ring) < 0 && shm::is_short_of_memory(errno)) ::shutdown(socket, SHUT_RDWR);
}

}  // namespace

void Channel::use_rings(shm::Mapping memory, RingPair::Side side) {
  rings_ = std::make_unique<RingPair>(std::move(memory), side);
}

Result<ReadState> Channel::read(int socket, FrameReader& reader, Look look) {
  if (!has_rings()) return reader.read_from(socket);
  // Read the bells first: an old bell would cause a useless wakeup. And the other side wrote its last bytes into the
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

Result<bool> Channel::flush(int socket, FrameWriter& writer, WhenFull when_full) {
  if (!has_rings()) return writer.flush(socket);
  Result<bool> flushed = writer.flush(rings_->out, when_full);
  if (flushed && rings_->out.take_bell()) ring_bell(socket);
  return flushed;
}

void Channel::wake_early(int socket) noexcept {
  if (has_rings() && rings_->out.take_early_bell()) ring_bell(socket);
}

Result<ReadState> Channel::take_bells(int socket) {
  std::array<std::byte, 256> bells;  // more bells keep the socket readable
  const ssize_t count =
      shm::retry_interrupted([&] { return ::recv(socket, bells.data(), bells.size(), MSG_DONTWAIT); });
  if (count > 0) return ReadState::would_block;
  if (count == 0 || errno == ECONNRESET) return ReadState::end_of_file;
  if (errno == EAGAIN || errno == EWOULDBLOCK || shm::is_short_of_memory(errno)) return ReadState::would_block;
  return shm::system_error("read from the connection");
}

}  // namespace dolium::protocol
