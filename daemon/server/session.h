#pragma once
// Session: the daemon's side of one connection. Everything that a client holds hangs off it.
//
//   greeting     connected, nothing asked yet; has no client in the store, and costs one descriptor
//   unadopted    a copy of another session, made for a child of fork() by its parent: whose it is is not known yet
//   open         after the handshake
//   leaving      its last frames are on their way out, then it ends
//   half_closed  the peer sends no more, but its process still has the mappings (Objects outlive their Client):
//                no waits, no grants, no events; what it holds and writes stays
//   orphaned     of an earlier server: its client may come back over another connection; until then nothing is heard
//                or said here
//   quarantined  ended by us for misbehaviour; likewise, because its process may still touch its memory
//
// It ends, and its client leaves the store, when the peer's last descriptor is closed (hang-up) or its process
// is gone (pidfd), whichever is first: never while its process can touch what it held. Who has said nothing has
// nothing, so its process is not watched: a crowd of such costs half the descriptors. Of an unadopted session it is
// not, either: the one that connected may go (as who forks to become a daemon does) before the child that it was made
// for has said a word. The child has the connection from its first moment, so the hang-up will do; that the parent, or
// a stray copy, may have it too makes the session last longer, never shorter.
//
// Through rings a client's messages arrive without an event of the loop: while the daemon is awake it polls the
// sessions that it heard of last, and lets each rest, so that its client rings again, when it has been quiet for a
// while.
//
// A session only moves frames; what they mean is Dispatch's business.

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

  /// What a session asks of its surroundings.
  class Host {
   public:
    virtual void on_request(Session& session, const protocol::RequestFrame& request) = 0;
    /// The peer sends no more, or shall not be listened to.
    virtual void on_silenced(Session& session) = 0;
    virtual void on_misbehaviour(Session& session, const Error& what) = 0;
    /// Somebody waits for room, and this client released something.
    virtual void on_release() = 0;
    /// Nothing will come of this session any more. It is destroyed some time after this.
    virtual void on_ended(Session& session) = 0;
    /// There is something to send, or to look at, before the loop waits again.
    virtual void on_dirty(Session& session) = 0;
    /// It has rings, and is not asleep: poll() it, until it may rest().
    virtual void on_awake(Session& session) = 0;
    /// Its client asked for rings, and there are none to be had now.
    virtual void on_without_rings(Session& session, const Error& why) = 0;
    /// Its client's HelloRequest is refused: another user's, another version's.
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

  /// Queues a reply. Never blocks; what cannot be sent is dropped with the session.
  template <class Message>
  // NOLINTNEXTLINE(performance-unnecessary-value-param): moved from
  void reply(std::uint64_t request_id, Message message, std::vector<shm::UniqueFd> descriptors = {}) {
    if (listens()) queued(wire_.push(request_id, std::move(message), std::move(descriptors)));
  }
  void reply_error(std::uint64_t request_id, const Error& error);
  /// From now on it ends with this process (a pidfd). Before open(): an error leaves it as it was.
  [[nodiscard]] Result<void> watch_process(shm::UniqueFd process);
  /// DoneReply, or the error.
  void reply_outcome(std::uint64_t request_id, const Result<void>& outcome);
  /// greeting -> open. The token is what a copy of this session must be asked for with; 0: none may be.
  void open(shm::ClientId client, Access access, std::string name, shm::UniqueFd release_event,
            std::uint64_t fork_token = 0);
  /// After the reply that is queued now, frames go through these.
  void use_rings(shm::Mapping memory) { wire_.use_rings(std::move(memory)); }
  void go_without_rings(const Error& why) { host_.on_without_rings(*this, why); }
  /// Takes the requests that have come through the rings. True when there were any bytes.
  bool poll();
  /// True: nothing is left to poll for; on_awake() says when there is again.
  [[nodiscard]] bool rest();
  /// greeting -> open, in the place of an orphan, which ends without its client. Nothing of it can fail: who comes back
  /// has no second chance.
  void replace(Session& orphan);
  /// open -> unadopted, and back. `process` is a pidfd, or none when the process cannot be watched; `pid` 0 when it is
  /// not known either.
  void await_adoption();
  /// The peer will ask for nothing more, but its process still has the mappings: open -> half_closed.
  void hear_no_more();
  void adopt(pid_t pid, shm::UniqueFd process);
  /// Answers the HelloRequest with an error: greeting -> leaving.
  void refuse_hello(std::uint64_t request_id, const Error& why);
  /// Ends it with one last word, and without what it was promised in this turn.
  void refuse(const Error& why);
  /// Sends what is queued, then ends; called again, ends at once. For clients that never got in.
  void leave();
  /// Ends it for misbehaviour, with one last word to the client.
  void misbehaved(const Error& what);
  /// There is something to send: pump() will be called before the loop waits.
  void mark_dirty() { host_.on_dirty(*this); }
  /// Sends what can be sent, and asks the loop for what is needed next. `events_wait`: there are events that may
  /// not be queued yet; come back when the socket takes more, though nothing is queued by then.
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
  [[nodiscard]] bool may_take_events() const noexcept { return is_open() && wire_.has_room_for_events(); }

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
  [[nodiscard]] bool listens() const noexcept {
    return state_ == State::greeting || state_ == State::unadopted || state_ == State::open;
  }

  EventLoop& loop_;
  Host& host_;
  State state_ = State::greeting;
  SessionRecord record_;
  SessionWire wire_;  // after the socket, which is the record's
  // Declared last: the watchers go before the descriptors that they watch.
  std::optional<Poll> socket_poll_;
  std::optional<Poll> process_poll_;
  std::optional<Poll> release_poll_;
};

}  // namespace dolium::daemon
