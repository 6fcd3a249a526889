#include "shm/eviction/eviction_order.h"

#include <algorithm>

#include "shm/os/check.h"

namespace dolium::shm {

void EvictionOrder::enqueue(SlotIndex slot) {
  begin_place_of(slot);
  const SlotIndex hottest = list_of(slot).hottest;
  if (hottest == kNoSlot || by_arrival_ || colder(hottest, slot))
    link(slot, hottest, kNoSlot);
  else
    add_to_heap(slot);
}

void EvictionOrder::put_back(SlotIndex slot) {
  begin_place_of(slot);
  const SlotIndex coldest = list_of(slot).coldest;
  if (by_arrival_ || (coldest != kNoSlot && colder(slot, coldest)))
    link(slot, kNoSlot, coldest);
  else
    add_to_heap(slot);
}

void EvictionOrder::add_cold(SlotIndex slot) {
  begin_place_of(slot);
  auto at = cold_.end();
  if (!cold_.empty() && goes_first(slot, cold_.back())) {
    at = std::upper_bound(cold_.begin(), cold_.end(), slot,
                          [this](SlotIndex a, SlotIndex b) { return goes_first(a, b); });
  }
  cold_.insert(at, slot);
  places_[slot] = {kInColdSet, 0};
}

void EvictionOrder::park(SlotIndex slot) {
  begin_place_of(slot);
  add_to_array(slot);
}

void EvictionOrder::remove(SlotIndex slot) {
  const Place place = place_of(slot);
  DOLIUM_CHECK(place.before != kNowhere, "remove of a slot that is not a member");
  places_[slot] = {kNowhere, 0};
  if (by_arrival_) lane_bytes_of(slot) -= arena_.size_of(ExtentRef::live(slot));
  if (place.before == kInColdSet) {
    // Mostly it is the last one: give_back_beyond() removes from the end.
    cold_.erase(cold_.back() == slot ? cold_.end() - 1 : std::find(cold_.begin(), cold_.end(), slot));
  } else if (place.before == kInArray) {
    remove_from_array(place.after);
  } else {
    unlink(slot, place);
  }
}

SlotIndex EvictionOrder::front() const {
  const SlotIndex coldest = lists_[0].coldest;
  if (by_arrival_) return coldest == kNoSlot ? lists_[1].coldest : coldest;
  if (heap_size_ == 0) return coldest;
  return coldest == kNoSlot || colder(array_.front(), coldest) ? array_.front() : coldest;
}

std::uint64_t EvictionOrder::bookkeeping_bytes() const noexcept {
  return sizeof(*this) + places_.size() * sizeof(Place) + (most_in_array_ + cold_.capacity()) * sizeof(SlotIndex);
}

void EvictionOrder::begin_place_of(SlotIndex slot) {
  DOLIUM_CHECK(slot < max_slots_ && !contains(slot), "a slot that is a member already or cannot exist");
  if (slot >= places_.size()) places_.resize(std::size_t{slot} + 1, Place{kNowhere, 0});
  if (by_arrival_) lane_bytes_of(slot) += arena_.size_of(ExtentRef::live(slot));
}

// ---- the lists ----

void EvictionOrder::link(SlotIndex slot, SlotIndex before, SlotIndex after) {
  List& list = list_of(slot);
  places_[slot] = {before, after};
  (before == kNoSlot ? list.coldest : places_[before].after) = slot;
  (after == kNoSlot ? list.hottest : places_[after].before) = slot;
  ++list_size_;
}

void EvictionOrder::unlink(SlotIndex slot, const Place& place) {
  List& list = list_of(slot);
  (place.before == kNoSlot ? list.coldest : places_[place.before].after) = place.after;
  (place.after == kNoSlot ? list.hottest : places_[place.after].before) = place.before;
  --list_size_;
}

// ---- the heap, and the parked behind it ----

void EvictionOrder::put(std::uint32_t position, SlotIndex slot) noexcept {
  array_[position] = slot;
  places_[slot] = {kInArray, position};
}

void EvictionOrder::add_to_array(SlotIndex slot) {
  array_.push_back(slot);
  most_in_array_ = std::max(most_in_array_, array_.size());
  put(static_cast<std::uint32_t>(array_.size()) - 1, slot);
}

void EvictionOrder::add_to_heap(SlotIndex slot) {
  add_to_array(slot);
  // Move the first parked object to the end, to make room for the heap's new last element.
  const auto last = static_cast<std::uint32_t>(array_.size()) - 1;
  if (heap_size_ != last) put(last, array_[heap_size_]);
  put(heap_size_, slot);
  sift_up(heap_size_++);
}

void EvictionOrder::remove_from_array(std::uint32_t position) {
  std::uint32_t gap = position;
  if (position < heap_size_) {
    gap = --heap_size_;
    if (position != gap) {
      put(position, array_[gap]);
      sift_down(position);
      sift_up(position);
    }
  }
  if (gap + 1 != array_.size()) put(gap, array_.back());
  array_.pop_back();
}

void EvictionOrder::sift_up(std::uint32_t position) {
  const SlotIndex slot = array_[position];
  while (position > 0) {
    const std::uint32_t parent = (position - 1) / 2;
    if (!colder(slot, array_[parent])) break;
    put(position, array_[parent]);
    position = parent;
  }
  put(position, slot);
}

void EvictionOrder::sift_down(std::uint32_t position) {
  const SlotIndex slot = array_[position];
  for (;;) {
    std::uint32_t child = 2 * position + 1;
    if (child >= heap_size_) break;
    if (child + 1 < heap_size_ && colder(array_[child + 1], array_[child])) ++child;
    if (!colder(array_[child], slot)) break;
    put(position, array_[child]);
    position = child;
  }
  put(position, slot);
}

// ---- for tests ----

/// Returns the number of objects in the list.
std::uint32_t EvictionOrder::check_list(std::size_t lane) const {
  std::uint32_t seen = 0;
  SlotIndex before = kNoSlot;
  for (SlotIndex slot = lists_[lane].coldest; slot != kNoSlot; before = slot, slot = places_[slot].after) {
    DOLIUM_CHECK(++seen <= list_size_, "the list is a ring, or longer than it says");
    DOLIUM_CHECK(places_[slot].before == before, "a member of the list does not know who is before it");
    if (by_arrival_)
      DOLIUM_CHECK(static_cast<std::size_t>(policy_.lane(slot)) == lane, "an object is in the list of the other lane");
    else
      DOLIUM_CHECK(before == kNoSlot || colder(before, slot), "the list is out of order");
  }
  DOLIUM_CHECK(lists_[lane].hottest == before, "the list does not end where it should");
  return seen;
}

void EvictionOrder::check_lists() const {
  DOLIUM_CHECK(check_list(0) + check_list(1) == list_size_, "the lists do not have as many objects as they say");
  DOLIUM_CHECK(!by_arrival_ || heap_size_ == 0, "a heap, although the order is by arrival");
}

void EvictionOrder::check_lane_bytes() const {
  Policy::LaneBytes bytes;
  for (SlotIndex slot = 0; by_arrival_ && slot < places_.size(); ++slot) {
    if (!contains(slot)) continue;
    (policy_.lane(slot) == Policy::Lane::first ? bytes.first : bytes.second) += arena_.size_of(ExtentRef::live(slot));
  }
  DOLIUM_CHECK(bytes.first == lane_bytes_.first && bytes.second == lane_bytes_.second,
               "the bytes of the lanes do not add up");
}

void EvictionOrder::check_invariants() const {
  check_lists();
  check_lane_bytes();
  DOLIUM_CHECK(heap_size_ <= array_.size(), "the heap is larger than its array");
  for (std::uint32_t i = 0; i < array_.size(); ++i) {
    const Place place = place_of(array_[i]);
    DOLIUM_CHECK(place.before == kInArray && place.after == i,
                 "a member of the heap or of the parked is not where its word says");
    DOLIUM_CHECK(i == 0 || i >= heap_size_ || !colder(array_[i], array_[(i - 1) / 2]), "the heap is out of order");
  }
  for (std::size_t i = 0; i < cold_.size(); ++i) {
    DOLIUM_CHECK(is_cold(cold_[i]), "a member of the cold set is not where its word says");
    DOLIUM_CHECK(i == 0 || !goes_first(cold_[i], cold_[i - 1]), "the cold set is out of order");
  }
  const auto members =
      std::count_if(places_.begin(), places_.end(), [](const Place& place) { return place.before != kNowhere; });
  DOLIUM_CHECK(static_cast<std::size_t>(members) == size(), "a slot's word names a place it is not in");
}

}  // namespace dolium::shm
