#pragma once
// MiniServer: sessions, dispatch and store as the daemon has them, in this process and without a listening socket:
// what Server does between two waits of its loop, for connections that a test makes.

#include <sys/eventfd.h>
#include <uv.h>

#include <map>
#include <memory>
#include <vector>

#include "daemon/dispatch.h"
#include "daemon/session.h"
#include "protocol/fd_socket.h"
#include "shm/engine.h"
#include "shm/monotonic_clock.h"

namespace dolium::fuzz {

class MiniServer final : private daemon::Session::Host {
 public:
  explicit MiniServer(const StoreConfig& config)
      : engine_(shm::Store::create(config, shm::monotonic_now()).value()),
        dispatch_(
            engine_, [this](shm::ClientId client) { return find(client); }, [] { return std::vector<ClientInfo>(); }) {}
  MiniServer(const MiniServer&) = delete;
  MiniServer& operator=(const MiniServer&) = delete;

  /// The other end of a new connection.
  [[nodiscard]] shm::UniqueFd connect() {
    auto [ours, theirs] = protocol::socket_pair().value();
    daemon::Session::Peer peer;
    peer.permission = daemon::Permission::read_write;
    // Stands for a pidfd: the process lives as long as the test.
    auto session = daemon::Session::create(*loop_, *this, std::move(ours), shm::UniqueFd(::eventfd(0, EFD_CLOEXEC)),
                                           std::move(peer));
    sessions_.push_back(std::move(session).value());
    return std::move(theirs);
  }
  /// Everything that can be done now, is.
  void turn() {
    for (int i = 0; i < 3; ++i) small_turn();
  }
  /// As the server: what the loop has heard, then the rings of who is awake, then what is due.
  void small_turn() {
    uv_run(loop_->get(), UV_RUN_NOWAIT);
    for (std::size_t i = 0; i < awake_.size(); ++i) awake_[i]->poll();
    if (engine_.next_deadline() <= shm::monotonic_now()) engine_.tick(shm::monotonic_now());
    serve();
    engine_.store().relocate_one();
    std::erase_if(awake_, [](daemon::Session* session) { return session->rest(); });
  }
  [[nodiscard]] shm::Store& store() noexcept { return engine_.store(); }
  [[nodiscard]] shm::Engine& engine() noexcept { return engine_; }
  [[nodiscard]] std::size_t session_count() const noexcept { return sessions_.size(); }

 private:
  void serve() {
    do {
      engine_.settle(shm::monotonic_now());
      for (daemon::Session* session : std::exchange(dirty_, {})) {
        const bool gone = std::ranges::find(ended_, session) != ended_.end();
        if (!gone) session->pump(session->is_open() && dispatch_.send_events(*session));
      }
    } while (!dirty_.empty());
    std::erase_if(sessions_,
                  [this](const auto& session) { return std::ranges::find(ended_, session.get()) != ended_.end(); });
    ended_.clear();
  }
  [[nodiscard]] daemon::Session* find(shm::ClientId client) const {
    for (const auto& session : sessions_)
      if (session->client() == client && session->state() != daemon::Session::State::ended) return session.get();
    return nullptr;
  }

  void on_request(daemon::Session& session, const protocol::RequestFrame& request) override {
    dispatch_.handle(session, request);
  }
  void on_silenced(daemon::Session& session) override {
    engine_.silence_client(session.client());
    dispatch_.forget(session.client());
  }
  void on_misbehaviour(daemon::Session&, const Error&) override {}
  void on_release() override { engine_.on_release(shm::monotonic_now()); }
  void on_ended(daemon::Session& session) override {
    if (session.attached()) {
      dispatch_.forget(session.client());
      engine_.drop_client(session.client(), shm::monotonic_now());
    }
    ended_.push_back(&session);
    std::erase(awake_, &session);
  }
  void on_dirty(daemon::Session& session) override {
    if (std::ranges::find(dirty_, &session) == dirty_.end()) dirty_.push_back(&session);
  }
  void on_awake(daemon::Session& session) override {
    if (std::ranges::find(awake_, &session) == awake_.end()) awake_.push_back(&session);
  }

  std::unique_ptr<daemon::EventLoop> loop_ = daemon::EventLoop::create().value();
  shm::Engine engine_;
  daemon::Dispatch dispatch_;
  std::vector<std::unique_ptr<daemon::Session>> sessions_;
  std::vector<daemon::Session*> dirty_;
  std::vector<daemon::Session*> awake_;  // who has rings, and was not quiet when last polled
  std::vector<daemon::Session*> ended_;
};

}  // namespace dolium::fuzz
