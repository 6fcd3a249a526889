#include "client/remote/heir.h"

#include <unistd.h>

#include "protocol/codec.h"

namespace dolium::detail {
namespace {

using protocol::Deadline;
using shm::Mapping;
using shm::UniqueFd;

/// The order of HelloReply's descriptors.
enum HeirPosition : std::size_t { kHeirPinTable, kHeirReleaseEvent, kHeirCount };

/// AdoptRequest has no reply; this number is used for no other request of the connection.
constexpr std::uint64_t kAdoptNumber = UINT64_MAX;
}  // namespace

Result<Heir> Heir::ask(const SessionIdentity& parent, std::uint64_t pin_table_bytes, Deadline deadline) {
  if (parent.fork_token == 0) return Error{Errc::protocol_error, "the daemon cannot let a child follow"};
  Result<UniqueFd> socket = connect_at_once(parent.path, deadline);
  if (!socket) return std::move(socket).error();
  protocol::HelloRequestT hello;
  hello.fork_of = parent.session_id;
  hello.fork_token = parent.fork_token;
  Result<Welcome> welcome = shake_hands(*socket, std::move(hello), "what a child's session takes", deadline);
  if (!welcome) return std::move(welcome).error();
  if (welcome->descriptors.size() != kHeirCount || welcome->hello.pin_table_bytes != pin_table_bytes)
    return Error{Errc::protocol_error, "the daemon sent something else than a copy of the parent's pin table"};
  Result<Mapping> pins = Mapping::map(welcome->descriptors[kHeirPinTable], pin_table_bytes, Mapping::Mode::read_write,
                                      "child's pin table");
  if (!pins) return std::move(pins).error();
  Heir heir;
  heir.socket = std::move(welcome->socket);
  heir.release_event = std::move(welcome->descriptors[kHeirReleaseEvent]);
  heir.pin_table = *std::move(pins);
  heir.session_id = welcome->hello.session_id;
  heir.fork_token = welcome->hello.fork_token;
  return heir;
}

void Heir::adopt(const UniqueFd& socket) {
  protocol::Encoder encoder;
  protocol::AdoptRequestT adopt;
  adopt.pid = ::getpid();
  const auto frame = encoder.encode(kAdoptNumber, adopt);
  // The socket's buffer is empty: it takes the whole frame, or the connection is dead.
  if (frame) static_cast<void>(send_frame(socket, *frame, Deadline::min()));
}

}  // namespace dolium::detail
