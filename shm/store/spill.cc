#include "shm/store/spill.h"

#include <algorithm>
#include <atomic>

#include "shm/os/check.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::shm {
namespace {

/// A successor that reads what is stored next trusts what was stored before.
void order_for_a_successor() noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

void Spill::set(SlotIndex slot, std::uint32_t uid) {
  rows_.ledger.spill(slot) = {.location = 0, .reading_to = 0, .reader = 0, .uid = uid};
  order_for_a_successor();
  rows_.margin(slot).kept = true;
}

// ---- room for dirty objects ----

std::uint64_t Spill::dirty_limit() const noexcept {
  const std::uint64_t all = rows_.arena.limit();
  return all - std::min(std::max(all / kReserveShare, largest_spilled_), all / kMostReserved);
}

void Spill::add_spilled(SlotIndex slot) {
  const std::uint64_t size = rows_.size_of(slot);
  spilled_.add(size);
  largest_spilled_ = std::max(largest_spilled_, Arena::taken_by(size));
}

// ---- a sealed row ----

bool Spill::written(SlotIndex slot, TimeNs stamp, std::uint64_t location) {
  if (slot >= rows_.index.slots_touched()) return false;
  SlotMargin& margin = rows_.margin(slot);
  if (margin.state != SlotState::sealed || rows_.sealed_at(slot) != stamp || !is_dirty(slot)) return false;
  rows_.ledger.spill(slot).location = location;
  order_for_a_successor();
  margin.clean = true;
  const std::uint64_t taken = rows_.taken_bytes(slot);
  dirty_.subtract(taken);
  clean_.add(taken);
  return true;
}

void Spill::forget_record(SlotIndex slot) {
  rows_.margin(slot).clean = false;
  order_for_a_successor();
  rows_.ledger.spill(slot).location = 0;
  const std::uint64_t taken = rows_.taken_bytes(slot);
  clean_.subtract(taken);
  dirty_.add(taken);
  queue_dirty(slot);
}

void Spill::queue_dirty(SlotIndex slot) {
  constexpr std::size_t kStaleAllowed = 1024;
  dirty_order_.push_back({slot, rows_.sealed_at(slot)});
  if (dirty_order_.size() > 2 * dirty_.count + kStaleAllowed)
    std::erase_if(dirty_order_, [this](const Dirty& each) { return !is_dirty(each); });
}

bool Spill::is_dirty(const Dirty& object) const noexcept {
  return rows_.margin(object.slot).state == SlotState::sealed && rows_.sealed_at(object.slot) == object.sealed &&
         is_dirty(object.slot);
}

TimeNs Spill::next_dirty() {
  while (!dirty_order_.empty() && !is_dirty(dirty_order_.front())) dirty_order_.pop_front();
  return dirty_order_.empty() ? kNever : dirty_order_.front().sealed;
}

SlotIndex Spill::take_dirty() {
  if (next_dirty() == kNever) return kNoSlot;
  const SlotIndex slot = dirty_order_.front().slot;
  dirty_order_.pop_front();
  return slot;
}

void Spill::count_sealed(SlotIndex slot) {
  if (rows_.is_spilled(slot)) return add_spilled(slot);
  if (rows_.margin(slot).clean) return clean_.add(rows_.taken_bytes(slot));
  dirty_.add(rows_.taken_bytes(slot));
  queue_dirty(slot);
}

void Spill::count_gone(SlotIndex slot) {
  const SlotMargin& margin = rows_.margin(slot);
  if (rows_.is_spilled(slot))
    spilled_.subtract(rows_.size_of(slot));
  else
    (margin.clean ? clean_ : dirty_).subtract(rows_.taken_bytes(slot));
  if (margin.clean) dropped_.add({rows_.fields(slot).id, rows_.ledger.spill(slot).location, rows_.sealed_at(slot)});
}

void Spill::count_spilled(SlotIndex slot) {
  clean_.subtract(rows_.taken_bytes(slot));
  add_spilled(slot);
}

// ---- reading back ----

void Spill::begin_reading(SlotIndex slot, std::uint64_t offset, ClientId reader) {
  DOLIUM_CHECK(rows_.is_spilled(slot) && !is_reading(slot), "an object is read back that is not on disk alone");
  SpillRow& row = rows_.ledger.spill(slot);
  row.reader = reader;
  order_for_a_successor();
  row.reading_to = offset + 1;
  reading_.push_back(slot);
  usage_.hold(slot);
}

bool Spill::end_reading(SlotIndex slot) {
  SpillRow& row = rows_.ledger.spill(slot);
  const std::uint64_t offset = row.reading_to - 1;
  SlotMargin& margin = rows_.margin(slot);
  const bool there = margin.state == SlotState::sealed;
  if (there) {
    margin.operation = Operation::relocating;
    rows_.index.begin_retire(slot);
    // Whatever references it has: a client that finds the object spilled drops its reference, and one that finds it
    // here finds its bytes.
    rows_.index.relocate(slot, offset);
    rows_.index.cancel_retire(slot);
    margin.operation = Operation::none;
    spilled_.subtract(rows_.size_of(slot));
    clean_.add(rows_.taken_bytes(slot));
  }
  order_for_a_successor();
  stop_reading(slot);
  return there;
}

void Spill::give_up_reading(SlotIndex slot) {
  const bool there = rows_.margin(slot).state == SlotState::sealed;
  stop_reading(slot);
  if (there) rows_.arena.free(slot);  // of a removed one: with its row
  rows_.room_made = true;
}

void Spill::give_up_reader(ClientId reader) {
  for (std::size_t i = reading_.size(); i-- > 0;)
    if (rows_.ledger.spill(reading_[i]).reader == reader) give_up_reading(SlotIndex(reading_[i]));
}

void Spill::stop_reading(SlotIndex slot) {
  rows_.ledger.spill(slot).reading_to = 0;
  const auto found = std::ranges::find(reading_, slot);
  DOLIUM_CHECK(found != reading_.end(), "an object is not being read back");
  *found = reading_.back();
  reading_.pop_back();
  usage_.drop_hold(slot);
}

// ---- after a crash ----

bool Spill::settle_reading(SlotIndex slot) {
  if (!is_reading(slot)) return false;
  SpillRow& row = rows_.ledger.spill(slot);
  if (rows_.is_spilled(slot) && clients_.find(row.reader) != nullptr) return true;
  row.reading_to = 0;
  return false;
}

void Spill::adopt_reading(SlotIndex slot) {
  reading_.push_back(slot);
  usage_.hold(slot);
}

void Spill::check_invariants() const {
  for (const SlotIndex slot : reading_) {
    const SlotState state = rows_.margin(slot).state;
    DOLIUM_CHECK(state == SlotState::sealed || state == SlotState::retired, "a free row is being read back");
    DOLIUM_CHECK(rows_.is_spilled(slot) && is_reading(slot) && rows_.arena.owns(slot),
                 "an object is being read back that is not spilled, or has no extent");
  }
  dropped_.check_invariants();
}

}  // namespace dolium::shm
