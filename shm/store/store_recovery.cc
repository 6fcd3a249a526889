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
#include "shm/store/store.h"

namespace dolium::shm {
namespace {

/// Position of each piece in Rows::segments(); the ledger's come last.
enum SegmentPosition : std::size_t { kArena, kIndex, kLedger };

}  // namespace

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
    if (auto admitted = store->parts_.clients.readmit(std::move(survivor)); !admitted)
      return std::move(admitted).error();
  store->settle_rows();
  store->claim_extents();
  store->parts_.rows.index.set_release_wanted(false);  // nobody waits yet
  return made;
}

void Store::settle_rows() {
  for (SlotIndex slot = 0; slot < parts_.rows.index.slots_touched(); ++slot) {
    if (parts_.rows.index.is_live(slot))
      settle_live(slot);
    else
      settle_odd(slot);
  }
}

void Store::settle_live(SlotIndex slot) {
  LedgerRow& ledger = parts_.rows.row(slot);
  SlotMargin& margin = parts_.rows.margin(slot);
  const bool committed = margin.state == SlotState::sealed || margin.state == SlotState::unsealed;
  if (!committed) {
    ++recovery_.damaged;
    parts_.rows.index.begin_retire(slot);
    parts_.rows.index.unlink_remains(slot);
    return vacate(slot);
  }
  if (!parts_.rows.index.is_linked(slot)) parts_.rows.index.link(slot);
  if (margin.state == SlotState::unsealed) {
    ++recovery_.finished;
    ledger.accessed = ledger.sealed;
    margin.state = SlotState::sealed;
  }
  margin.operation = Operation::none;
}

void Store::settle_odd(SlotIndex slot) {
  SlotMargin& margin = parts_.rows.margin(slot);
  switch (margin.state) {
    case SlotState::free:
    case SlotState::retired: margin.operation = Operation::none; return;
    case SlotState::unsealed:
      // What the daemon itself was copying is nobody's any more, as is what its writer has not heard of.
      if (!margin.lent || parts_.clients.find(parts_.rows.row(slot).accessed) == nullptr) ++recovery_.dropped;
      if (!margin.lent) return vacate(slot);
      margin.state = SlotState::abandoned;
      [[fallthrough]];
    case SlotState::abandoned: margin.pinned = false; return;
    case SlotState::sealed: break;
  }
  if (margin.operation == Operation::evicting || margin.operation == Operation::relocating) {
    ++recovery_.undone;
    parts_.rows.index.cancel_retire(slot);
    margin.operation = Operation::none;
    return;
  }
  ++recovery_.finished;
  parts_.rows.index.unlink_remains(slot);
  margin.pinned = false;
  if (!parts_.usage.in_use(slot)) return vacate(slot);
  margin.state = SlotState::retired;
  margin.operation = Operation::none;
}

/// Of a row that is odd, and not linked.
void Store::vacate(SlotIndex slot) {
  parts_.rows.margin(slot).pinned = false;
  parts_.rows.margin(slot).state = SlotState::free;
  parts_.rows.margin(slot).operation = Operation::none;
}

void Store::claim_extents() {
  struct Claim {
    std::uint64_t offset;
    SlotIndex slot;
  };
  std::vector<Claim> claims;
  for (SlotIndex slot = parts_.rows.index.slots_touched();
       slot-- > 0;) {  // backwards: the lowest free slot is taken first
    if (parts_.rows.margin(slot).state == SlotState::free)
      parts_.rows.index.release(slot);
    else
      claims.push_back({parts_.rows.index.read(slot).offset, slot});
  }
  std::ranges::sort(claims, {}, &Claim::offset);  // in this order each claim finds its place at once
  SlotIndex before = kNoSlot;
  for (const auto& [offset, slot] : claims) {
    if (parts_.rows.arena.claim(offset, parts_.rows.size_of(slot), slot)) {
      count_row(slot);
      before = slot;
      continue;
    }
    if (!is_part_of(slot, before)) ++recovery_.damaged;  // what it says of its place cannot be
    if (parts_.rows.index.is_live(slot)) parts_.rows.index.begin_retire(slot);
    parts_.rows.index.unlink_remains(slot);
    vacate(slot);
    parts_.rows.index.release(slot);
  }
}

/// Whether a row in quarantine is that of the second end of another's extent, which was not cut yet (rest_tail()).
bool Store::is_part_of(SlotIndex part, SlotIndex whole) const noexcept {
  if (whole == kNoSlot || parts_.rows.margin(part).state != SlotState::abandoned ||
      parts_.rows.margin(whole).state != SlotState::abandoned)
    return false;
  const std::uint64_t end = parts_.rows.index.read(whole).offset + Arena::taken_by(parts_.rows.size_of(whole));
  return parts_.rows.row(part).accessed == parts_.rows.row(whole).accessed &&
         parts_.rows.index.read(part).offset + parts_.rows.size_of(part) == end;
}

void Store::count_row(SlotIndex slot) {
  const SlotState state = parts_.rows.margin(slot).state;
  if (state == SlotState::retired) {
    ++recovery_.retired;
    return parts_.sealed.adopt_retired(slot);
  }
  if (state == SlotState::abandoned) {
    AttachedClient* const creator = parts_.clients.find(parts_.rows.row(slot).accessed);
    if (creator == nullptr) {
      ++recovery_.quarantined;
      return parts_.quarantine.readmit(slot);
    }
    parts_.rows.margin(slot).operation = Operation::none;  // its rest begins when this writer is gone
    ++recovery_.abandoned;
    return parts_.writing.adopt_abandoned(slot, *creator);
  }
  ++recovery_.sealed;
  parts_.sealed.adopt_sealed(slot);
}

}  // namespace dolium::shm
