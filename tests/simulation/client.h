#pragma once
// Client: a process that uses the store, as a state machine with small steps, so that a simulation can interleave many
// of them and their daemon in one thread. It consists of the same parts as the library's client (frames, rings, the
// reader's half of the pin protocol), but never waits.
//
// When its server dies, it behaves like the library (client/remote/resume.cc): it resumes its session over another
// connection, repeats the requests that may be repeated, and treats the outcome of the others as unknown. When it forks
// (client/remote/heir.h), the child is another Client over the same mappings, with a pin table that starts as a copy.
//
// It records the history of its calls on each object, in the simulation's order, and checks all answers: each request
// has one answer, every held payload is that of its object and complete, and events agree with the store.

#include <sys/eventfd.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "protocol/codec.h"
#include "shm/table/holder.h"
#include "tests/fuzz/mini_server.h"
#include "tests/model/linearizability.h"
#include "tests/simulation/subscriber.h"
#include "tests/simulation/wire.h"
#include "tests/simulation/world.h"

namespace dolium::simulation {

class Client {
 public:
  Client(World& world, fuzz::MiniServer& server);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Begins something, if it can.
  void act();
  /// Sends some of what is to be sent; perhaps half a message.
  void push(std::size_t most) { wire_->push(most); }
  /// Takes in what has arrived.
  void read();
  /// A child that it has forked, if there is one that nobody has taken.
  [[nodiscard]] std::unique_ptr<Client> take_child() { return std::move(child_); }
  /// It is about to be killed: what may still become of what it was doing is a part of its history.
  void leave_history();

  // ---- at the end of an episode ----
  /// Everything is sent, and nothing more is asked but what is needed to come to an end.
  void push_all() { push(SIZE_MAX); }
  /// False when there was nothing.
  bool release_all();
  /// Gives up what it writes. False when there was nothing, or all of it is under way.
  bool abort_all();
  void cancel_gets() { cancel(true); }
  void cancel_creates() { cancel(false); }
  /// What is not known to be done, or failed, is asked after.
  void flush();
  [[nodiscard]] bool connected() const noexcept { return holder_.has_value() && greeting_ == 0 && heir_ == nullptr; }
  [[nodiscard]] bool has_unsent() const noexcept { return wire_->has_unsent(); }
  /// Requests without an answer: those that wait for objects, for room, and all others.
  struct Open {
    std::size_t gets = 0, creates = 0, others = 0;
  };
  /// `through`: of those up to this request.
  [[nodiscard]] Open open(std::uint64_t through = UINT64_MAX) const;
  /// A get waits for an object that is in memory. `through`: as above.
  [[nodiscard]] bool is_forgotten(std::uint64_t through) const;
  /// A get waits for an object that is on disk alone.
  [[nodiscard]] bool waits_for_disk() const;
  /// What the daemon must have counted of it.
  struct Holdings {
    std::uint64_t references = 0, unsealed = 0;
  };
  [[nodiscard]] Holdings holdings() const;
  [[nodiscard]] std::uint64_t session() const noexcept { return session_; }
  /// Who listens, if it does. `through`: as above.
  [[nodiscard]] const Subscriber* subscriber(std::uint64_t through) const noexcept {
    return subscription_ != 0 && subscription_ <= through ? &subscriber_ : nullptr;
  }

  /// By object.
  [[nodiscard]] const std::vector<std::vector<history::Operation>>& log() const noexcept { return log_; }

 private:
  using Kind = history::Operation::Kind;
  using Outcome = history::Operation::Outcome;
  enum class About : std::uint8_t { history, many, nothing, leasing, subscribing, unsubscribing, flushing };
  /// What a request asks of one of many objects.
  struct Part {
    Number number;
    history::Operation operation;
    bool leased = false;
  };
  struct Asked {
    Number number = kFiller;
    history::Operation operation;
    About about = About::history;
    bool waits = false;
    bool twice = false;                                     // asked of a second server
    bool cancelled = false;                                 // then its end tells nothing of what is on disk alone
    std::uint64_t offset = 0;                               // of what is sealed
    std::vector<Part> parts = {};                           // of many, in the request's order
    std::function<void(std::uint64_t request)> again = {};  // none: twice may be once too often
    /// Not for room.
    [[nodiscard]] bool waits_for_object() const noexcept {
      return waits && (operation.kind == Kind::get || operation.kind == Kind::take);
    }
    [[nodiscard]] bool changes_subscription() const noexcept {
      return about == About::subscribing || about == About::unsubscribing;
    }
  };
  struct Held {
    shm::Held where;
    std::uint64_t value;
  };
  /// What a reply promises.
  struct Grant {
    std::uint64_t number = 0;                // 0: nothing
    const protocol::Place* place = nullptr;  // if the reply says where it is
    std::uint32_t succession = 0;
  };
  [[nodiscard]] static Grant grant_of(const protocol::ReplyFrame& frame);
  struct Building {
    std::uint64_t value = 0;
    std::size_t size = 0;
    std::uint64_t offset = 0;
    bool placed = false;
    bool written = false;
    bool dropped = false;  // a server has died since
  };
  /// Of its bytes those before `left` are this client's alone; those behind are cut off, or will be when the daemon
  /// hears of it.
  struct Lease {
    std::uint64_t value = 0;
    std::uint64_t left = 0;
    std::uint64_t offset = 0;
    bool placed = false;
    bool dropped = false;                    // a server has died since
    std::optional<std::uint32_t> word = {};  // of the pin table, with which the daemon may take it back
  };
  /// What a forked child has from its parent.
  struct Mapped {
    shm::Mapping index, arena, writable;
  };
  /// A child: over the connection that its parent made for it, on which `hello` came.
  Client(Client& parent, const protocol::HelloReply& hello);

