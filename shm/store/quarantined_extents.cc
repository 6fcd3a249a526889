#include "shm/store/quarantined_extents.h"

#include <algorithm>

#include "shm/os/check.h"
#include "shm/os/milliseconds.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::shm {

void QuarantinedExtents::admit(SlotIndex slot) {
  rows_.margin(slot).state = SlotState::abandoned;
  admit_until(slot, end_of_rest());
}

void QuarantinedExtents::readmit(SlotIndex slot) {
  const bool rested = rows_.margin(slot).operation == Operation::resting;
  admit_until(slot, rested ? std::min(rows_.row(slot).sealed, end_of_rest()) : end_of_rest());
}

void QuarantinedExtents::admit_until(SlotIndex slot, TimeNs rests_until) {
  rows_.row(slot).sealed = rests_until;
  rows_.margin(slot).operation = Operation::resting;
  const std::uint64_t begin = rows_.arena.offset_of(ExtentRef::live(slot));
  tally_.add(rows_.taken_bytes(slot));
  quarantine_.add(slot, {begin, begin + rows_.taken_bytes(slot)}, rests_until);
}

/// Of a rest that begins now.
TimeNs QuarantinedExtents::end_of_rest() const noexcept {
  return deadline_after(rows_.now, rows_.config.quarantine_seconds * kNsPerSecond);
}

void QuarantinedExtents::renewed(const Renewal& renewal, TimeNs now) {
  rows_.advance(now);
  if (!renewal.reserved) return quarantine_.failed(rows_.now);
  if (const auto done = quarantine_.renewed(renewal.replaced)) release_fresh(*done);
}

/// Frees the fresh part of an extent. Its ends rest.
void QuarantinedExtents::release_fresh(const Quarantine::Renewed& done) {
  const auto [slot, fresh, rests_until] = done;
  const std::uint64_t begin = rows_.arena.offset_of(ExtentRef::live(slot));
  const std::uint64_t head = fresh.begin - begin;
  const std::uint64_t tail = begin + rows_.taken_bytes(slot) - fresh.end;
  if (rests_until <= rows_.now || head + tail == 0) return leave(slot);
  // Where no row is free for the second end, all of it rests.
  if (fresh.begin == fresh.end || (tail != 0 && !rest_tail(slot, tail, rests_until)))
    return quarantine_.rest(slot, rests_until);
  if (head == 0) return leave(slot);
  const std::uint64_t middle = rows_.taken_bytes(slot) - head;
  rows_.index.shrink(slot, head);
  rows_.margin(slot).type_name_size = 0;  // name and label stood at the end
  rows_.margin(slot).label_size = 0;
  tally_.bytes -= middle;
  rows_.arena.trim(slot, middle);
  rows_.room_made = true;
  quarantine_.rest(slot, rests_until);
}

/// Gives the last bytes of an extent to a row of their own, which rests. False when there is no row.
bool QuarantinedExtents::rest_tail(SlotIndex whole, std::uint64_t bytes, TimeNs until) {
  const Result<SlotIndex> tail = room_.take_slot(0);
  if (!tail) return false;
  SlotFields fields = rows_.fields(whole);
  fields.offset += rows_.taken_bytes(whole) - bytes;
  fields.data_size = bytes;
  fields.metadata_size = 0;
  rows_.index.write(*tail, fields);
  rows_.row(*tail) = {.sealed = until, .accessed = rows_.row(whole).accessed};
  rows_.margin(*tail) = {.writing_ms = 0,
                         .creator_pid = rows_.margin(whole).creator_pid,
                         .label_size = 0,
                         .type_name_size = 0,
                         .pinned = false,
                         .mortal = false,
                         .lent = true,
                         .leased = false,
                         .graced = false,
                         .kept = false,
                         .clean = false,
                         .operation = Operation::resting,
                         .state = SlotState::abandoned};
  rows_.arena.split(whole, bytes, *tail);
  ++tally_.count;
  quarantine_.rest(*tail, until);
  return true;
}

void QuarantinedExtents::leave(SlotIndex slot) {
  tally_.subtract(rows_.taken_bytes(slot));
  rows_.free(slot);
}

void QuarantinedExtents::tend(TimeNs now) {
  rows_.advance(now);
  quarantine_.tick(rows_.now);
  for (std::uint32_t freed = 0; freed < kRemovalsPerPiece; ++freed) {
    const std::optional<SlotIndex> slot = quarantine_.take_rested(rows_.now);
    if (!slot) return;
    leave(*slot);
  }
}

void QuarantinedExtents::check_invariants() const {
  DOLIUM_CHECK(tally_.count == quarantine_.size(), "extents in quarantine are miscounted");
}

}  // namespace dolium::shm
