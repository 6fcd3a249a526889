#pragma once
// Eviction: chooses the objects to evict when room is needed.
//
// Model: every sealed object that is not pinned is in exactly one of three places:
//   the queue     in the order of the policy (shm/eviction/policy.h), the coldest first;
//   the cold set  the coldest tenth of all objects (at least one object, at most kMaxCold), taken from the queue;
//   parked        in use by a client when it was last checked; checked again later.
// Accesses and hits are recorded values. The current ones are in the clients' pin tables, and are only read when an
// object is about to be chosen (`Candidates::refresh`). If its key has grown, or if the policy says that it stays, the
// object goes back to the queue. So an access costs the reader one store, and no message.
//
// plan() looks for the cheapest contiguous window: neighbouring extents, each free or cold, with at least the needed
// bytes, that lose the fewest live bytes, weighted by their heat (shm/eviction/window.h). Evicting one by one from the
// cold end would cause fragmentation; windows keep the arena full (figures in shm/README.md). If the coldest tenth has
// no window, plan() considers, one after the other: more objects, coldest first, up to kMaxWidened (but not in each
// plan: kColdRests); then the neighbours of the coldest objects, whatever their heat (among a million small objects the
// cold ones lie far apart, and a search among them would walk all of them); then all objects. If there is no window at
// all, nothing is evicted: a request that cannot be satisfied costs no object. If the best window of the cold set is
// wasteful (one cold object that is far larger than needed), the neighbours of the coldest objects are considered, too.
// One such window would empty more of the arena than all holes together.
//
// With a policy by arrival, the cold set has objects of the first lane alone, as long as that has any and no search
// widens it. While the policy names the second lane, objects at its end are looked at, and join a lane again: in each
// call up to kMaxDemotions, and one more for each object that joined it from the first. Then, while the policy says so
// (windows_by_lane()), plan() first looks for a window of objects of the first lane alone, around those that are next.
// Without that, windows would take objects of the second lane, too, long before their time: a loop of objects of 100 B
// to 1 MiB would lose all of its hits.
//
// With Effort::cold, plan() finds a window of objects that are all colder than most, or nothing. Windows of a hundred
// small objects of any heat would turn every policy into fifo (measured hit rate: 38 % instead of 48 %). The search
// starts behind the last such window, and then around some sampled cold objects, wherever they are. Objects that were
// written together usually cool down together, while a cold object without cold neighbours would be found again and
// again.
//
// Not thread-safe. No clock, no randomness: the same history gives the same victims.

#include <cstdint>
#include <vector>

#include "shm/arena/arena.h"
#include "shm/eviction/candidates.h"
#include "shm/eviction/eviction_order.h"
#include "shm/eviction/policy.h"
#include "shm/eviction/window.h"
#include "shm/os/basic_types.h"

namespace dolium::shm {

class Eviction final : private Neighbours {
 public:
  static constexpr std::uint32_t kMaxCold =
      256;  ///< maximum number of objects in the cold set, unless a search widens it
  /// Number of parked objects that each plan() checks again, in turn, before it looks for windows.
  static constexpr std::uint32_t kParkedRechecks = 16;
  /// The same with Effort::quick.
  static constexpr std::uint32_t kQuickRechecks = 256;
  /// Factor by which the cold set grows if it has no window.
  static constexpr std::uint32_t kWidening = 2;
  /// Maximum size of the widened cold set, before the neighbours of the coldest objects are considered.
  static constexpr std::uint32_t kMaxWidened = 512;
  /// Maximum number of windows around cold objects that are compared; of objects that these windows visit in total; and
  /// of chosen windows that turn out to be in use.
  static constexpr std::uint32_t kAnchors = 32;
  static constexpr std::uint32_t kAnchorLooks = 1024;
  static constexpr std::uint32_t kAnchorTries = 8;
  /// Maximum number of objects that the search for a window of the first lane alone visits. Many of its objects lie
  /// alone among those of the second lane. With 1024, 3 to 8 points fewer gets hit, with objects of 100 B to 1 MiB.
  static constexpr std::uint32_t kLaneLooks = 8192;
  /// If the widened cold set had no window, this number of further plans, for as many bytes or more, skip it: it
  /// changes little from one plan to the next.
  static constexpr std::uint32_t kColdRests = 32;
  /// Effort::cold takes objects that are no hotter than the coldest quarter (1 / kColdShareOfSamples) of kSamples
  /// sampled objects.
  static constexpr std::size_t kSamples = 32;
  static constexpr std::size_t kColdShareOfSamples = 4;
  /// If a search of Effort::cold finds nothing, the following plans for as many bytes or more skip it: one plan, then
  /// twice as many each time, up to this maximum.
  static constexpr std::uint32_t kMostRests = 64;
  /// A window is wasteful if it loses 1/kMostWasteShare of the arena more than needed.
  static constexpr std::uint64_t kMostWasteShare = 32;
  /// Maximum number of objects, beyond one for each member, that one call passes over because their keys have grown. A
  /// client that touches objects faster than they are checked must not keep the call busy forever.
  static constexpr std::uint32_t kMaxSecondThoughts = 1024;
  /// Maximum number of objects of the second lane that one call looks at because the policy names that lane, beyond one
  /// for each that joined it from the first lane, as long as the first lane has any: after a restart, it would be half
  /// of all.
  static constexpr std::uint32_t kMaxDemotions = 16;

