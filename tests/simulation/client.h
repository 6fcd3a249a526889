#pragma once
// Client: a process that uses the store, as a state machine that takes one small step at a time: so that a simulation
// can interleave many of them, and their daemon, as it likes, in one thread. It is made of the parts that the library's
// client is made of (frames, rings, the reader's half of the pin protocol); only who waits for whom is different:
// nobody does.
//
// It keeps the history of what it did with each object, in the simulation's order, and checks what it is told: each
// request has one answer, and every payload that it holds is its object's, whole.

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "protocol/codec.h"
#include "protocol/frame.h"
#include "protocol/ring.h"
#include "shm/holder.h"
#include "tests/fuzz/mini_server.h"
#include "tests/model/linearizability.h"

namespace dolium::simulation {

using Number = std::size_t;  // of an object
inline constexpr Number kObjects = 5;
inline constexpr Number kFiller = kObjects;  // any other object, of which nobody keeps a history

/// What all of an episode have in common.
struct World {
  explicit World(std::uint64_t seed) : random(seed) {}
  [[nodiscard]] std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random() % bound); }
  /// Each call's beginning and end has a moment of its own.
  [[nodiscard]] std::uint64_t tick() { return ++ticks; }

  std::mt19937_64 random;
  std::uint64_t ticks = 0;
  std::uint64_t last_value = 0;
  std::uint64_t trace = 0;  // a hash of all that was seen: equal for equal seeds
  void note(std::uint64_t what) { trace = (trace ^ what) * 0x9e3779b97f4a7c15ULL + (trace >> 29); }
};

class Client {
 public:
  Client(World& world, fuzz::MiniServer& server);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Begins something, if it is connected.
  void act();
  /// Sends some of what is to be sent; perhaps half a message.
  void push(std::size_t most);
  /// Takes in what has arrived.
  void read();

  // ---- at the end of an episode ----
  /// Everything is sent, and nothing more is asked but what is needed to come to an end.
  void push_all() { push(SIZE_MAX); }
  void release_all();
  void abort_all();
  void cancel_gets() { cancel(true); }
  void cancel_creates() { cancel(false); }
  [[nodiscard]] bool connected() const noexcept { return holder_.has_value(); }
  [[nodiscard]] bool has_unsent() const noexcept { return !outbox_.empty(); }
  /// Requests without an answer: those that wait for objects, for room, and all others.
  struct Open {
    std::size_t gets = 0, creates = 0, others = 0;
  };
  [[nodiscard]] Open open() const;
  /// A get waits for an object that is there.
  [[nodiscard]] bool is_forgotten() const;

  /// By object.
  [[nodiscard]] const std::vector<std::vector<history::Operation>>& log() const noexcept { return log_; }

 private:
  using Kind = history::Operation::Kind;
  using Outcome = history::Operation::Outcome;
  struct Asked {
    Number number = kFiller;
    history::Operation operation;
    bool has_answer_of_its_own = true;  // else nobody keeps its outcome: hello, cancel, evict
    bool waits = false;
  };
  struct Held {
    shm::Held where;
    std::uint64_t value;
  };
  struct Building {
    std::uint64_t value = 0;
    std::size_t size = 0;
    std::uint64_t offset = 0;
    bool written = false;
  };

  template <class Message>
  void ask(Number number, Kind kind, std::uint64_t value, Message message, bool waits = false);
  template <class Message>
  void ask_about(Number number, Kind kind, std::uint64_t value);
  void send(std::span<const std::byte> frame) { outbox_.insert(outbox_.end(), frame.begin(), frame.end()); }
  void put(Number number);
  void create(Number number);
  void go_on_building(Number number);
  void get(Number number);
  void release(Number number);
  void evict();
  void cancel(bool gets);
  bool try_hold(Number number, history::Operation& operation, bool kept);
  void drop(const Held& held);
  void log(Number number, history::Operation operation);

  [[nodiscard]] bool read_some();
  void hear(const protocol::ReplyFrame& frame);
  void welcome(const protocol::HelloReply& hello);
  void answered(Asked asked, const protocol::ReplyFrame& frame);

  World& world_;
  shm::UniqueFd socket_;
  protocol::Encoder encoder_;
  protocol::FrameReader reader_;
  std::deque<std::byte> outbox_;
  std::unique_ptr<protocol::RingPair> rings_;
  std::uint64_t last_request_ = 0;
  std::map<std::uint64_t, Asked> asked_;
  std::set<Number> busy_;  // about which something was asked: one thing at a time, so that it has a history

  shm::Mapping index_;
  shm::Mapping arena_;
  shm::Mapping writable_;
  shm::UniqueFd release_event_;
  std::optional<shm::Holder> holder_;
  std::map<Number, Building> building_;
  std::map<Number, std::vector<Held>> held_;
  std::vector<std::vector<history::Operation>> log_{kObjects};
};

}  // namespace dolium::simulation