  // how it asks (asking.h)
  template <class Message>
  void ask(Asked asked, Message message);
  template <class Message>
  void ask_of_many(std::vector<Part> parts, Message message);
  // what it does (client.cc)
  template <class Message>
  void ask_about(Number number, Kind kind, std::uint64_t value);
  [[nodiscard]] Asked asked(Number number, Kind kind, std::uint64_t value, bool waits = false);
  [[nodiscard]] protocol::PutRequestT new_put(Number number, std::uint64_t value);
  void act_alone(Number number);
  void act_on(Number number, std::size_t what);
  void put(Number number);
  void put_deferred(Number number);
  void begin_deferred(Number number, std::uint64_t value);
  void put_many();
  void clear();
  void create(Number number);
  void go_on_building(Number number);
  void abort(Number number);
  void give_up_extent(const ObjectId& id, std::uint64_t offset);
  void get(Number number);
  void take(Number number);
  void release(Number number);
  void evict();
  void cancel(bool gets);
  void extend_grace(Number number);
  void listen_or_not();
  bool try_hold(Number number, history::Operation& operation, bool kept);
  bool keep(Number number, const shm::Holder::Attempt& attempt, history::Operation& operation);
  void tell_of_release() const { static_cast<void>(::eventfd_write(release_event_.get(), 1)); }
  void log(Number number, history::Operation operation);

  // what it does with a lease (client_lease.cc)
  void go_on_leasing();
  void lease();
  void take_lease(std::uint64_t value, const protocol::ReplyFrame& frame);
  void put_leased();
  [[nodiscard]] protocol::PutHead write_leased(Number number, std::uint64_t value);
  void give_back_lease();
  [[nodiscard]] bool claim_lease();
  void let_go_of_lease();
  [[nodiscard]] bool lease_was_taken_back() const;
  void forget_lease_of(const Asked& asked);
  void lose_lease();

  // what it hears (client_replies.cc)
  void hear(const protocol::ReplyFrame& frame);
  void welcome(const protocol::HelloReply& hello);
  void answered(Asked asked, const protocol::ReplyFrame& frame);
  void answered(std::vector<Part> parts, const protocol::ReplyFrame& frame);
  void answered_otherwise(const Asked& asked, const protocol::ReplyFrame& frame);
  void take_granted(Number number, const Grant& grant, history::Operation& operation);
  void forget_vain(const history::Operation& operation);
  [[nodiscard]] bool is_in_index(Number number) const {
    return holder_->find(id_of(number)).verdict == shm::IndexReader::Verdict::found;
  }
  void fail(history::Operation& put, protocol::ErrorCode code, std::string_view why) const;
  void keep_put_failure(const protocol::PutFailedNotice& notice);
  void know_deferred(std::uint64_t before);

  // how it goes on (client_lives.cc)
  void greet();
  void lost();
  void resumed(const protocol::HelloReply& hello);
  void ask_again();
  void give_up(const Asked& asked, std::uint64_t end);
  void forget_outcome(history::Operation& operation, std::uint64_t end);
  void begin_fork();
  void await_heir();

  World& world_;
  fuzz::MiniServer& server_;
  std::unique_ptr<Wire> wire_;
  std::vector<std::unique_ptr<Wire>>
      before_;  // those of servers that have died: none may be closed until another is good
  protocol::Encoder encoder_;
  std::uint64_t greeting_ = 0;  // the number of a HelloRequest that has no answer
  std::uint64_t session_ = 0;
  std::uint64_t token_ = 0;
  std::uint64_t last_request_ = 0;
  std::map<std::uint64_t, Asked> asked_;
  std::set<Number> busy_;  // about which something was asked: one thing at a time, so that it has a history

  std::shared_ptr<const Mapped> mapped_;
  shm::UniqueFd release_event_;
  std::optional<shm::Holder> holder_;
  std::map<Number, Building> building_;
  std::optional<Lease> lease_;       // asked for, or had
  std::set<std::uint64_t> in_vain_;  // values that it has put out of a lease of a server that had died
  std::map<Number, std::vector<Held>> held_;
  std::map<Number, std::size_t> deferred_;  // where in the log: one an object at most, so that failures have a place
  std::uint64_t subscription_ = 0;
  Subscriber subscriber_;
  std::vector<std::vector<history::Operation>> log_{kObjects};

  std::unique_ptr<Wire> heir_;  // while it forks, and does nothing else
  std::uint64_t fork_begun_ = 0;
  std::unique_ptr<Client> child_;
};

}  // namespace dolium::simulation
