// The restart of the server: who may ask for it, what prevents it, and what the old server does at its end. See
// server.h and keeper.h.

#include <algorithm>

#include <fmt/format.h>

#include "daemon/process/logging.h"
#include "daemon/server/server.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

/// Nothing is lost by a restart. But if the next server failed, all that is not on disk would be.
void Server::restart() {
  if (stopping_ || drains_before(Drain::Before::stop)) return;
  if (drains_before(Drain::Before::restart)) return drain_->end("SIGHUP came again");
  const auto limit = static_cast<shm::TimeNs>(std::chrono::nanoseconds(config_.spill_drain).count());
  const bool writes = tier_ && tier_->state() == Tier::State::ready && engine_->store().spill().dirty().count != 0;
  if (!writes || limit == 0) return make_way();
  begin_drain(Drain::Before::restart, std::min(limit, kRestartDrain));
}

void Server::make_way() {
  // Clients reconnect by the socket's path: it must lead to this daemon before the server ends.
  const Result<bool> renewed = acceptor_.renew(*log_);
  if (!renewed) {
    const Error why{renewed.error().code, "clients could not reconnect to the next server: " + renewed.error().message};
    log_->error("the old server keeps running: {}", why.message);
    return stay(why);
  }
  if (*renewed) estate_.keep_listener(acceptor_.listener());
  stopping_ = true;
  end_ = End::restart;
  log_->info("restarting the server (SIGHUP)");
  acceptor_.stop();
  sessions_.visit_all([](Session& session) { session.pump(); });
  acceptor_.leave_to_successor();
  loop_->stop();
}

void Server::hand_over_log() const {
  estate_.keep_lost_lines(writer_of(*log_).finish());
}

/// The server is not restarted this time: tells the clients that asked for it.
void Server::stay(const Error& why) {
  const Error answer{why.code, "the old server keeps running: " + why.message};
  for (const auto& [client, request] : std::exchange(asked_for_restart_, {}))
    if (Session* session = sessions_.find(client)) session->reply_error(request, answer);
}

Result<void> Server::ask_for_restart(const Session& session, std::uint64_t request, const std::string& config_file) {
  const protocol::PeerCredentials& peer = session.record().peer.credentials;
  if (!access_.is_owner(peer.uid))
    return Error{Errc::permission_denied,
                 fmt::format("user {} (uid {}) may not restart the server: root and the daemon's own user may",
                             session.record().peer.user, peer.uid)};
  const shm::ClientId client = session.client();
  std::erase_if(asked_for_restart_, [this](const auto& asked) { return sessions_.find(asked.first) == nullptr; });
  if (std::ranges::count(asked_for_restart_, client, [](const auto& asked) { return asked.first; }) != 0)
    return Error{Errc::already_exists, "this client has asked for a restart already, and has no answer yet"};
  asked_for_restart_.emplace_back(client, request);
  log_->info("{}, of user {}, asked for a restart of the server", protocol::process_text(peer.pid),
             session.record().peer.user);
  estate_.ask_for_successor(config_file);
  return {};
}

/// The keeper sends refusals of a restart, which it has logged, and word of a second signal to stop. If the keeper
/// dies, the kernel kills this process.
void Server::hear_keeper() {
  const Result<std::optional<std::string>> refusal = estate_.hear();
  if (!refusal) return keeper_poll_->watch(0);
  if (*refusal) return stay({Errc::invalid_argument, **refusal});
  if (drains_before(Drain::Before::stop)) drain_->end("a second signal to stop came");
}

}  // namespace dolium::daemon
