#include "client/remote/handshake.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "client/remote/origin.h"
#include "protocol/convert.h"
#include "protocol/hello_answer.h"
#include "protocol/ring.h"
#include "protocol/version.h"

namespace dolium::detail {
namespace {

using protocol::Deadline;
using shm::UniqueFd;

constexpr std::chrono::milliseconds kRetry{1};
/// How long to wait for a missing socket file: a new server makes it again (Listener::renew()).
constexpr std::chrono::seconds kFilePatience{5};

/// `delayed`: what the daemon says that it waits for; empty: nothing.
Error no_answer(const std::string& delayed = {}) {
  if (!delayed.empty()) return {Errc::timed_out, "the daemon admits no clients yet: " + delayed};
  return {Errc::timed_out, "the daemon does not answer: is it stopped, or busy?"};
}

/// A daemon that closes the connection at once says why first: so a broken connection is no error here.
Result<void> send_hello(const UniqueFd& socket, protocol::HelloRequestT hello, Deadline deadline) {
  hello.protocol_version = protocol::kProtocolVersion;
  hello.library_version = DOLIUM_VERSION;
  hello.origin = own_origin();
  protocol::Encoder encoder;
  const auto frame = encoder.encode(1, hello);
  if (!frame) return frame.error();
  Result<void> sent = send_frame(socket, *frame, deadline);
  return !sent && sent.error().code == Errc::disconnected ? Result<void>() : sent;
}

/// The answer to the HelloRequest; it lies in the reader.
Result<const protocol::ReplyFrame*> receive(const UniqueFd& socket, protocol::FrameReader& reader, Deadline deadline,
                                            UniqueFd spare) {
  std::string delayed;
  for (;;) {
    if (auto answer = protocol::next_answer(reader, delayed)) return *std::move(answer);
    const Result<bool> ready = protocol::wait_readable(socket.get(), deadline);
    if (!ready) return ready.error();
    if (!*ready) return no_answer(delayed);
    spare.reset();
    const Result<protocol::ReadState> read = reader.read_from(socket.get());
    if (!read) return read.error();
    if (*read == protocol::ReadState::end_of_file)
      return Error{Errc::disconnected,
                   "the daemon closed the connection before it had answered: it was stopped, or has died; connect "
                   "again when it is back"};
  }
}

Result<const protocol::HelloReply*> check_hello(const protocol::ReplyFrame& frame) {
  if (const auto* error = frame.body_as_ErrorReply()) return protocol::from_wire(*error);
  if (const auto* goodbye = frame.body_as_GoodbyeNotice())
    return Error{Errc::disconnected, "the daemon closed the connection: " + protocol::from_wire(goodbye->reason())};
  const auto* reply = frame.body_as_HelloReply();
  if (reply == nullptr) return Error{Errc::protocol_error, "the daemon answered a question that was not asked"};
  if (reply->protocol_version() != protocol::kProtocolVersion)
    return Error{Errc::protocol_error, fmt::format("the daemon speaks version {} of the protocol, this library {}",
                                                   reply->protocol_version(), protocol::kProtocolVersion)};
  return reply;
}

/// The rings' descriptor is the last.
Result<void> map_rings(Welcome& welcome) {
  if (welcome.hello.ring_bytes == 0) return {};
  if (welcome.descriptors.empty()) return Error{Errc::protocol_error, "the daemon announced rings and sent none"};
  if (welcome.hello.ring_bytes != protocol::RingPair::kBytes)
    return Error{Errc::protocol_error, "the daemon sent rings of another size than this library's"};
  const UniqueFd descriptor = std::move(welcome.descriptors.back());
  welcome.descriptors.pop_back();
  Result<shm::Mapping> rings =
      shm::Mapping::map(descriptor, welcome.hello.ring_bytes, shm::Mapping::Mode::read_write, "rings");
  if (!rings) return std::move(rings).error();
  welcome.rings = *std::move(rings);
  return {};
}

/// Whether the path may lead to the daemon again soon: the socket file was removed, or a descriptor was missing here.
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

Result<Welcome> shake_hands(UniqueFd& socket, protocol::HelloRequestT hello, std::string_view what, Deadline deadline,
                            UniqueFd spare) {
  if (auto sent = send_hello(socket, std::move(hello), deadline); !sent) return std::move(sent).error();
  Welcome welcome;
  welcome.reader = std::make_unique<protocol::FrameReader>();
  const Result<const protocol::ReplyFrame*> frame = receive(socket, *welcome.reader, deadline, std::move(spare));
  if (!frame) return frame.error();
  const Result<const protocol::HelloReply*> reply = check_hello(**frame);
  if (!reply) return reply.error();
  if (welcome.reader->has_lost_descriptors()) return protocol::out_of_descriptors(what);
  (*reply)->UnPackTo(&welcome.hello);
  welcome.descriptors = welcome.reader->take_descriptors();
  if (auto mapped = map_rings(welcome); !mapped) return std::move(mapped).error();
  welcome.socket = std::move(socket);
  return welcome;
}

Result<Welcome> resume_session(const SessionIdentity& session, bool rings, Deadline deadline) {
  // The session hangs on the last connection that a server accepted for it, even if that server died before it could
  // answer: no connection may be closed before another one has succeeded.
  std::vector<UniqueFd> tried;
  const Deadline begin = std::chrono::steady_clock::now();
  for (;; std::this_thread::sleep_for(kRetry)) {
    Result<UniqueFd> socket = connect_at_once(session.path, deadline);
    if (!socket) {
      if (may_pass(socket.error(), session.path, begin) && std::chrono::steady_clock::now() < deadline) continue;
      return std::move(socket).error();
    }
    protocol::HelloRequestT hello;
    // There is no second try once the daemon has answered, and rings take a descriptor: without a free one, the session
    // continues without rings.
    Result<UniqueFd> spare = protocol::duplicate(socket->get());
    hello.rings = rings && spare.has_value();
    hello.resume_of = session.session_id;
    hello.fork_token = session.fork_token;
    Result<Welcome> welcome = shake_hands(*socket, std::move(hello), "the rings of a connection", deadline,
                                          spare ? *std::move(spare) : UniqueFd());
    if (welcome && welcome->hello.session_id == session.session_id) return welcome;
    if (welcome) return Error{Errc::protocol_error, "the daemon continues another session than was asked for"};
    if (!went_away(welcome.error()) || std::chrono::steady_clock::now() >= deadline) return std::move(welcome).error();
    tried.push_back(*std::move(socket));
  }
}

}  // namespace dolium::detail
