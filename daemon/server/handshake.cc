#include "daemon/server/handshake.h"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>

#include "daemon/server/descriptor_limit.h"
#include "protocol/convert.h"
#include "protocol/fd_socket.h"
#include "protocol/peer.h"
#include "protocol/user_namespace.h"
#include "protocol/version.h"
#include "shm/os/monotonic_clock.h"
#include "shm/os/random_bytes.h"
#include "shm/os/system_error.h"

namespace dolium::daemon {

using namespace protocol;  // the messages; all other names are qualified

namespace {

/// Maximum length of a client's name; the rest is cut off.
constexpr std::size_t kMaxClientName = 128;

constexpr std::size_t kMaxHostName = 64;  // HOST_NAME_MAX
constexpr std::size_t kMaxPodName = 253;  // of Kubernetes

/// The client's own words, cut to the longest valid names.
ClientOrigin origin_of(const HelloRequest& request) {
  ClientOrigin origin = from_wire(request.origin());
  origin.host.resize(std::min(origin.host.size(), kMaxHostName));
  origin.pod.resize(std::min(origin.pod.size(), kMaxPodName));
  return origin;
}

/// A session with a client in the store ends with the process that connected. If the kernel knows the process only by
/// its number, another process may have that number by now: the session then lasts longer than necessary, never
/// shorter. If the kernel gives neither (a client of another pid namespace, before Linux 6.5), the session ends with
/// the connection.
Result<void> watch_process(Session& session) {
  Result<shm::UniqueFd> process = protocol::peer_process(session.record().socket.get());
  if (!process) return std::move(process).error();
  return process->valid() ? session.watch_process(*std::move(process)) : Result<void>();
}

Error other_version(const HelloRequest& request) {
  return {
      Errc::protocol_error,
      fmt::format("this daemon ({}) speaks version {} of the protocol, the client's library ({}) version {}: use the "
                  "same release of both",
                  DOLIUM_VERSION, kProtocolVersion, from_wire(request.library_version()), request.protocol_version())};
}

/// An error if [access] does not allow the client's user what the client asks for.
Result<void> may_use(const Peer& peer, Access access) {
  if (peer.permission == Permission::read_write ||
      (peer.permission == Permission::read_only && access == Access::read_only))
    return {};
  return Error{Errc::permission_denied,
               fmt::format("user {} (uid {}) may not {} this store: see [access] in the daemon's configuration{}",
                           peer.user, peer.credentials.uid, access == Access::read_only ? "read" : "write to",
                           IdMap::of_users().identifies(peer.credentials.uid)
                               ? ""
                               : "; there that number stands for every user that the daemon's user namespace does not "
                                 "map")};
}

/// 0 if the system has no random bytes: then the session can be neither resumed nor copied.
std::uint64_t random_token() {
  std::uint64_t token = 0;
  return shm::random_bytes(std::as_writable_bytes(std::span(&token, 1))) ? token : 0;
}

}  // namespace

void Handshake::hello(Session& session, std::uint64_t id, const HelloRequest& request) {
  if (auto attached = attach(session, id, request); !attached)
    session.refuse_hello(id, explain_descriptors(attached.error()));
}

Result<void> Handshake::attach(Session& session, std::uint64_t id, const HelloRequest& request) {
  if (request.protocol_version() != kProtocolVersion) return other_version(request);
  if (request.tier_token() != nullptr && (tier_ == nullptr || !tier_->is_token(*request.tier_token())))
    return Error{Errc::permission_denied, "the client shows the token of a spill process that is not this server's"};
  session.is_spiller = request.tier_token() != nullptr;
  if (request.resume_of() != 0) return resume(session, id, request);
  const bool inherits = request.fork_of() != 0;
  const Result<Session*> parent = inherits ? parent_of(session, request) : nullptr;
  if (!parent) return parent.error();
  const Access asked = request.access() == AccessMode::read_only ? Access::read_only : Access::read_write;
  const Access access = inherits ? (*parent)->access() : asked;
  const Peer& peer = session.record().peer;
  if (auto may = may_use(peer, access); !may) return may;
  if (!inherits)
    if (auto watched = watch_process(session); !watched) return watched;
  const std::string name = inherits ? (*parent)->record().name : from_wire(request.name()).substr(0, kMaxClientName);
  const Result<shm::ClientId> client =
      inherits
          ? engine_.store().attach_copy((*parent)->client(), shm::monotonic_now())
          : engine_.store().attach({peer.credentials.pid, peer.credentials.uid, peer.command, name, origin_of(request)},
                                   shm::monotonic_now());
  if (!client) return client.error();
  shm::UniqueFd release_event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  Result<std::vector<shm::UniqueFd>> fds = release_event.valid() ? descriptors(*client, access, release_event, inherits)
                                                                 : shm::system_error("make an eventfd");
  if (!fds) {
    engine_.drop_client(*client, shm::monotonic_now());
    return std::move(fds).error();
  }
  session.open(*client, access, name, std::move(release_event), random_token());
  HelloReplyT welcome = welcome_to(session);
  const bool rings = request.rings() && !inherits && add_rings(session, *fds);
  if (rings) welcome.ring_bytes = RingPair::kBytes;
  session.reply(id, welcome, *std::move(fds));
  if (inherits) session.await_adoption();
  return {};
}

/// The reply to a session that has just been opened, but for its rings and leases.
HelloReplyT Handshake::welcome_to(const Session& session) const {
  HelloReplyT welcome;
  welcome.protocol_version = kProtocolVersion;
  welcome.daemon_version = DOLIUM_VERSION;
  welcome.session_id = session.client();
  welcome.access = session.access() == Access::read_only ? AccessMode::read_only : AccessMode::read_write;
  welcome.arena_bytes = engine_.store().rows().memory.segment().size();
  welcome.index_bytes = engine_.store().rows().index.segment().size();
  welcome.pin_table_bytes = engine_.store().clients().pin_table_segment(session.client()).size();
  welcome.fork_token = session.record().token;
  welcome.spills = engine_.store().rows().config.spill;
  return welcome;
}

/// Returns false if the system has no memory or descriptors for rings. The connection then has none until its end: only
/// at its first frames do both sides know a common place to change to rings. Every call works without them; the log
/// says so, and the next connection tries again.
bool Handshake::add_rings(Session& session, std::vector<shm::UniqueFd>& fds) {
  const Result<void> made = make_rings(session, fds);
  if (!made) session.go_without_rings(explain_descriptors(made.error()));
  return made.has_value();
}

Result<void> Handshake::make_rings(Session& session, std::vector<shm::UniqueFd>& fds) {
  const Result<shm::Segment> segment = shm::Segment::create("rings", RingPair::kBytes);
  if (!segment) return segment.error();
  Result<shm::Mapping> memory = segment->map(shm::Mapping::Mode::read_write);
  if (!memory) return std::move(memory).error();
  Result<shm::UniqueFd> given = segment->duplicate();
  if (!given) return std::move(given).error();
  fds.push_back(*std::move(given));
  session.use_rings(*std::move(memory));
  return {};
}

// ---- after a restart of the server ----

Result<void> Handshake::resume(Session& session, std::uint64_t id, const HelloRequest& request) {
  Session* before = find_(request.resume_of());
  const PeerCredentials& asker = session.record().peer.credentials;
  // If the process is not known, the child had not been adopted when the server died: the token must suffice.
  if (before == nullptr || before->state() != Session::State::orphaned || before->record().token == 0 ||
      before->record().token != request.fork_token() || before->record().peer.credentials.uid != asker.uid ||
      (before->record().process.valid() && before->record().peer.credentials.pid != asker.pid))
    return Error{Errc::permission_denied,
                 fmt::format("the daemon has no session {} that {} could resume: either the daemon was stopped and "
                             "started, so that its objects are others, or it has ended the session",
                             request.resume_of(), process_text(asker.pid))};
  if (auto watched = watch_process(session); !watched) return watched;
  engine_.store().usage().renew_grants(before->client());
  engine_.store().clients().set_process(before->client(), asker.pid, session.record().peer.command);
  engine_.store().clients().set_origin(before->client(), origin_of(request));
  session.replace(*before);
  HelloReplyT welcome = welcome_to(session);
  std::vector<shm::UniqueFd> fds;
  if (request.rings() && add_rings(session, fds)) welcome.ring_bytes = RingPair::kBytes;
  session.reply(id, welcome, std::move(fds));
  return {};
}

// ---- fork() ----

/// The session to copy. The asking process must show its token, and be of its user and its process. If the parent is
/// itself a child that was not adopted yet, its process is not known: the token must suffice.
Result<Session*> Handshake::parent_of(const Session& session, const HelloRequest& request) const {
  Session* parent = find_(request.fork_of());
  const PeerCredentials& asker = session.record().peer.credentials;
  if (parent == nullptr || parent->record().token == 0 || parent->record().token != request.fork_token() ||
      parent->record().peer.credentials.uid != asker.uid ||
      (parent->state() != Session::State::unadopted && parent->record().peer.credentials.pid != asker.pid))
    return Error{Errc::permission_denied,
                 fmt::format("{} has no session {} that its child could continue: it has ended, or was ended "
                             "for misbehaviour",
                             process_text(asker.pid), request.fork_of())};
  return parent;
}

void Handshake::adopt(Session& session, const AdoptRequest& request) {
  // Any user: a process that has the connection has everything that the session gives. If the process cannot be watched
  // (it has ended, or is in a pid namespace that is not visible here), the session ends with the connection alone.
  const pid_t pid = session.wire().sender();
  Result<shm::UniqueFd> process = pid > 0 ? process_by_number(pid) : shm::UniqueFd();
  session.adopt(pid, process ? *std::move(process) : shm::UniqueFd());
  if (pid > 0) engine_.store().clients().set_process(session.client(), pid, session.record().peer.command);
  ClientOrigin origin = engine_.store().report().client_use(session.client()).origin;  // the parent's, until now
  origin.pid = request.pid();
  engine_.store().clients().set_origin(session.client(), std::move(origin));
}

Result<std::vector<shm::UniqueFd>> Handshake::descriptors(shm::ClientId client, Access access,
                                                          const shm::UniqueFd& release_event, bool inherits) const {
  shm::Store& store = engine_.store();
  std::vector<Result<shm::UniqueFd>> made;
  if (!inherits) made.push_back(store.rows().index.segment().reopen_read_only());
  if (!inherits) made.push_back(store.rows().memory.segment().reopen_read_only());
  made.push_back(store.clients().pin_table_segment(client).duplicate());
  made.push_back(protocol::duplicate(release_event.get()));
  if (!inherits && access == Access::read_write) made.push_back(store.rows().memory.segment().duplicate());
  std::vector<shm::UniqueFd> out;
  for (Result<shm::UniqueFd>& each : made) {
    if (!each) return std::move(each).error();
    out.push_back(*std::move(each));
  }
  return out;
}

}  // namespace dolium::daemon
