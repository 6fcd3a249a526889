#include "shm/table/ledger.h"

#include <fmt/format.h>

namespace dolium::shm {
namespace {

/// Position of each column's memory in segments().
enum Position : std::size_t { kState, kRows, kLifetimes, kPinners, kGraces, kSpills, kHits };

/// Stores a column if it was created, and no earlier one failed.
template <class Column>
void set(Column& column, Result<Column> made, Result<void>& outcome) {
  if (made)
    column = *std::move(made);
  else if (outcome)
    outcome = std::move(made).error();
}

}  // namespace

Result<Ledger> Ledger::create(std::uint32_t slot_count, EvictionPolicy policy, TimeNs now) {
  Ledger ledger;
  Result<void> made;
  set(ledger.state_, decltype(state_)::create("state", 1), made);
  set(ledger.rows_, decltype(rows_)::create("ledger", slot_count), made);
  set(ledger.lifetimes_, decltype(lifetimes_)::create("lifetimes", slot_count), made);
  set(ledger.pinners_, decltype(pinners_)::create("pinners", slot_count), made);
  set(ledger.graces_, decltype(graces_)::create("graces", slot_count), made);
  set(ledger.spills_, decltype(spills_)::create("spills", slot_count), made);
  if (policy == EvictionPolicy::lfu)
    set(ledger.hits_.emplace(), LedgerColumn<HitRow>::create("hits", slot_count), made);
  if (made) made = ledger.state_.reserve(0);
  if (!made) return std::move(made).error();
  LedgerState& fresh = ledger.state();
  fresh = LedgerState();
  fresh.magic = LedgerState::kMagic;
  fresh.layout = LedgerState::kLayout;
  fresh.policy = policy;
  fresh.started = now;
  return ledger;
}

Result<Ledger> Ledger::adopt(std::uint32_t slot_count, std::vector<UniqueFd> memory) {
  if (memory.empty()) return Error{Errc::protocol_error, "cannot take over the store: its ledger has no memory"};
  Ledger ledger;
  Result<void> made;
  set(ledger.state_, decltype(state_)::adopt("state", 1, std::move(memory[kState])), made);
  if (!made) return std::move(made).error();
  const LedgerState& found = ledger.state();
  if (found.magic != LedgerState::kMagic || found.layout != LedgerState::kLayout)
    return Error{
        Errc::protocol_error,
        fmt::format("the store's ledger has layout {}, but this program knows layout {}: stop the daemon that created "
                    "it, and start a new one",
                    found.layout, LedgerState::kLayout)};
  if (static_cast<std::size_t>(found.policy) >= kEvictionPolicyNames.size())
    return Error{Errc::protocol_error,
                 fmt::format("cannot take over the store: this program does not know its eviction policy, number {}",
                             static_cast<unsigned>(found.policy))};
  const bool counts_hits = found.policy == EvictionPolicy::lfu;
  if (memory.size() != kHits + (counts_hits ? 1 : 0))
    return Error{Errc::protocol_error,
                 fmt::format("cannot take over the store: its ledger has {} columns", memory.size())};
  set(ledger.rows_, decltype(rows_)::adopt("ledger", slot_count, std::move(memory[kRows])), made);
  set(ledger.lifetimes_, decltype(lifetimes_)::adopt("lifetimes", slot_count, std::move(memory[kLifetimes])), made);
  set(ledger.pinners_, decltype(pinners_)::adopt("pinners", slot_count, std::move(memory[kPinners])), made);
  set(ledger.graces_, decltype(graces_)::adopt("graces", slot_count, std::move(memory[kGraces])), made);
  set(ledger.spills_, decltype(spills_)::adopt("spills", slot_count, std::move(memory[kSpills])), made);
  if (counts_hits)
    set(ledger.hits_.emplace(), LedgerColumn<HitRow>::adopt("hits", slot_count, std::move(memory[kHits])), made);
  if (!made) return std::move(made).error();
  return ledger;
}

std::vector<const Segment*> Ledger::segments() const {
  std::vector<const Segment*> all = {&state_.segment(),   &rows_.segment(),   &lifetimes_.segment(),
                                     &pinners_.segment(), &graces_.segment(), &spills_.segment()};
  if (hits_) all.push_back(&hits_->segment());
  return all;
}

Result<void> Ledger::reserve(SlotIndex slot) {
  Result<void> reserved = rows_.reserve(slot);
  return reserved && hits_ ? hits_->reserve(slot) : reserved;
}

std::uint64_t Ledger::bookkeeping_bytes(std::uint32_t slots_touched) const noexcept {
  return std::uint64_t{slots_touched} * (sizeof(LedgerRow) + (hits_ ? sizeof(HitRow) : 0)) +
         lifetimes_.reserved_bytes() + pinners_.reserved_bytes() + graces_.reserved_bytes() + spills_.reserved_bytes();
}

}  // namespace dolium::shm
