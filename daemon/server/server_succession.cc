// Succession: a server goes, and another goes on with the objects; what is asked for, and what stands in the way. See
// server.h and keeper.h.

#include <algorithm>

#include <fmt/format.h>

#include "daemon/process/logging.h"
#include "daemon/server/server.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

void Server::make_way() {
  if (stopping_) return;
  // Clients come back by the socket's path: before this server leaves, it has to lead here.
  const Result<bool> renewed = acceptor_.renew(*log_);
  if (!renewed) {
    const Error why{renewed.error().code, "clients could not come back to another server: " + renewed.error().message};
    log_->error("the server stays as it is: {}", why.message);
    return stay(why);
  }
  if (*renewed) estate_.keep_listener(acceptor_.listener());
  stopping_ = true;
  end_ = End::restart;
  log_->info("making way for a successor (SIGHUP)");
  acceptor_.stop();
  sessions_.visit_all([](Session& session) { session.pump(); });
  acceptor_.leave_to_successor();
  loop_->stop();
}

void Server::hand_over_log() const {
  estate_.keep_lost_lines(writer_of(*log_).finish());
}

/// There is no successor this time: tells those that asked for one.
void Server::stay(const Error& why) {
  const Error answer{why.code, "the server goes on as it is: " + why.message};
  for (const auto& [client, request] : std::exchange(asked_for_successor_, {}))
    if (Session* session = sessions_.find(client)) session->reply_error(request, answer);
}

Result<void> Server::ask_for_successor(const Session& session, std::uint64_t request, const std::string& config_file) {
  const protocol::PeerCredentials& peer = session.record().peer.credentials;
  if (!access_.is_owner(peer.uid))
    return Error{Errc::permission_denied,
                 fmt::format("user {} (uid {}) may not have the server replaced: root and the daemon's own user may",
                             session.record().peer.user, peer.uid)};
  const shm::ClientId client = session.client();
  std::erase_if(asked_for_successor_, [this](const auto& asked) { return sessions_.find(asked.first) == nullptr; });
  if (std::ranges::count(asked_for_successor_, client, [](const auto& asked) { return asked.first; }) != 0)
    return Error{Errc::already_exists, "this client has asked already, and waits for the answer"};
  asked_for_successor_.emplace_back(client, request);
  log_->info("{}, of user {}, asks for another server", protocol::process_text(peer.pid), session.record().peer.user);
  estate_.ask_for_successor(config_file);
  return {};
}

/// While a server serves, the keeper says only why there is no successor, which it has logged. Its end is ours.
void Server::hear_keeper() {
  const Result<std::string> refusal = estate_.hear_refusal();
  if (refusal)
    stay({Errc::invalid_argument, *refusal});
  else
    keeper_poll_->watch(0);
}

}  // namespace dolium::daemon
