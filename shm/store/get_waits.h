#pragma once
// GetWaits: gets, takes and waits that wait for objects to be sealed.
//
// When an object of a get is sealed, it is held at once, so that it is still there when the last one arrives. A take
// gets the object when all gets that wait for it hold it; of several takes the first one. Every wait ends exactly once:
// complete, at its deadline, cancelled, or dropped with its client (then without a callback).
//
// Not thread-safe; time is passed in.

#include <functional>
#include <list>
#include <map>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "shm/store/store.h"

namespace dolium::shm {

/// Names a wait or a subscription: the client, and a number that the client chooses.
struct WaitKey {
  ClientId client = 0;
  std::uint64_t number = 0;
  friend auto operator<=>(const WaitKey&, const WaitKey&) = default;
};

class GetWaits {
 public:
  /// Maximum number of ids of one wait; of waits of one client, and of ids of all its waits.
  static constexpr std::size_t kMaxIds = 65536;
  static constexpr std::size_t kMaxPerClient = 65536;
  static constexpr std::size_t kMaxIdsPerClient = 262'144;

  /// The slots found, in the order of the request; kNoSlot for an object that is not there. Each is held: the holds
  /// belong to the receiver now.
  using Done = std::function<void(std::vector<SlotIndex> held)>;

  explicit GetWaits(Store& store) : store_(store) {}

  /// Calls `done` before it returns when all objects exist or the deadline is not after `now`.
  void add(const WaitKey& key, std::span<const ObjectId> ids, TimeNs deadline, TimeNs now, Done done) {
    add(key, ids, ids.size(), deadline, now, std::move(done));
  }
  /// The same, but `count` objects are enough.
  void add(const WaitKey& key, std::span<const ObjectId> ids, std::size_t count, TimeNs deadline, TimeNs now,
           Done done);
  /// Which of the ids were there at some moment of the wait, in the order of the request.
  using Seen = std::function<void(const std::vector<bool>& there)>;
  /// Presence only: holds nothing. Ends as soon as `count` of the ids, which must differ, have been there; else as
  /// add().
  void add_presence(const WaitKey& key, std::span<const ObjectId> ids, std::size_t count, TimeNs deadline, TimeNs now,
                    const Seen& done);
  /// The slot of the object, which is removed, and held: the hold belongs to the receiver now. kNoSlot: there was none
  /// in time. type_mismatch: it stays.
  using Taken = std::function<void(Result<SlotIndex>)>;
  /// Ends when the object is there, else as add(). `type_tag`: the only type that is taken; 0: any.
  void add_take(const WaitKey& key, const ObjectId& id, std::uint64_t type_tag, TimeNs deadline, TimeNs now,
                const Taken& done);
  [[nodiscard]] bool contains(const WaitKey& key) const { return waits_.contains(key); }
  void on_sealed(SlotIndex slot, const ObjectId& id);
  /// The object was sealed, and on_sealed() is over: the first take that waits for it gets it.
  void give_to_taker(SlotIndex slot, const SlotFields& object);
  /// Ends the wait as its deadline would. False when there is no such wait.
  bool cancel(const WaitKey& key);
  void drop_client(ClientId client);
  void time_out(TimeNs now);

  [[nodiscard]] TimeNs next_deadline() const noexcept {
    return deadlines_.empty() ? kNever : deadlines_.begin()->first;
  }
  [[nodiscard]] std::size_t count() const noexcept { return waits_.size(); }
  /// The clients that wait for this object, each once, in the order of their waits; at most `limit`.
  [[nodiscard]] std::vector<ClientId> waiting_for(const ObjectId& id, std::size_t limit) const;
  [[nodiscard]] std::size_t count(ClientId client) const noexcept;
  /// Whether a client may begin one more wait, for so many ids.
  [[nodiscard]] bool may_wait(ClientId client, std::size_t ids) const noexcept;

 private:
  struct Position {
    WaitKey key;
    std::size_t index;
  };
  using Positions = std::list<Position>;  // the waits for one id, in the order of their arrival
  enum class Purpose : std::uint8_t {
    get,
    presence,  // `held` says only which were seen
    take,      // holds nothing while it waits
  };
  struct Wait {
    std::vector<ObjectId> ids;
    std::vector<SlotIndex> held;              // by position
    std::vector<Positions::iterator> places;  // in wanted_, by position, where held is kNoSlot
    Purpose purpose = Purpose::get;
    std::uint64_t type_tag = 0;  // of a take; 0: any
    std::size_t needed = 0;      // how many more end the wait
    TimeNs deadline = 0;
    Done done;
    Taken taken;  // of a take, instead of `done`
  };
  struct Load {
    std::size_t waits = 0;
    std::size_t ids = 0;
  };

  void begin(const WaitKey& key, std::span<const ObjectId> ids, Wait wait, TimeNs now);
  void enlist(const WaitKey& key, Wait wait);
  void take(SlotIndex slot, const ObjectId& id);
  void see(Wait& wait, std::size_t index, SlotIndex slot);
  void finish(const WaitKey& key);
  Wait forget(const WaitKey& key);

  Store& store_;
  // Ordered, not hashed: clients choose ids and numbers, and could craft colliding ones.
  std::map<WaitKey, Wait> waits_;
  std::map<ObjectId, Positions> wanted_;            // of the ids still missing; no list is empty
  std::set<std::pair<TimeNs, WaitKey>> deadlines_;  // without waits that have none
  std::unordered_map<ClientId, Load> per_client_;
};

}  // namespace dolium::shm
