#pragma once
// Handshake: begins a session for a new client, for a client that resumes its session after a restart of the server,
// and for a child of fork(). What it refuses is told in words, and ends the connection.

#include <functional>
#include <vector>

#include "daemon/server/session.h"
#include "daemon/tier/tier.h"
#include "shm/store/engine.h"

namespace dolium::daemon {

class Handshake {
 public:
  using Find = std::function<Session*(shm::ClientId)>;

  /// `find` returns a client's session, in any state but ended, or nullptr. Both must outlive this.
  Handshake(shm::Engine& engine, const Find& find) noexcept : engine_(engine), find_(find) {}

  /// The spill tier, which outlives this; nullptr: there is none.
  void set_tier(const Tier* tier) noexcept { tier_ = tier; }

  /// The first request of a connection.
  void hello(Session& session, std::uint64_t id, const protocol::HelloRequest& request);
  /// The first request of a child of fork(), on the connection that its parent made for it.
  void adopt(Session& session, const protocol::AdoptRequest& request);

 private:
  [[nodiscard]] Result<void> attach(Session& session, std::uint64_t id, const protocol::HelloRequest& request);
  [[nodiscard]] Result<void> resume(Session& session, std::uint64_t id, const protocol::HelloRequest& request);
  [[nodiscard]] protocol::HelloReplyT welcome_to(const Session& session) const;
  [[nodiscard]] Result<Session*> parent_of(const Session& session, const protocol::HelloRequest& request) const;
  /// The descriptors for a client, in the order of HelloReply; for a child of fork() only those that it does not
  /// inherit.
  [[nodiscard]] Result<std::vector<shm::UniqueFd>> descriptors(shm::ClientId client, Access access,
                                                               const shm::UniqueFd& release_event, bool inherits) const;
  [[nodiscard]] static bool add_rings(Session& session, std::vector<shm::UniqueFd>& fds);
  [[nodiscard]] static Result<void> make_rings(Session& session, std::vector<shm::UniqueFd>& fds);

  shm::Engine& engine_;
  const Find& find_;
  const Tier* tier_ = nullptr;
};

}  // namespace dolium::daemon
