#include "client/greeting.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <vector>

#include "protocol/convert.h"
#include "protocol/ring.h"
#include "protocol/version.h"

namespace dolium::detail {
namespace {

using protocol::Deadline;
using shm::UniqueFd;

constexpr std::chrono::milliseconds kRetry{1};

Error no_answer() {
  return {Errc::timed_out, "the daemon does not answer: is it stopped, or busy?"};
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
    if (*read == protocol::ReadState::end_of_file)
      return Error{Errc::disconnected,
                   "the daemon closed the connection before it had answered: it was stopped, or has died"};
  }
}

Result<const protocol::HelloReply*> welcome(const protocol::ReplyFrame& frame) {
  if (const auto* reply = frame.body_as_HelloReply()) return reply;
  if (const auto* error = frame.body_as_ErrorReply()) return protocol::from_wire(*error);
  if (const auto* goodbye = frame.body_as_GoodbyeNotice())
    return Error{Errc::disconnected, protocol::from_wire(goodbye->reason())};
  return Error{Errc::protocol_error, "the daemon answered a question that was not asked"};
}

Result<Resumed> resumed(UniqueFd socket, const protocol::HelloReply& hello, protocol::FrameReader& reader) {
  Resumed out{std::move(socket), std::nullopt};
  const std::vector<UniqueFd> descriptors = reader.take_descriptors();
  if (hello.ring_bytes() == 0) return out;
  if (descriptors.empty()) return Error{Errc::protocol_error, "the daemon announced rings and sent none"};
  Result<shm::Mapping> memory = map_rings(hello, descriptors.back());
  if (!memory) return std::move(memory).error();
  out.rings = *std::move(memory);
  return out;
}

bool went_away(const Error& error) {
  return error.code == Errc::disconnected || error.code == Errc::system_error;
}

}  // namespace

Result<UniqueFd> connect_at_once(const std::string& path, Deadline deadline) {
  for (;;) {
    Result<UniqueFd> socket = protocol::connect_to(path, Deadline::min());
    if (socket || socket.error().code != Errc::timed_out || std::chrono::steady_clock::now() >= deadline) return socket;
    std::this_thread::sleep_for(kRetry);
  }
}

Result<shm::Mapping> map_rings(const protocol::HelloReply& hello, const UniqueFd& descriptor) {
  if (hello.ring_bytes() != protocol::RingPair::kBytes)
    return Error{Errc::protocol_error, "the daemon sent rings of another size than this library's"};
  return shm::Mapping::map(descriptor, hello.ring_bytes(), shm::Mapping::Mode::read_write, "rings");
}

Result<void> send_frame(const UniqueFd& socket, std::span<const std::byte> frame, Deadline deadline) {
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

Result<const protocol::HelloReply*> exchange_hellos(const UniqueFd& socket, protocol::HelloRequestT hello,
                                                    protocol::FrameReader& reader, Deadline deadline) {
  hello.protocol_version = protocol::kProtocolVersion;
  hello.library_version = DOLIUM_VERSION;
  protocol::Encoder encoder;
  const auto frame = encoder.encode(1, std::move(hello));
  if (!frame) return frame.error();
  // A daemon that closes at once says why before it does.
  if (auto sent = send_frame(socket, *frame, deadline); !sent && sent.error().code != Errc::disconnected)
    return std::move(sent).error();
  const Result<const protocol::ReplyFrame*> answer = receive(socket, reader, deadline);
  return answer ? welcome(**answer) : answer.error();
}

Result<Resumed> resume_session(const SessionOrigin& session, bool rings, Deadline deadline) {
  // A server that took us over, and died before we heard of it, leaves the session to this connection: none may be
  // closed before another is good.
  std::vector<UniqueFd> tried;
  for (;;) {
    Result<UniqueFd> socket = connect_at_once(session.path, deadline);
    if (!socket) return std::move(socket).error();
    protocol::HelloRequestT hello;
    hello.rings = rings;
    hello.resume_of = session.session_id;
    hello.fork_token = session.fork_token;
    protocol::FrameReader reader;
    const Result<const protocol::HelloReply*> reply = exchange_hellos(*socket, std::move(hello), reader, deadline);
    if (reply && (*reply)->session_id() == session.session_id) return resumed(*std::move(socket), **reply, reader);
    if (reply) return Error{Errc::protocol_error, "the daemon goes on with another session than was asked for"};
    if (!went_away(reply.error()) || std::chrono::steady_clock::now() >= deadline) return reply.error();
    tried.push_back(*std::move(socket));
    std::this_thread::sleep_for(kRetry);
  }
}

}  // namespace dolium::detail
