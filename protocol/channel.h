#pragma once
// Channel: how frames cross between client and daemon: through the socket, or, once both sides have agreed on them,
// through a pair of rings beside it (ring.h). Then the socket carries doorbells, single bytes without a meaning but
// "look", and its end is still the connection's end.
//
// A channel with rings: who reads spins on the ring as long as it likes, then calls may_sleep() and waits for the
// socket to be readable; the other side rings only for who sleeps. A write that does not fit is continued after a bell.
// Without rings may_sleep() is always true, and "would block" means: wait for the socket.
//
// One thread may read while another writes. A resource.

#include <memory>

#include "protocol/frame.h"
#include "protocol/ring.h"

namespace dolium::protocol {

class Channel {
 public:
  /// Where to look: a look at the socket costs a system call, and without it the end of the stream is not seen.
  enum class Look : std::uint8_t { ring_only, everywhere };

  /// From now on frames go through the rings; those that are on their way in the socket must have been read.
  void use_rings(shm::Mapping memory, RingPair::Side side);
  [[nodiscard]] bool has_rings() const noexcept { return rings_ != nullptr; }

  /// Takes in what has arrived. `end_of_file` only when nothing is left to read.
  [[nodiscard]] Result<ReadState> read(int socket, FrameReader& reader, Look look);
  /// Queues a frame without descriptors, or as much of it as cannot go at once; flush() rings for it.
  [[nodiscard]] Result<void> push(FrameWriter& writer, std::span<const std::byte> frame) {
    return has_rings() ? writer.push(frame, rings_->out) : writer.push(frame);
  }
  /// Sends what it can, as FrameWriter::flush() does. False: come back when the socket is writable, or, with rings,
  /// after the next bell, or, without one, soon.
  [[nodiscard]] Result<bool> flush(int socket, FrameWriter& writer, WhenFull when_full = WhenFull::ask_for_bell);

  /// Wakes the other side ahead of a write that comes soon, so that it looks for it already. Nothing without rings.
  void wake_early(int socket) noexcept;

  /// Before waiting for the socket to be readable. False: something has arrived, read it first.
  [[nodiscard]] bool may_sleep() noexcept { return !has_rings() || rings_->in.fall_asleep(); }
  /// After that wait: no bells, please.
  void awake() noexcept {
    if (has_rings()) rings_->in.awake();
  }
  [[nodiscard]] bool ring_has_bytes() const noexcept { return has_rings() && !rings_->in.is_empty(); }
  /// Takes the bells off the socket; end_of_file when the other side has closed it.
  [[nodiscard]] static Result<ReadState> take_bells(int socket);

 private:
  [[nodiscard]] Result<ReadState> read_ring(int socket, FrameReader& reader);

  std::unique_ptr<RingPair> rings_;
};

}  // namespace dolium::protocol