  /// Only this tells the policy about its objects.
  Eviction(const Arena& arena, Candidates& candidates, Policy& policy, std::uint32_t max_slots);
  Eviction(const Eviction&) = delete;
  Eviction& operator=(const Eviction&) = delete;

  /// Adds a sealed, unpinned object. Its key must be readable. O(1) if it was just sealed.
  void insert(SlotIndex slot, Policy::Arrival arrival = Policy::Arrival::sealed);
  /// Tells of an object that is pinned already: put_back() will add it.
  void note_pinned(SlotIndex slot, Policy::Arrival arrival) { policy_.enter(slot, arrival, order_.lane_bytes()); }
  /// Adds an object that was pinned. O(log n).
  void put_back(SlotIndex slot);
  /// Removes an object that is gone or pinned. Precondition: contains(slot).
  void erase(SlotIndex slot);
  /// Removes an object that is evicted. Precondition: contains(slot).
  void erase_evicted(SlotIndex slot);
  /// An object that Candidates::refresh() called in use may be chosen now. Precondition: contains(slot).
  void unpark(SlotIndex slot);
  /// Calls `change`, which makes the recorded access of a member later.
  template <class Change>
  void change_access(SlotIndex slot, Change&& change) {
    if (order_.is_by_arrival()) return change();
    order_.remove(slot);  // a key must not change while the object is in the order
    change();
    order_.put_back(slot);
  }
  /// These hits are part of Candidates::hit_sum() no more.
  void forget_hits(SlotIndex slot, std::uint32_t hits) { policy_.forget_hits(slot, hits); }
  [[nodiscard]] bool contains(SlotIndex slot) const noexcept;
  /// The recorded key of a sealed object.
  [[nodiscard]] EvictionKey key(SlotIndex slot) const { return policy_.key(slot); }

  /// Which objects plan() may choose: only those that are colder than most, or all. `quick`: all, but it does not look
  /// at all of them. It can miss windows far from the coldest objects, and objects that clients have released.
  enum class Effort : std::uint8_t { cold, quick, all };

  /// The objects to evict, in address order, so that taken_by(size_bytes) contiguous bytes become free. Empty if there
  /// is no such set (or if none is needed: ask the arena first); with Effort::cold, also if a quick search found none
  /// now or recently. The objects stay members until erased. None of them was in use when it was checked. The caller
  /// retires them; if a client got one meanwhile, the caller plans again.
  [[nodiscard]] std::vector<SlotIndex> plan(std::uint64_t size_bytes, Effort effort = Effort::all);
  /// Whether plan() for so many bytes would most likely return the coldest object alone, without a search.
  [[nodiscard]] bool coldest_is_enough(std::uint64_t size_bytes);
  /// The coldest unused object, or kNoSlot. For evict(bytes), the low-water mark, and lack of slots.
  [[nodiscard]] SlotIndex coldest(Effort effort = Effort::all);

  /// Up to `count` more of the coldest objects (by arrival: of the same lane), with `most_bytes` together at most,
  /// besides a victim of plan() or coldest(): those that would most likely be the next victims for size_bytes, or for a
  /// slot if that is 0.
  [[nodiscard]] std::vector<SlotIndex> next_victims(SlotIndex besides, std::size_t count, std::uint64_t most_bytes,
                                                    std::uint64_t size_bytes);

  /// A hint: an object with this id will be inserted, or evicted.
  void prefetch_id(std::uint64_t id_hash) const { policy_.prefetch_id(id_hash); }

  [[nodiscard]] std::uint32_t size() const noexcept;
  [[nodiscard]] std::span<std::byte> in_use() noexcept { return order_.in_use(); }  ///< for LargePages
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;
  void check_invariants() const;  ///< aborts with a message on a violation; O(n); for tests

