#include "shm/eviction/eviction.h"

#include <algorithm>
#include <utility>

#include "shm/eviction/window.h"
#include "shm/os/check.h"

namespace dolium::shm {
namespace {

/// The next object in address order; kNoSlot after the last.
SlotIndex object_behind(const Arena& arena, SlotIndex slot) {
  ExtentRef after = arena.after(ExtentRef::live(slot));
  if (after.is_free()) after = arena.after(after);
  return after.is_live() ? after.owner() : kNoSlot;
}

}  // namespace

Eviction::Eviction(const Arena& arena, Candidates& candidates, const Policy& policy, std::uint32_t max_slots)
    : arena_(arena), candidates_(candidates), policy_(policy), order_(policy, max_slots) {}

void Eviction::insert(SlotIndex slot) {
  order_.enqueue(slot);
}

void Eviction::put_back(SlotIndex slot) {
  order_.put_back(slot);
}

void Eviction::erase(SlotIndex slot) {
  order_.remove(slot);
}

bool Eviction::contains(SlotIndex slot) const noexcept {
  return order_.contains(slot);
}

std::uint32_t Eviction::size() const noexcept {
  return order_.size();
}

std::vector<SlotIndex> Eviction::plan(std::uint64_t size_bytes, Effort effort) {
  const std::uint64_t needed = Arena::taken_by(size_bytes);
  if (needed > arena_.capacity()) return {};
  if (effort == Effort::cold && hand_rest_.takes(needed)) return {};
  patience_ = order_.size() + kMaxSecondThoughts;
  recheck_parked(effort == Effort::quick ? kQuickRechecks : kParkedRechecks);
  std::vector<SlotIndex> victims = effort == Effort::cold ? search_colder_than_most(needed) : search(needed, effort);
  if (victims.empty() && effort == Effort::all && recheck_parked(order_.parked_size()))
    victims = search(needed, effort);
  give_back_beyond(cold_target());
  order_.trim_cold(kMaxCold);
  prefetch_next();
  return victims;
}

bool Eviction::coldest_is_enough(std::uint64_t size_bytes) {
  patience_ = order_.size() + kMaxSecondThoughts;
  settle(cold_target());
  return !order_.cold().empty() && is_enough_alone(arena_, order_.cold().front(), Arena::taken_by(size_bytes));
}

/// Prefetches for the next calls. The coldest object is evicted now; those behind it are, mostly, next.
void Eviction::prefetch_next() const {
  for (std::size_t step = 0; step < Candidates::kPrefetchSteps; ++step) {
    const std::size_t behind = Candidates::kPrefetchSteps - step;
    if (behind < order_.cold().size()) candidates_.prefetch(order_.cold()[behind], static_cast<int>(step));
  }
}

SlotIndex Eviction::coldest(Effort effort) {
  patience_ = order_.size() + kMaxSecondThoughts;
  recheck_parked(kParkedRechecks);
  settle(cold_target());
  const std::uint32_t rechecks = effort == Effort::all ? order_.parked_size() : kQuickRechecks;
  if (order_.cold().empty() && recheck_parked(rechecks)) settle(cold_target());
  while (!order_.cold().empty()) {
    const SlotIndex slot = order_.cold().front();
    if (confirm({slot}) && (order_.cold().front() == slot || patience_ == 0)) {
      prefetch_next();
      return slot;
    }
    settle(cold_target());
  }
  return kNoSlot;
}

std::uint32_t Eviction::cold_target() const noexcept {
  constexpr std::uint32_t kColdShare = 10;
  return std::min(kMaxCold, order_.size() / kColdShare + (order_.size() % kColdShare != 0 ? 1 : 0));
}

/// Fills the cold set with the `target` coldest objects that are not parked. Checks each object that enters it.
void Eviction::settle(std::uint32_t target) {
  give_back_beyond(target);
  const auto& cold = order_.cold();
  while (order_.queue_size() > 0 && target > 0 &&
         (cold.size() < target || policy_.key(order_.front()) < policy_.key(cold.back()))) {
    admit(order_.front());
    give_back_beyond(target);
  }
}

void Eviction::give_back_beyond(std::uint32_t target) {
  while (order_.cold().size() > target) {
    const SlotIndex hottest = order_.cold().back();
    order_.remove(hottest);
    order_.put_back(hottest);
  }
}

/// Moves the front of the queue to its place: the cold set, unless a check shows otherwise. If patience has run out, it
/// is not checked: clients touch objects faster than they are checked, so the recorded keys must do.
void Eviction::admit(SlotIndex front) {
  const EvictionKey recorded = policy_.key(front);
  order_.remove(front);
  if (patience_ == 0) return order_.add_cold(front);
  place(front, candidates_.refresh(front), recorded);
}

/// Puts an object that was just refreshed, and is in no place now, in its place. Returns whether that is the cold set.
bool Eviction::place(SlotIndex slot, Candidates::Use use, const EvictionKey& recorded) {
  if (use == Candidates::Use::in_use) {
    order_.park(slot);
    return false;
  }
  const EvictionKey key = policy_.key(slot);
  const bool grown = recorded < key;
  if (grown && patience_ > 0) {
    --patience_;
    if (order_.queue_size() > 0 && policy_.key(order_.front()) < key) {
      order_.put_back(slot);
      return false;
    }
  }
  order_.add_cold(slot);
  return true;
}

/// Moves parked objects that are unused now to the queue. Returns whether there were any.
bool Eviction::recheck_parked(std::uint32_t how_many) {
  bool any = false;
  for (how_many = std::min(how_many, order_.parked_size()); how_many > 0; --how_many) {
    if (next_recheck_ >= order_.parked_size()) next_recheck_ = 0;
    const SlotIndex slot = order_.parked(next_recheck_);
    if (candidates_.refresh(slot) == Candidates::Use::in_use) {
      ++next_recheck_;
      continue;
    }
    order_.remove(slot);
    order_.put_back(slot);
    any = true;
  }
  return any;
}

std::vector<SlotIndex> Eviction::search(std::uint64_t needed, Effort effort) {
  if (cold_rest_.takes(needed)) {
    settle(cold_target());
    std::vector<SlotIndex> around = search_around_coldest(needed);
    if (!around.empty() && !is_wasteful(around, needed)) return around;
  }
  std::vector<SlotIndex> victims = search_cold(needed, kMaxWidened);
  if (victims.empty())
    cold_rest_.begin(needed, kColdRests);
  else
    cold_rest_.end();
  if ((victims.empty() || is_wasteful(victims, needed)) && order_.queue_size() > 0) {
    std::vector<SlotIndex> around = search_around_coldest(needed);
    if (victims.empty() || (!around.empty() && live_bytes(around) < live_bytes(victims))) victims = std::move(around);
  }
  if (victims.empty() && effort == Effort::all && order_.queue_size() > 0) victims = search_cold(needed, order_.size());
  return victims;
}

bool Eviction::is_wasteful(const std::vector<SlotIndex>& victims, std::uint64_t needed) const noexcept {
  return live_bytes(victims) > needed + arena_.capacity() / kMostWasteShare;
}

/// Widens the cold set until it has a window whose objects are still unused and cold, or has `widest` objects.
std::vector<SlotIndex> Eviction::search_cold(std::uint64_t needed, std::uint32_t widest) {
  std::uint32_t target = cold_target();
  for (;;) {
    settle(target);
    order_.rank_cold();
    std::vector<SlotIndex> victims = cheapest_window(arena_, order_.cold(), needed, order_);
    if (!victims.empty()) {
      if (confirm(victims)) return victims;
    } else if (order_.queue_size() > 0 && target < widest) {
      target = std::min({order_.size(), target * kWidening, widest});
    } else {
      return {};
    }
  }
}

std::vector<SlotIndex> Eviction::search_around_coldest(std::uint64_t needed) {
  for (std::uint32_t tries = 0; tries < kAnchorTries && !order_.cold().empty(); ++tries) {
    std::vector<SlotIndex> victims = best_around_coldest(needed);
    if (victims.empty() || !park_used(victims)) return victims;
  }
  return {};
}

/// The window with the fewest live bytes around one of the coldest objects; among equals, that of the coldest object.
std::vector<SlotIndex> Eviction::best_around_coldest(std::uint64_t needed) const {
  Window best;
  std::uint32_t looks = 0;
  for (std::size_t i = 0; i < order_.cold().size() && i < kAnchors && looks < kAnchorLooks; ++i) {
    const Window window = window_around(arena_, order_.cold()[i], needed, *this);
    looks += window.looks;
    if (!window.is_empty() && (best.is_empty() || window.live_bytes < best.live_bytes)) best = window;
  }
  return objects_of(arena_, best);
}

/// Looks behind the last window, because objects that were written together are usually evicted together; then around
/// sampled cold objects.
std::vector<SlotIndex> Eviction::search_colder_than_most(std::uint64_t needed) {
  const std::vector<SlotIndex> anchors = sample_cold();
  if (anchors.empty()) return {};
  hottest_ = policy_.key(anchors.back());
  Window window;
  std::uint32_t looks = 0;
  const auto look_around = [&](SlotIndex anchor) {
    window = window_around(arena_, anchor, needed, *this);
    looks += window.looks;
    if (window.live_bytes > 2 * needed) window = {};  // one object is far larger than needed
  };
  if (may_go(hand_)) look_around(hand_);
  for (std::size_t i = 0; i < anchors.size() && window.is_empty() && looks < kAnchorLooks; ++i) look_around(anchors[i]);
  std::vector<SlotIndex> victims = objects_of(arena_, window);
  if (!victims.empty()) hand_ = object_behind(arena_, victims.back());
  const bool used = park_used(victims);  // also updates the keys
  if (used || !std::ranges::all_of(victims, [this](SlotIndex slot) { return may_go(slot); })) victims.clear();
  hottest_ = kAnyHeat;
  if (victims.empty()) {
    hand_rest_.begin(needed, next_hand_rests_);
    next_hand_rests_ = std::min(2 * next_hand_rests_, kMostHandRests);
  } else {
    hand_rest_.end();
    next_hand_rests_ = 1;
  }
  return victims;
}

/// The coldest of some sampled objects, colder ones first. Uses recorded keys; the current ones can only be hotter. If
/// there are few objects, or few slots have one, returns the cold set.
std::vector<SlotIndex> Eviction::sample_cold() {
  constexpr std::uint32_t kStride = 2'654'435'761;  // 2^32 divided by the golden ratio: spreads samples over all slots
  std::vector<SlotIndex> samples;
  for (std::size_t looks = 0; samples.size() < kSamples && looks < 2 * kSamples; ++looks) {
    const SlotIndex slot = order_.slot_below(next_sample_ += kStride);
    if (order_.contains(slot) && !order_.is_parked(slot)) samples.push_back(slot);
  }
  if (samples.size() < kSamples || order_.size() < kSamples) {
    settle(cold_target());
    return order_.cold();
  }
  std::ranges::sort(samples, {}, [this](SlotIndex slot) { return policy_.key(slot); });
  samples.resize(samples.size() / kColdShareOfSamples);
  return samples;
}

bool Eviction::may_go(SlotIndex slot) const {
  return order_.contains(slot) && !order_.is_parked(slot) && policy_.key(slot) <= hottest_;
}

/// The smaller object goes first; of equal sizes the colder one, because one side may be the objects that were put
/// last.
bool Eviction::goes_first(SlotIndex slot, SlotIndex other) const {
  const std::uint64_t size = arena_.size_of(ExtentRef::live(slot));
  const std::uint64_t others = arena_.size_of(ExtentRef::live(other));
  return size != others ? size < others : policy_.key(slot) < policy_.key(other);
}

std::uint64_t Eviction::live_bytes(const std::vector<SlotIndex>& slots) const noexcept {
  std::uint64_t bytes = 0;
  for (const SlotIndex slot : slots) bytes += arena_.size_of(ExtentRef::live(slot));
  return bytes;
}

/// Parks the victims that are in use. Returns whether there were any. Ignores their heat.
bool Eviction::park_used(const std::vector<SlotIndex>& victims) {
  bool any = false;
  for (const SlotIndex slot : victims) {
    const bool was_cold = order_.is_cold(slot);
    order_.remove(slot);  // before its key can change
    const Candidates::Use use = candidates_.refresh(slot);
    if (use == Candidates::Use::in_use)
      order_.park(slot);
    else if (was_cold)
      order_.add_cold(slot);
    else
      order_.put_back(slot);
    any = any || use == Candidates::Use::in_use;
  }
  return any;
}

/// Checks the victims again. Returns false if one of them has left the cold set.
bool Eviction::confirm(const std::vector<SlotIndex>& victims) {
  struct Changed {
    SlotIndex slot;
    Candidates::Use use;
    EvictionKey recorded;
  };
  std::vector<Changed> changed;
  for (const SlotIndex slot : victims) {
    const EvictionKey recorded = policy_.key(slot);
    const Candidates::Use use = candidates_.refresh(slot);
    if (use == Candidates::Use::in_use || policy_.key(slot) != recorded) changed.push_back({slot, use, recorded});
  }
  // Remove all before placing any: with its new key, an object is at the wrong position of the cold set.
  for (const Changed& object : changed) order_.remove(object.slot);
  bool all_cold = true;
  for (const Changed& object : changed) all_cold = place(object.slot, object.use, object.recorded) && all_cold;
  return all_cold;
}

std::uint64_t Eviction::bookkeeping_bytes() const noexcept {
  return sizeof(*this) - sizeof(order_) + order_.bookkeeping_bytes();
}

void Eviction::check_invariants() const {
  order_.check_invariants();
  DOLIUM_CHECK(order_.cold().size() <= kMaxCold, "the cold set kept what it borrowed");
}

}  // namespace dolium::shm
