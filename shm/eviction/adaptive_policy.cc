#include "shm/eviction/adaptive_policy.h"

#include <algorithm>

namespace dolium::shm {

AdaptivePolicy::AdaptivePolicy(const PolicyView& view)
    : Policy(Order::by_arrival), view_(view), states_(reserved_vector<State>(view.max_slots)) {
  share_.begin_with(view.ledger.state().newcomers_share);
}

EvictionKey AdaptivePolicy::key(SlotIndex slot) const {
  const LedgerRow& row = view_.ledger.row(slot);
  return {row.accessed, row.sealed};
}

/// The get that causes an object to be read back is counted after this. It is the same as the put of an object that is
/// not there: the base is one more than what was counted by now.
void AdaptivePolicy::enter(SlotIndex slot, Arrival arrival, const LaneBytes& bytes) {
  if (slot >= states_.size()) states_.resize(std::size_t{slot} + 1);
  if (slot == promoted_) promoted_ = kNoSlot;  // it was removed
  const std::uint32_t coming = arrival == Arrival::read_back ? 1 : 0;
  const std::optional<Ghosts::Origin> ghost = ghosts_.take(view_.candidates.id_hash(slot));
  if (ghost) share_.returned(*ghost);
  if (arrival == Arrival::recovered)
    states_[slot] = recovered(slot, bytes);
  else if (ghost == Ghosts::Origin::newcomers || (arrival == Arrival::sealed && begins_in_main(slot, bytes)))
    states_[slot] = {0, view_.candidates.hit_sum(slot) + coming};
  else if (arrival == Arrival::read_back)
    states_[slot] = State::read_back(view_.candidates.hit_sum(slot) + coming);
  else
    states_[slot] = {};
}

/// The coldest objects, which come first, are the newcomers.
AdaptivePolicy::State AdaptivePolicy::recovered(SlotIndex slot, const LaneBytes& bytes) {
  const std::uint32_t base = view_.candidates.hit_sum(slot);
  const double newcomers = share_.share() * static_cast<double>(view_.arena.used_bytes());
  return static_cast<double>(bytes.first) < newcomers ? State::demoted(base) : State(0, base);
}

bool AdaptivePolicy::begins_in_main(SlotIndex slot, const LaneBytes& bytes) {
  const std::uint64_t size = view_.arena.owns(slot) ? view_.arena.size_of(ExtentRef::live(slot)) : 0;
  const bool fills = view_.arena.used_bytes() < full_bytes_ - full_bytes_ / kFillingShare;
  return share_.take_room_in_main(bytes, size, fills);
}

void AdaptivePolicy::evicted(SlotIndex slot, std::uint32_t objects) {
  promoted_ = kNoSlot;
  full_bytes_ = view_.arena.used_bytes();
  const Ghosts::Origin origin = states_[slot].origin();
  ghosts_.add(view_.candidates.id_hash(slot), origin, objects, static_cast<std::uint32_t>(states_.size()));
  share_.left(origin);
  if (origin == Ghosts::Origin::newcomers && was_got(slot)) share_.passed();
  if (++evictions_ < kEvictionsPerStep) return;
  evictions_ = 0;
  look_at_next_slot();
  share_.adjust(kEvictionsPerStep, objects);
  view_.ledger.state().newcomers_share = share_.share();
}

bool AdaptivePolicy::stays(SlotIndex slot) const {
  if (lane(slot) == Lane::second) return visits_by_now(slot) > 0;
  return states_[slot].visits() > 0 ? hits_by_now(slot) > 0 : was_got(slot);
}

/// Since its seal.
bool AdaptivePolicy::was_got(SlotIndex slot) const {
  const LedgerRow& row = view_.ledger.row(slot);
  return row.accessed > row.sealed;
}

Policy::Side AdaptivePolicy::requeue(SlotIndex slot) {
  if (lane(slot) == Lane::second) return requeue_main(slot);
  if (states_[slot].origin() == Ghosts::Origin::newcomers) share_.passed();
  promoted_ = slot;
  states_[slot] = {0, view_.candidates.hit_sum(slot)};
  return Side::beginning;
}

Policy::Side AdaptivePolicy::requeue_main(SlotIndex slot) {
  look_at_main(slot);
  State& state = states_[slot];
  const std::uint32_t visits = state.visits();
  state = visits > 0 ? State(visits - 1, state.base()) : State::demoted(state.base());
  return visits > 0 || !was_got(slot) || slot == promoted_ ? Side::beginning : demotion_side();
}

/// The hits of an object of the main queue, since its base, become visits.
void AdaptivePolicy::look_at_main(SlotIndex slot) {
  const std::uint32_t sum = view_.candidates.hit_sum(slot);
  const std::uint32_t hits = states_[slot].hits_since(sum);
  share_.looked(hits > 0);
  states_[slot] = {std::min(kMostVisits, states_[slot].visits() + hits), sum};
}

void AdaptivePolicy::forget_hits(SlotIndex slot, std::uint32_t hits) {
  if (slot < states_.size()) states_[slot].forget(hits);
}

std::uint64_t AdaptivePolicy::bookkeeping_bytes() const noexcept {
  return sizeof(*this) + states_.size() * sizeof(State) + ghosts_.bookkeeping_bytes();
}

/// In the order of slots, which is not that of the queue: an object that is looked at keeps its place.
void AdaptivePolicy::look_at_next_slot() {
  if (++next_look_ >= states_.size()) next_look_ = 0;
  const SlotIndex slot = next_look_;
  if (lane(slot) == Lane::second && view_.arena.owns(slot)) look_at_main(slot);
}

/// Since the base.
std::uint32_t AdaptivePolicy::hits_by_now(SlotIndex slot) const {
  const std::uint32_t sum = view_.candidates.hit_sum(slot);  // first: it may call forget_hits()
  return states_[slot].hits_since(sum);
}

/// Of an object in the main queue.
std::uint32_t AdaptivePolicy::visits_by_now(SlotIndex slot) const {
  return std::min(kMostVisits, states_[slot].visits() + hits_by_now(slot));
}

}  // namespace dolium::shm
