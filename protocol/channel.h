#pragma once
// Channel: transports frames between client and daemon: through the socket, or, once both sides have agreed, through a
// pair of rings in shared memory (ring.h). With rings, the socket only carries doorbells (single bytes that mean "look
// at the ring"), and its end is still the end of the connection.
//
// How to use a channel with rings: the reader busy-polls the ring as long as it likes, then calls may_sleep() and waits
// until the socket is readable. The other side only rings for a sleeping reader. A write that does not fit continues
// after a bell. Without rings, may_sleep() is always true, and "would block" means: wait for the socket.
//
// One thread may read while another writes. A resource.

#include <memory>

#include "protocol/frame.h"
#include "protocol/ring.h"

namespace dolium::protocol {

class Channel {
 public:
  /// Where to look for bytes. Reading the socket costs a system call, but only the socket shows the end of the stream.
  enum class Look : std::uint8_t { ring_only, everywhere };

  /// Switches to the rings. All frames in the socket must have been read before.
  void use_rings(shm::Mapping memory, RingPair::Side side);
  [[nodiscard]] bool has_rings() const noexcept { return rings_ != nullptr; }

  /// Reads the bytes that have arrived. Returns `end_of_file` only when nothing is left to read.
  [[nodiscard]] Result<ReadState> read(int socket, FrameReader& reader, Look look);
  /// Sends a frame without descriptors, as far as the ring has room, and queues the rest. flush() rings the bell.
  [[nodiscard]] Result<void> push(FrameWriter& writer, std::span<const std::byte> frame) {
    return has_rings() ? writer.push(frame, rings_->out) : writer.push(frame);
  }
  /// Sends as much as possible, like FrameWriter::flush(). Returns false if a part is left: call again when the socket
  /// is writable; with rings, after the next bell, or soon if no bell was requested.
  [[nodiscard]] Result<bool> flush(int socket, FrameWriter& writer, WhenFull when_full = WhenFull::ask_for_bell);

  /// Wakes the other side ahead of a write that comes soon, so that it already polls. Does nothing without rings.
  void wake_early(int socket) noexcept;

  /// Call it before waiting until the socket is readable. Returns false if bytes have arrived: read them first.
  [[nodiscard]] bool may_sleep() noexcept { return !has_rings() || rings_->in.fall_asleep(); }
  /// Call it after that wait: no more bells are needed.
  void awake() noexcept {
    if (has_rings()) rings_->in.awake();
  }
  [[nodiscard]] bool ring_has_bytes() const noexcept { return has_rings() && !rings_->in.is_empty(); }
  /// Reads the bells from the socket. Returns end_of_file if the other side has closed it.
  [[nodiscard]] static Result<ReadState> take_bells(int socket);

 private:
  [[nodiscard]] Result<ReadState> read_ring(int socket, FrameReader& reader);

  std::unique_ptr<RingPair> rings_;
};

}  // namespace dolium::protocol
