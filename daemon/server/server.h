#pragma once
// Server: joins the acceptor, the table of sessions, the engine and the event loop. One thread.
//
// One turn of the loop: callbacks read frames and change the store. Before the loop waits again, the server serves
// clients that wait for room, sends due events and replies, and sets the timer to the engine's next deadline. So the
// replies to many requests leave in few system calls.
//
// server.cc: start, and what sessions report; server_turn.cc: the turn; server_end.cc: the stop, and what is written to
// disk before it; server_succession.cc: the restart of the server; server_report.cc: the list of clients.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <spdlog/logger.h>

#include "daemon/config/config.h"
#include "daemon/process/limited_log.h"
#include "daemon/process/signals.h"
#include "daemon/server/acceptor.h"
#include "daemon/server/access_list.h"
#include "daemon/server/dispatch.h"
#include "daemon/server/estate.h"
#include "daemon/server/event_loop.h"
#include "daemon/server/renewer.h"
#include "daemon/server/session.h"
#include "daemon/server/session_table.h"
#include "daemon/server/trimmer.h"
#include "daemon/server/warmer.h"
#include "daemon/tier/drain.h"
#include "daemon/tier/tier.h"
#include "shm/os/busy_poll.h"
#include "shm/store/engine.h"

namespace dolium::daemon {

class Server final : private Session::Host {
 public:
  /// Time until a connection must have sent its HelloRequest, in milliseconds; then the same until it has received the
  /// reply.
  static constexpr std::uint64_t kHandshakeTimeoutMs = 10'000;
  /// Number of polls of the rings between two polls of everything else.
  static constexpr int kLooksPerTurn = 32;
  /// A client that writes an object which one thread copies is polled this many times longer than others.
  static constexpr shm::TimeNs kWriterFactor = 6;
  /// Maximum number of clients in one message (some hundred bytes each), and number of slots, at some ns each, after
  /// which the message ends.
  static constexpr std::size_t kClientsPerPage = 1024;
  static constexpr std::uint64_t kLooksPerPage = 128 * 1024;

  /// Maximum time for the spill process to tell its records to a new store. No client is admitted before.
  static constexpr shm::TimeNs kCatalogueTimeout = 300'000'000'000;
  /// Maximum time for which a restart of the server writes what is dirty, if [spill] drain is not shorter.
  static constexpr shm::TimeNs kRestartDrain = 10'000'000'000;

  enum class End : std::uint8_t { finished, restart, failed };

  /// For clients, while a stop waits for the disk.
  static constexpr const char* kStopping =
      "the daemon is stopping, and takes no new objects and clients: it writes what is to be kept to disk";

  /// Continues the store of the estate if it has one; creates a store otherwise.
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(const Config& config, std::shared_ptr<spdlog::logger> log,
                                                              Estate estate, SignalQueue signals);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Serves until the keeper sends SIGTERM: then says goodbye to the clients. Or until the keeper sends SIGHUP: then
  /// leaves everything to the next server. Before either, what is dirty is written to disk; the same signal again ends
  /// that at once.
  [[nodiscard]] End run();
  /// Ends the log, and leaves the number of lost lines to the next server. Call it last.
  void hand_over_log() const;

 private:
  Server(const Config& config, std::shared_ptr<spdlog::logger> log, AccessList access, std::unique_ptr<EventLoop> loop,
         protocol::Listener listener, std::unique_ptr<shm::Engine> engine, Estate estate, SignalQueue signals);

  [[nodiscard]] Result<void> watch();
  [[nodiscard]] Result<void> take_sessions(std::vector<SessionRecord> records);
  void take_signals();
  void stop(const char* reason);
  void end_in_order();
  void begin_drain(Drain::Before before, shm::TimeNs limit);
  void go_on_draining(shm::TimeNs now);
  [[nodiscard]] bool drains_before(Drain::Before end) const noexcept { return drain_ && drain_->before() == end; }
  void restart();
  void make_way();
  void stay(const Error& why);
  [[nodiscard]] Result<void> ask_for_restart(const Session& session, std::uint64_t request,
                                             const std::string& config_file);
  void hear_keeper();
  [[nodiscard]] Result<void> keep(Session& session) const;
  [[nodiscard]] Dispatch::ClientsPage describe_clients(shm::ClientId after);
  [[nodiscard]] ClientInfo describe(const Session& session);
  void before_wait();
  void arm_timer();
  bool poll_rings();
  void answer(Session& session);
  [[nodiscard]] shm::TimeNs patience_with(const Session& session, shm::TimeNs busy_poll) const;
  void let_rest(shm::TimeNs now);
  void look_again();
  void serve(shm::TimeNs now);
  void on_deadline();
  [[nodiscard]] bool waits_for_catalogue() const noexcept;
  void say_serving();
  void hold_back(Session& session, const protocol::RequestFrame& hello);
  void admit_held_back();
  void log_tier_state();
  void end_late(Session& session);
  void end_unheard(Session& session);
  void log_end(const Session& session, std::string_view kind, std::string_view why);

  void on_request(Session& session, const protocol::RequestFrame& request) override;
  void on_silenced(Session& session) override;
  void on_misbehaviour(Session& session, const Error& what) override;
  void on_release() override;
  void on_ended(Session& session) override;
  void on_dirty(Session& session) override;
  void on_awake(Session& session) override;
  void on_without_rings(Session& session, const Error& why) override;
  void on_refused(Session& session, const Error& why) override;

  const Config config_;
  const std::shared_ptr<spdlog::logger> log_;
  LimitedLog client_log_;  // the same, for lines that clients can cause
  const AccessList access_;
  bool is_reachable_ = true;         // the socket's path leads to this daemon
  bool is_serving_ = false;          // the log says so
  std::unique_ptr<EventLoop> loop_;  // before everything that it watches
  std::unique_ptr<shm::Engine> engine_;
  Warmer warmer_;
  Renewer renewer_;
  Trimmer trimmer_;
  Estate estate_;
  Dispatch dispatch_;
  std::optional<Tier> tier_;    // the spill tier
  std::optional<Drain> drain_;  // before this server's end
  SessionTable sessions_;
  Acceptor acceptor_;
  std::optional<Timer> deadline_timer_;
  shm::TimeNs armed_for_ = shm::kNever;
  std::optional<BusyLoop> busy_loop_;
  shm::BusyPoll busy_poll_;    // time to busy-poll after a request
  bool asked_ = false;         // a request came through a socket in this turn
  bool may_be_asked_ = false;  // the loop is awake because a request may come soon
  shm::TimeNs last_asked_ = 0;
  std::optional<BeforeWait> before_wait_;
  std::optional<Poll> keeper_poll_;
  std::vector<std::pair<shm::ClientId, std::uint64_t>> asked_for_restart_;  // client, and number of its request
  /// HelloRequests that came before a new store had the spill tier's catalogue.
  std::vector<std::pair<Session*, protocol::RequestFrameT>> held_back_;
  shm::TimeNs began_ = 0;
  Tier::State tier_state_ = Tier::State::absent;  // as it was logged
  const SignalQueue signals_;
  std::optional<Poll> signal_poll_;
  std::string stop_reason_;
  bool stopping_ = false;
  End end_ = End::finished;
};

}  // namespace dolium::daemon
