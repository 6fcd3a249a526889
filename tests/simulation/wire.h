#pragma once
// Wire: a client's end of one connection, through a socket or rings. Each step moves a given number of bytes: half a
// message, or three and a half. Never waits. Consists of the protocol's own parts.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "protocol/frame.h"
#include "protocol/ring.h"
#include "shm/os/segment.h"
#include "shm/os/unique_fd.h"

namespace dolium::simulation {

class Wire {
 public:
  explicit Wire(shm::UniqueFd socket) : socket_(std::move(socket)) {}
  /// Frames go through these from here on.
  void use_rings(shm::Mapping memory);

  void send(std::span<const std::byte> frame) { outbox_.insert(outbox_.end(), frame.begin(), frame.end()); }
  /// Sends so many bytes of it, if there is room.
  void push(std::size_t most);
  [[nodiscard]] bool has_unsent() const noexcept { return sent_ != outbox_.size(); }

  /// Takes in some of what has arrived. False: there is nothing more.
  [[nodiscard]] bool take_in();
  /// The next message of what was taken in.
  [[nodiscard]] std::optional<std::span<const std::byte>> next() { return reader_.next(); }
  [[nodiscard]] std::vector<shm::UniqueFd> take_descriptors() { return reader_.take_descriptors(); }
  /// The other end is gone, and what it sent has been taken in.
  [[nodiscard]] bool has_ended() const noexcept { return ended_; }

 private:
  [[nodiscard]] std::size_t write(std::span<const std::byte> bytes);
  void ring_bell() const;

  shm::UniqueFd socket_;
  std::unique_ptr<protocol::RingPair> rings_;
  protocol::FrameReader reader_;
  std::vector<std::byte> outbox_;
  std::size_t sent_ = 0;  // of outbox_
  bool ended_ = false;
};

}  // namespace dolium::simulation
