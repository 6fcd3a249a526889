#pragma once
// Server: the socket, the sessions, the engine and the event loop, tied together. One thread.
//
// A turn of the loop: callbacks take frames and change the store; before the loop waits again, who waits for
// room is served, due events and replies are sent, and the timer is set to the engine's next deadline. So the
// answers to many requests leave in few system calls, and nothing is forgotten.

#include <memory>
#include <string_view>
#include <vector>

#include <spdlog/logger.h>

#include "daemon/config/config.h"
#include "daemon/process/signals.h"
#include "daemon/server/acceptor.h"
#include "daemon/server/access_list.h"
#include "daemon/server/dispatch.h"
#include "daemon/server/estate.h"
#include "daemon/server/event_loop.h"
#include "daemon/server/limited_log.h"
#include "daemon/server/renewer.h"
#include "daemon/server/session.h"
#include "daemon/server/session_table.h"
#include "daemon/server/warmer.h"
#include "shm/os/busy_poll.h"
#include "shm/store/engine.h"

namespace dolium::daemon {

class Server final : private Session::Host {
 public:
  /// How long a connection may say nothing before its HelloRequest.
  static constexpr std::uint64_t kHandshakeTimeoutMs = 10'000;
  /// How often the rings are looked at between two looks at everything else.
  static constexpr int kLooksPerTurn = 32;
  /// How many times as long as others a client is looked for that is writing what one thread copies.
  static constexpr shm::TimeNs kWriterFactor = 6;
  /// How many clients are described in one message, where a row has some hundred bytes: names, the only long things in
  /// it, are cut. And how many slots are looked at for it, some ns each; for the last client, all that it takes.
  static constexpr std::size_t kClientsPerPage = 1024;
  static constexpr std::uint64_t kLooksPerPage = 128 * 1024;

  enum class End : std::uint8_t { finished, restart };

  /// Goes on with the estate, if there is any.
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(const Config& config, std::shared_ptr<spdlog::logger> log,
                                                              Estate estate, SignalQueue signals);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Serves until the keeper sends SIGTERM, and then tells the clients; or until it sends SIGHUP, and then leaves
  /// everything to its successor.
  [[nodiscard]] End run();
  /// Ends the log. The lines that were lost, and not told of, are the successor's to tell of. The last thing to do.
  void hand_over_log() const;
  void stop(const char* reason);

 private:
  Server(const Config& config, std::shared_ptr<spdlog::logger> log, AccessList access, std::unique_ptr<EventLoop> loop,
         protocol::Listener listener, std::unique_ptr<shm::Engine> engine, Estate estate, SignalQueue signals);

  [[nodiscard]] Result<void> watch();
  [[nodiscard]] Result<void> take_orphans(std::vector<SessionRecord> records);
  void take_signals();
  void make_way();
  void stay(const Error& why);
  [[nodiscard]] Result<void> ask_for_successor(const Session& session, std::uint64_t request,
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
  LimitedLog client_log_;  // the same, for what clients bring about
  const AccessList access_;
  bool is_reachable_ = true;         // the socket's path leads here
  std::unique_ptr<EventLoop> loop_;  // before all that is watched in it
  std::unique_ptr<shm::Engine> engine_;
  Warmer warmer_;
  Renewer renewer_;
  Estate estate_;
  Dispatch dispatch_;
  SessionTable sessions_;
  Acceptor acceptor_;
  std::optional<Timer> deadline_timer_;
  shm::TimeNs armed_for_ = shm::kNever;
  std::optional<BusyLoop> busy_loop_;
  shm::BusyPoll busy_poll_;    // how long to look for more after a request
  bool asked_ = false;         // there was a request in this turn, through a socket
  bool may_be_asked_ = false;  // that is what the loop stays awake for
  shm::TimeNs last_asked_ = 0;
  std::optional<BeforeWait> before_wait_;
  std::optional<Poll> keeper_poll_;
  std::vector<std::pair<shm::ClientId, std::uint64_t>> asked_for_successor_;  // and the number of the request
  const SignalQueue signals_;
  std::optional<Poll> signal_poll_;
  bool stopping_ = false;
  End end_ = End::finished;
};

}  // namespace dolium::daemon
