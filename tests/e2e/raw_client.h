#pragma once
// RawClient: a connection that sends arbitrary bytes, valid or not. There is no library between the test and the
// daemon.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <dolium/options.h>

#include "protocol/codec.h"
#include "protocol/frame.h"
#include "protocol/version.h"
#include "shm/os/unique_fd.h"

namespace dolium::e2e {

class RawClient {
 public:
  /// Connected; nothing has been said.
  explicit RawClient(const std::string& socket);

  /// False when the daemon does not listen any more.
  bool send(std::span<const std::byte> bytes);
  /// Bytes, and descriptors beside the first of them.
  bool send_with(std::span<const std::byte> bytes, std::span<const int> descriptors);
  template <class Message>
  bool request(std::uint64_t id, Message message) {
    return send(encode(id, message));
  }
  /// A whole frame, header included.
  template <class Message>
  [[nodiscard]] std::vector<std::byte> encode(std::uint64_t id, Message message) {
    const std::span<const std::byte> frame = encoder_.encode(id, message).value();
    return {frame.begin(), frame.end()};
  }

  /// The next message, valid until the next call; nullptr when the daemon has said its last.
  [[nodiscard]] const protocol::ReplyFrame* receive();
  /// Reads up to the end of what the daemon says; its last words, if it said GoodbyeNotice.
  [[nodiscard]] std::string last_words();
  /// Says hello properly and keeps the welcome: its descriptors, in HelloReply's order.
  const std::vector<shm::UniqueFd>& hello(Access access = Access::read_write);
  [[nodiscard]] std::uint64_t session_id() const noexcept { return session_id_; }
  [[nodiscard]] std::uint64_t fork_token() const noexcept { return fork_token_; }
  /// Asks for a copy of another's session; the reply.
  [[nodiscard]] const protocol::ReplyFrame* hello_of(std::uint64_t session_id, std::uint64_t fork_token);
  [[nodiscard]] std::vector<shm::UniqueFd> take_descriptors() { return reader_.take_descriptors(); }
  [[nodiscard]] static protocol::HelloRequestT hello_request(Access access = Access::read_write,
                                                             std::uint32_t version = protocol::kProtocolVersion);

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  void close() { socket_.reset(); }

 private:
  shm::UniqueFd socket_;
  protocol::Encoder encoder_;
  protocol::FrameReader reader_;
  std::vector<shm::UniqueFd> welcome_;
  std::uint64_t session_id_ = 0;
  std::uint64_t fork_token_ = 0;
};

}  // namespace dolium::e2e
