#pragma once
// Transport: the bytes of one connection. It holds the rings, the frames being written and the frames that have
// arrived. It uses the session's socket, and knows neither calls nor sessions.
//
// Writing is serialised by write_mutex. Reading belongs to one thread at a time, the leader: see exchange.h.

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include <dolium/result.h>

#include "protocol/channel.h"
#include "protocol/codec.h"
#include "protocol/fd_socket.h"
#include "protocol/frame.h"
#include "shm/os/busy_poll.h"
#include "shm/os/segment.h"
#include "shm/os/unique_fd.h"

namespace dolium::detail {

class Transport {
 public:
  /// Looks at a ring before this thread yields the core.
  static constexpr int kLooksPerYield = 40;

  /// `socket` keeps its number when the session changes its connection; `busy_poll` is the session's. Both outlive
  /// this.
  Transport(const shm::UniqueFd& socket, shm::BusyPoll& busy_poll) : socket_(socket), busy_poll_(busy_poll) {}
  /// Begins with what a handshake left: at the start, and on each later connection. Drops what was queued and read
  /// before. Under lock_writing(), by the leader.
  void begin(std::unique_ptr<protocol::FrameReader> reader, std::optional<shm::Mapping> rings);

  // ---- writing ----

  [[nodiscard]] std::unique_lock<std::mutex> lock_writing() { return std::unique_lock(write_mutex_); }
  /// Queues a frame of encoder(), or writes it into the ring. Under lock_writing().
  [[nodiscard]] Result<void> push(const Result<std::span<const std::byte>>& frame) {
    return frame ? channel_.push(*writer_, *frame) : Result<void>(frame.error());
  }
  /// The same for a frame that is only queued: the rings or the socket are new, and empty. Under lock_writing().
  void queue(const Result<std::span<const std::byte>>& frame) {
    if (frame) static_cast<void>(writer_->push(*frame));  // there is room: the old connection's queue had it
  }
  [[nodiscard]] protocol::Encoder& encoder() noexcept { return encoder_; }

  struct Flushed {
    bool all = false;
    std::size_t queued = 0;  // bytes that are left
  };
  /// Sends as much as the other side takes now.
  [[nodiscard]] Result<Flushed> flush(protocol::WhenFull when_full);
  [[nodiscard]] std::size_t queued_bytes();
  [[nodiscard]] bool has_rings();
  /// Wakes the daemon ahead of a request that comes soon. Does nothing without rings, or where busy polling is off.
  void wake_early() noexcept;

  // ---- reading, by the leader ----

  /// Takes in what has arrived.
  [[nodiscard]] Result<protocol::ReadState> read() {
    return channel_.read(socket_.get(), *reader_, protocol::Channel::Look::everywhere);
  }
  /// Waits for bytes, and takes them in: polls as long as that pays, then sleeps. would_block when nothing came in
  /// time.
  [[nodiscard]] Result<protocol::ReadState> receive(protocol::Deadline deadline);
  [[nodiscard]] std::optional<std::span<const std::byte>> next() { return reader_->next(); }
  /// Asks for a bell. False: something has arrived already.
  [[nodiscard]] bool may_sleep() noexcept { return channel_.may_sleep(); }
  /// No bells are needed.
  void awake() noexcept { channel_.awake(); }

  // ---- busy polling ----

  /// The end of busy polling that begins now; in the past where polling does not pay.
  [[nodiscard]] protocol::Deadline poll_until() const;
  /// Yields the core once. False: polling does not pay any more.
  [[nodiscard]] bool give_way() noexcept;

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  const shm::UniqueFd& socket_;
  shm::BusyPoll& busy_poll_;

  std::mutex write_mutex_;
  protocol::Encoder encoder_;
  std::optional<protocol::FrameWriter> writer_{std::in_place};

  std::unique_ptr<protocol::FrameReader> reader_;

  protocol::Channel channel_;  // reading is the leader's, writing under write_mutex_
};

}  // namespace dolium::detail
