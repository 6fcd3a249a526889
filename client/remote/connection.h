#pragma once
// Connection: a client's session with the daemon, for any number of threads. Its parts:
//
//   Transport     bytes: socket, rings, frames            transport.h
//   Exchange      requests, replies, the leading reader   exchange.h
//   Events        subscriptions                           events.h
//   DeferredPuts  puts without a reply                    deferred_puts.h
//   OpenExtents   what is being written                   open_extents.h
//
// Connection itself is the session: its identity, its mappings, and what it does when the server dies. Then the
// server's successor knows the session: the leader connects again, under the old descriptor's number, repeats the
// requests that are idempotent, and answers all others with the truth: their outcome is unknown (resume.cc). Each
// connection is an epoch; objects that were being written in an earlier epoch are dropped.
//
// Locks: see exchange.h. The lock of the deferred puts' lease comes before both of those. It keeps deferred puts in
// order: a thread that waits for room for one holds up the others, and flush().

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dolium/client.h>
#include <dolium/options.h>

#include "client/mapped/attachment.h"
#include "client/mapped/completions.h"
#include "client/remote/call.h"
#include "client/remote/deferred_puts.h"
#include "client/remote/events.h"
#include "client/remote/exchange.h"
#include "client/remote/handshake.h"
#include "client/remote/open_extents.h"
#include "shm/os/busy_poll.h"

namespace dolium::detail {

class SessionLink;

class Connection final : public std::enable_shared_from_this<Connection>, private Exchange::Session {
 public:
  /// Minimum time that the daemon is given to answer the handshake.
  static constexpr std::chrono::seconds kHandshakeTimeout{5};
  /// How long to wait for a successor of the daemon's server.
  static constexpr std::chrono::seconds kResumePatience{30};

  [[nodiscard]] static Result<std::shared_ptr<Connection>> open(std::string_view path, const ConnectOptions& options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // ---- calls: see Exchange ----

  template <class Reply, class Request, class Use>
  auto ask(const Request& request, Call& call, Use&& use) -> std::invoke_result_t<Use, const Reply&> {
    meet_successor();
    return exchange().ask<Reply>(request, call, std::forward<Use>(use));
  }
  template <class Reply, class Request, class Use>
  auto ask(const Request& request, Use&& use) -> std::invoke_result_t<Use, const Reply&> {
    Call call;
    return ask<Reply>(request, call, std::forward<Use>(use));
  }
  template <class Reply, class Request>
  Result<bool> ask_until(protocol::Deadline give_up, const Request& request, const std::shared_ptr<Call>& call) {
    meet_successor();
    return exchange().ask_until<Reply>(give_up, request, call);
  }
  /// For requests that are answered by DoneReply.
  template <class Request>
  Result<void> tell(const Request& request) {
    return ask<protocol::DoneReply>(request, [](const protocol::DoneReply&) { return Result<void>(); });
  }
  /// Before a request that is not idempotent: if another server has begun since the last look, continues with that one.
  /// Else the request would go to the old server, and its outcome would be unknown. Normally costs one load.
  void meet_successor() {
    if (attachment_->index().successions() != successions_met_.load(std::memory_order_relaxed)) go_to_successor();
  }
  /// Wakes the daemon, if it sleeps, for a request that comes soon. Does nothing on one core, or without rings.
  void wake_early() const noexcept { exchange().transport().wake_early(); }
  void see_off_last_words() const noexcept { exchange().see_off_last_words(); }

  // ---- parts ----

  [[nodiscard]] Exchange& exchange() const noexcept { return traffic_->exchange; }
  [[nodiscard]] Events& events() const noexcept { return traffic_->events; }
  [[nodiscard]] DeferredPuts& deferred_puts() const noexcept { return traffic_->deferred_puts; }
  [[nodiscard]] OpenExtents& extents() const noexcept { return traffic_->extents; }
  [[nodiscard]] Attachment& attachment() const noexcept { return *attachment_; }
  [[nodiscard]] Completions& completions() noexcept { return completions_; }
  /// See DeferredPuts::are_under_way().
  [[nodiscard]] bool has_deferred() const noexcept { return deferred_puts().are_under_way(); }

  // ---- without blocking ----

  /// Reads what has arrived without waiting, and runs the callbacks that are due.
  Result<void> process_events();
  /// Readable when process_events() has something to do.
  [[nodiscard]] int event_fd();

  // ---- the store ----

  /// A get by the user, without the daemon. An error when the store is gone. If its server has died and another one may
  /// continue, waits for that, for kResumePatience.
  [[nodiscard]] Result<Attachment::Attempt> hold(const ObjectId& id) {
    Attachment::Attempt attempt = attachment_->hold(id, Attachment::Count::hit);
    if (attempt.verdict != Attachment::Verdict::gone) [[likely]]
      return attempt;
    return hold_after_all(id);
  }
  /// disconnected when the store is gone. Makes no system call when it is there.
  [[nodiscard]] Result<void> check_there() { return attachment_->gone() ? outlive_owner() : Result<void>(); }

  // ---- identity ----

  [[nodiscard]] std::uint64_t session_id() const noexcept { return record_.session_id; }
  [[nodiscard]] Access access() const noexcept { return access_; }
  /// Whether the store has a spill tier.
  [[nodiscard]] bool spills() const noexcept { return spills_; }
  /// Of the socket, absolute.
  [[nodiscard]] const std::string& path() const noexcept { return record_.path; }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return exchange().epoch(); }

