// Connections: who is let in, and who is there. See server.h.

#include <pwd.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "daemon/server/descriptor_limit.h"
#include "daemon/server/server.h"
#include "protocol/peer.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {
namespace {

std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->pw_name;
  return std::to_string(uid);
}

}  // namespace

void Server::accept_all(protocol::Listener& listener) {
  for (;;) {
    Result<shm::UniqueFd> socket = listener.accept(
        [](const shm::UniqueFd& newcomer, const Error& why) { turn_away(newcomer, explain_descriptors(why)); });
    if (!socket) {
      client_log_.write(LimitedLog::Kind::not_accepted, shm::monotonic_now(), spdlog::level::warn,
                        "a connection could not be accepted: {}", explain_descriptors(socket.error()).message);
      accept_poll_->watch(0);  // who waits would be reported again at once
      accept_timer_->start_once(kAcceptPauseMs);
      return;
    }
    if (!socket->valid()) return;
    if (auto welcomed = welcome(*socket); !welcomed) {
      const Error why = explain_descriptors(welcomed.error());
      client_log_.write(LimitedLog::Kind::turned_away, shm::monotonic_now(), spdlog::level::warn,
                        "a connection was turned away: {}", why.message);
      turn_away(*socket, why);
    }
  }
}

/// Says why, where no session has taken the socket to say it.
void Server::turn_away(const shm::UniqueFd& socket, const Error& why) {
  if (!socket.valid()) return;
  protocol::GoodbyeNoticeT goodbye;
  goodbye.reason = why.message;
  protocol::Encoder encoder;
  protocol::FrameWriter writer;
  const auto frame = encoder.encode(0, std::move(goodbye));
  if (frame && writer.push(*frame)) static_cast<void>(writer.flush(socket.get()));  // a new connection has room
}

/// Takes the socket when it gets as far as a session.
Result<void> Server::welcome(shm::UniqueFd& socket) {
  const Result<protocol::PeerCredentials> credentials = protocol::peer_credentials(socket.get());
  if (!credentials) return credentials.error();
  const Result<std::vector<gid_t>> groups = protocol::peer_groups(socket.get());
  if (!groups) return groups.error();
  SessionRecord record;
  record.attached = shm::monotonic_now();
  record.peer = {.credentials = *credentials,
                 .permission = access_.decide(credentials->uid, credentials->gid, *groups),
                 .command = protocol::command_of(credentials->pid),
                 .user = user_name(credentials->uid)};
  if (auto allowed = check_limits(record.peer); !allowed) return allowed;
  record.socket = std::move(socket);
  Result<std::unique_ptr<Session>> session = Session::create(*loop_, *this, std::move(record));
  if (!session) return std::move(session).error();
  Session& newcomer = sessions_.add(*std::move(session));
  sessions_.add_newcomer(newcomer, newcomer.record().attached);
  return {};
}

Result<void> Server::check_limits(const Peer& peer) const {
  // Who comes back counts as one.
  const auto counts = [](const Session& session) { return session.state() != Session::State::orphaned; };
  const std::size_t open = sessions_.count(counts);
  if (open >= config_.max_connections)
    return Error{
        Errc::out_of_memory,
        fmt::format("{} connections are open, which is the daemon's max_connections: end some, or raise it", open)};
  const std::size_t of_user = sessions_.count([&](const Session& session) {
    return counts(session) && session.record().peer.credentials.uid == peer.credentials.uid;
  });
  if (config_.max_connections_per_user != 0 && of_user >= config_.max_connections_per_user)
    return Error{Errc::out_of_memory, fmt::format("user {} has {} connections, which is the daemon's "
                                                  "max_connections_per_user: end some, or raise it",
                                                  peer.user, of_user)};
  return {};
}

Dispatch::ClientsPage Server::describe_clients(shm::ClientId after) {
  Dispatch::ClientsPage page;
  std::uint64_t looks = 0;
  sessions_.visit_clients(after, [&](const Session& session) {
    if (page.clients.size() == kClientsPerPage || looks >= kLooksPerPage) {
      page.next = page.clients.back().session_id;
      return false;
    }
    looks += engine_->store().looks_at(session.client());
    page.clients.push_back(describe(session));
    return true;
  });
  return page;
}

ClientInfo Server::describe(const Session& session) {
  const shm::ClientId client = session.client();
  ClientInfo info = engine_->store().client_info(client, shm::monotonic_now());
  info.user = session.record().peer.user;
  info.access = session.access();
  info.waiting_gets = engine_->gets().count(client);
  info.waiting_creates = engine_->creates().count(client);
  info.quarantined = session.state() == Session::State::quarantined;
  info.left = session.state() == Session::State::half_closed;
  info.orphaned = session.state() == Session::State::orphaned;
  info.unread_bytes = session.wire().unsent_bytes();
  return info;
}

}  // namespace dolium::daemon
