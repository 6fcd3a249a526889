#pragma once
// Who goes first when room is needed.
//
// Model: every sealed object that is not pinned is in exactly one of three places:
//   the queue     ordered by (key, seal order), the coldest in front;
//   the cold set  the coldest tenth of all (at least one object, at most kMaxCold), taken off the queue;
//   parked        found in somebody's use when it was looked at; asked again later.
// Keys are what was last recorded; the truth lies in the clients' pin tables and is read only when an object
// is about to be chosen (`Candidates::refresh`). An object whose key turns out to have grown goes back to the
// queue. So an access costs its reader one store, and no message.
//
// plan() looks for the cheapest contiguous window: a stretch of neighbouring extents, each free or cold, of
// at least the bytes needed, that loses the fewest live bytes, weighed by how cold they are (shm/eviction/window.h).
// Evicting strictly one by one from the cold end leaves holes; windows keep the arena full (figures in
// shm/README.md).
// When the coldest tenth has no window, more objects are considered, coldest first, up to kMaxWidened (not each
// time: kColdRests); then the neighbours of the coldest, whatever their heat (among a million small objects the cold
// ones lie far apart, and looking for neighbours among them would walk them all); then all there are. When all have
// none, nothing is evicted: a request that could not be satisfied anyway costs nobody an object.
// And when all that the coldest have is a window that wastes much (one cold object, far larger than what is needed),
// the neighbours of the coldest are asked too, whether they lose less: one such window would empty more of the arena
// than all holes together.
//
// Who can do with less (Effort::cold) gets a window of objects that are all colder than most, or nothing. Windows of a
// hundred small objects, whatever their heat, would make of every policy a fifo (measured: 38 % of gets hit where 48
// did). They are sought behind the last one, and around some of those that are cold, wherever they lie: what was
// written one behind the other is as cold together, and a cold object that has no such neighbours would be found again
// and again.
//
// Not thread-safe; no clock, no randomness: the same history gives the same victims.

#include <cstdint>
#include <vector>

#include "shm/arena/arena.h"
#include "shm/eviction/candidates.h"
#include "shm/eviction/eviction_order.h"
#include "shm/eviction/window.h"
#include "shm/os/basic_types.h"

namespace dolium::shm {

class Eviction final : private Neighbours {
 public:
  static constexpr std::uint32_t kMaxCold = 256;
  /// How many parked objects are asked again by each plan(), in turn, before any window is sought.
  static constexpr std::uint32_t kParkedRechecks = 16;
  /// By what the cold set grows when it has no window.
  static constexpr std::uint32_t kWidening = 2;
  /// How many objects are considered before the neighbours of the coldest are.
  static constexpr std::uint32_t kMaxWidened = 512;
  /// How many windows around cold objects are compared, of how many objects together, and how many are tried that turn
  /// out to be in use.
  static constexpr std::uint32_t kAnchors = 32;
  static constexpr std::uint32_t kAnchorLooks = 1024;
  static constexpr std::uint32_t kAnchorTries = 8;
  /// Where even the widened cold set had no window, so many plans for as many bytes or more do not ask it again: it
  /// changes little from one to the next.
  static constexpr std::uint32_t kColdRests = 32;
  /// Colder than most is who is no hotter than this share, as 1/n, of so many others.
  static constexpr std::size_t kSamples = 32;
  static constexpr std::size_t kColdShareOfSamples = 4;
  /// For how many plans of as many bytes, twice as many each time up to this, nobody looks for such where there were
  /// none.
  static constexpr std::uint32_t kMostHandRests = 64;
  /// A window is wasteful that loses this share of the arena, as 1/n, beyond what is needed.
  static constexpr std::uint64_t kMostWasteShare = 32;
  /// Beyond one for each member, how many objects one call lets go because they turn out hotter: whoever touches
  /// objects faster than we look at them must not keep us looking for ever.
  static constexpr std::uint32_t kMaxSecondThoughts = 1024;

  Eviction(const Arena& arena, Candidates& candidates, std::uint32_t max_slots);
  Eviction(const Eviction&) = delete;
  Eviction& operator=(const Eviction&) = delete;

  /// A sealed, unpinned object appears. Its key must be readable. O(1) when it was just sealed.
  void insert(SlotIndex slot);
  /// The same of one that has been sealed for long: it was erased, or pinned. O(log n).
  void put_back(SlotIndex slot);
  /// It is gone, or pinned. Precondition: contains(slot).
  void erase(SlotIndex slot);
  [[nodiscard]] bool contains(SlotIndex slot) const noexcept;

