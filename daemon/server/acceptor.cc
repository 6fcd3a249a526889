#include "daemon/server/acceptor.h"

#include <pwd.h>

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "daemon/server/descriptor_limit.h"
#include "daemon/server/listening.h"
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

Acceptor::Acceptor(EventLoop& loop, const Config& config, const AccessList& access, LimitedLog& log,
                   SessionTable& sessions, Session::Host& host, protocol::Listener listener)
    : loop_(loop),
      config_(config),
      access_(access),
      log_(log),
      sessions_(sessions),
      host_(host),
      listener_(std::move(listener)) {}

Result<void> Acceptor::watch() {
  Result<Poll> poll = Poll::create(loop_, listener_.fd(), [this](int) { accept_all(listener_); });
  if (!poll) return std::move(poll).error();
  poll_ = *std::move(poll);
  Result<Timer> pause = Timer::create(loop_, [this] {
    if (!stopped_) poll_->watch(UV_READABLE);
  });
  if (!pause) return std::move(pause).error();
  pause_ = *std::move(pause);
  return {};
}

void Acceptor::start() {
  if (former_.valid()) {
    protocol::Listener former = protocol::Listener::adopt(listener_.path(), {}, std::move(former_));
    accept_all(former);
  }
  poll_->watch(UV_READABLE);
}

void Acceptor::stop() {
  stopped_ = true;
  poll_->watch(0);
}

Result<bool> Acceptor::renew(spdlog::logger& log) {
  Result<protocol::Listener::Renewal> renewed = renew_listener(listener_, config_, log);
  if (!renewed) return std::move(renewed).error();
  former_ = std::move(renewed->former_socket);
  return renewed->lock || former_.valid();
}

void Acceptor::accept_all(protocol::Listener& listener) {
  for (;;) {
    Result<shm::UniqueFd> socket = listener.accept(
        [](const shm::UniqueFd& newcomer, const Error& why) { turn_away(newcomer, explain_descriptors(why)); });
    if (!socket) {
      log_.write(LimitedLog::Kind::not_accepted, shm::monotonic_now(), spdlog::level::warn,
                 "a connection could not be accepted: {}", explain_descriptors(socket.error()).message);
      poll_->watch(0);  // a connection that waits would be reported again at once
      pause_->start_once(kPauseMs);
      return;
    }
    if (!socket->valid()) return;
    if (auto admitted = admit(*socket); !admitted) {
      const Error why = explain_descriptors(admitted.error());
      log_.write(LimitedLog::Kind::turned_away, shm::monotonic_now(), spdlog::level::warn,
                 "a connection was turned away: {}", why.message);
      turn_away(*socket, why);
    }
  }
}

/// Sends the reason, if the socket has not become a session's.
void Acceptor::turn_away(const shm::UniqueFd& socket, const Error& why) {
  if (!socket.valid()) return;
  protocol::GoodbyeNoticeT goodbye;
  goodbye.reason = why.message;
  SessionWire wire(socket.get());
  if (wire.push(0, goodbye)) static_cast<void>(wire.flush());  // a new connection has room
}

/// Takes the socket if there is a session for it.
Result<void> Acceptor::admit(shm::UniqueFd& socket) {
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
  Result<std::unique_ptr<Session>> session = Session::create(loop_, host_, std::move(record));
  if (!session) return std::move(session).error();
  Session& newcomer = sessions_.add(*std::move(session));
  sessions_.add_newcomer(newcomer, newcomer.record().attached);
  return {};
}

Result<void> Acceptor::check_limits(const Peer& peer) const {
  // A client that resumes its session counts once: the orphaned one does not count.
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

}  // namespace dolium::daemon
