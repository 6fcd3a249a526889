#include "shm/store/sealed_objects.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "shm/os/check.h"
#include "shm/os/milliseconds.h"

namespace dolium::shm {

SealedObjects::SealedObjects(Rows& rows, Pins& pins, Graces& graces, Usage& usage, Spill& spill)
    : rows_(rows),
      pins_(pins),
      graces_(graces),
      usage_(usage),
      spill_(spill),
      policy_(make_policy(rows.config.eviction_policy, {rows.arena, rows.ledger, usage, rows.config.max_objects})),
      eviction_(rows.arena, usage, *policy_, rows.config.max_objects) {
  if (policy_->counts_hits())
    usage_.take_hits_with([this](SlotIndex slot, std::uint32_t hits) { forget_hits(slot, hits); });
}

void SealedObjects::publish(SlotIndex slot, const SlotFields& object, TimeNs created) {
  rows_.last_seal = std::max(rows_.now, rows_.last_seal + 1);
  LedgerRow& row = rows_.row(slot);
  SlotMargin& margin = rows_.margin(slot);
  row.sealed = rows_.last_seal;
  margin.writing_ms = static_cast<std::uint32_t>(
      std::min<std::uint64_t>((row.sealed - created) / kNsPerMs, std::numeric_limits<std::uint32_t>::max()));
  if (rows_.ledger.counts_hits()) rows_.ledger.hit_row(slot) = {.hits = 0, .base = usage_.hit_sum(slot)};
  if (margin.graced) graces_.begin(slot);
  rows_.index.publish(slot, object.id);  // the even seq commits: a row that is found sealed is always published
  row.accessed = row.sealed;             // held the creator until now, which a successor would have needed
  margin.state = SlotState::sealed;
  tally_.add(rows_.taken_bytes(slot));
  if (margin.pinned)
    eviction_.note_pinned(slot, Policy::Arrival::sealed);
  else
    eviction_.insert(slot);
  if (margin.mortal) look_at({slot, row.sealed}, rows_.lifetimes(slot).due(row.sealed, row.accessed));
  if (margin.graced) graces_.watch(slot);
  if (margin.kept) spill_.count_sealed(slot);
  ++rows_.counters().puts;
  rows_.room_made = true;  // it may be evicted now
  if (listener_ != nullptr) listener_->on_sealed(slot, object);
}

void SealedObjects::prefetch(std::span<const ObjectId> ids) const noexcept {
  rows_.index.prefetch(ids);
  if (policy_->order() != Policy::Order::by_arrival) return;  // a policy by key does not know ids
  for (const ObjectId& id : ids) eviction_.prefetch_id(id.hash());
}

void SealedObjects::pin(SlotIndex slot, std::uint32_t uid) {
  eviction_.erase(slot);
  pins_.set(slot, uid);
}

void SealedObjects::unpin(SlotIndex slot) {
  pins_.clear(slot);
  eviction_.put_back(slot);
  if (rows_.margin(slot).mortal) look_at({slot, rows_.row(slot).sealed}, rows_.now);
  rows_.room_made = true;
}

// ---- the retire protocol ----

void SealedObjects::retire(SlotIndex slot, RemovalCause cause) {
  rows_.margin(slot).operation = Operation::removing;  // step 0
  rows_.index.begin_retire(slot);                      // step 1
  leave_index(slot, cause);
  if (!usage_.in_use(slot)) return rows_.free(slot);  // steps 2 and 3
  rows_.margin(slot).state = SlotState::retired;      // seq stays odd for good
  retired_.push_back(slot);
  retired_tally_.add(rows_.extent_bytes(slot));
  rows_.margin(slot).operation = Operation::none;
}

bool SealedObjects::evict_unused(const std::vector<SlotIndex>& slots) {
  for (const SlotIndex slot : slots) {
    rows_.margin(slot).operation = Operation::evicting;  // step 0
    rows_.index.begin_retire(slot);                      // step 1
  }
  // Step 2: a reference that was taken before our seq became visible is seen here. A client that comes later sees seq.
  const bool unused = !usage_.any_in_use(slots) &&
                      std::ranges::none_of(slots, [this](SlotIndex slot) { return spill_.must_stay(slot); });
  if (unused)  // step 3
    evict_together(slots);
  else
    for (const SlotIndex slot : slots) {
      rows_.index.cancel_retire(slot);
      rows_.margin(slot).operation = Operation::none;  // only when seq is even again: see Operation
    }
  return unused;
}

/// What each eviction touches is spread over the index. Fetching it line by line would be most of the time, so it is
/// fetched for many victims at once. (Group prefetching: Chen, Ailamaki, Gibbons, Mowry, ICDE 2004.)
void SealedObjects::evict_together(std::span<const SlotIndex> slots) {
  for (; !slots.empty(); slots = slots.subspan(std::min(slots.size(), kFetchedTogether))) {
    const std::span<const SlotIndex> group = slots.first(std::min(slots.size(), kFetchedTogether));
    const bool knows_ids = policy_->order() == Policy::Order::by_arrival;
    if (group.size() > 1)
      for (int step = 0; step < Candidates::kPrefetchSteps; ++step)
        for (const SlotIndex slot : group) {
          usage_.prefetch(slot, step);
          if (step == 1 && knows_ids) eviction_.prefetch_id(usage_.id_hash(slot));  // the row is there by now
        }
    for (const SlotIndex slot : group) {
      if (rows_.margin(slot).kept) {
        spill(slot);
        continue;
      }
      rows_.margin(slot).operation = Operation::removing;  // from here on a successor finishes it
      leave_index(slot, RemovalCause::evicted);
      rows_.free(slot);
    }
  }
}

/// A relocation to the disk. The row is odd, and nothing uses the object.
void SealedObjects::spill(SlotIndex slot) {
  const SlotFields object = rows_.fields(slot);
  const std::uint64_t taken = rows_.taken_bytes(slot);
  evicted_object_bytes_ += object.data_size + object.metadata_size;
  eviction_.erase_evicted(slot);
  tally_.subtract(taken);
  spill_.count_spilled(slot);
  rows_.margin(slot).operation = Operation::relocating;
  rows_.index.relocate(slot, kSpilledOffset);
  rows_.index.cancel_retire(slot);  // the even seq commits
  rows_.margin(slot).operation = Operation::none;
  rows_.arena.free(slot);
  rows_.room_made = true;
  ++rows_.counters().spills;
  rows_.counters().spilled_bytes += taken;
}

void SealedObjects::end_reading(SlotIndex slot, TimeNs now) {
  rows_.advance(now);
  if (!spill_.end_reading(slot)) {
    rows_.room_made = true;
    return;
  }
  const std::uint64_t taken = rows_.taken_bytes(slot);
  tally_.add(taken);
  rows_.row(slot).accessed = std::max(rows_.row(slot).accessed, rows_.now);
  eviction_.insert(slot, Policy::Arrival::read_back);
  ++rows_.counters().read_backs;
  rows_.counters().read_back_bytes += taken;
  rows_.room_made = true;
  if (listener_ != nullptr) listener_->on_read_back(slot, rows_.fields(slot));
}

/// As publish(), of an object that nobody waits for yet, and that is not in memory.
void SealedObjects::adopt_record(SlotIndex slot, const Spill::Record& record) {
  rows_.write(slot, kSpilledOffset, record.object, 0, 0);
  spill_.set(slot, record.uid);
  rows_.ledger.spill(slot).location = record.location;
  rows_.margin(slot).clean = true;
  rows_.last_seal = std::max(rows_.now, rows_.last_seal + 1);
  LedgerRow& row = rows_.row(slot);
  row.sealed = rows_.last_seal;
  if (rows_.ledger.counts_hits()) rows_.ledger.hit_row(slot) = {.hits = 0, .base = usage_.hit_sum(slot)};
  rows_.index.publish(slot, record.object.id);  // the even seq commits
  row.accessed = row.sealed;
  rows_.margin(slot).state = SlotState::sealed;
  spill_.count_sealed(slot);
  if (rows_.margin(slot).mortal) look_at({slot, row.sealed}, rows_.lifetimes(slot).due(row.sealed, row.accessed));
}

/// A dirty object waits beside eviction's order, as one in use. Now it may be evicted.
bool SealedObjects::written(SlotIndex slot, TimeNs stamp, std::uint64_t location) {
  if (!spill_.written(slot, stamp, location)) return false;
  rows_.room_made = true;  // it may be evicted; and others may be dirty in its stead (Spill::may_keep())
  if (!rows_.margin(slot).pinned) eviction_.unpark(slot);
  return true;
}

void SealedObjects::leave_index(SlotIndex slot, RemovalCause cause) {
  const SlotFields object = rows_.fields(slot);
  const bool resident = !rows_.is_spilled(slot);
  if (cause == RemovalCause::evicted) evicted_object_bytes_ += object.data_size + object.metadata_size;
  rows_.index.unlink(slot);
  if (rows_.margin(slot).pinned)
    pins_.clear(slot);
  else if (resident && cause == RemovalCause::evicted)
    eviction_.erase_evicted(slot);
  else if (resident)
    eviction_.erase(slot);
  if (rows_.margin(slot).graced) graces_.end(slot);
  if (rows_.margin(slot).kept) spill_.count_gone(slot);
  const std::uint64_t taken = resident ? rows_.taken_bytes(slot) : 0;
  if (resident) tally_.subtract(taken);
  count_removal(cause, taken);
  if (listener_ != nullptr) listener_->on_removed(slot, object, cause);
}

void SealedObjects::count_removal(RemovalCause cause, std::uint64_t bytes) noexcept {
  StoreCounters& counters = rows_.counters();
  switch (cause) {
    case RemovalCause::removed:
    case RemovalCause::cleared:
    case RemovalCause::lost: ++counters.removed; break;
    case RemovalCause::expired: ++counters.expired; break;
    case RemovalCause::evicted:
      ++counters.evictions;
      counters.evicted_bytes += bytes;
      break;
  }
}

/// A retire with another end: the bytes are copied while the object is visible at its old place. Then the row is made
/// odd, the pin tables are read, and if the object is not in use the row names the new place before it is even again.
/// A reader finds one place or the other, with the same bytes at both. A successor finds the object where its row says.
bool SealedObjects::relocate(SlotIndex slot, ExtentRef place) {
  const std::uint64_t size = rows_.size_of(slot);
  const std::uint64_t taken = rows_.taken_bytes(slot);
  const std::uint64_t to = rows_.arena.offset_of(place);
  if (!rows_.reserve_extent(to, taken)) return false;
  // Nothing writes to either: one is sealed, the other is free, and only this thread gives memory away.
  std::memcpy(rows_.memory.bytes(to, size).data(), rows_.memory.bytes(rows_.fields(slot).offset, size).data(), size);
  rows_.margin(slot).operation = Operation::relocating;  // step 0
  rows_.index.begin_retire(slot);                        // step 1
  const bool held = usage_.in_use(slot);                 // step 2
  if (!held) rows_.index.relocate(slot, to);
  rows_.index.cancel_retire(slot);                 // step 3: the even seq commits
  rows_.margin(slot).operation = Operation::none;  // only when seq is even again: see Operation
  if (held) return true;                           // a client took a reference during the copy, which was in vain
  rows_.arena.move(slot, place);
  ++rows_.counters().relocations;
  rows_.counters().relocated_bytes += taken;
  rows_.room_made = true;
  return true;
}

void SealedObjects::sweep(std::size_t how_many) {
  // From the first: past the end, what replaces a freed one would be looked at twice, and others not at all.
  if (how_many >= retired_.size()) next_sweep_ = 0;
  for (std::size_t looks = std::min(how_many, retired_.size()); looks > 0 && !retired_.empty(); --looks) {
    if (next_sweep_ >= retired_.size()) next_sweep_ = 0;
    const SlotIndex slot = retired_[next_sweep_];
    usage_.count_look();
    if (usage_.in_use(slot)) {
      ++next_sweep_;
      continue;
    }
    retired_[next_sweep_] = retired_.back();
    retired_.pop_back();
    retired_tally_.subtract(rows_.extent_bytes(slot));
    rows_.free(slot);
  }
}

// ---- expiry ----

bool SealedObjects::is_mortal(const Expiry::Due& object) const noexcept {
  return rows_.margin(object.slot).state == SlotState::sealed && rows_.row(object.slot).sealed == object.sealed &&
         !rows_.margin(object.slot).pinned;  // unpin() looks again
}

void SealedObjects::look_at(const Expiry::Due& object, TimeNs when) {
  expiry_.look_at(object, when);
  expiry_.tidy([this](const Expiry::Due& each) { return is_mortal(each); });
}

void SealedObjects::expire() {
  for (std::uint32_t looks = 0; looks < kRemovalsPerPiece; ++looks) {
    const std::optional<Expiry::Due> object = expiry_.pop_due(rows_.now);
    if (!object) return;
    if (!is_mortal(*object)) continue;
    const SlotIndex slot = object->slot;
    const TimeNs accessed = usage_.in_use(slot) ? rows_.now : usage_.last_access(slot, rows_.now);  // in use: not idle
    const TimeNs due = rows_.lifetimes(slot).due(rows_.row(slot).sealed, accessed);
    if (due <= rows_.now)
      retire(slot, RemovalCause::expired);
    else
      expiry_.look_at(*object, due);
  }
}

void SealedObjects::note_access(SlotIndex slot, TimeNs accessed) {
  LedgerRow& row = rows_.row(slot);
  if (accessed <= row.accessed) return;
  if (eviction_.contains(slot))
    eviction_.change_access(slot, [&row, accessed] { row.accessed = accessed; });
  else
    row.accessed = accessed;
}

void SealedObjects::forget_hits(SlotIndex slot, std::uint32_t hits) {
  if (rows_.ledger.counts_hits()) rows_.ledger.hit_row(slot).base -= hits;
  eviction_.forget_hits(slot, hits);
}

// ---- after a crash ----

void SealedObjects::adopt_sealed(SlotIndex slot) {
  LedgerRow& row = rows_.row(slot);
  const SlotMargin& margin = rows_.margin(slot);
  row.accessed = std::max(row.accessed, row.sealed);  // the server may have died between the commit and this
  rows_.last_seal = std::max(rows_.last_seal, row.sealed);
  repair_hits(slot);
  const bool resident = !rows_.is_spilled(slot);
  if (resident) tally_.add(rows_.taken_bytes(slot));
  if (margin.kept) spill_.count_sealed(slot);
  if (margin.pinned) {
    pins_.count(slot);
    eviction_.note_pinned(slot, Policy::Arrival::recovered);
  } else if (resident) {
    recovered_.push_back(slot);
  }
  if (margin.graced) {
    graces_.count(slot);
    graces_.watch(slot);
  }
  if (margin.mortal) expiry_.look_at({slot, row.sealed}, rows_.lifetimes(slot).due(row.sealed, row.accessed));
}

/// By key, each finds its place by itself. By arrival, the coldest must come first.
void SealedObjects::end_recovery() {
  if (policy_->order() == Policy::Order::by_arrival) {
    for (const SlotIndex slot : recovered_) rows_.row(slot).accessed = usage_.last_access(slot, rows_.now);
    std::ranges::sort(recovered_, {}, [this](SlotIndex slot) { return policy_->key(slot); });
  }
  for (const SlotIndex slot : recovered_) eviction_.insert(slot, Policy::Arrival::recovered);
  recovered_ = {};
}

void SealedObjects::adopt_retired(SlotIndex slot) {
  retired_.push_back(slot);
  retired_tally_.add(rows_.extent_bytes(slot));
}

/// The server may have died between leaving a departed client's hits out of the sum and taking them from the base. Then
/// there seem to be more hits than there can be, and the last number that was noticed is taken instead.
void SealedObjects::repair_hits(SlotIndex slot) {
  if (!rows_.ledger.counts_hits()) return;
  constexpr std::uint32_t kMostBelievable = UINT32_MAX / 2;
  HitRow& counted = rows_.ledger.hit_row(slot);
  const std::uint32_t sum = usage_.hit_sum(slot);
  if (sum - counted.base > kMostBelievable) counted.base = sum - counted.hits;
}

void SealedObjects::check_invariants() const {
  eviction_.check_invariants();
  DOLIUM_CHECK(retired_tally_.count == retired_.size(), "retired objects are miscounted");
}

}  // namespace dolium::shm
