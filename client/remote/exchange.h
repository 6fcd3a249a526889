#pragma once
// Exchange: requests and replies over one connection, shared by any number of threads.
//
// The library has no thread of its own. Of the threads that wait for a reply, one reads for all: the leader. It hands
// each reply to its call; when the leader's own reply has arrived, another waiting thread becomes the leader. So a call
// of a single thread costs one send and one receive, and no wake-up but the daemon's. (This is the pattern of XCB, and
// of leader/followers in Schmidt et al., "Pattern-Oriented Software Architecture 2".)
//
// References promised by grants are taken by the leader as replies arrive, in the order of their numbers (grant.h).
//
// Locks: the mutex guards calls, failure and leadership, and the subscriptions' buffers (events.h); the transport's
// write_mutex guards writing. A thread that holds write_mutex may take the mutex, not the reverse. Neither is held
// while a thread waits for the socket, or while user code runs. So a child that is forked in a callback is not inside
// its own parent's traffic.

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/mapped/attachment.h"
#include "client/mapped/completions.h"
#include "client/remote/call.h"
#include "client/remote/outgoing.h"
#include "client/remote/transport.h"

namespace dolium::detail {

class Exchange {
 public:
  /// How long a thread whose request does not fit into the socket relies on another thread that reads.
  static constexpr int kFlushPatienceMs = 5;
  /// How long a client that is being destroyed waits until its last requests are sent.
  static constexpr std::chrono::milliseconds kLastWords{100};

  enum class Patience : std::uint8_t { none, wait };

  /// The session that an exchange serves. All but ended() are called by the leader, without locks.
  class Session {
   public:
    /// A message that answers no call.
    virtual void take_notice(std::uint64_t number, const protocol::ReplyFrame& frame) = 0;
    /// A reply, before its thread is woken.
    virtual void take_reply(Call& call, const protocol::ReplyFrame& frame) = 0;
    /// There is no memory for this reply; the call fails.
    virtual void drop_reply(const Call& call, const protocol::ReplyFrame& frame) noexcept = 0;
    /// The connection is lost: continues over another one, or calls fail().
    virtual void lost(const Error& error) = 0;
    /// Whether lost() would try to continue.
    [[nodiscard]] virtual bool may_resume() const = 0;
    /// The exchange has failed. Under the mutex.
    virtual void ended() noexcept = 0;

   protected:
    ~Session() = default;
  };

  /// All of these outlive it. `epoch`: of a child, its parent's.
  Exchange(Session& session, Attachment& attachment, Completions& completions, const shm::UniqueFd& socket,
           shm::BusyPoll& busy_poll, std::uint32_t epoch)
      : session_(session),
        attachment_(attachment),
        completions_(completions),
        epoch_(epoch),
        transport_(socket, busy_poll) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // ---- calls ----

  /// Sends a request and waits for its reply. `use(reply)` turns the reply into the result; errors of the daemon and of
  /// the connection are returned as they are. `call` may carry ids for a grant.
  template <class Reply, class Request, class Use>
  auto ask(const Request& request, Call& call, Use&& use) -> std::invoke_result_t<Use, const Reply&> {
    static_assert(protocol::verb_of<Request>().reply == protocol::ReplyBodyTraits<Reply>::enum_value);
    if (auto asked = ask_and_wait(OutgoingRequest(request), call); !asked) return std::move(asked).error();
    const Result<const Reply*> reply = call.reply<Reply>();
    if (!reply) return reply.error();
    return std::forward<Use>(use)(**reply);
  }
  /// Sends a request, and waits until `give_up`. False when there is no reply by then: the request is cancelled, and a
  /// later reply has no effect.
  template <class Reply, class Request>
  Result<bool> ask_until(protocol::Deadline give_up, const Request& request, const std::shared_ptr<Call>& call) {
    static_assert(protocol::verb_of<Request>().reply == protocol::ReplyBodyTraits<Reply>::enum_value);
    const Result<bool> asked = ask_and_wait_until(give_up, OutgoingRequest(request), call);
    if (!asked || !*asked) return asked;
    const Result<const Reply*> reply = call->reply<Reply>();
    return reply ? Result<bool>(true) : reply.error();
  }
  /// Runs before a request is sent, with its number, and without locks.
  using BeforeSending = std::function<void(std::uint64_t number)>;
  /// Sends a request; returns its number. Every call that was begun is answered, if only with a failure. If memory runs
  /// out (std::bad_alloc) the call was not begun, and is not touched any more.
  template <class Request>
  Result<std::uint64_t> begin(const Request& request, const std::shared_ptr<Call>& call,
                              const BeforeSending& before_sending = {}) {
    return begin_any(OutgoingRequest(request), call, before_sending);
  }
  /// Sends a request and ignores its reply. Never blocks, nor throws: for callbacks and destructors. False: there was
  /// no memory, and nothing was sent; the session's end then has the same effect.
  template <class Request>
  bool post(const Request& request) noexcept {
    return post_any(OutgoingRequest(request));
  }
  /// Cancels the request of this number. Does not block.
  void post_cancel(std::uint64_t number);
  /// Sends a request under a number of take_number(). An error when it is not on its way; its call, if there is one,
  /// has been answered with that.
  template <class Request>
  Result<void> send(std::uint64_t number, const Request& request, Patience patience) {
    return send_any(number, OutgoingRequest(request), patience);
  }
  /// Waits for the answer of a call that was begun; false when it has not come by then.
  bool wait(Call& call, protocol::Deadline deadline = protocol::kNoDeadline);
  /// Waits until done(), which is called under `lock`, the mutex. Whatever makes it true notifies `wake`.
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wake, const std::function<bool()>& done,
                  protocol::Deadline deadline);

