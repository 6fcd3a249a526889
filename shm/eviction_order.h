#pragma once
// The three places where eviction keeps an object, and the order within them. Decides nothing.
//
// Model: one array holds [heap | parked], the heap a binary one with the coldest on top; a second holds the
// cold set, sorted, coldest first. A word for each slot says where its object is. So a member costs 8 bytes
// wherever it is. A key may change while its object is parked or out, or
// cold if the object is then removed before anything else is added: remove() reads no key.

#include <cstdint>
#include <vector>

#include "shm/basic_types.h"
#include "shm/candidates.h"
#include "shm/reserved_vector.h"

namespace dolium::shm {

class EvictionOrder {
 public:
  /// std::bad_alloc when there are no addresses for that many.
  EvictionOrder(const Candidates& candidates, std::uint32_t max_slots)
      : candidates_(candidates),
        max_slots_(max_slots),
        array_(reserved_vector<SlotIndex>(max_slots)),
        place_(reserved_vector<std::uint32_t>(max_slots)) {}

  // Preconditions: !contains(slot). add_cold() is O(size of the cold set) unless the slot is hotter than all of it.
  void add_to_heap(SlotIndex slot);
  void add_cold(SlotIndex slot);
  void park(SlotIndex slot);
  /// From wherever it is: O(log n), or O(size of the cold set) there. Does not read its key.
  void remove(SlotIndex slot);

  [[nodiscard]] bool contains(SlotIndex slot) const noexcept { return place_of(slot) != kNowhere; }
  [[nodiscard]] bool is_cold(SlotIndex slot) const noexcept { return place_of(slot) == kInColdSet; }
  [[nodiscard]] bool is_parked(SlotIndex slot) const noexcept { return place_of(slot) - heap_size_ < parked_size(); }

  [[nodiscard]] std::uint32_t heap_size() const noexcept { return heap_size_; }
  [[nodiscard]] SlotIndex top() const noexcept { return array_.front(); }  ///< the heap's coldest
  [[nodiscard]] const std::vector<SlotIndex>& cold() const noexcept { return cold_; }
  [[nodiscard]] std::uint32_t parked_size() const noexcept {
    return static_cast<std::uint32_t>(array_.size()) - heap_size_;
  }
  [[nodiscard]] SlotIndex parked(std::uint32_t nth) const noexcept { return array_[heap_size_ + nth]; }
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(array_.size() + cold_.size()); }

  /// Gives back the memory of a cold set that has been much larger than it will stay.
  void trim_cold(std::size_t usual_size) {
    if (cold_.capacity() > 2 * usual_size) cold_.shrink_to_fit();
  }
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;
  void check_invariants() const;

 private:
  // Words of place_ below these are positions in array_.
  static constexpr std::uint32_t kInColdSet = 0xfffffffe;
  static constexpr std::uint32_t kNowhere = 0xffffffff;

  [[nodiscard]] std::uint32_t place_of(SlotIndex slot) const noexcept {
    return slot < place_.size() ? place_[slot] : kNowhere;
  }
  [[nodiscard]] bool colder(SlotIndex a, SlotIndex b) const { return candidates_.key(a) < candidates_.key(b); }
  void make_room_for(SlotIndex slot);
  void put(std::uint32_t position, SlotIndex slot) noexcept;
  void sift_up(std::uint32_t position);
  void sift_down(std::uint32_t position);

  const Candidates& candidates_;
  std::uint32_t max_slots_;
  std::uint32_t heap_size_ = 0;
  ReservedVector<SlotIndex> array_;  // [0, heap_size_): the heap; the rest: parked, in no order
  std::vector<SlotIndex> cold_;
  ReservedVector<std::uint32_t> place_;  // by slot; as long as the highest slot so far needs
};

}  // namespace dolium::shm
