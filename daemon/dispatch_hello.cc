// The handshake: who may come in, and what is handed to whom. See dispatch.h.

#include <fmt/format.h>
#include <sys/eventfd.h>

#include "daemon/dispatch.h"
#include "protocol/convert.h"
#include "protocol/fd_socket.h"
#include "protocol/version.h"
#include "shm/monotonic_clock.h"
#include "shm/system_error.h"

namespace dolium::daemon {

using namespace protocol;  // the messages; everything else here is named in full

namespace {

/// The longest client name that is kept.
constexpr std::size_t kMaxClientName = 128;

}  // namespace

void Dispatch::hello(Session& session, Id id, const HelloRequest& request) {
  if (auto attached = attach(session, id, request); !attached) {
    session.reply_error(id, attached.error());
    session.leave();
  }
}

Result<void> Dispatch::attach(Session& session, Id id, const HelloRequest& request) {
  if (request.protocol_version() != kProtocolVersion)
    return Error{
        Errc::protocol_error,
        fmt::format("this daemon ({}) speaks version {} of the protocol, the client's library ({}) version {}: "
                    "use the same release of both",
                    DOLIUM_VERSION, kProtocolVersion, from_wire(request.library_version()),
                    request.protocol_version())};
  const Access access = request.access() == AccessMode::read_only ? Access::read_only : Access::read_write;
  const Session::Peer& peer = session.peer();
  if (peer.permission == Permission::none || (peer.permission == Permission::read_only && access == Access::read_write))
    return Error{Errc::permission_denied,
                 fmt::format("user {} (uid {}) may not {} this store: see [access] in the daemon's configuration",
                             peer.user, peer.credentials.uid, access == Access::read_only ? "read" : "write to")};
  const Result<shm::ClientId> client =
      engine_.store().attach({peer.credentials.pid, peer.credentials.uid}, shm::monotonic_now());
  if (!client) return client.error();
  shm::UniqueFd release_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  Result<std::vector<shm::UniqueFd>> fds =
      release_event.valid() ? descriptors(*client, access, release_event) : shm::system_error("make an eventfd");
  if (!fds) {
    engine_.drop_client(*client, shm::monotonic_now());
    return std::move(fds).error();
  }
  HelloReplyT welcome;
  welcome.protocol_version = kProtocolVersion;
  welcome.daemon_version = DOLIUM_VERSION;
  welcome.session_id = *client;
  welcome.access = request.access();
  welcome.arena_bytes = engine_.store().arena_segment().size();
  welcome.index_bytes = engine_.store().index_segment().size();
  welcome.pin_table_bytes = engine_.store().pin_table_segment(*client).size();
  session.open(*client, access, from_wire(request.name()).substr(0, kMaxClientName), std::move(release_event));
  session.reply(id, std::move(welcome), *std::move(fds));
  return {};
}

Result<std::vector<shm::UniqueFd>> Dispatch::descriptors(shm::ClientId client, Access access,
                                                         const shm::UniqueFd& release_event) const {
  const shm::Store& store = engine_.store();
  std::vector<Result<shm::UniqueFd>> made;  // in the order that HelloReply promises
  made.push_back(store.index_segment().reopen_read_only());
  made.push_back(store.arena_segment().reopen_read_only());
  made.push_back(store.pin_table_segment(client).duplicate());
  made.push_back(protocol::duplicate(release_event.get()));
  if (access == Access::read_write) made.push_back(store.arena_segment().duplicate());
  std::vector<shm::UniqueFd> out;
  for (Result<shm::UniqueFd>& each : made) {
    if (!each) return std::move(each).error();
    out.push_back(*std::move(each));
  }
  return out;
}

}  // namespace dolium::daemon