  // ---- fork() ----

  [[nodiscard]] bool inherited() const noexcept { return attachment_->inherited(); }
  [[nodiscard]] Error inherited_by_fork() const { return attachment_->inherited_by_fork(); }
  /// See Attachment::generation().
  [[nodiscard]] std::uint32_t generation() const noexcept { return attachment_->generation(); }
  /// In a forked child, by SessionLink, which has replaced the socket: begins to use the child's session. Calls,
  /// subscriptions and callbacks remain the parent's. The descriptors replace event_fd(), and the one that it watches.
  [[nodiscard]] Result<void> start_over(std::uint64_t session_id, std::uint64_t token, shm::UniqueFd completions,
                                        shm::UniqueFd poll);

 private:
  /// All that threads change while they use the connection. A forked child cannot know what its parent's other threads
  /// were changing at that moment: it abandons this as a whole, and begins with a new one.
  struct Traffic {
    Traffic(Connection& connection, std::uint32_t epoch, const DeferredPuts* parents)
        : exchange(connection, *connection.attachment_, connection.completions_, *connection.socket_,
                   connection.busy_poll_, epoch),
          events(exchange, connection.completions_),
          deferred_puts(exchange, parents) {}

    Exchange exchange;
    Events events;
    DeferredPuts deferred_puts;
    OpenExtents extents;
  };

  Connection(std::string_view path, const ConnectOptions& options);
  [[nodiscard]] Result<void> attach(Welcome welcome);
  [[nodiscard]] Result<void> open_event_fd();
  [[nodiscard]] Result<void> watch_events() const;
  [[nodiscard]] Result<void> watch(int fd) const;

  // as Exchange::Session, by the leader
  void take_notice(std::uint64_t number, const protocol::ReplyFrame& frame) override;
  void take_reply(Call& call, const protocol::ReplyFrame& frame) override;
  void drop_reply(const Call& call, const protocol::ReplyFrame& frame) noexcept override;
  void lost(const Error& error) override;
  [[nodiscard]] bool may_resume() const override;
  void ended() noexcept override;

  // after a server's death: resume.cc
  void go_to_successor();
  [[nodiscard]] Result<void> go_on_over(Welcome next);
  void ask_again(std::vector<std::shared_ptr<Call>>& unknown) const;

  // when the store is gone
  [[nodiscard]] Result<void> outlive_owner();
  [[nodiscard]] Result<Attachment::Attempt> hold_after_all(const ObjectId& id);

  SessionIdentity record_;
  Access access_ = Access::read_write;
  bool spills_ = false;
  bool wants_rings_;
  bool closing_ = false;  // in the destructor: the session is not continued any more
  std::atomic<std::uint32_t> successions_met_ = 0;
  std::shared_ptr<shm::UniqueFd> socket_;  // shared with the attachment: open as long as an Object lives
  AttachmentRef attachment_;
  SessionLink* link_ = nullptr;  // the attachment's
  Completions completions_;
  shm::BusyPoll busy_poll_;
  shm::UniqueFd poll_fd_;  // an epoll of the socket and the completions

  std::unique_ptr<Traffic> traffic_;  // none before attach()
};

}  // namespace dolium::detail
