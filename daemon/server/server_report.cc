// The list of clients: see ClientsRequest in messages.fbs.

#include "daemon/server/server.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

Dispatch::ClientsPage Server::describe_clients(shm::ClientId after) {
  Dispatch::ClientsPage page;
  std::uint64_t looks = 0;
  sessions_.visit_clients(after, [&](const Session& session) {
    if (page.clients.size() == kClientsPerPage || looks >= kLooksPerPage) {
      page.next = page.clients.back().session_id;
      return false;
    }
    looks += engine_->store().report().looks_at(session.client());
    page.clients.push_back(describe(session));
    return true;
  });
  return page;
}

ClientInfo Server::describe(const Session& session) {
  const shm::ClientId client = session.client();
  ClientInfo info = engine_->store().report().client_info(client, shm::monotonic_now());
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
