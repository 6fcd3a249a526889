#pragma once
// GetWaits: gets, takes and waits that wait for objects to be sealed.
//
// When an object of a get is sealed, it is held at once, so that it is still there when the last one arrives. A take
// gets the object when all gets that wait for it hold it; of several takes the first one. Every wait ends exactly once:
// complete, at its deadline, cancelled, or dropped with its client (then without a callback).
//
// Spilled objects (spill.h). A get, or a take, of one has it read back, also when it does not wait for other clients:
// then it waits for the disk alone, kDiskPatience at most. A wait that ends while an object of it is on disk fails with
// what the tier says. Presence needs no disk.
//
// Where there is a tier, gets of several objects take turns, because two of them, each with a part of the memory, would
// wait for each other. Such a get is in one of three states:
//
//   gathers   some objects do not exist yet. It holds none of retention `keep`: they can be spilled meanwhile. It holds
//             others, as long as all such holds are a small part of the memory (kWaitingShare)
//   queued    all it needs exist, in memory or on disk. It holds no more, and stands in the queue
//   its turn  the first in the queue: it holds what is in memory, and has the rest read back. Its reads come first. If
//             an object is removed meanwhile, it gathers again; if the disk fails, it goes to the end of the queue
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

/// What reads spilled objects back: the spill tier.
class ReadsBack {
 public:
  /// Reads this object back for a client, as soon as possible. GetWaits::on_read_back() follows, or on_gone(); neither
  /// during this call.
  virtual void want(SlotIndex slot, ClientId client) = 0;
  /// The same for the get of several objects whose turn it is: it must get its room before others take it.
  virtual void want_first(SlotIndex slot, ClientId client) = 0;
  /// Why this object is not back yet. `now` may be earlier than now, but not earlier than the deadline of the wait.
  [[nodiscard]] virtual Error why_not(const ObjectId& id, TimeNs now) const = 0;

 protected:
  ~ReadsBack() = default;
};

class GetWaits {
 public:
  /// Maximum time for which a get that does not wait for other clients waits for the disk.
  static constexpr TimeNs kDiskPatience = 30'000'000'000;
  /// A get of several objects, some of them on disk, may have this share of the capacity, as 1/n.
  static constexpr std::uint64_t kReadShare = 2;
  /// What gets hold before their turn may have this share of the capacity, as 1/n.
  static constexpr std::uint64_t kWaitingShare = 8;
  /// Maximum number of ids of one wait; of waits of one client, and of ids of all its waits.
  static constexpr std::size_t kMaxIds = 65536;
  static constexpr std::size_t kMaxPerClient = 65536;
  static constexpr std::size_t kMaxIdsPerClient = 262'144;

  /// The slots found, in the order of the request; kNoSlot for an object that is not there. Each is held: the holds
  /// belong to the receiver now.
  using Done = std::function<void(std::vector<SlotIndex> held)>;

  /// The wait ended with this error, and holds nothing.
  using Failed = std::function<void(const Error& error)>;

  explicit GetWaits(Store& store) : store_(store) {}
  /// What reads spilled objects back; nullptr: nothing does, and a get does not find them.
  void set_tier(ReadsBack* tier) noexcept { tier_ = tier; }

