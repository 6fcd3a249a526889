#pragma once
// Session: the daemon's side of one connection. Everything that a client holds hangs off it.
//
//   greeting     connected, before its HelloRequest; has no client in the store, and costs one descriptor
//   unadopted    a copy of another session, made for a child of fork() by its parent; its process is not known yet
//   open         after the handshake
//   leaving      sends its last frames, then ends
//   half_closed  the peer sends no more, but its process still has the mappings (Objects outlive their Client): no
//                waits, no grants, no events; what the client holds and writes stays
//   orphaned     made by an earlier server: its client may resume it over a new connection; until then nothing is read
//                or sent here
//   quarantined  ended by the server for misbehaviour; nothing is read or sent, but what the client holds stays,
//                because its process may still touch its memory
//   ended        its client has left the store; only its destruction follows
//
// A session ends when the peer's last descriptor is closed (hang-up) or when its process is gone (pidfd), whichever is
// first: never while its process can touch what it held. In `greeting` a client holds nothing, so its process is not
// watched, which halves the descriptors of idle connections. In `unadopted` the process is not watched either: the
// parent that connected may end (as a program that becomes a daemon does) before the child has sent anything. The child
// has the connection from its first moment, so a hang-up is a reliable sign; if the parent has the connection too, the
// session lasts longer, never shorter.
//
// Through rings, messages arrive without an event of the loop. While the server is awake it polls sessions that it
// heard of lately; a session that has been quiet may rest(), and its client then rings.
//
// Three parts: SessionWire moves frames, SessionRecord holds what the next server must know, and Session decides when
// to read, to send and to end. Dispatch knows what requests mean.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <dolium/options.h>

#include "daemon/server/event_loop.h"
#include "daemon/server/session_links.h"
#include "daemon/server/session_record.h"
#include "daemon/server/session_wire.h"

namespace dolium::daemon {

class Session final : public SessionLinks {
 public:
  enum class State : std::uint8_t { greeting, unadopted, open, leaving, half_closed, orphaned, quarantined, ended };

  /// What a session reports to the server.
  class Host {
   public:
    virtual void on_request(Session& session, const protocol::RequestFrame& request) = 0;
    /// Nothing more is read from the peer.
    virtual void on_silenced(Session& session) = 0;
    virtual void on_misbehaviour(Session& session, const Error& what) = 0;
    /// A client waits for room, and this client has released something.
    virtual void on_release() = 0;
    /// The session has ended. It must exist until its running function returns.
    virtual void on_ended(Session& session) = 0;
    /// pump() must be called before the loop waits again.
    virtual void on_dirty(Session& session) = 0;
    /// It has rings: poll() must be called until it may rest().
    virtual void on_awake(Session& session) = 0;
    /// Its client asked for rings, and the system has no memory or descriptors for them.
    virtual void on_without_rings(Session& session, const Error& why) = 0;
    /// Its client's HelloRequest is refused.
    virtual void on_refused(Session& session, const Error& why) = 0;

   protected:
    ~Host() = default;
  };

