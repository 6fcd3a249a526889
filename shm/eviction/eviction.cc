#include "shm/eviction/eviction.h"

#include <algorithm>
#include <utility>

#include "shm/eviction/window.h"
#include "shm/os/check.h"

namespace dolium::shm {
Eviction::Eviction(const Arena& arena, Candidates& candidates, Policy& policy, std::uint32_t max_slots)
    : arena_(arena), candidates_(candidates), policy_(policy), order_(arena, policy, max_slots) {}

void Eviction::insert(SlotIndex slot, Policy::Arrival arrival) {
  if (order_.is_by_arrival()) policy_.enter(slot, arrival, order_.lane_bytes());
  order_.enqueue(slot);
}

void Eviction::put_back(SlotIndex slot) {
  if (order_.is_by_arrival())
    order_.enqueue(slot);
  else
    order_.put_back(slot);
}

void Eviction::erase(SlotIndex slot) {
  order_.remove(slot);
}

void Eviction::erase_evicted(SlotIndex slot) {
  if (order_.is_by_arrival()) policy_.evicted(slot, order_.size());
  order_.remove(slot);
}

void Eviction::unpark(SlotIndex slot) {
  if (!order_.is_parked(slot)) return;
  order_.remove(slot);
  order_.put_back(slot);
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
  begin_looks();
  recheck_parked(effort == Effort::quick ? kQuickRechecks : kParkedRechecks);
  std::vector<SlotIndex> victims;
  if (windows_by_lane()) {
    victims = search_first_lane(needed, effort);
    if (victims.empty() && effort != Effort::cold) policy_.lacked_window();
  }
  if (victims.empty()) victims = effort == Effort::cold ? search_colder_than_most(needed) : search(needed, effort);
  if (victims.empty() && effort == Effort::all && recheck_parked(order_.parked_size()))
    victims = search(needed, effort);
  give_back_beyond(cold_target());
  give_back_second_lane();
  order_.trim_cold(kMaxCold);
  prefetch_next();
  return victims;
}

bool Eviction::coldest_is_enough(std::uint64_t size_bytes) {
  begin_looks();
  settle(cold_target());
  return !order_.cold().empty() && is_enough_alone(arena_, order_.cold().front(), Arena::taken_by(size_bytes));
}

/// Prefetches for the next calls. The coldest object is evicted now; those behind it are, mostly, next.
void Eviction::prefetch_next() const {
  for (std::size_t step = 0; step < Candidates::kPrefetchSteps; ++step) {
    const std::size_t behind = Candidates::kPrefetchSteps - step;
    if (behind < order_.cold().size()) candidates_.prefetch(order_.cold()[behind], static_cast<int>(step));
  }
  if (order_.is_by_arrival() && order_.cold().size() > 1) policy_.prefetch_id(candidates_.id_hash(order_.cold()[1]));
}

SlotIndex Eviction::coldest(Effort effort) {
  begin_looks();
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

std::vector<SlotIndex> Eviction::next_victims(SlotIndex besides, std::size_t count, std::uint64_t most_bytes,
                                              std::uint64_t size_bytes) {
  const std::uint64_t needed = size_bytes == 0 ? 0 : Arena::taken_by(size_bytes);
  std::vector<SlotIndex> next;
  std::uint64_t bytes = 0;
  const Policy::Lane lane = policy_.lane(besides);
  const auto take = [&](SlotIndex slot) {
    if (next.size() == count || bytes > most_bytes) return false;
    if (slot == besides || policy_.lane(slot) != lane) return true;
    if (needed != 0 && !is_enough_alone(arena_, slot, needed)) return true;
    bytes += arena_.size_of(ExtentRef::live(slot));
    if (bytes <= most_bytes) next.push_back(slot);
    return true;
  };
  const bool of_first_lane = order_.is_by_arrival() && lane == Policy::Lane::first;
  static_cast<void>(std::ranges::all_of(order_.cold(), take));
  SlotIndex slot = of_first_lane ? order_.first_of(lane) : kNoSlot;
  for (std::size_t looks = 0; slot != kNoSlot && looks < 2 * count && take(slot); ++looks) slot = order_.behind(slot);
  static_cast<void>(confirm(next));
  std::erase_if(next, [&](SlotIndex each) {
    return of_first_lane ? order_.is_parked(each) || policy_.lane(each) != lane : !order_.is_cold(each);
  });
  return next;
}

std::uint32_t Eviction::cold_target() const noexcept {
  constexpr std::uint32_t kColdShare = 10;
  return std::min(kMaxCold, order_.size() / kColdShare + (order_.size() % kColdShare != 0 ? 1 : 0));
}

/// Begins a call that looks at objects.
void Eviction::begin_looks() {
  patience_ = order_.size() + kMaxSecondThoughts;
  demotions_ = kMaxDemotions;
}

/// Fills the cold set with the `target` coldest objects that are not parked. Checks each object that enters it.
void Eviction::settle(std::uint32_t target) {
  give_back_beyond(target);
  while (takes_front(target)) {
    admit_next();
    give_back_beyond(target);
  }
}

bool Eviction::takes_front(std::uint32_t target) const {
  if (order_.queue_size() == 0 || target == 0) return false;
  if (order_.is_by_arrival()) return takes_front_of_lanes(target);
  return order_.cold().size() < target || order_.front_goes_first();
}

/// The second lane's objects are only taken if the first has no more: one, or as many as a search wants that widens the
/// cold set.
bool Eviction::takes_front_of_lanes(std::uint32_t target) const {
  if (is_demotion_due()) return true;
  const auto& cold = order_.cold();
  // Objects of the second lane go before those of the first that would fill the cold set.
  if (policy_.demotion_side() == Policy::Side::end && order_.is_second_next() && target <= cold_target() &&
      !cold.empty())
    return order_.front_goes_first();
  if (order_.first_of(Policy::Lane::first) != kNoSlot) return cold.size() < target || order_.front_goes_first();
  return cold.empty() || (target > cold_target() && cold.size() < target);
}

/// Whether the next object to look at is that at the end of the second lane, and joins a lane again.
bool Eviction::is_demotion_due() const {
  if (patience_ == 0 || !order_.is_second_next()) return false;
  return demotions_ > 0 || (order_.cold().empty() && order_.first_of(Policy::Lane::first) == kNoSlot);
}

void Eviction::give_back_beyond(std::uint32_t target) {
  while (order_.cold().size() > target) give_back_hottest();
}

/// By arrival: objects of the second lane, which a search has taken. One may stay, if there is no other object.
void Eviction::give_back_second_lane() {
  while (order_.is_by_arrival() && order_.cold().size() > 1 &&
         policy_.lane(order_.cold().back()) == Policy::Lane::second)
    give_back_hottest();
}

void Eviction::give_back_hottest() {
  const SlotIndex hottest = order_.cold().back();
  order_.remove(hottest);
  order_.put_back(hottest);
}

/// Moves the next object of the queue to its place: the cold set, unless a check shows otherwise. If patience has run
/// out, it is not checked: clients touch objects faster than they are checked, so the recorded keys must do.
void Eviction::admit_next() {
  const bool joins_again = is_demotion_due();
  const SlotIndex slot = joins_again ? order_.first_of(Policy::Lane::second) : order_.front();
  Look look = patience_ > 0 ? look_at(slot) : Look();
  if (joins_again) {
    look.moves = look.use == Candidates::Use::unused;
    if (demotions_ > 0) --demotions_;
  }
  order_.remove(slot);
  place(slot, look);
}

/// Asks what the clients' tables say by now. By key, an object that moves is in a wrong place from then on: remove() it
/// before anything else.
Eviction::Look Eviction::look_at(SlotIndex slot) {
  if (order_.is_by_arrival()) {
    const Candidates::Use use = candidates_.refresh(slot);
    return {use, use == Candidates::Use::unused && policy_.stays(slot)};
  }
  const EvictionKey recorded = policy_.key(slot);
  const Candidates::Use use = candidates_.refresh(slot);
  return {use, policy_.key(slot) != recorded};
}

/// Puts an object that was just looked at, and is in no place now, in its place. Returns whether that is the cold set.
bool Eviction::place(SlotIndex slot, Look look) {
  if (look.use == Candidates::Use::in_use) {
    order_.park(slot);
    return false;
  }
  if (look.moves && patience_ > 0) {
    --patience_;
    if (order_.is_by_arrival()) {
      requeue(slot);
      return false;
    }
    if (order_.queue_size() > 0 && policy_.key(order_.front()) < policy_.key(slot)) {
      order_.put_back(slot);
      return false;
    }
  }
  order_.add_cold(slot);
  return true;
}

void Eviction::requeue(SlotIndex slot) {
  if (policy_.lane(slot) == Policy::Lane::first) ++demotions_;  // mostly it joins the second lane
  if (policy_.requeue(slot) == Policy::Side::end)
    order_.put_back(slot);
  else
    order_.enqueue(slot);
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
    if (order_.is_by_arrival() && policy_.stays(slot))
      requeue(slot);
    else
      order_.put_back(slot);
    any = true;
  }
  return any;
}

/// Parks the victims that are in use. Returns whether there were any. Ignores their heat.
bool Eviction::park_used(const std::vector<SlotIndex>& victims) {
  bool any = false;
  for (const SlotIndex slot : victims) {
    const Look look = look_at(slot);
    const bool used = look.use == Candidates::Use::in_use;
    any = any || used;
    if (!used && (order_.is_by_arrival() || !look.moves)) continue;
    const bool was_cold = order_.is_cold(slot);
    order_.remove(slot);
    if (used)
      order_.park(slot);
    else if (was_cold)
      order_.add_cold(slot);
    else
      order_.put_back(slot);
  }
  return any;
}

/// Checks the victims again. Returns false if one of them has left the cold set.
bool Eviction::confirm(const std::vector<SlotIndex>& victims) {
  struct Changed {
    SlotIndex slot;
    Look look;
  };
  std::vector<Changed> changed;
  for (const SlotIndex slot : victims) {
    const Look look = look_at(slot);
    if (look.use == Candidates::Use::in_use || look.moves) changed.push_back({slot, look});
  }
  // Remove all before placing any: with its new key, an object is at the wrong position of the cold set.
  for (const Changed& object : changed) order_.remove(object.slot);
  bool all_cold = true;
  for (const Changed& object : changed) all_cold = place(object.slot, object.look) && all_cold;
  return all_cold;
}

std::uint64_t Eviction::bookkeeping_bytes() const noexcept {
  return sizeof(*this) - sizeof(order_) + order_.bookkeeping_bytes() + policy_.bookkeeping_bytes();
}

void Eviction::check_invariants() const {
  order_.check_invariants();
  DOLIUM_CHECK(order_.cold().size() <= kMaxCold, "the cold set kept what it borrowed");
}

}  // namespace dolium::shm
