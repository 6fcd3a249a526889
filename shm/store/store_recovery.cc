// What a store finds that a dead daemon left, and how it goes on with it. See store.h and shm/README.md.
//
// First every row that was touched is settled, by what its seq, its state and the operation that was noted say:
//
//   seq    state                  what had happened               what is done
//   even   sealed                 nothing, or an undecided note   the note is taken back
//   even   unsealed               the seal was committed          finished: linked, and sealed
//   odd    sealed, evicting       an eviction, undecided          undone: even again
//   odd    sealed, relocating     a move, undecided               ended: even again, wherever the row says
//   odd    sealed, removing       a removal, decided              finished: unlinked; retired or free
//   odd    retired                nothing                         stays, if anybody may still use it
//   odd    abandoned              nothing                         stays; begins its quarantine if its writer is gone,
//                                                                 or goes on with it until its time is over
//   odd    unsealed               it was being written            abandoned, if another process may write there, or may
//                                                                 have begun I/O before it was gone
//   odd    free                   nothing
//
// Each step leaves a row that stands in this table too: the one who recovers may die as well. Readers are at work
// meanwhile, and nothing is done to them that is not done every day. Then the heap's books are made from the rows.

#include <fmt/format.h>

#include <algorithm>

#include "shm/os/check.h"
#include "shm/store/store.h"

