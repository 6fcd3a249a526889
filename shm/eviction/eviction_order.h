#pragma once
// EvictionOrder: the three places where eviction keeps an object, and the order within them. Makes no decisions.
//
// Model: the queue, coldest first; the cold set, sorted, coldest first; the parked objects, unordered.
//
// With a policy by arrival, the queue is two lists, one for each of the policy's lanes, and no object is moved within
// them. The cold set has the objects of the first lane, in their order, then those of the second.
//
// With a policy by key, the queue has two parts: a list of objects that came in order, and a binary heap of the others.
// A newly sealed object is hotter than all objects that were sealed before and not checked since, whatever the policy,
// so it is appended to the list. Its neighbours in the list are mostly its neighbours in memory, and an eviction costs
// O(1). A heap of a million rows would cost a cache miss on each of its levels instead. The heap only has objects that
// turned out to be in a wrong place when they were checked. One array holds [heap | parked]. Each slot has two words
// for its object's place: a member costs 8 bytes, and 4 more in the heap or parked. The key of an object may change
// while it is parked or not a member; or while it is cold, if it is then removed before another object is added,
// because remove() reads no key.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "shm/eviction/policy.h"
#include "shm/eviction/window.h"
#include "shm/os/basic_types.h"
#include "shm/os/reserved_vector.h"

namespace dolium::shm {

class EvictionOrder final : public Ranks {
 public:
  /// Throws std::bad_alloc if the address space for that many slots cannot be reserved.
  EvictionOrder(const Arena& arena, const Policy& policy, std::uint32_t max_slots)
      : arena_(arena),
        policy_(policy),
        by_arrival_(policy.order() == Policy::Order::by_arrival),
        max_slots_(max_slots),
        array_(reserved_vector<SlotIndex>(max_slots)),
        places_(reserved_vector<Place>(max_slots)) {}

  // Preconditions: !contains(slot). add_cold() is O(size of the cold set) unless the slot is hotter than all of it.
  /// Adds an object that was just sealed: O(1). By key, O(log n) if it is not the hottest. By arrival, it is the last
  /// of its lane.
  void enqueue(SlotIndex slot);
  /// Adds an object that was elsewhere. By key, O(1) if it is colder than the list, else O(log n). By arrival, O(1): it
  /// is the next of its lane.
  void put_back(SlotIndex slot);
  void add_cold(SlotIndex slot);
  void park(SlotIndex slot);
  /// Removes an object from its place: O(1) from the list, O(log n) from the heap, O(size of the cold set) from there.
  /// Does not read its key.
  void remove(SlotIndex slot);

  [[nodiscard]] bool contains(SlotIndex slot) const noexcept { return place_of(slot).before != kNowhere; }
  [[nodiscard]] bool is_cold(SlotIndex slot) const noexcept { return place_of(slot).before == kInColdSet; }
  [[nodiscard]] bool is_parked(SlotIndex slot) const noexcept {
    const Place place = place_of(slot);
    return place.before == kInArray && place.after >= heap_size_;
  }

  [[nodiscard]] bool is_by_arrival() const noexcept { return by_arrival_; }
  /// Of all members, wherever they are. 0 with a policy by key.
  [[nodiscard]] const Policy::LaneBytes& lane_bytes() const noexcept { return lane_bytes_; }
  /// By arrival: the policy wants the end of the second lane looked at, and it has one.
  [[nodiscard]] bool is_second_next() const {
    return by_arrival_ && lists_[1].coldest != kNoSlot && policy_.next(lane_bytes_) == Policy::Lane::second;
  }
  [[nodiscard]] std::uint32_t queue_size() const noexcept { return list_size_ + heap_size_; }
  /// The coldest object of the queue; by arrival, the next of the first lane, if that has any. Precondition: the queue
  /// is not empty.
  [[nodiscard]] SlotIndex front() const;
  /// The objects of a lane, the next one first; kNoSlot at the end.
  [[nodiscard]] SlotIndex first_of(Policy::Lane lane) const noexcept {
    return lists_[static_cast<std::size_t>(lane)].coldest;
  }
  [[nodiscard]] SlotIndex behind(SlotIndex slot) const noexcept { return places_[slot].after; }
  /// Whether front() belongs into the cold set before its last object. Precondition: neither is empty.
  [[nodiscard]] bool front_goes_first() const { return goes_first(front(), cold_.back()); }
  [[nodiscard]] const std::vector<SlotIndex>& cold() const noexcept { return cold_; }
  /// Sets each rank_of() to the current position in cold(). O(size of the cold set).
  void rank_cold() noexcept {
    for (std::uint32_t rank = 0; rank < cold_.size(); ++rank) places_[cold_[rank]].after = rank;
  }
  [[nodiscard]] std::uint32_t rank_of(SlotIndex slot) const noexcept override {
    return is_cold(slot) ? places_[slot].after : kNotCold;
  }
  [[nodiscard]] std::uint32_t parked_size() const noexcept {
    return static_cast<std::uint32_t>(array_.size()) - heap_size_;
  }
  [[nodiscard]] SlotIndex parked(std::uint32_t nth) const noexcept { return array_[heap_size_ + nth]; }
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(list_size_ + array_.size() + cold_.size());
  }

