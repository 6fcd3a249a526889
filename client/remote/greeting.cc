#include "client/remote/greeting.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "client/remote/origin.h"
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
Result<const protocol::ReplyFrame*> receive(const UniqueFd& socket, protocol::FrameReader& reader, Deadline deadline,
                                            UniqueFd spare) {
  for (;;) {
    if (const auto payload = reader.next()) return protocol::decode<protocol::ReplyFrame>(*payload);
    const Result<bool> ready = protocol::wait_readable(socket.get(), deadline);
    if (!ready) return ready.error();
    if (!*ready) return no_answer();
    spare.reset();
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
  if (reader.has_lost_descriptors()) return protocol::out_of_descriptors("the rings of a connection");
  if (descriptors.empty()) return Error{Errc::protocol_error, "the daemon announced rings and sent none"};
  Result<shm::Mapping> memory = map_rings(hello, descriptors.back());
  if (!memory) return std::move(memory).error();
  out.rings = *std::move(memory);
  return out;
}

/// How long a socket file that is missing is waited for: another server makes it again (Listener::renew()).
constexpr std::chrono::seconds kFilePatience{5};

/// Whether the path may lead to the daemon again soon: it has been removed, or we lack a descriptor.
bool may_pass(const Error& error, const std::string& path, Deadline begin) {
  if (error.code == Errc::system_error) return true;
  return error.code == Errc::disconnected && ::access(path.c_str(), F_OK) != 0 && errno == ENOENT &&
         std::chrono::steady_clock::now() < begin + kFilePatience;
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
                                                    protocol::FrameReader& reader, Deadline deadline, UniqueFd spare) {
  hello.protocol_version = protocol::kProtocolVersion;
  hello.library_version = DOLIUM_VERSION;
  hello.origin = own_origin();
  protocol::Encoder encoder;
  const auto frame = encoder.encode(1, std::move(hello));
  if (!frame) return frame.error();
  // A daemon that closes at once says why before it does.
  if (auto sent = send_frame(socket, *frame, deadline); !sent && sent.error().code != Errc::disconnected)
    return std::move(sent).error();
  const Result<const protocol::ReplyFrame*> answer = receive(socket, reader, deadline, std::move(spare));
  return answer ? welcome(**answer) : answer.error();
}

Result<Resumed> resume_session(const SessionOrigin& session, bool rings, Deadline deadline) {
  // A server that took us over, and died before we heard of it, leaves the session to this connection: none may be
  // closed before another is good.
  std::vector<UniqueFd> tried;
  const Deadline begin = std::chrono::steady_clock::now();
  for (;; std::this_thread::sleep_for(kRetry)) {
    Result<UniqueFd> socket = connect_at_once(session.path, deadline);
    if (!socket) {
      if (may_pass(socket.error(), session.path, begin) && std::chrono::steady_clock::now() < deadline) continue;
      return std::move(socket).error();
    }
    protocol::HelloRequestT hello;
    // Once the daemon has answered there is no second try, and rings take a descriptor: without one, the session goes
    // on without rings. The spare one is closed just before they come.
    Result<UniqueFd> spare = protocol::duplicate(socket->get());
    hello.rings = rings && spare.has_value();
    hello.resume_of = session.session_id;
    hello.fork_token = session.fork_token;
    protocol::FrameReader reader;
    const Result<const protocol::HelloReply*> reply =
        exchange_hellos(*socket, std::move(hello), reader, deadline, spare ? *std::move(spare) : UniqueFd());
    if (reply && (*reply)->session_id() == session.session_id) return resumed(*std::move(socket), **reply, reader);
    if (reply) return Error{Errc::protocol_error, "the daemon goes on with another session than was asked for"};
    if (!went_away(reply.error()) || std::chrono::steady_clock::now() >= deadline) return reply.error();
    tried.push_back(*std::move(socket));
  }
}

}  // namespace dolium::detail
