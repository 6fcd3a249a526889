// Eviction's searches for a window: among the coldest objects, around them, and of objects that are colder than most.

#include <algorithm>
#include <utility>

#include "shm/eviction/eviction.h"
#include "shm/eviction/window.h"

namespace dolium::shm {
namespace {

/// The next object in address order; kNoSlot after the last.
SlotIndex object_behind(const Arena& arena, SlotIndex slot) {
  ExtentRef after = arena.after(ExtentRef::live(slot));
  if (after.is_free()) after = arena.after(after);
  return after.is_live() ? after.owner() : kNoSlot;
}

}  // namespace

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

/// By arrival: a window of objects of the first lane alone, around one of those that are next. Objects that joined it
/// one after the other are often neighbours.
std::vector<SlotIndex> Eviction::search_first_lane(std::uint64_t needed, Effort effort) {
  const bool is_cold = effort == Effort::cold;
  if (is_cold && lane_rest_.takes(needed)) return {};
  for (std::uint32_t tries = 0; tries < kAnchorTries; ++tries) {
    while (is_demotion_due()) admit_next();
    first_lane_only_ = true;
    std::vector<SlotIndex> victims =
        objects_of(arena_, best_of_first_lane(needed, is_cold ? kAnchorLooks : kLaneLooks));
    first_lane_only_ = false;
    if (victims.empty()) break;
    const bool used = park_used(victims);
    if (requeue_warm(victims) || used) continue;
    lane_rest_.end();
    return victims;
  }
  if (is_cold) lane_rest_.begin_longer(needed);
  return {};
}

/// The first window that is not wasteful.
Window Eviction::best_of_first_lane(std::uint64_t needed, std::uint32_t most_looks) const {
  std::uint32_t looks = 0;
  const auto around = [&](SlotIndex anchor) {
    const Window window = window_around(arena_, anchor, needed, *this);
    looks += window.looks;
    return window.live_bytes <= 2 * needed ? window : Window();
  };
  Window best;
  for (const SlotIndex anchor : order_.cold()) {
    if (!best.is_empty() || looks >= most_looks || policy_.lane(anchor) != Policy::Lane::first) break;
    best = around(anchor);
  }
  SlotIndex anchor = order_.first_of(Policy::Lane::first);
  while (anchor != kNoSlot && best.is_empty() && looks < most_looks) {
    best = around(anchor);
    anchor = order_.behind(anchor);
  }
  return best;
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
  if (used || requeue_warm(victims)) victims.clear();
  hottest_ = kAnyHeat;
  if (victims.empty())
    hand_rest_.begin_longer(needed);
  else
    hand_rest_.end();
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

/// Returns whether one of the victims, all of which were just looked at, is not colder than most after all.
bool Eviction::requeue_warm(const std::vector<SlotIndex>& victims) {
  bool any = false;
  for (const SlotIndex slot : victims) {
    const bool stays = windows_by_lane() && !order_.is_parked(slot) && policy_.stays(slot);
    any = any || stays || !may_go(slot);
    if (!stays) continue;
    order_.remove(slot);
    requeue(slot);
  }
  return any;
}

bool Eviction::may_go(SlotIndex slot) const {
  if (!order_.contains(slot) || order_.is_parked(slot)) return false;
  return first_lane_only_ ? policy_.lane(slot) == Policy::Lane::first : policy_.key(slot) <= hottest_;
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

}  // namespace dolium::shm
