// Store::recover(): makes a store from what a dead server left. See store.h and shm/README.md.
//
// First each row that was touched is settled, by its seq, its state and the operation that it notes:
//
//   seq    state                  what had happened               what is done
//   even   sealed                 nothing, or an undecided note   the note is cleared
//   even   unsealed               the seal was committed          finished: linked, and sealed
//   odd    sealed, evicting       an eviction, undecided          undone: even again
//   odd    sealed, relocating     a move, undecided               ended: even again, wherever the row says; one of the
//                                                                 two places may be the disk
//   odd    sealed, removing       a removal, decided              finished: unlinked; retired or free
//   odd    retired                nothing                         stays, if it may still be in use
//   odd    abandoned              nothing                         stays; begins its quarantine if its writer is gone,
//                                                                 or goes on with it until its time is over
//   odd    unsealed               it was being written            abandoned, if another process may write there, or may
//                                                                 have begun I/O before it died
//   odd    free                   nothing                         nothing
//
// Of a spilled row that was being read back: its extent is not free while the client that writes there is attached.
//
// Each step leaves a row that stands in this table too, because the successor may be killed as well. Clients read
// meanwhile: nothing is done to them that is not done every day. Then the books in the heap are made from the rows.

#include <fmt/format.h>

#include <algorithm>

#include "shm/store/store.h"
#include "shm/table/index_repair.h"

namespace dolium::shm {
namespace {

/// Position of each piece in Rows::segments(); the ledger's come last.
enum SegmentPosition : std::size_t { kArena, kIndex, kLedger };

/// One recovery. All clients that survived are attached before it begins: what they hold and write decides.
class Recoverer {
 public:
  explicit Recoverer(StoreParts& parts) noexcept : parts_(parts), rows_(parts.rows), repair_(parts.rows.index) {}

  [[nodiscard]] Recovery run() {
    settle_rows();
    claim_extents();
    parts_.sealed.end_recovery();
    return found_;
  }

 private:
  void settle_rows();
  void settle_even(SlotIndex slot);
  void settle_odd(SlotIndex slot);
  void vacate(SlotIndex slot);
  void claim_extents();
  [[nodiscard]] std::uint64_t place_of(SlotIndex slot) const;
  [[nodiscard]] bool is_part_of(SlotIndex part, SlotIndex whole) const;
  void give_to_its_part(SlotIndex slot);

