#pragma once
// TierSession: the spill tier's session with the server. It is a client's session: a socket, mappings of the store, and
// a pin table of its own. References to objects are taken and released as any client does (shm/table/holder.h).
//
// Messages go through the socket, without rings: they are few. One thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <dolium/result.h>

#include "client/remote/handshake.h"
#include "messages_generated.h"
#include "protocol/codec.h"
#include "shm/table/holder.h"

namespace dolium::spill {

class TierSession {
 public:
  /// Connects, and shows the token. Waits at most until the deadline.
  [[nodiscard]] static Result<std::unique_ptr<TierSession>> connect(const std::string& socket,
                                                                    const protocol::TierToken& token,
                                                                    protocol::Deadline deadline);
  TierSession(const TierSession&) = delete;
  TierSession& operator=(const TierSession&) = delete;

  /// Queues a request; returns its number. flush() sends it.
  template <class Request>
  Result<std::uint64_t> send(const Request& request) {
    const auto frame = encoder_.encode(++last_request_, request);
    if (!frame) return frame.error();
    if (auto pushed = writer_.push(*frame); !pushed) return pushed.error();
    return last_request_;
  }
  /// Sends a request and waits for its reply. What else comes meanwhile is an error: nothing is under way then. The
  /// frame is valid until the next call.
  template <class Reply, class Request>
  Result<const Reply*> ask(const Request& request, protocol::Deadline deadline) {
    const Result<std::uint64_t> number = send(request);
    return number ? await<Reply>(*number, deadline) : Result<const Reply*>(number.error());
  }
  /// Waits for the reply to the first request that was not answered yet. As ask().
  template <class Reply>
  Result<const Reply*> await(std::uint64_t number, protocol::Deadline deadline) {
    const Result<const protocol::ReplyFrame*> frame = await_frame(number, deadline);
    if (!frame) return frame.error();
    const auto* reply = (*frame)->template body_as<Reply>();
    if (reply == nullptr) return Error{Errc::protocol_error, "the server answered a question that was not asked"};
    return reply;
  }

  /// Sends what the socket takes. Errors are final, here and below.
  [[nodiscard]] Result<void> flush();
  [[nodiscard]] bool has_unsent() const noexcept { return writer_.queued_bytes() != 0; }
  /// Reads what has arrived, without waiting; next() returns it. `disconnected` at the end.
  [[nodiscard]] Result<void> read();
  /// The next frame, valid until the next call; nothing when there is none. An error when the server says goodbye.
  [[nodiscard]] Result<const protocol::ReplyFrame*> next();
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

  // ---- the store's memory ----
  // A create may wait for a release. It is not notified of these: room is there when the answer to the write arrives,
  // which follows at once.

  [[nodiscard]] std::optional<shm::Held> hold(const shm::Granted& granted) noexcept;
  void release(const shm::Held& held) noexcept;
  /// All grants up to this number are taken up.
  void take_up_grants(std::uint64_t through) noexcept;
  /// Empty if the range is not in the arena.
  [[nodiscard]] std::span<const std::byte> bytes(std::uint64_t offset, std::uint64_t size) const noexcept;
  [[nodiscard]] std::span<std::byte> writable_bytes(std::uint64_t offset, std::uint64_t size) const noexcept;
  /// Whether the store has been stopped, or its keeper is gone.
  [[nodiscard]] bool store_is_gone() const noexcept { return holder_.index().owner().gone_for_good(); }

 private:
  TierSession() = default;
  [[nodiscard]] Result<void> attach(detail::Welcome welcome);
  [[nodiscard]] Result<const protocol::ReplyFrame*> await_frame(std::uint64_t number, protocol::Deadline deadline);

  shm::UniqueFd socket_;
  shm::Mapping index_;
  shm::Mapping arena_;
  shm::Mapping writable_;
  shm::Holder holder_;
  protocol::Encoder encoder_;
  protocol::FrameWriter writer_;
  std::unique_ptr<protocol::FrameReader> reader_;
  std::uint64_t last_request_ = 1;  // the HelloRequest had 1
};

}  // namespace dolium::spill
