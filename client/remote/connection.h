#pragma once
// Connection: requests and replies over one socket, shared by any number of threads.
//
// There is no thread of our own: of the threads that wait for a reply, one reads for all (the leader); it hands
// each reply to the call that it answers, and when its own is there it passes the lead to another. So a lone
// thread's call costs one send and one receive, and no wake-up but the daemon's. (The pattern is that of XCB and
// of leader/followers in Schmidt et al., "Pattern-Oriented Software Architecture 2".)
//
// When the daemon's server dies, its successor knows the session: whoever reads at that moment makes another connection
// under the old descriptor's number, asks once more what may be asked twice, and answers the rest with the truth: that
// nobody knows (resume.cc). Each connection is an epoch; what was being written in an earlier one is dropped.
//
// References promised by grants are taken by the leader as replies arrive, in the order of their numbers.
//
// Locks: mutex guards what is known (calls, streams, failure), write_mutex the way out. write_mutex may be
// held when mutex is taken, not the reverse; neither is held while a thread waits for the socket, nor while
// user code runs. So a child that is forked in a callback finds nobody of its own inside the old traffic. Before both
// comes deferred_lease's, which keeps deferred puts in order: who waits for room for one holds up the others, and
// flush().

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <dolium/client.h>
#include <dolium/event.h>
#include <dolium/options.h>

#include "client/mapped/attachment.h"
#include "client/mapped/completions.h"
#include "client/remote/call.h"
#include "client/remote/lease.h"
#include "protocol/channel.h"
#include "protocol/codec.h"
#include "protocol/convert.h"
#include "protocol/fd_socket.h"
#include "shm/os/busy_poll.h"

namespace dolium::detail {

class SessionLink;
struct Resumed;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// How often an object that was granted is looked for while the daemon is at work on its very bucket.
  static constexpr int kMaxLooks = 10'000;
  /// How often a ring is looked at before others get the core.
  static constexpr int kLooksPerYield = 40;
  /// How long a thread whose request does not fit into the socket relies on another that reads.
  static constexpr int kFlushPatienceMs = 5;
  /// For how long a client that goes waits until its last words fit.
  static constexpr std::chrono::milliseconds kLastWords{100};
  /// How long the daemon may take to say hello, at least.
  static constexpr std::chrono::seconds kHandshakeTimeout{5};
  /// How long a successor of the daemon's server may take to answer.
  static constexpr std::chrono::seconds kResumePatience{30};