namespace dolium::shm {
namespace {

/// Where each piece stands in segments(); behind these, the ledger's.
enum SegmentPosition : std::size_t { kArena, kIndex, kLedger };

}  // namespace

std::vector<const Segment*> Store::segments() const {
  std::vector<const Segment*> all = {&memory_.segment(), &index_.segment()};
  const std::vector<const Segment*> ledger = ledger_.segments();
  all.insert(all.end(), ledger.begin(), ledger.end());
  return all;
}

Result<std::unique_ptr<Store>> Store::recover(const StoreConfig& given, std::vector<UniqueFd> memory,
                                              std::vector<Survivor> survivors, TimeNs now) {
  if (memory.size() <= kLedger)
    return Error{Errc::protocol_error, fmt::format("a store of {} pieces of memory", memory.size())};
  Result<ObjectIndex> index = ObjectIndex::adopt(std::move(memory[kIndex]));
  if (!index) return std::move(index).error();
  std::vector<UniqueFd> columns(std::make_move_iterator(memory.begin() + kLedger),
                                std::make_move_iterator(memory.end()));
  Result<Ledger> ledger = Ledger::adopt(index->slot_count(), std::move(columns));
  if (!ledger) return std::move(ledger).error();
  StoreConfig config = given;
  config.capacity = index->arena_bytes();
  config.max_objects = index->slot_count();
  config.eviction_policy = ledger->state().policy;
  Result<ArenaMemory> arena = ArenaMemory::adopt(config, std::move(memory[kArena]), ledger->state().arena_reserved);
  if (!arena) return std::move(arena).error();
  Result<std::unique_ptr<Store>> made = over(config, *std::move(arena), *std::move(index), *std::move(ledger), now);
  if (!made) return made;
  const std::unique_ptr<Store>& store = *made;
  // All of them before the first look at a row: what they hold and write decides.
  for (Survivor& survivor : survivors)
    if (auto admitted = store->readmit(std::move(survivor)); !admitted) return std::move(admitted).error();
  store->settle_rows();
  store->claim_extents();
  store->index_.set_release_wanted(false);  // nobody waits yet
  return made;
}

Result<void> Store::readmit(Survivor survivor) {
  const std::uint64_t bytes = PinTableGeometry::for_slots(index_.slot_count()).total_bytes;
  Result<Segment> table = Segment::adopt("pins", bytes, std::move(survivor.pin_table));
  if (!table) return std::move(table).error();
  const Result<ClientId> client = admit(survivor.identity, *std::move(table), survivor.id, survivor.attached);
  if (!client) return client.error();
  ledger_.state().last_client = std::max(ledger_.state().last_client, survivor.id);
  return {};
}

void Store::settle_rows() {
  for (SlotIndex slot = 0; slot < index_.slots_touched(); ++slot) {
    if (index_.is_live(slot))
      settle_live(slot);
    else
      settle_odd(slot);
  }
}

void Store::settle_live(SlotIndex slot) {
  LedgerRow& ledger = row(slot);
  SlotMargin& margin = index_.margin(slot);
  const bool committed = margin.state == SlotState::sealed || margin.state == SlotState::unsealed;
  if (!committed) {
    ++recovery_.damaged;
    index_.begin_retire(slot);
    index_.unlink_remains(slot);
    return vacate(slot);
  }
  if (!index_.is_linked(slot)) index_.link(slot);
  if (margin.state == SlotState::unsealed) {
    ++recovery_.finished;
    ledger.accessed = ledger.sealed;
    margin.state = SlotState::sealed;
  }
  margin.operation = Operation::none;
}

void Store::settle_odd(SlotIndex slot) {
  SlotMargin& margin = index_.margin(slot);
  switch (margin.state) {
    case SlotState::free:
    case SlotState::retired: margin.operation = Operation::none; return;
    case SlotState::unsealed:
      // What the daemon itself was copying is nobody's any more, as is what its writer has not heard of.
      if (!margin.lent || find_client(row(slot).accessed) == nullptr) ++recovery_.dropped;
      if (!margin.lent) return vacate(slot);
      margin.state = SlotState::abandoned;
      [[fallthrough]];
    case SlotState::abandoned: margin.pinned = false; return;
    case SlotState::sealed: break;
  }
  if (margin.operation == Operation::evicting || margin.operation == Operation::relocating) {
    ++recovery_.undone;
    index_.cancel_retire(slot);
    margin.operation = Operation::none;
    return;
  }
  ++recovery_.finished;
  index_.unlink_remains(slot);
  margin.pinned = false;
  if (!in_use(slot)) return vacate(slot);
  margin.state = SlotState::retired;
  margin.operation = Operation::none;
}

/// Of a row that is odd, and not linked.
void Store::vacate(SlotIndex slot) {
  margin(slot).pinned = false;
  margin(slot).state = SlotState::free;
  margin(slot).operation = Operation::none;
}

std::uint64_t Store::size_of(SlotIndex slot) const noexcept {
  const SlotFields fields = index_.read(slot);
  return fields.data_size + fields.metadata_size + margin(slot).type_name_size;
}

void Store::claim_extents() {
  struct Claim {
    std::uint64_t offset;
    SlotIndex slot;
  };
  std::vector<Claim> claims;
  for (SlotIndex slot = index_.slots_touched(); slot-- > 0;) {  // backwards: the lowest free slot is taken first
    if (margin(slot).state == SlotState::free)
      index_.release(slot);
    else
      claims.push_back({index_.read(slot).offset, slot});
  }
  std::ranges::sort(claims, {}, &Claim::offset);  // in this order each claim finds its place at once
  SlotIndex before = kNoSlot;
  for (const auto& [offset, slot] : claims) {
    if (arena_.claim(offset, size_of(slot), slot)) {
      count_row(slot);
      before = slot;
      continue;
    }
    if (!is_part_of(slot, before)) ++recovery_.damaged;  // what it says of its place cannot be
    if (index_.is_live(slot)) index_.begin_retire(slot);
    index_.unlink_remains(slot);
    vacate(slot);
    index_.release(slot);
  }
}

/// Whether a row in quarantine is that of the second end of another's extent, which was not cut yet (rest_tail()).
bool Store::is_part_of(SlotIndex part, SlotIndex whole) const noexcept {
  if (whole == kNoSlot || margin(part).state != SlotState::abandoned || margin(whole).state != SlotState::abandoned)
    return false;
  const std::uint64_t end = index_.read(whole).offset + Arena::taken_by(size_of(whole));
  return row(part).accessed == row(whole).accessed && index_.read(part).offset + size_of(part) == end;
}

void Store::count_row(SlotIndex slot) {
  LedgerRow& ledger = row(slot);
  const SlotMargin& margin = index_.margin(slot);
  const std::uint64_t taken = taken_bytes(slot);
  if (margin.state == SlotState::retired) {
    ++recovery_.retired;
    retired_.push_back(slot);
    return retired_tally_.add(taken);
  }
  if (margin.state == SlotState::abandoned) {
    Client* creator = find_client(ledger.accessed);
    if (creator == nullptr) {
      ++recovery_.quarantined;
      return return_to_quarantine(slot);
    }
    index_.margin(slot).operation = Operation::none;  // its rest begins when this writer is gone
    ++recovery_.abandoned;
    ++creator->unsealed_count;
    creator->unsealed_bytes += taken;
    if (margin.leased) {
      creator->leased_bytes += taken;
      leased_bytes_ += taken;
    }
    abandoned_.push_back(slot);
    return unsealed_tally_.add(taken);
  }
  ++recovery_.sealed;
  // It may have died between the commit and this.
  ledger.accessed = std::max(ledger.accessed, ledger.sealed);
  last_seal_ = std::max(last_seal_, ledger.sealed);
  repair_hits(slot);
  sealed_tally_.add(taken);
  if (margin.pinned)
    count_pinned(slot);
  else
    eviction_.insert(slot);
  if (margin.mortal) expiry_.look_at({slot, ledger.sealed}, lifetimes(slot).due(ledger.sealed, ledger.accessed));
}

/// The hits of a client that is gone may have been left out of the sum and not yet taken from the base, or the reverse:
/// then there seem to be more than there can be, and what was noticed must do.
void Store::repair_hits(SlotIndex slot) {
  if (!ledger_.counts_hits()) return;
  constexpr std::uint32_t kMostBelievable = UINT32_MAX / 2;
  HitRow& counted = ledger_.hit_row(slot);
  const std::uint32_t sum = hit_sum(slot);
  if (sum - counted.base > kMostBelievable) counted.base = sum - counted.hits;
}

}  // namespace dolium::shm