  /// How far plan() goes: no further than objects that are colder than most, or to the last one.
  enum class Effort : std::uint8_t { cold, all };

  /// The objects to evict so that taken_by(size_bytes) contiguous bytes become free, in address order; empty
  /// when there is no such set (or when none is needed: ask the arena first); with Effort::cold also when none was
  /// found at once, or lately. They stay members until erased. None was in use when it was looked at; the caller
  /// retires them and, if one was taken meanwhile, plans again.
  [[nodiscard]] std::vector<SlotIndex> plan(std::uint64_t size_bytes, Effort effort = Effort::all);
  /// Whether plan() of so much would, most likely, be the coldest object alone, which takes no search.
  [[nodiscard]] bool coldest_is_enough(std::uint64_t size_bytes);
  /// The coldest object that nobody uses, or kNoSlot: for evict(bytes), the low-water mark, and want of slots.
  [[nodiscard]] SlotIndex coldest();

  [[nodiscard]] std::uint32_t size() const noexcept;
  [[nodiscard]] std::span<std::byte> in_use() noexcept { return order_.in_use(); }  ///< see LargePages
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;
  void check_invariants() const;  ///< aborts with a message; O(n); for tests

 private:
  [[nodiscard]] std::uint32_t cold_target() const noexcept;
  void settle(std::uint32_t target);
  void give_back_beyond(std::uint32_t target);
  void admit(SlotIndex front);
  bool place(SlotIndex slot, Candidates::Use use, const EvictionKey& recorded);
  bool recheck_parked(std::uint32_t how_many);
  [[nodiscard]] std::vector<SlotIndex> search(std::uint64_t needed);
  [[nodiscard]] std::vector<SlotIndex> search_cold(std::uint64_t needed, std::uint32_t widest);
  [[nodiscard]] std::vector<SlotIndex> search_around_coldest(std::uint64_t needed);
  [[nodiscard]] std::vector<SlotIndex> best_around_coldest(std::uint64_t needed) const;
  [[nodiscard]] std::vector<SlotIndex> search_colder_than_most(std::uint64_t needed);
  [[nodiscard]] std::vector<SlotIndex> sample_cold();
  [[nodiscard]] bool is_wasteful(const std::vector<SlotIndex>& victims, std::uint64_t needed) const noexcept;

  // Neighbours
  [[nodiscard]] bool may_go(SlotIndex slot) const override;
  [[nodiscard]] bool goes_first(SlotIndex slot, SlotIndex other) const override;
  [[nodiscard]] std::uint64_t live_bytes(const std::vector<SlotIndex>& slots) const noexcept;
  [[nodiscard]] bool park_used(const std::vector<SlotIndex>& victims);
  [[nodiscard]] bool confirm(const std::vector<SlotIndex>& victims);
  void prefetch_next() const;

  /// A search that found nothing is not made again for some plans of as many bytes or more.
  class Rest {
   public:
    void begin(std::uint64_t needed, std::uint32_t plans) noexcept {
      needed_ = needed;
      plans_ = plans;
    }
    void end() noexcept { plans_ = 0; }
    /// Whether this plan is one of them.
    [[nodiscard]] bool takes(std::uint64_t needed) noexcept {
      if (plans_ == 0 || needed < needed_) return false;
      --plans_;
      return true;
    }

   private:
    std::uint64_t needed_ = 0;
    std::uint32_t plans_ = 0;
  };
  static constexpr EvictionKey kAnyHeat{UINT64_MAX, UINT64_MAX};

  const Arena& arena_;
  Candidates& candidates_;
  EvictionOrder order_;
  std::uint32_t next_recheck_ = 0;  // counts through the parked
  Rest cold_rest_;                  // of search() in the widened cold set
  Rest hand_rest_;                  // of Effort::cold
  std::uint32_t next_hand_rests_ = 1;
  EvictionKey hottest_ = kAnyHeat;  // that may go as a neighbour
  SlotIndex hand_ = kNoSlot;        // behind the last window of Effort::cold
  std::uint32_t next_sample_ = 0;   // counts the slots that were looked at as one
  std::uint32_t patience_ = 0;      // how many more objects that turn out hotter this call lets go
};

}  // namespace dolium::shm
