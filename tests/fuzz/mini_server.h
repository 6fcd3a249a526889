#pragma once
// MiniServer: the daemon's sessions, dispatch and store in this process, without a listening socket. It does what
// Server does between two waits of its loop, for connections that a test creates. It can die, and be replaced by
// another one that gets what the keeper would have kept: memory, attached sessions, and their descriptors. With a spill
// tier (StoreConfig::spill), a test plays the spill process, as a client of the store that has no session here.

#include <unistd.h>
#include <uv.h>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/server/dispatch.h"
#include "daemon/server/session.h"
#include "daemon/server/session_table.h"
#include "daemon/tier/tier.h"
#include "protocol/fd_socket.h"
#include "shm/os/monotonic_clock.h"
#include "shm/store/engine.h"

namespace dolium::fuzz {

class MiniServer final : private daemon::Session::Host {
 public:
  explicit MiniServer(const StoreConfig& config) : config_(config) {
    serve_store(shm::Store::create(config, shm::monotonic_now()).value());
  }
  MiniServer(const MiniServer&) = delete;
  MiniServer& operator=(const MiniServer&) = delete;

  /// The other end of a new connection.
  [[nodiscard]] shm::UniqueFd connect() {
    auto [ours, theirs] = protocol::socket_pair().value();
    admit(std::move(ours));
    return std::move(theirs);
  }
  /// A new connection, of this process with itself.
  void admit(shm::UniqueFd socket) {
    daemon::SessionRecord record;
    record.socket = std::move(socket);
    record.peer.credentials = {::getpid(), ::getuid(), ::getgid()};
    record.peer.permission = daemon::Permission::read_write;
    auto session = daemon::Session::create(*loop_, *this, std::move(record));
    sessions_->add(std::move(session).value());
  }
  /// Everything that can be done now, is.
  void turn() {
    for (int i = 0; i < 3; ++i) small_turn();
  }
  /// As the server.
  void small_turn() {
    hear();
    answer();
  }
  /// The first half of a turn: what the loop has heard, then the rings of who is awake, then what is due.
  void hear() {
    uv_run(loop_->get(), UV_RUN_NOWAIT);
    sessions_->visit_awake([](daemon::Session& session) { session.poll(); });
    if (engine_->next_deadline() <= shm::monotonic_now()) engine_->tick(shm::monotonic_now());
    if (const auto piece = store().quarantine().next_to_renew())
      store().quarantine().renewed(store().rows().memory.renew(*piece), shm::monotonic_now());
  }
  /// The second: answers leave.
  void answer() {
    serve();
    engine_->store().room().relocate_one();
    sessions_->let_rest([](daemon::Session& session) { return session.rest(); });
  }
  /// The server dies at this point of its turn, as by SIGKILL, and another goes on.
  void be_succeeded() {
    std::vector<shm::UniqueFd> memory;
    for (const shm::Segment* segment : store().rows().segments()) memory.push_back(segment->duplicate().value());
    std::vector<shm::SurvivingClient> survivors;
    std::vector<daemon::SessionRecord> records;
    for (const shm::ClientId process : spill_processes_) survivors.push_back(survivor_of(process));
    sessions_->visit_clients(0, [&](daemon::Session& session) {
      survivors.push_back(survivor_of(session));
      records.push_back(kept(session.record()));
      return true;
    });
    die();
    serve_store(shm::Store::recover(config_, std::move(memory), std::move(survivors), shm::monotonic_now()).value());
    for (daemon::SessionRecord& record : records)
      sessions_->attach(sessions_->add(daemon::Session::orphan(*loop_, *this, std::move(record)).value()));
  }
  /// CreateWaits::set_long_scan(), of this server and of its successors.
  void set_long_scan(std::uint64_t looks) {
    long_scan_ = looks;
    engine_->creates().set_long_scan(looks);
  }
  // ---- the spill tier ----

  /// Receives what the tier of this server, and of its successors, asks for.
  using SendWork = decltype(daemon::TierLine::send);
  void set_spill_process(SendWork send) { send_work_ = std::move(send); }
  [[nodiscard]] daemon::Tier& tier() noexcept { return *tier_; }
  [[nodiscard]] shm::ClientId attach_spill_process() {
    const shm::ClientId client = store().attach({.pid = 4, .uid = 4}, shm::monotonic_now()).value();
    spill_processes_.push_back(client);
    return client;
  }
  void drop_spill_process(shm::ClientId client) {
    std::erase(spill_processes_, client);
    engine_->drop_client(client, shm::monotonic_now());
    tier_->on_client_gone(client);
  }
  [[nodiscard]] std::size_t spill_process_count() const noexcept { return spill_processes_.size(); }

