#include "shm/eviction/adaptive_policy.h"

#include <algorithm>

namespace dolium::shm {

AdaptivePolicy::AdaptivePolicy(const PolicyView& view)
    : Policy(Order::by_arrival), view_(view), states_(reserved_vector<State>(view.max_slots)) {}

EvictionKey AdaptivePolicy::key(SlotIndex slot) const {
  const LedgerRow& row = view_.ledger.row(slot);
  return {row.accessed, row.sealed};
}

/// The get that causes an object to be read back is counted after this. It is the same as the put of an object that is
/// not there: the base is one more than what was counted by now.
void AdaptivePolicy::enter(SlotIndex slot, Arrival arrival, const LaneBytes& bytes) {
  if (slot >= states_.size()) states_.resize(std::size_t{slot} + 1);
  const std::uint32_t coming = arrival == Arrival::read_back ? 1 : 0;
  const bool proven = arrival == Arrival::recovered || ghosts_.take(view_.candidates.id_hash(slot)) ||
                      (arrival == Arrival::sealed && is_crowded(bytes) && is_filling());
  if (proven)
    states_[slot] = {Lane::second, 0, view_.candidates.hit_sum(slot) + coming};
  else if (arrival == Arrival::read_back)
    states_[slot] = State::read_back(view_.candidates.hit_sum(slot) + coming);
  else
    states_[slot] = {};
}

void AdaptivePolicy::evicted(SlotIndex slot, std::uint32_t objects) {
  full_bytes_ = view_.arena.used_bytes();
  if (lane(slot) == Lane::first)
    ghosts_.add(view_.candidates.id_hash(slot), objects, static_cast<std::uint32_t>(states_.size()));
}

bool AdaptivePolicy::stays(SlotIndex slot) const {
  if (lane(slot) == Lane::second) return visits_by_now(slot) > 0;
  if (states_[slot].visits() > 0) return hits_by_now(slot) > 0;
  const LedgerRow& row = view_.ledger.row(slot);
  return row.accessed > row.sealed;
}

void AdaptivePolicy::requeue(SlotIndex slot) {
  // A client may have taken back its hits since stays().
  const std::uint32_t visits = lane(slot) == Lane::second ? std::max(1U, visits_by_now(slot)) - 1 : 0;
  states_[slot] = {Lane::second, visits, view_.candidates.hit_sum(slot)};
}

void AdaptivePolicy::forget_hits(SlotIndex slot, std::uint32_t hits) {
  if (slot < states_.size()) states_[slot].forget(hits);
}

std::uint64_t AdaptivePolicy::bookkeeping_bytes() const noexcept {
  return sizeof(*this) + states_.size() * sizeof(State) + ghosts_.bookkeeping_bytes();
}

bool AdaptivePolicy::is_filling() const noexcept {
  return view_.arena.used_bytes() < full_bytes_ - full_bytes_ / kFillingShare;
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
