#pragma once
// SessionWire: the frames of one session, in and out. They go through the socket; after the reply that hands a pair of
// rings to the client, they go through those.
//
// It never blocks. It knows no state of the session: what a frame means, and whether it is still wanted, is the
// session's business. The socket must outlive it.
//
// A resource: neither copied nor moved.

#include <sys/types.h>

#include <optional>
#include <span>
#include <vector>

#include <dolium/result.h>

#include "protocol/channel.h"
#include "protocol/codec.h"
#include "protocol/frame.h"
#include "shm/os/segment.h"

namespace dolium::daemon {

class SessionWire {
 public:
  /// Maximum number of unsent bytes: above it, no more requests are taken from this client until it has read some.
  static constexpr std::size_t kMaxUnsentBytes = 1024 * 1024;
  /// Events are put on the wire only while less than this is unsent; the rest waits in the stream.
  static constexpr std::size_t kMaxUnsentEvents = 256 * 1024;

  explicit SessionWire(int socket) noexcept : socket_(socket) {}
  SessionWire(const SessionWire&) = delete;
  SessionWire& operator=(const SessionWire&) = delete;

  // Out.
  /// Queues a message. An error is final.
  template <class Message>
  [[nodiscard]] Result<void> push(std::uint64_t request_id, const Message& message,
                                  std::vector<shm::UniqueFd> descriptors = {}) {
    return queue(encoder_.encode(request_id, message), std::move(descriptors));
  }
  /// Sends what it can. True: everything is out. disconnected when the peer has gone.
  [[nodiscard]] Result<bool> flush();
  /// Forgets what is queued, with its descriptors.
  void drop_unsent();
  /// When what is queued now is out, frames go through these rings.
  void use_rings(shm::Mapping memory) { next_rings_ = std::move(memory); }
  [[nodiscard]] std::size_t unsent_bytes() const noexcept { return writer_.queued_bytes(); }
  /// Requests are not read until the peer has read more.
  [[nodiscard]] bool is_full() const noexcept { return writer_.queued_bytes() > kMaxUnsentBytes; }
  [[nodiscard]] bool has_room_for_events() const noexcept { return writer_.queued_bytes() < kMaxUnsentEvents; }
  /// Whether the peer has read all that was sent through the socket.
  [[nodiscard]] bool peer_has_read_all() const noexcept;

  // In.
  /// Takes in what has arrived. Descriptors that came along are closed: no request carries any.
  [[nodiscard]] Result<protocol::ReadState> read(protocol::Channel::Look look);
  /// The payload of the next complete frame; valid until the next call of next() or read().
  [[nodiscard]] std::optional<std::span<const std::byte>> next() { return reader_.next(); }
  /// Takes bells off the socket. end_of_file when the peer has closed it.
  [[nodiscard]] Result<protocol::ReadState> take_bells() const { return protocol::Channel::take_bells(socket_); }
  /// The process that sent what was read last; 0 when it is not known.
  [[nodiscard]] pid_t sender() const noexcept { return reader_.sender(); }

  [[nodiscard]] bool has_rings() const noexcept { return channel_.has_rings(); }
  [[nodiscard]] bool ring_has_bytes() const noexcept { return channel_.ring_has_bytes(); }
  /// True: the peer rings for the next frame. False: something has arrived, read it first.
  [[nodiscard]] bool may_sleep() noexcept { return channel_.may_sleep(); }

 private:
  [[nodiscard]] Result<void> queue(const Result<std::span<const std::byte>>& frame,
                                   std::vector<shm::UniqueFd> descriptors);

  const int socket_;
  protocol::FrameReader reader_;
  protocol::FrameWriter writer_;
  protocol::Encoder encoder_;
  protocol::Channel channel_;
  std::optional<shm::Mapping> next_rings_;  // until the reply that gives them to the client is out
};

}  // namespace dolium::daemon