  [[nodiscard]] shm::Store& store() noexcept { return engine_->store(); }
  [[nodiscard]] shm::Engine& engine() noexcept { return *engine_; }
  [[nodiscard]] const daemon::OrderedPuts& ordered_puts() const noexcept { return dispatch_->ordered_puts(); }
  [[nodiscard]] std::size_t session_count() const noexcept { return sessions_->size(); }
  [[nodiscard]] std::size_t open_count() const {
    return sessions_->count([](const daemon::Session& session) { return session.is_open(); });
  }

 private:
  void serve_store(std::unique_ptr<shm::Store> store) {
    sessions_.emplace();
    engine_.emplace(std::move(store));
    engine_->creates().set_long_scan(long_scan_);
    dispatch_.emplace(
        *engine_, [this](shm::ClientId client) { return sessions_->find(client); },
        [](shm::ClientId) { return daemon::Dispatch::ClientsPage(); },
        [](const daemon::Session&, std::uint64_t, const protocol::ReplaceRequest&) -> Result<void> {
          return Error{Errc::permission_denied, "no keeper stands behind this server"};
        });
    if (!config_.spill) return;
    tier_.emplace(*engine_, daemon::TierOptions{.token = {}, .ahead = kAhead},
                  daemon::TierLine{
                      .send = [this](shm::ClientId client, std::uint64_t request,
                                     protocol::TierWorkNoticeT work) { send_work_(client, request, std::move(work)); },
                      .end_catalogue = {},  // at once, for so few objects
                      .is_behind = [] { return false; }});
    dispatch_->set_tier(&*tier_);
  }
  void die() {
    sessions_.reset();
    dispatch_.reset();
    tier_.reset();
    engine_.reset();
  }
  [[nodiscard]] shm::SurvivingClient survivor_of(const daemon::Session& session) {
    const auto& [credentials, permission, command, user] = session.record().peer;
    return {session.client(),
            {credentials.pid, credentials.uid, command, session.record().name},
            shm::monotonic_now(),
            store().clients().pin_table_segment(session.client()).duplicate().value()};
  }
  [[nodiscard]] shm::SurvivingClient survivor_of(shm::ClientId process) {
    return {process,
            {.pid = 4, .uid = 4},
            shm::monotonic_now(),
            store().clients().pin_table_segment(process).duplicate().value()};
  }
  /// As the keeper would keep it.
  [[nodiscard]] static daemon::SessionRecord kept(const daemon::SessionRecord& record) {
    const auto copy = [](const shm::UniqueFd& fd) {
      return fd.valid() ? protocol::duplicate(fd.get()).value() : shm::UniqueFd();
    };
    daemon::SessionRecord out = daemon::SessionRecord::from_text(record.to_text()).value();
    out.socket = copy(record.socket);
    out.release_event = copy(record.release_event);
    out.process = copy(record.process);
    return out;
  }
  void serve() {
    do {
      engine_->settle(shm::monotonic_now());
      dispatch_->go_on();
      if (tier_) tier_->work({shm::monotonic_now(), std::chrono::system_clock::now()});
      sessions_->take_dirty(
          [this](daemon::Session& session) { session.pump(session.is_open() && dispatch_->send_events(session)); });
      sessions_->destroy_ended();
    } while (sessions_->has_dirty());
  }

  void on_request(daemon::Session& session, const protocol::RequestFrame& request) override {
    const bool was_attached = session.attached();
    dispatch_->handle(session, request);
    if (session.attached() && !was_attached) sessions_->attach(session);
  }
  void on_silenced(daemon::Session& session) override {
    engine_->silence_client(session.client());
    dispatch_->forget(session.client());
    if (tier_) tier_->on_client_gone(session.client());
  }
  void on_misbehaviour(daemon::Session&, const Error&) override {}
  void on_release() override { engine_->on_release(shm::monotonic_now()); }
  void on_ended(daemon::Session& session) override {
    if (session.attached()) {
      dispatch_->forget(session.client());
      engine_->drop_client(session.client(), shm::monotonic_now());
      if (tier_) tier_->on_client_gone(session.client());
    }
    sessions_->end(session);
  }
  void on_dirty(daemon::Session& session) override { sessions_->mark_dirty(session); }
  void on_awake(daemon::Session& session) override { sessions_->mark_awake(session); }

  void on_without_rings(daemon::Session&, const Error&) override {}
  void on_refused(daemon::Session&, const Error&) override {}

  static constexpr double kAhead = 0.25;  // TierOptions::ahead

  const StoreConfig config_;
  std::uint64_t long_scan_ = shm::CreateWaits::kLongScan;
  std::unique_ptr<daemon::EventLoop> loop_ = daemon::EventLoop::create().value();
  std::optional<shm::Engine> engine_;
  std::optional<daemon::Tier> tier_;
  SendWork send_work_;
  std::vector<shm::ClientId> spill_processes_;
  std::optional<daemon::Dispatch> dispatch_;
  std::optional<daemon::SessionTable> sessions_;
};

}  // namespace dolium::fuzz
