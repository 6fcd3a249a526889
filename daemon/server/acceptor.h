#pragma once
// Acceptor: the listening socket. It makes a session of each new connection. A connection beyond a limit, or whose peer
// the kernel does not name, gets a GoodbyeNotice with the reason.
//
// A resource: neither copied nor moved. Everything that is passed to the constructor must outlive it.

#include <cstdint>
#include <optional>

#include <dolium/result.h>
#include <spdlog/logger.h>

#include "daemon/config/config.h"
#include "daemon/process/limited_log.h"
#include "daemon/server/access_list.h"
#include "daemon/server/event_loop.h"
#include "daemon/server/session.h"
#include "daemon/server/session_table.h"
#include "protocol/listener.h"

namespace dolium::daemon {

class Acceptor {
 public:
  /// Pause after the system has refused to accept a connection, in milliseconds.
  static constexpr std::uint64_t kPauseMs = 20;

  Acceptor(EventLoop& loop, const Config& config, const AccessList& access, LimitedLog& log, SessionTable& sessions,
           Session::Host& host, protocol::Listener listener);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Before start().
  [[nodiscard]] Result<void> watch();
  void start();
  /// No more connections are accepted.
  void stop();
  /// Makes the socket's files again where they were removed: see Listener::renew(). True: something was made again.
  [[nodiscard]] Result<bool> renew(spdlog::logger& log);
  /// A socket that listened before: start() accepts the connections that still wait there.
  void take_former(shm::UniqueFd socket) { former_ = std::move(socket); }
  /// The socket's files stay for the next server.
  void leave_to_successor() noexcept { listener_.leave_to_successor(); }
  [[nodiscard]] const protocol::Listener& listener() const noexcept { return listener_; }

 private:
  void accept_all(protocol::Listener& listener);
  [[nodiscard]] Result<void> admit(shm::UniqueFd& socket);
  static void turn_away(const shm::UniqueFd& socket, const Error& why);
  [[nodiscard]] Result<void> check_limits(const Peer& peer) const;

  EventLoop& loop_;
  const Config& config_;
  const AccessList& access_;
  LimitedLog& log_;
  SessionTable& sessions_;
  Session::Host& host_;
  protocol::Listener listener_;
  shm::UniqueFd former_;
  bool stopped_ = false;
  std::optional<Poll> poll_;
  std::optional<Timer> pause_;
};

}  // namespace dolium::daemon