  /// Maps a 32-bit number evenly to the slots that ever had an object; 0 if there were none.
  [[nodiscard]] SlotIndex slot_below(std::uint32_t number) const noexcept {
    return static_cast<SlotIndex>(std::uint64_t{number} * places_.size() >> 32);
  }
  /// Frees memory if the cold set was much larger than usual.
  void trim_cold(std::size_t usual_size) {
    if (cold_.capacity() > 2 * usual_size) cold_.shrink_to_fit();
  }
  /// The places of all slots, for LargePages.
  [[nodiscard]] std::span<std::byte> in_use() noexcept { return std::as_writable_bytes(std::span(places_)); }
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;
  void check_invariants() const;

 private:
  /// In the list: its neighbours, kNoSlot at the ends. Else `before` is one of the constants below, and `after` the
  /// position (in the cold set: at the last rank_cold()).
  struct Place {
    std::uint32_t before;
    std::uint32_t after;
  };
  static constexpr std::uint32_t kNowhere = 0xfffffffc;  // higher than any slot
  static constexpr std::uint32_t kInColdSet = 0xfffffffd;
  static constexpr std::uint32_t kInArray = 0xfffffffe;

  [[nodiscard]] Place place_of(SlotIndex slot) const noexcept {
    return slot < places_.size() ? places_[slot] : Place{kNowhere, 0};
  }
  struct List {
    SlotIndex coldest = kNoSlot;
    SlotIndex hottest = kNoSlot;
  };

  [[nodiscard]] bool colder(SlotIndex a, SlotIndex b) const { return policy_.key(a) < policy_.key(b); }
  /// The order of the cold set.
  [[nodiscard]] bool goes_first(SlotIndex a, SlotIndex b) const {
    return by_arrival_ ? policy_.lane(a) < policy_.lane(b) : colder(a, b);
  }
  /// By key: the first.
  [[nodiscard]] List& list_of(SlotIndex slot) {
    return lists_[by_arrival_ ? static_cast<std::size_t>(policy_.lane(slot)) : 0];
  }
  [[nodiscard]] std::uint64_t& lane_bytes_of(SlotIndex slot) {
    return policy_.lane(slot) == Policy::Lane::first ? lane_bytes_.first : lane_bytes_.second;
  }
  void begin_place_of(SlotIndex slot);
  void put(std::uint32_t position, SlotIndex slot) noexcept;
  void add_to_array(SlotIndex slot);
  void add_to_heap(SlotIndex slot);
  void remove_from_array(std::uint32_t position);
  void link(SlotIndex slot, SlotIndex before, SlotIndex after);
  void unlink(SlotIndex slot, const Place& place);
  void sift_up(std::uint32_t position);
  void sift_down(std::uint32_t position);
  void check_lists() const;
  void check_lane_bytes() const;
  [[nodiscard]] std::uint32_t check_list(std::size_t lane) const;

  const Arena& arena_;
  const Policy& policy_;
  const bool by_arrival_;
  std::uint32_t max_slots_;
  std::array<List, 2> lists_;  // by lane; by key, the second is empty
  Policy::LaneBytes lane_bytes_;
  std::uint32_t list_size_ = 0;  // of both
  std::uint32_t heap_size_ = 0;
  std::size_t most_in_array_ = 0;    // maximum so far: the array keeps its memory
  ReservedVector<SlotIndex> array_;  // [0, heap_size_): the heap; the rest: parked, in no order
  std::vector<SlotIndex> cold_;
  ReservedVector<Place> places_;  // by slot, up to the highest slot so far
};

}  // namespace dolium::shm
