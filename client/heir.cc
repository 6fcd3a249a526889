#include "client/heir.h"

#include <fmt/format.h>

#include <thread>

#include "protocol/codec.h"
#include "protocol/convert.h"
#include "protocol/version.h"

namespace dolium::detail {
namespace {

using protocol::Deadline;
using shm::Mapping;
using shm::UniqueFd;

/// Where HelloReply's descriptors stand.
enum Position : std::size_t { kPinTable, kReleaseEvent, kCount };

/// AdoptRequest has no reply; a number that no other request of the connection will have.
constexpr std::uint64_t kAdoptNumber = UINT64_MAX;
constexpr std::chrono::milliseconds kRetry{1};

/// A daemon that is not there is not waited for, one that has too many waiting is.
Result<UniqueFd> connect(const std::string& path, Deadline deadline) {
  for (;;) {
    Result<UniqueFd> socket = protocol::connect_to(path, Deadline::min());
    if (socket || socket.error().code != Errc::timed_out || std::chrono::steady_clock::now() >= deadline) return socket;
    std::this_thread::sleep_for(kRetry);
  }
}

Error no_answer() {
  return {Errc::timed_out, "the daemon does not answer: is it stopped, or busy?"};
}

Result<void> send(const UniqueFd& socket, std::span<const std::byte> frame, Deadline deadline) {
  protocol::FrameWriter writer;
  if (auto pushed = writer.push(frame); !pushed) return pushed;
  for (;;) {
    const Result<bool> flushed = writer.flush(socket.get());
    if (!flushed) return flushed.error();
    if (*flushed) return {};
    const Result<bool> ready = protocol::wait_writable(socket.get(), deadline);
    if (!ready) return ready.error();
    if (!*ready) return no_answer();
  }
}

/// The next message; it lies in the reader.
Result<const protocol::ReplyFrame*> receive(const UniqueFd& socket, protocol::FrameReader& reader, Deadline deadline) {
  for (;;) {
    if (const auto payload = reader.next()) return protocol::decode<protocol::ReplyFrame>(*payload);
    const Result<bool> ready = protocol::wait_readable(socket.get(), deadline);
    if (!ready) return ready.error();
    if (!*ready) return no_answer();
    const Result<protocol::ReadState> read = reader.read_from(socket.get());
    if (!read) return read.error();
    if (*read == protocol::ReadState::end_of_file) return Error{Errc::disconnected, "the daemon closed the connection"};
  }
}

Result<const protocol::HelloReply*> welcome(const protocol::ReplyFrame& frame) {
  if (const auto* reply = frame.body_as_HelloReply()) return reply;
  if (const auto* error = frame.body_as_ErrorReply()) return protocol::from_wire(*error);
  if (const auto* goodbye = frame.body_as_GoodbyeNotice())
    return Error{Errc::disconnected, protocol::from_wire(goodbye->reason())};
  return Error{Errc::protocol_error, "the daemon answered a question that was not asked"};
}

}  // namespace

Result<Heir> Heir::ask(const SessionOrigin& parent, std::uint64_t pin_table_bytes, Deadline deadline) {
  if (parent.fork_token == 0) return Error{Errc::protocol_error, "the daemon cannot let a child follow"};
  Result<UniqueFd> socket = connect(parent.path, deadline);
  if (!socket) return std::move(socket).error();
  protocol::HelloRequestT hello;
  hello.protocol_version = protocol::kProtocolVersion;
  hello.library_version = DOLIUM_VERSION;
  hello.fork_of = parent.session_id;
  hello.fork_token = parent.fork_token;
  protocol::Encoder encoder;
  const auto frame = encoder.encode(1, std::move(hello));
  if (!frame) return frame.error();
  // A daemon that closes at once says why before it does.
  if (auto sent = send(*socket, *frame, deadline); !sent && sent.error().code != Errc::disconnected)
    return std::move(sent).error();
  protocol::FrameReader reader;
  const Result<const protocol::ReplyFrame*> answer = receive(*socket, reader, deadline);
  if (!answer) return answer.error();
  const Result<const protocol::HelloReply*> reply = welcome(**answer);
  if (!reply) return reply.error();
  std::vector<UniqueFd> descriptors = reader.take_descriptors();
  if (descriptors.size() != kCount || (*reply)->pin_table_bytes() != pin_table_bytes)
    return Error{Errc::protocol_error, "the daemon sent something else than a copy of the parent's pin table"};
  Result<Mapping> pins =
      Mapping::map(descriptors[kPinTable], pin_table_bytes, Mapping::Mode::read_write, "child's pin table");
  if (!pins) return std::move(pins).error();
  Heir heir;
  heir.socket = *std::move(socket);
  heir.release_event = std::move(descriptors[kReleaseEvent]);
  heir.pin_table = *std::move(pins);
  heir.session_id = (*reply)->session_id();
  heir.fork_token = (*reply)->fork_token();
  return heir;
}

void Heir::adopt(const UniqueFd& socket) {
  protocol::Encoder encoder;
  const auto frame = encoder.encode(kAdoptNumber, protocol::AdoptRequestT());
  // The first bytes on a connection that is empty: they are taken whole, or the connection is dead.
  if (frame) static_cast<void>(send(socket, *frame, Deadline::min()));
}

}  // namespace dolium::detail