  [[nodiscard]] static Result<std::shared_ptr<Connection>> open(std::string_view path, const ConnectOptions& options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Asks and waits. `use(reply)` turns the reply into the result; errors of the daemon and of the connection
  /// come back as they are. `call` may carry ids for a grant.
  template <class Reply, class Request, class Use>
  auto ask(Request request, Call& call, Use&& use) -> std::invoke_result_t<Use, const Reply&> {
    meet_successor();
    look_ourselves();
    if (auto begun = begin(std::move(request), std::shared_ptr<Call>(std::shared_ptr<void>(), &call)); !begun)
      return std::move(begun).error();
    wait(call);
    const Result<const Reply*> reply = reply_of<Reply>(call);
    if (!reply) return reply.error();
    return std::forward<Use>(use)(**reply);
  }
  template <class Reply, class Request, class Use>
  auto ask(Request request, Use&& use) -> std::invoke_result_t<Use, const Reply&> {
    Call call;
    return ask<Reply>(std::move(request), call, std::forward<Use>(use));
  }
  /// Asks, and waits until `give_up`: false when there is no answer by then. The request is taken back, and what is
  /// said to it later finds nobody. An error as of ask().
  template <class Reply, class Request>
  Result<bool> ask_until(protocol::Deadline give_up, Request request, const std::shared_ptr<Call>& call) {
    meet_successor();
    look_ourselves();
    const Result<std::uint64_t> number = begin(std::move(request), call);
    if (!number) return number.error();
    if (!wait(*call, give_up)) {
      post_cancel(*number);
      return false;
    }
    const Result<const Reply*> reply = reply_of<Reply>(*call);
    return reply ? Result<bool>(true) : reply.error();
  }
  /// For requests that are answered by DoneReply.
  template <class Request>
  Result<void> tell(Request request) {
    return ask<protocol::DoneReply>(std::move(request), [](const protocol::DoneReply&) { return Result<void>(); });
  }

  /// Sends a request; returns its number. Every call that was begun is answered, if only with a failure; none that was
  /// not, for want of memory (std::bad_alloc), is touched any more.
  template <class Request>
  Result<std::uint64_t> begin(Request request, const std::shared_ptr<Call>& call) {
    call->name_object(request);
    const std::uint64_t number = enlist(call);
    if (number == 0) return failure();
    try {
      static_cast<void>(send(number, std::move(request), Patience::wait, call.get()));
    } catch (...) {
      withdraw(number, *call);
      throw;
    }
    return number;
  }
  /// Sends a request whose reply nobody waits for. Never blocks, nor throws; for callbacks and destructors. What there
  /// is no memory for is not sent (false): the session's end does the same, later.
  template <class Request>
  bool post(Request request) noexcept {
    try {
      const auto call = std::make_shared<Call>();
      if (const std::uint64_t number = enlist(call); number != 0)
        static_cast<void>(send(number, std::move(request), Patience::none, call.get()));
      return true;
    } catch (const std::bad_alloc&) {
      completions_.poke();  // whoever waits for event_fd() flushes what was begun
      return false;
    }
  }
  /// The same for a request that has no reply.
  void post_cancel(std::uint64_t number);

  /// The body of an answered call's reply; the daemon's error, or the connection's, as an error.
  template <class Reply>
  [[nodiscard]] static Result<const Reply*> reply_of(const Call& call) {
    if (call.failure) return *call.failure;
    const auto* frame = flatbuffers::GetRoot<protocol::ReplyFrame>(call.payload.data());
    if (const auto* error = frame->body_as_ErrorReply()) return protocol::from_wire(*error);
    if (frame->body_type() != protocol::ReplyBodyTraits<Reply>::enum_value)
      return Error{Errc::protocol_error, "the daemon answered a question that was not asked"};
    return static_cast<const Reply*>(frame->body());
  }

  /// Before a request that may not be asked twice: when another server has begun since we last knew, goes on with that
  /// one, so that it is not sent to the one that is gone, and its outcome unknown. Costs a look at the index, else.
  void meet_successor() {
    if (attachment_->successions() != successions_met_.load(std::memory_order_relaxed)) go_to_successor();
  }
  /// A request comes soon: the daemon is woken, if it sleeps, so that it is awake by then. Where several cores are, and
  /// through rings; else nothing.
  void wake_early() noexcept;
  /// Sends a deferred put; its failure comes as a notice. Waits only while the daemon is behind by a ring or a socket
  /// full. out_of_memory when kMaxPutFailures were not taken yet.
  template <class View>
  [[nodiscard]] Result<void> post_deferred(const View& view) {
    meet_successor();
    const Result<std::uint64_t> number = begin_deferred();
    if (!number) return number.error();
    return send(*number, view, Patience::wait);
  }
  /// Waits until the daemon has carried out, or failed, all deferred puts of before.
  [[nodiscard]] Result<void> settle_deferred();
  [[nodiscard]] DeferredLease& deferred_lease() const noexcept { return traffic_->deferred_lease; }
  /// Whether the daemon gives leases.
  [[nodiscard]] bool has_leases() const noexcept { return has_leases_; }
  /// What was posted, and did not fit at once, goes; kLastWords at most.
  void see_off_last_words() noexcept;
  /// Whether there were any since the last settle_deferred(): what is not in the index may be under way, and only the
  /// daemon, which takes requests in order, can tell.
  [[nodiscard]] bool has_deferred() const noexcept {
    return deferred_.load(std::memory_order_relaxed) != settled_.load(std::memory_order_relaxed);
  }
  /// disconnected when the connection ended before all was known.
  [[nodiscard]] Result<std::vector<PutFailure>> take_put_failures();
  /// Waits for the answer of a call that was begun; false when it has not come by then.
  bool wait(Call& call, protocol::Deadline deadline = protocol::kNoDeadline);

  /// A subscription's buffer under the number of its request.
  [[nodiscard]] Result<std::pair<std::uint64_t, std::shared_ptr<EventBuffer>>> subscribe();
  void unsubscribe(std::uint64_t number);
  [[nodiscard]] Result<Event> next_event(EventBuffer& buffer, Timeout timeout);

  /// Reads some of what has arrived, if there is anything, and if nobody else reads; true when there may be more. Does
  /// not wait.
  bool try_read();
  /// Reads what has arrived without waiting, and runs the callbacks that are due.
  Result<void> process_events();
  [[nodiscard]] int event_fd();
  [[nodiscard]] Completions& completions() noexcept { return completions_; }

  /// A get without the daemon, of the user's. The error when the store is gone; where its owner has died, and another
  /// may go on with it, waits for that one, for kResumePatience.
  [[nodiscard]] Result<Attachment::Attempt> hold(const ObjectId& id) {
    Attachment::Attempt attempt = attachment_->hold(id, Attachment::Count::hit);
    if (attempt.verdict != Attachment::Verdict::gone) [[likely]]
      return attempt;
    return hold_after_all(id);
  }
  /// disconnected when the store is gone. Without a system call when it is not.
  [[nodiscard]] Result<void> check_there() { return attachment_->gone() ? outlive_owner() : Result<void>(); }
  [[nodiscard]] Attachment& attachment() const noexcept { return *attachment_; }
  [[nodiscard]] bool inherited() const noexcept { return attachment_->inherited(); }
  [[nodiscard]] Error inherited_by_fork() const { return attachment_->inherited_by_fork(); }
  /// See Attachment::generation().
  [[nodiscard]] std::uint32_t generation() const noexcept { return attachment_->generation(); }
  /// In a forked child, by SessionLink, which has replaced the socket: goes on with a session that nobody has used.
  /// Calls, subscriptions and callbacks stay behind. The descriptors take the place of event_fd() and what it watches.
  [[nodiscard]] Result<void> start_over(std::uint64_t session_id, std::uint64_t token, shm::UniqueFd completions,
                                        shm::UniqueFd poll);
  /// How many servers have died or been replaced under this connection.
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }
  /// Nothing will be written there any more, or it was never to be: see Traffic::extents.
  void forget_extent(const ObjectId& id, std::uint64_t offset) noexcept;
  [[nodiscard]] std::uint64_t session_id() const noexcept { return session_id_; }
  [[nodiscard]] Access access() const noexcept { return access_; }
  /// Of the socket, absolute.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  enum class Patience : std::uint8_t { none, wait };

