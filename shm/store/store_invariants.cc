// Store::check_invariants(): counts everything anew, from the rows, and compares it with what the parts counted.

#include "shm/os/check.h"
#include "shm/store/store.h"

namespace dolium::shm {
namespace {

struct Tallies {
  Tally unsealed, retired, pinned, graced, sealed, quarantined, spilled, clean, dirty;
  std::uint64_t graced_alone = 0;  // bytes in a grace and not pinned
  std::uint64_t used = 0;
  std::uint64_t leased = 0;
};

/// In quarantine: an abandoned extent whose writer is gone.
bool is_quarantined(const StoreParts& parts, SlotIndex slot) {
  return parts.rows.margin(slot).state == SlotState::abandoned &&
         parts.clients.find(parts.rows.row(slot).accessed) == nullptr;
}

void check_row(const StoreParts& parts, SlotIndex slot) {
  const Rows& rows = parts.rows;
  const SlotMargin& margin = rows.margin(slot);
  const bool spilled = margin.state != SlotState::free && rows.is_spilled(slot);
  DOLIUM_CHECK(rows.arena.owns(slot) == (margin.state != SlotState::free && !spilled) ||
                   (spilled && (parts.spill.is_reading(slot) || margin.state == SlotState::retired)),
               "an extent without an object, or the reverse");
  DOLIUM_CHECK(!spilled || (margin.clean && rows.ledger.spill(slot).location != 0 && !margin.pinned && !margin.graced),
               "a spilled object without a record, or one that must be in memory");
  DOLIUM_CHECK(rows.index.is_live(slot) == (margin.state == SlotState::sealed), "index and ledger disagree");
  DOLIUM_CHECK(
      parts.sealed.eviction().contains(slot) == (margin.state == SlotState::sealed && !margin.pinned && !spilled),
      "eviction does not know what it may evict");
  DOLIUM_CHECK(margin.operation == (is_quarantined(parts, slot) ? Operation::resting : Operation::none),
               "an operation was left half done");
}

void add_row(const StoreParts& parts, SlotIndex slot, Tallies& all) {
  const SlotMargin& margin = parts.rows.margin(slot);
  if (margin.state == SlotState::free) return;
  const std::uint64_t taken = parts.rows.extent_bytes(slot);
  const bool spilled = parts.rows.is_spilled(slot);
  const bool quarantined = is_quarantined(parts, slot);
  all.used += taken;
  if (quarantined) all.quarantined.add(taken);
  if (margin.state == SlotState::unsealed || (margin.state == SlotState::abandoned && !quarantined)) {
    all.unsealed.add(taken);
    if (margin.leased) all.leased += taken;
  }
  if (margin.state == SlotState::retired) all.retired.add(taken);
  if (margin.state == SlotState::sealed && !spilled) all.sealed.add(taken);
  if (margin.state == SlotState::sealed && spilled) all.spilled.add(parts.rows.size_of(slot));
  if (margin.state == SlotState::sealed && margin.kept && !spilled) (margin.clean ? all.clean : all.dirty).add(taken);
  if (margin.pinned) all.pinned.add(taken);
  if (margin.graced) all.graced.add(taken);
  if (margin.graced && !margin.pinned) all.graced_alone += taken;
}

void check_clients(const StoreParts& parts, const Tallies& all) {
  std::uint64_t unsealed = 0;
  std::uint64_t leased = 0;
  parts.clients.for_each([&](const AttachedClient& client) {
    unsealed += client.unsealed_bytes;
    leased += client.leased_bytes;
  });
  DOLIUM_CHECK(unsealed == all.unsealed.bytes, "clients' unsealed bytes do not add up");
  DOLIUM_CHECK(leased == all.leased && parts.writing.leased_bytes() == leased, "leases are miscounted");
}

}  // namespace

void Store::check_invariants() const {
  parts_.rows.arena.check_invariants();
  parts_.rows.index.check_invariants();
  parts_.sealed.check_invariants();
  parts_.quarantine.check_invariants();
  Tallies all;
  for (SlotIndex slot = 0; slot < parts_.rows.index.slots_touched(); ++slot) {
    check_row(parts_, slot);
    add_row(parts_, slot, all);
  }
  const WritableExtents& writing = parts_.writing;
  DOLIUM_CHECK(all.used == parts_.rows.arena.used_bytes(), "the arena's bytes are not those of the objects");
  DOLIUM_CHECK(
      all.unsealed == writing.tally() && all.unsealed.count == writing.unsealed_count() + writing.abandoned().size(),
      "unsealed objects are miscounted");
  DOLIUM_CHECK(all.retired == parts_.sealed.retired(), "retired objects are miscounted");
  DOLIUM_CHECK(all.quarantined == parts_.quarantine.tally(), "extents in quarantine are miscounted");
  DOLIUM_CHECK(all.pinned == parts_.pins.tally(), "pinned objects are miscounted");
  DOLIUM_CHECK(all.graced == parts_.graces.tally(), "objects in a grace are miscounted");
  DOLIUM_CHECK(all.pinned.bytes + all.graced_alone == parts_.pins.bytes_of_users(),
               "users' pinned bytes do not add up");
  DOLIUM_CHECK(all.sealed == parts_.sealed.tally(), "sealed objects are miscounted");
  parts_.spill.check_invariants();
  DOLIUM_CHECK(
      all.spilled == parts_.spill.spilled() && all.clean == parts_.spill.clean() && all.dirty == parts_.spill.dirty(),
      "kept objects are miscounted");
  check_clients(parts_, all);
}

}  // namespace dolium::shm