  /// A new connection: the record has its socket and its peer.
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(EventLoop& loop, Host& host, SessionRecord record);
  /// A session of an earlier server. Its peer is told that nothing more will come over this connection.
  [[nodiscard]] static Result<std::unique_ptr<Session>> orphan(EventLoop& loop, Host& host, SessionRecord record);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Queues a reply. Never blocks. Unsent bytes are dropped when the session ends.
  template <class Message>
  void reply(std::uint64_t request_id, const Message& message, std::vector<shm::UniqueFd> descriptors = {}) {
    if (listens()) queued(wire_.push(request_id, message, std::move(descriptors)));
  }
  void reply_error(std::uint64_t request_id, const Error& error);
  /// The session ends with this process (a pidfd) from now on. An error changes nothing.
  [[nodiscard]] Result<void> watch_process(shm::UniqueFd process);
  /// DoneReply, or the error.
  void reply_outcome(std::uint64_t request_id, const Result<void>& outcome);
  /// greeting -> open. A client must show the token to resume or copy this session; 0: neither is allowed.
  void open(shm::ClientId client, Access access, std::string name, shm::UniqueFd release_event,
            std::uint64_t fork_token = 0);
  /// After the reply that is queued now, frames go through these.
  void use_rings(shm::Mapping memory) { wire_.use_rings(std::move(memory)); }
  void go_without_rings(const Error& why) { host_.on_without_rings(*this, why); }
  /// Reads requests from the rings. Returns true if there were any bytes.
  bool poll();
  /// True: nothing is left to poll for, and the client rings; on_awake() follows.
  [[nodiscard]] bool rest();
  /// greeting -> open, with the client of an orphaned session, which ends. Cannot fail: a client that resumes has no
  /// second attempt.
  void replace(Session& orphan);
  /// open -> unadopted, and back. `process` is a pidfd, or none if the process cannot be watched; `pid` is 0 if it is
  /// not known.
  void await_adoption();
  /// The peer sends no more requests, but its process still has the mappings: open -> half_closed.
  void hear_no_more();
  void adopt(pid_t pid, shm::UniqueFd process);
  /// Answers the HelloRequest with an error: greeting -> leaving.
  void refuse_hello(std::uint64_t request_id, const Error& why);
  /// Drops the replies of this turn, sends a GoodbyeNotice, and ends.
  void refuse(const Error& why);
  /// Sends what is queued, then ends; called again, ends at once. For sessions without a client.
  void leave();
  /// Sends a GoodbyeNotice; then the session is quarantined, or ends if it has no client.
  void misbehaved(const Error& what);
  /// Takes no more requests until go_on(): the client's puts wait for the disk. Replies are sent, and its end is heard.
  void pause() {
    paused_ = true;
    host_.on_dirty(*this);  // other events are watched
  }
  void go_on() {
    paused_ = false;
    host_.on_dirty(*this);
  }
  /// Has pump() called before the loop waits.
  void mark_dirty() { host_.on_dirty(*this); }
  /// Sends what the peer takes, and tells the loop what to watch. `events_wait`: more events wait than may be queued
  /// now, so call again when the socket takes more.
  void pump(bool events_wait = false);

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] bool is_open() const noexcept { return state_ == State::open; }
  [[nodiscard]] bool attached() const noexcept { return record_.client != 0; }
  [[nodiscard]] shm::ClientId client() const noexcept { return record_.client; }
  [[nodiscard]] Access access() const noexcept { return record_.access; }
  /// What the next server must know of this session.
  [[nodiscard]] const SessionRecord& record() const noexcept { return record_; }
  /// The record's origin, which the store may have learned since.
  void set_origin(ClientOrigin origin) { record_.origin = std::move(origin); }
  [[nodiscard]] const SessionWire& wire() const noexcept { return wire_; }

 private:
  Session(EventLoop& loop, Host& host, SessionRecord record);

  void queued(const Result<void>& pushed);
  void on_socket(int events);
  bool read_requests(protocol::Channel::Look look);
  void take_bells_while_paused();
  void take_requests();
  void on_end_of_stream();
  [[nodiscard]] bool is_silent() const noexcept {
    return state_ == State::half_closed || state_ == State::orphaned || state_ == State::quarantined;
  }
  [[nodiscard]] Result<void> watch_socket(int events);
  [[nodiscard]] Result<void> watch_release_event();
  void say_goodbye(const Error& why);
  void silence(State state);
  void end();
  /// Takes no requests now.
  [[nodiscard]] bool is_deaf() const noexcept { return paused_ || wire_.is_full(); }
  [[nodiscard]] bool listens() const noexcept {
    return state_ == State::greeting || state_ == State::unadopted || state_ == State::open;
  }

  EventLoop& loop_;
  Host& host_;
  State state_ = State::greeting;
  bool paused_ = false;
  SessionRecord record_;
  SessionWire wire_;  // after the socket, which is the record's
  // Last: destroyed before the descriptors that they watch.
  std::optional<Poll> socket_poll_;
  std::optional<Poll> process_poll_;
  std::optional<Poll> release_poll_;
};

}  // namespace dolium::daemon