  /// A thread that waits while another leads. It stands on its own stack, because it has asked already: there must be
  /// nothing that it could be refused before it has the answer. In the list under the mutex.
  struct Follower : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    explicit Follower(std::condition_variable& own) noexcept : wake(own) {}
    std::condition_variable& wake;
  };

  /// All that threads change while they use the connection. In one piece, because a forked child cannot know what
  /// its parent's other threads were in the middle of: it leaves all of it as it is, and begins with a new one.
  struct Traffic {
    std::mutex mutex;
    std::uint64_t last_number = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Call>> calls;
    std::unordered_map<std::uint64_t, std::shared_ptr<EventBuffer>> streams;
    /// Where this process may be writing, since it was told of it: what a successor must not free for want of a word
    /// on another create of the same id.
    std::vector<std::pair<ObjectId, std::uint64_t>> extents;
    std::optional<Error> failure;
    std::string goodbye;
    bool lost_deferred = false;            // the server died with deferred puts under way; flush() has not said so yet
    std::vector<PutFailure> put_failures;  // at most kMaxPutFailures, and what was under way when it was reached
    bool reading = false;                  // there is a leader
    bool watched = false;                  // somebody waits for event_fd()
    boost::intrusive::list<Follower, boost::intrusive::constant_time_size<false>> followers;

    std::mutex write_mutex;
    protocol::Encoder encoder;
    std::optional<protocol::FrameWriter> writer{std::in_place};
    std::atomic<bool> unsent = false;  // somebody who could not wait has left something in the writer

    std::optional<protocol::FrameReader> reader{std::in_place};  // the leader's

    DeferredLease deferred_lease;

    protocol::Channel channel;  // reading is the leader's, writing under write_mutex; a child begins without rings
  };

  Connection() = default;
  [[nodiscard]] Result<void> shake_hands(const ConnectOptions& options, protocol::Deadline deadline);
  [[nodiscard]] Result<void> attach(const protocol::HelloReply& hello, std::vector<shm::UniqueFd> descriptors);
  [[nodiscard]] Result<void> open_event_fd();
  [[nodiscard]] Result<void> watch_events() const;

  // out
  void look_ourselves();
  void go_to_successor();
  [[nodiscard]] Result<std::uint64_t> begin_deferred();
  [[nodiscard]] std::uint64_t enlist(std::shared_ptr<Call> call);
  void withdraw(std::uint64_t number, Call& call);
  /// An error when it is not on its way; its call, if there is one, has been answered with that.
  template <class Request>
  Result<void> send(std::uint64_t number, Request request, Patience patience, Call* call = nullptr) {
    {
      const std::lock_guard lock(traffic_->write_mutex);
      if (call != nullptr) call->remember(request);
      const auto frame = traffic_->encoder.encode(number, std::move(request));
      Result<void> pushed = frame ? traffic_->channel.push(*traffic_->writer, *frame) : Result<void>(frame.error());
      if (!pushed) {
        answer_locally(number, pushed.error());
        return pushed;
      }
    }
    flush(patience);
    return {};
  }
  void flush(Patience patience) noexcept;
  void send_queued(Patience patience);

  // after the death of a server (resume.cc)
  /// The connection is lost: goes on with another, or fails. By who reads.
  void lost(const Error& error);
  [[nodiscard]] bool may_resume() const;
  [[nodiscard]] Result<void> go_on_over(Resumed next);
  [[nodiscard]] std::vector<std::shared_ptr<Call>> ask_again();

  // in
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wake, const std::function<bool()>& done,
                  protocol::Deadline deadline);
  void read_once(protocol::Deadline deadline);
  [[nodiscard]] Result<protocol::ReadState> receive(protocol::Deadline deadline);
  template <class Read>
  bool take(Read&& read);
  void fail_without_memory() noexcept;
  void stop_reading();        // under the mutex
  void pass_lead() noexcept;  // likewise
  [[nodiscard]] protocol::Deadline look_until() const;
  bool look_for_room(protocol::Deadline until);
  void wait_for_room();
  void dispatch(std::span<const std::byte> payload);
  void deliver(std::uint64_t number, const protocol::ReplyFrame& frame, std::span<const std::byte> payload);
  void keep_put_failure(const protocol::PutFailedNotice& notice);
  void deliver_events(std::uint64_t number, const protocol::EventNotice& notice);
  void take_granted(Call& call, const protocol::ReplyFrame& frame);
  void keep_extent(const Call& call, const protocol::ReplyFrame& frame);
  void give_up_creation(const Call& call, const protocol::ReplyFrame& frame) noexcept;
  void complete(const std::shared_ptr<Call>& call);
  void wake(Call& call);
  void answer_locally(std::uint64_t number, const Error& error);
  void fail(const Error& error);
  [[nodiscard]] Error failure();

  // when the store is gone
  [[nodiscard]] bool gone_for_good() const noexcept { return attachment_ != nullptr && attachment_->gone_for_good(); }
  [[nodiscard]] Result<void> outlive_owner();
  [[nodiscard]] Result<Attachment::Attempt> hold_after_all(const ObjectId& id);
  void fail_as_gone();

  std::shared_ptr<shm::UniqueFd> socket_;  // shared with the attachment: open as long as an Object lives
  AttachmentRef attachment_;
  SessionLink* link_ = nullptr;   // the attachment's
  std::string path_;              // absolute
  std::uint64_t fork_token_ = 0;  // as the handshake gave it
  // Deferred puts, ever: sent, and known to be done or lost. Written under the traffic's mutex.
  std::atomic<std::uint64_t> deferred_ = 0;
  std::atomic<std::uint64_t> settled_ = 0;
  bool wants_rings_ = false;
  bool has_leases_ = false;
  std::uint64_t session_id_ = 0;
  std::atomic<std::uint32_t> epoch_ = 0;
  std::atomic<std::uint32_t> successions_met_ = 0;
  bool closing_ = false;  // in the destructor: nothing is worth another connection
  Access access_ = Access::read_write;
  Completions completions_;
  shm::BusyPoll busy_poll_;
  shm::UniqueFd poll_fd_;  // an epoll of the socket and the completions

  std::unique_ptr<Traffic> traffic_ = std::make_unique<Traffic>();
};

}  // namespace dolium::detail
