#include "client/remote/heir.h"

#include <unistd.h>

#include "protocol/codec.h"

namespace dolium::detail {
namespace {

using protocol::Deadline;
using shm::Mapping;
using shm::UniqueFd;

/// Where HelloReply's descriptors stand.
enum HeirPosition : std::size_t { kHeirPinTable, kHeirReleaseEvent, kHeirCount };

/// AdoptRequest has no reply; a number that no other request of the connection will have.
constexpr std::uint64_t kAdoptNumber = UINT64_MAX;
}  // namespace

Result<Heir> Heir::ask(const SessionOrigin& parent, std::uint64_t pin_table_bytes, Deadline deadline) {
  if (parent.fork_token == 0) return Error{Errc::protocol_error, "the daemon cannot let a child follow"};
  Result<UniqueFd> socket = connect_at_once(parent.path, deadline);
  if (!socket) return std::move(socket).error();
  protocol::HelloRequestT hello;
  hello.fork_of = parent.session_id;
  hello.fork_token = parent.fork_token;
  protocol::FrameReader reader;
  const Result<const protocol::HelloReply*> reply = exchange_hellos(*socket, std::move(hello), reader, deadline);
  if (!reply) return reply.error();
  if (reader.has_lost_descriptors()) return protocol::out_of_descriptors("what a child's session takes");
  std::vector<UniqueFd> descriptors = reader.take_descriptors();
  if (descriptors.size() != kHeirCount || (*reply)->pin_table_bytes() != pin_table_bytes)
    return Error{Errc::protocol_error, "the daemon sent something else than a copy of the parent's pin table"};
  Result<Mapping> pins =
      Mapping::map(descriptors[kHeirPinTable], pin_table_bytes, Mapping::Mode::read_write, "child's pin table");
  if (!pins) return std::move(pins).error();
  Heir heir;
  heir.socket = *std::move(socket);
  heir.release_event = std::move(descriptors[kHeirReleaseEvent]);
  heir.pin_table = *std::move(pins);
  heir.session_id = (*reply)->session_id();
  heir.fork_token = (*reply)->fork_token();
  return heir;
}

void Heir::adopt(const UniqueFd& socket) {
  protocol::Encoder encoder;
  protocol::AdoptRequestT adopt;
  adopt.pid = ::getpid();
  const auto frame = encoder.encode(kAdoptNumber, std::move(adopt));
  // The first bytes on a connection that is empty: they are taken whole, or the connection is dead.
  if (frame) static_cast<void>(send_frame(socket, *frame, Deadline::min()));
}

}  // namespace dolium::detail