 private:
  [[nodiscard]] std::uint32_t cold_target() const noexcept;
  [[nodiscard]] bool windows_by_lane() const { return order_.is_by_arrival() && policy_.windows_by_lane(); }
  void begin_looks();
  void settle(std::uint32_t target);
  [[nodiscard]] bool takes_front(std::uint32_t target) const;
  [[nodiscard]] bool takes_front_of_lanes(std::uint32_t target) const;
  [[nodiscard]] bool is_demotion_due() const;
  void give_back_beyond(std::uint32_t target);
  void give_back_second_lane();
  void give_back_hottest();
  void admit_next();
  /// What a look at an object has found.
  struct Look {
    Candidates::Use use = Candidates::Use::unused;
    bool moves = false;  // its place is not the one that it had
  };
  [[nodiscard]] Look look_at(SlotIndex slot);
  bool place(SlotIndex slot, Look look);
  void requeue(SlotIndex slot);
  bool requeue_warm(const std::vector<SlotIndex>& victims);
  bool recheck_parked(std::uint32_t how_many);
  [[nodiscard]] std::vector<SlotIndex> search(std::uint64_t needed, Effort effort);
  [[nodiscard]] std::vector<SlotIndex> search_cold(std::uint64_t needed, std::uint32_t widest);
  [[nodiscard]] std::vector<SlotIndex> search_around_coldest(std::uint64_t needed);
  [[nodiscard]] std::vector<SlotIndex> best_around_coldest(std::uint64_t needed) const;
  [[nodiscard]] std::vector<SlotIndex> search_colder_than_most(std::uint64_t needed);
  [[nodiscard]] std::vector<SlotIndex> sample_cold();
  [[nodiscard]] std::vector<SlotIndex> search_first_lane(std::uint64_t needed, Effort effort);
  [[nodiscard]] Window best_of_first_lane(std::uint64_t needed, std::uint32_t most_looks) const;
  [[nodiscard]] bool is_wasteful(const std::vector<SlotIndex>& victims, std::uint64_t needed) const noexcept;

  // Neighbours
  [[nodiscard]] bool may_go(SlotIndex slot) const override;
  [[nodiscard]] bool goes_first(SlotIndex slot, SlotIndex other) const override;
  [[nodiscard]] std::uint64_t live_bytes(const std::vector<SlotIndex>& slots) const noexcept;
  [[nodiscard]] bool park_used(const std::vector<SlotIndex>& victims);
  [[nodiscard]] bool confirm(const std::vector<SlotIndex>& victims);
  void prefetch_next() const;

  /// Skips a search that found nothing, for some plans of as many bytes or more.
  class Rest {
   public:
    void begin(std::uint64_t needed, std::uint32_t plans) noexcept {
      needed_ = needed;
      plans_ = plans;
    }
    /// Each time for twice as many plans as the last time.
    void begin_longer(std::uint64_t needed) noexcept {
      begin(needed, next_);
      next_ = std::min(2 * next_, kMostRests);
    }
    void end() noexcept {
      plans_ = 0;
      next_ = 1;
    }
    /// Whether this plan skips the search. Counts it.
    [[nodiscard]] bool takes(std::uint64_t needed) noexcept {
      if (plans_ == 0 || needed < needed_) return false;
      --plans_;
      return true;
    }

   private:
    std::uint64_t needed_ = 0;
    std::uint32_t plans_ = 0;
    std::uint32_t next_ = 1;
  };
  static constexpr EvictionKey kAnyHeat{UINT64_MAX, UINT64_MAX};

  const Arena& arena_;
  Candidates& candidates_;
  Policy& policy_;
  EvictionOrder order_;
  std::uint32_t next_recheck_ = 0;  // position among the parked objects
  Rest cold_rest_;                  // for search() in the widened cold set
  Rest hand_rest_;                  // of Effort::cold
  Rest lane_rest_;                  // of Effort::cold, for search_first_lane()
  EvictionKey hottest_ = kAnyHeat;  // maximum key of a neighbour that may be evicted
  bool first_lane_only_ = false;    // neighbours of the second lane may not be evicted
  SlotIndex hand_ = kNoSlot;        // the object behind the last window of Effort::cold
  std::uint32_t next_sample_ = 0;   // position in the sequence of sampled slots
  std::uint32_t patience_ = 0;      // see kMaxSecondThoughts: number of objects that this call may still pass over
  std::uint32_t demotions_ = 0;     // see kMaxDemotions: number of looks that this call may still take
};

}  // namespace dolium::shm
