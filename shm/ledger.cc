#include "shm/ledger.h"

#include <fmt/format.h>

namespace dolium::shm {
namespace {

/// Where each column's memory stands in segments().
enum Position : std::size_t { kState, kRows, kLifetimes, kHits };

}  // namespace

Result<Ledger> Ledger::create(std::uint32_t slot_count, EvictionPolicy policy, TimeNs now) {
  Ledger ledger;
  auto state = decltype(state_)::create("state", 1);
  if (!state) return std::move(state).error();
  ledger.state_ = *std::move(state);
  auto rows = decltype(rows_)::create("ledger", slot_count);
  if (!rows) return std::move(rows).error();
  ledger.rows_ = *std::move(rows);
  auto lifetimes = decltype(lifetimes_)::create("lifetimes", slot_count);
  if (!lifetimes) return std::move(lifetimes).error();
  ledger.lifetimes_ = *std::move(lifetimes);
  if (policy == EvictionPolicy::lfu) {
    auto hits = LedgerColumn<HitRow>::create("hits", slot_count);
    if (!hits) return std::move(hits).error();
    ledger.hits_ = *std::move(hits);
  }
  if (auto reserved = ledger.state_.reserve(0); !reserved) return std::move(reserved).error();
  LedgerState& fresh = ledger.state();
  fresh = LedgerState();
  fresh.magic = LedgerState::kMagic;
  fresh.layout = LedgerState::kLayout;
  fresh.policy = policy;
  fresh.started = now;
  return ledger;
}

Result<Ledger> Ledger::adopt(std::uint32_t slot_count, std::vector<UniqueFd> memory) {
  if (memory.size() != kHits && memory.size() != kHits + 1)
    return Error{Errc::protocol_error, fmt::format("a ledger of {} pieces", memory.size())};
  Ledger ledger;
  auto state = decltype(state_)::adopt("state", 1, std::move(memory[kState]));
  if (!state) return std::move(state).error();
  ledger.state_ = *std::move(state);
  const LedgerState& found = ledger.state();
  if (found.magic != LedgerState::kMagic || found.layout != LedgerState::kLayout)
    return Error{
        Errc::protocol_error,
        fmt::format("the store's ledger has layout {}, this program knows layout {}: stop the daemon that made "
                    "it, and start anew",
                    found.layout, LedgerState::kLayout)};
  auto rows = decltype(rows_)::adopt("ledger", slot_count, std::move(memory[kRows]));
  if (!rows) return std::move(rows).error();
  ledger.rows_ = *std::move(rows);
  auto lifetimes = decltype(lifetimes_)::adopt("lifetimes", slot_count, std::move(memory[kLifetimes]));
  if (!lifetimes) return std::move(lifetimes).error();
  ledger.lifetimes_ = *std::move(lifetimes);
  if ((found.policy == EvictionPolicy::lfu) != (memory.size() > kHits))
    return Error{Errc::protocol_error, "a ledger whose hits are not those of its eviction policy"};
  if (memory.size() > kHits) {
    auto hits = LedgerColumn<HitRow>::adopt("hits", slot_count, std::move(memory[kHits]));
    if (!hits) return std::move(hits).error();
    ledger.hits_ = *std::move(hits);
  }
  return ledger;
}

std::vector<const Segment*> Ledger::segments() const {
  std::vector<const Segment*> all = {&state_.segment(), &rows_.segment(), &lifetimes_.segment()};
  if (hits_) all.push_back(&hits_->segment());
  return all;
}

Result<void> Ledger::reserve(SlotIndex slot) {
  Result<void> reserved = rows_.reserve(slot);
  return reserved && hits_ ? hits_->reserve(slot) : reserved;
}

std::uint64_t Ledger::bookkeeping_bytes(std::uint32_t slots_touched) const noexcept {
  return std::uint64_t{slots_touched} * (sizeof(LedgerRow) + (hits_ ? sizeof(HitRow) : 0)) +
         lifetimes_.reserved_bytes();
}

}  // namespace dolium::shm
