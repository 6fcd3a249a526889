#include "shm/eviction_order.h"

#include <algorithm>

#include "shm/check.h"

namespace dolium::shm {

void EvictionOrder::add_to_heap(SlotIndex slot) {
  make_room_for(slot);
  // The first parked object makes way for the heap's new last.
  array_.push_back(slot);
  const auto last = static_cast<std::uint32_t>(array_.size()) - 1;
  if (heap_size_ != last) put(last, array_[heap_size_]);
  put(heap_size_, slot);
  sift_up(heap_size_++);
}

void EvictionOrder::add_cold(SlotIndex slot) {
  make_room_for(slot);
  auto at = cold_.end();
  if (!cold_.empty() && colder(slot, cold_.back())) {
    at = std::upper_bound(cold_.begin(), cold_.end(), slot, [this](SlotIndex a, SlotIndex b) { return colder(a, b); });
  }
  cold_.insert(at, slot);
  place_[slot] = kInColdSet;
}

void EvictionOrder::park(SlotIndex slot) {
  make_room_for(slot);
  array_.push_back(slot);
  put(static_cast<std::uint32_t>(array_.size()) - 1, slot);
}

void EvictionOrder::remove(SlotIndex slot) {
  const std::uint32_t place = place_of(slot);
  DOLIUM_CHECK(place != kNowhere, "remove of a slot that is not a member");
  place_[slot] = kNowhere;
  if (place == kInColdSet) {
    // Mostly it is the last: objects that were only borrowed go back from there.
    cold_.erase(cold_.back() == slot ? cold_.end() - 1 : std::find(cold_.begin(), cold_.end(), slot));
    return;
  }
  std::uint32_t gap = place;
  if (place < heap_size_) {
    gap = --heap_size_;
    if (place != gap) {
      put(place, array_[gap]);
      sift_down(place);
      sift_up(place);
    }
  }
  if (gap + 1 != array_.size()) put(gap, array_.back());
  array_.pop_back();
}

/// The array has been as long as the words of place_, or nearly, and keeps the memory.
std::uint64_t EvictionOrder::bookkeeping_bytes() const noexcept {
  return sizeof(*this) + (2 * place_.size() + cold_.capacity()) * sizeof(SlotIndex);
}

void EvictionOrder::make_room_for(SlotIndex slot) {
  DOLIUM_CHECK(slot < max_slots_ && !contains(slot), "a slot that is a member already or cannot exist");
  if (slot >= place_.size()) place_.resize(std::size_t{slot} + 1, kNowhere);
}

void EvictionOrder::put(std::uint32_t position, SlotIndex slot) noexcept {
  array_[position] = slot;
  place_[slot] = position;
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

void EvictionOrder::check_invariants() const {
  DOLIUM_CHECK(heap_size_ <= array_.size(), "the heap is larger than its array");
  for (std::uint32_t i = 0; i < array_.size(); ++i) {
    DOLIUM_CHECK(place_of(array_[i]) == i, "a member of the heap or of the parked is not where its word says");
    DOLIUM_CHECK(i == 0 || i >= heap_size_ || !colder(array_[i], array_[(i - 1) / 2]), "the heap is out of order");
  }
  for (std::size_t i = 0; i < cold_.size(); ++i) {
    DOLIUM_CHECK(is_cold(cold_[i]), "a member of the cold set is not where its word says");
    DOLIUM_CHECK(i == 0 || colder(cold_[i - 1], cold_[i]), "the cold set is out of order");
  }
  const auto nowhere = std::count(place_.begin(), place_.end(), kNowhere);
  DOLIUM_CHECK(place_.size() - static_cast<std::size_t>(nowhere) == size(), "a slot's word names a place it is not in");
}

}  // namespace dolium::shm