  /// Calls `done` before it returns when all objects exist or the deadline is not after `now`.
  void add(const WaitKey& key, std::span<const ObjectId> ids, TimeNs deadline, TimeNs now, Done done) {
    add(key, ids, ids.size(), deadline, now, std::move(done));
  }
  /// The same, but `count` objects are enough.
  void add(const WaitKey& key, std::span<const ObjectId> ids, std::size_t count, TimeNs deadline, TimeNs now, Done done,
           Failed failed = {});
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
  void on_read_back(SlotIndex slot, const ObjectId& id) { on_sealed(slot, id); }
  /// The object was removed.
  void on_gone(const ObjectId& id);
  /// The disk could not read the object now, and will try again.
  void on_read_failed(const ObjectId& id);
  /// Whether a get or a take still waits for this object to be read back.
  [[nodiscard]] bool reads(const ObjectId& id) const;
  /// The object was sealed, and on_sealed() is over: the first take that waits for it gets it.
  void give_to_taker(SlotIndex slot, const SlotFields& object);
  /// Ends the wait as its deadline would. False when there is no such wait.
  bool cancel(const WaitKey& key);
  /// Nothing is read back for now: ends the waits for the disk alone.
  void give_up_disk();
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
    std::size_t count = 0;       // how many end the wait, and
    std::size_t needed = 0;      // how many more
    TimeNs deadline = 0;
    Done done;
    Taken taken;  // of a take, instead of `done`
    Failed failed = {};
    std::vector<bool> on_disk = {};   // by position: it is being read back; empty: none is
    std::size_t reading = 0;          // number of these
    bool for_disk = false;            // waits for these alone
    bool queued = false;              // in disk_queue_, and not its turn: holds nothing, and stands in no list
    std::uint64_t ticket = 0;         // its place in disk_queue_; 0: it is not there
    std::uint64_t waiting_bytes = 0;  // of what it held before its turn
    bool gathers = false;             // see above; `needed` counts those that do not exist
    std::vector<bool> seen = {};      // of one that gathers, by position: it exists

    [[nodiscard]] bool is_complete() const noexcept {
      return !gathers && (needed == 0 || (for_disk && reading == 0 && !queued));
    }
    [[nodiscard]] bool may_queue() const noexcept { return gathers && needed == 0; }
  };
  struct Load {
    std::size_t waits = 0;
    std::size_t ids = 0;
  };

  void begin(const WaitKey& key, std::span<const ObjectId> ids, Wait wait, TimeNs now);
  void admit(const WaitKey& key, Wait wait);
  void enlist(const WaitKey& key, Wait wait);
  [[nodiscard]] static Wait take_of(const ObjectId& id, std::uint64_t type_tag, TimeNs deadline, const Taken& done);
  void add_take_from_disk(const WaitKey& key, SlotIndex slot, std::uint64_t type_tag, TimeNs deadline, TimeNs now,
                          const Taken& done);
  void list_positions(const WaitKey& key, Wait& wait);
  void unlist_positions(Wait& wait);
  void drop_holds(Wait& wait);
  void gather(const WaitKey& key, Wait& wait);
  [[nodiscard]] bool note_seen(Wait& wait, std::size_t index, SlotIndex slot);
  void hold_residents(Wait& wait);
  void join_disk_queue(const WaitKey& key, Wait& wait);
  void leave_disk_queue(Wait& wait);
  [[nodiscard]] bool is_on_disk(SlotIndex slot) const noexcept;
  [[nodiscard]] bool needs_disk(std::span<const ObjectId> ids) const;
  void begin_with_disk(const WaitKey& key, Wait wait, TimeNs now);
  void wait_for_disk(Wait& wait, TimeNs now) const noexcept;
  [[nodiscard]] bool is_too_large(const Wait& wait) const;
  [[nodiscard]] Error too_large(std::size_t ids) const;
  void lose_object(const WaitKey& key);
  void begin_turn(const WaitKey& key, Wait& wait);
  void end_turn(Wait& wait);
  void read_back(const WaitKey& key, Wait& wait, std::size_t index, SlotIndex slot);
  void serve_disk_queue();
  void fail(const Wait& wait);
  void fail(const Wait& wait, const Error& why);
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
  ReadsBack* tier_ = nullptr;
  std::map<std::uint64_t, WaitKey> disk_queue_;  // by ticket: gets of several objects; the turn is the first's
  std::uint64_t last_ticket_ = 0;
  std::uint64_t waiting_bytes_ = 0;  // sum over all waits
  bool serving_disk_queue_ = false;
  std::size_t for_disk_ = 0;  // number of waits for the disk alone
  TimeNs now_ = 0;            // of the last time_out()
};

}  // namespace dolium::shm