  // ---- without waiting ----

  /// Reads some of what has arrived, if no other thread reads; true when there may be more.
  bool try_read();
  void flush(Patience patience) noexcept;
  /// Sends what was posted and did not fit at once; takes kLastWords at most.
  void see_off_last_words() noexcept;
  /// From now on a thread waits for the completions' descriptor: it is made readable whenever a reply may have arrived.
  void watch();

  // ---- the end ----

  /// All calls fail, now and later. Has an effect once.
  void fail(const Error& error);
  /// The store is gone: fails with what the daemon said before it went.
  void fail_as_gone();
  /// Why it has failed.
  [[nodiscard]] Error failure();
  /// Whether the store is gone, and no other server continues with it.
  [[nodiscard]] bool gone_for_good() const noexcept { return attachment_.gone_for_good(); }

  // ---- for the other parts of a session ----

  [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  /// The failure, if there is one. Under the mutex.
  [[nodiscard]] const std::optional<Error>& failed() const noexcept { return failure_; }
  /// Whether the daemon has said why it closes the connection. Under the mutex.
  [[nodiscard]] bool heard_goodbye() const noexcept { return !goodbye_.empty(); }
  /// A number for a request without a call. Under the mutex.
  [[nodiscard]] std::uint64_t take_number() noexcept { return ++last_number_; }
  /// Whether a call has this number. Under the mutex.
  [[nodiscard]] bool has_call(std::uint64_t number) const { return calls_.contains(number); }
  [[nodiscard]] Transport& transport() noexcept { return transport_; }
  /// Number of servers that have died or been replaced under this session.
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

  // ---- after a server's death, by the leader ----

  /// Queues the idempotent requests again. Moves the other calls that the old server had been sent to `unknown`. A call
  /// that was not sent yet will be, by the thread that began it. Under write_mutex and the mutex.
  void ask_again(std::vector<std::shared_ptr<Call>>& unknown);
  /// Queues a request that is repeated until a server has answered it. Under write_mutex and the mutex.
  template <class Request>
  void queue(const Request& request) {
    queue_any(OutgoingRequest(request));
  }
  /// The next epoch has begun; what is queued goes out soon. Under write_mutex.
  void begin_epoch() noexcept {
    epoch_.fetch_add(1, std::memory_order_acq_rel);
    unsent_ = true;
  }
  /// Answers a call that is not known here any more. False: there was no memory for the text of the error.
  [[nodiscard]] bool answer(const std::shared_ptr<Call>& call, const Error& error) noexcept;

 private:
  /// A thread that waits while another one leads. It lives on that thread's stack, so that it needs no memory: the
  /// request has been sent already. In the list under the mutex.
  struct Follower : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    explicit Follower(std::condition_variable& own) noexcept : wake(own) {}
    std::condition_variable& wake;
  };

  [[nodiscard]] Result<void> ask_and_wait(const Outgoing& request, Call& call);
  [[nodiscard]] Result<bool> ask_and_wait_until(protocol::Deadline give_up, const Outgoing& request,
                                                const std::shared_ptr<Call>& call);
  Result<std::uint64_t> begin_any(const Outgoing& request, const std::shared_ptr<Call>& call,
                                  const BeforeSending& before_sending = {});
  bool post_any(const Outgoing& request) noexcept;
  Result<void> send_any(std::uint64_t number, const Outgoing& request, Patience patience, Call* call = nullptr);
  void queue_any(const Outgoing& request);
  void expect_reply();
  [[nodiscard]] std::uint64_t enlist(std::shared_ptr<Call> call);
  void withdraw(std::uint64_t number, Call& call);
  void send_queued(Patience patience);
  bool look_for_room(protocol::Deadline until);
  void wait_for_room();

  void read_once(protocol::Deadline deadline);
  template <class Read>
  bool take(Read&& read);
  void stop_reading();        // under the mutex
  void pass_lead() noexcept;  // likewise
  void dispatch(std::span<const std::byte> payload);
  void deliver(std::uint64_t number, const protocol::ReplyFrame& frame, std::span<const std::byte> payload);
  void complete(const std::shared_ptr<Call>& call);
  void wake(Call& call);
  void answer_locally(std::uint64_t number, const Error& error);
  void fail_without_memory() noexcept;

  Session& session_;
  Attachment& attachment_;
  Completions& completions_;
  std::atomic<std::uint32_t> epoch_;

  std::mutex mutex_;  // guards the next seven
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<Call>> calls_;
  std::optional<Error> failure_;
  std::string goodbye_;
  bool reading_ = false;  // there is a leader
  bool watched_ = false;  // some thread waits for event_fd()
  boost::intrusive::list<Follower, boost::intrusive::constant_time_size<false>> followers_;

  std::atomic<bool> unsent_ = false;  // a thread that could not wait has left something in the transport
  Transport transport_;
};

}  // namespace dolium::detail