  StoreParts& parts_;
  Rows& rows_;
  IndexRepair repair_;
  Recovery found_;
};

void Recoverer::settle_rows() {
  for (SlotIndex slot = 0; slot < rows_.index.slots_touched(); ++slot) {
    if (rows_.index.is_live(slot))
      settle_even(slot);
    else
      settle_odd(slot);
  }
}

void Recoverer::settle_even(SlotIndex slot) {
  LedgerRow& row = rows_.row(slot);
  SlotMargin& margin = rows_.margin(slot);
  const bool committed = margin.state == SlotState::sealed || margin.state == SlotState::unsealed;
  if (!committed) {
    ++found_.damaged;
    rows_.index.begin_retire(slot);
    repair_.unlink_remains(slot);
    return vacate(slot);
  }
  if (!repair_.is_linked(slot)) repair_.link(slot);
  if (margin.state == SlotState::unsealed) {
    ++found_.finished;
    row.accessed = row.sealed;
    margin.state = SlotState::sealed;
  }
  margin.operation = Operation::none;
}

void Recoverer::settle_odd(SlotIndex slot) {
  SlotMargin& margin = rows_.margin(slot);
  switch (margin.state) {
    case SlotState::free:
    case SlotState::retired: margin.operation = Operation::none; return;
    case SlotState::unsealed:
      // Dropped: what the server itself was copying, and what a client that is gone was writing.
      if (!margin.lent || parts_.clients.find(rows_.row(slot).accessed) == nullptr) ++found_.dropped;
      if (!margin.lent) return vacate(slot);
      margin.state = SlotState::abandoned;
      [[fallthrough]];
    case SlotState::abandoned: margin.pinned = margin.graced = false; return;
    case SlotState::sealed: break;
  }
  if (margin.operation == Operation::evicting || margin.operation == Operation::relocating) {
    ++found_.undone;
    rows_.index.cancel_retire(slot);
    margin.operation = Operation::none;
    return;
  }
  ++found_.finished;
  repair_.unlink_remains(slot);
  margin.pinned = margin.graced = false;
  if (!parts_.usage.in_use(slot) && !parts_.spill.settle_reading(slot)) return vacate(slot);
  margin.state = SlotState::retired;
  margin.operation = Operation::none;
}

/// Makes a row free. Precondition: it is odd, and not linked.
void Recoverer::vacate(SlotIndex slot) {
  SlotMargin& margin = rows_.margin(slot);
  margin.pinned = margin.graced = false;
  margin.state = SlotState::free;
  margin.operation = Operation::none;
}

/// Gives each row that is not free its extent in the arena's books.
void Recoverer::claim_extents() {
  struct Claim {
    std::uint64_t offset;
    SlotIndex slot;
  };
  std::vector<Claim> claims;
  for (SlotIndex slot = rows_.index.slots_touched(); slot-- > 0;) {  // backwards: the lowest free slot is taken first
    if (rows_.margin(slot).state == SlotState::free)
      rows_.index.release(slot);
    else if (!parts_.spill.settle_reading(slot) && rows_.is_spilled(slot))
      give_to_its_part(slot);  // has no extent
    else
      claims.push_back({place_of(slot), slot});
  }
  std::ranges::sort(claims, {}, &Claim::offset);  // in this order each claim finds its place at once
  SlotIndex before = kNoSlot;
  for (const auto& [offset, slot] : claims) {
    if (rows_.arena.claim(offset, rows_.size_of(slot), slot)) {
      give_to_its_part(slot);
      if (rows_.is_spilled(slot)) parts_.spill.adopt_reading(slot);
      before = slot;
      continue;
    }
    if (!is_part_of(slot, before)) ++found_.damaged;  // the place that it names cannot be its own
    if (rows_.index.is_live(slot)) rows_.index.begin_retire(slot);
    repair_.unlink_remains(slot);
    vacate(slot);
    rows_.index.release(slot);
  }
}

/// Where its extent is.
std::uint64_t Recoverer::place_of(SlotIndex slot) const {
  return rows_.is_spilled(slot) ? rows_.ledger.spill(slot).reading_to - 1 : rows_.fields(slot).offset;
}

/// Whether a row in quarantine is that of the second end of another's extent that was not cut yet: see
/// QuarantinedExtents::rest_tail().
bool Recoverer::is_part_of(SlotIndex part, SlotIndex whole) const {
  if (whole == kNoSlot || rows_.margin(part).state != SlotState::abandoned ||
      rows_.margin(whole).state != SlotState::abandoned)
    return false;
  const std::uint64_t end = rows_.fields(whole).offset + Arena::taken_by(rows_.size_of(whole));
  return rows_.row(part).accessed == rows_.row(whole).accessed &&
         rows_.fields(part).offset + rows_.size_of(part) == end;
}

/// The part of the store that owns rows of this state counts it.
void Recoverer::give_to_its_part(SlotIndex slot) {
  const SlotState state = rows_.margin(slot).state;
  if (state == SlotState::retired) {
    ++found_.retired;
    return parts_.sealed.adopt_retired(slot);
  }
  if (state == SlotState::abandoned) {
    AttachedClient* const creator = parts_.clients.find(rows_.row(slot).accessed);
    if (creator == nullptr) {
      ++found_.quarantined;
      return parts_.quarantine.readmit(slot);
    }
    rows_.margin(slot).operation = Operation::none;  // its rest begins when this writer is gone
    ++found_.abandoned;
    return parts_.writing.adopt_abandoned(slot, *creator);
  }
  ++found_.sealed;
  parts_.sealed.adopt_sealed(slot);
}

}  // namespace

Result<std::unique_ptr<Store>> Store::recover(const StoreConfig& given, std::vector<UniqueFd> memory,
                                              std::vector<SurvivingClient> survivors, TimeNs now) {
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
  config.spill = ledger->state().spills;
  if (!config.spill) config.retention = Retention::cache;
  Result<ArenaMemory> arena = ArenaMemory::adopt(config, std::move(memory[kArena]), ledger->state().arena_reserved,
                                                 ledger->state().arena_trimmed);
  if (!arena) return std::move(arena).error();
  Result<std::unique_ptr<Store>> made = over(config, *std::move(arena), *std::move(index), *std::move(ledger), now);
  if (!made) return made;
  Store& store = **made;
  for (SurvivingClient& survivor : survivors)
    if (auto admitted = store.parts_.clients.readmit(std::move(survivor)); !admitted)
      return std::move(admitted).error();
  store.recovery_ = Recoverer(store.parts_).run();
  store.parts_.room.set_release_wanted(false);  // no create waits yet
  return made;
}

}  // namespace dolium::shm
