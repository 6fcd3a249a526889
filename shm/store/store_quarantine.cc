// Extents of writers that are gone: see shm/arena/quarantine.h for why, and store.h.
//
// Their rows are `abandoned`, by a client that is not attached, and lent. Rows outlive the server. So does the time at
// which the rest ends: it stands in the ledger's row before the operation `resting` says so. Otherwise each restart
// would begin the rest anew, and frequent restarts would keep the memory for ever. An extent whose middle is free again
// has up to two rows, one for each end. The second one is written first, while the first still covers all: a successor
// that finds one inside the other drops the inner one.

#include <algorithm>

#include "shm/os/check.h"
#include "shm/os/milliseconds.h"
#include "shm/os/monotonic_clock.h"
#include "shm/store/store.h"

namespace dolium::shm {

/// unsealed, or abandoned by a client that was there until now -> in quarantine. It is counted nowhere else any more.
void Store::quarantine(SlotIndex slot) {
  margin(slot).state = SlotState::abandoned;
  admit_to_quarantine(slot, end_of_rest());
}

void Store::admit_to_quarantine(SlotIndex slot, TimeNs rests_until) {
  row(slot).sealed = rests_until;
  margin(slot).operation = Operation::resting;
  const std::uint64_t begin = arena_.offset_of(ExtentRef::live(slot));
  quarantined_tally_.add(taken_bytes(slot));
  quarantine_.add(slot, {begin, begin + taken_bytes(slot)}, rests_until);
}

/// Of a rest that begins now.
TimeNs Store::end_of_rest() const noexcept {
  return deadline_after(now_, config_.quarantine_seconds * kNsPerSecond);
}

/// Of a row that recover() found. One that was in quarantine already rests no longer than it would have, nor longer
/// than this server's configuration asks for.
void Store::return_to_quarantine(SlotIndex slot) {
  const bool rested = margin(slot).operation == Operation::resting;
  admit_to_quarantine(slot, rested ? std::min(row(slot).sealed, end_of_rest()) : end_of_rest());
}

void Store::renewed(const Renewal& renewal, TimeNs now) {
  advance(now);
  if (!renewal.reserved) return quarantine_.failed(now_);
  if (const auto done = quarantine_.renewed(renewal.replaced)) release_fresh(*done);
}

/// Frees what is fresh of an extent. Its ends rest.
void Store::release_fresh(const Quarantine::Renewed& done) {
  const auto [slot, fresh, rests_until] = done;
  const std::uint64_t begin = arena_.offset_of(ExtentRef::live(slot));
  const std::uint64_t head = fresh.begin - begin;
  const std::uint64_t tail = begin + taken_bytes(slot) - fresh.end;
  if (rests_until <= now_ || head + tail == 0) return leave_quarantine(slot);
  // Where no row is to be had for the second end, all of it rests.
  if (fresh.begin == fresh.end || (tail != 0 && !rest_tail(slot, tail, rests_until)))
    return quarantine_.rest(slot, rests_until);
  if (head == 0) return leave_quarantine(slot);
  const std::uint64_t middle = taken_bytes(slot) - head;
  index_.shrink(slot, head);
  margin(slot).type_name_size = 0;  // it stood at the end
  quarantined_tally_.bytes -= middle;
  arena_.trim(slot, middle);
  room_made_ = true;
  quarantine_.rest(slot, rests_until);
}

/// Gives the last bytes of an extent to a row of their own, which rests. False when there is no row.
bool Store::rest_tail(SlotIndex whole, std::uint64_t bytes, TimeNs until) {
  const Result<SlotIndex> tail = take_slot(0);
  if (!tail) return false;
  SlotFields fields = index_.read(whole);
  fields.offset += taken_bytes(whole) - bytes;
  fields.data_size = bytes;
  fields.metadata_size = 0;
  index_.write(*tail, fields);
  row(*tail) = {.sealed = until, .accessed = row(whole).accessed};
  margin(*tail) = {.writing_ms = 0,
                   .creator_pid = margin(whole).creator_pid,
                   .type_name_size = 0,
                   .pinned = false,
                   .mortal = false,
                   .lent = true,
                   .leased = false,
                   .operation = Operation::resting,
                   .state = SlotState::abandoned};
  arena_.split(whole, bytes, *tail);
  ++quarantined_tally_.count;
  quarantine_.rest(*tail, until);
  return true;
}

void Store::leave_quarantine(SlotIndex slot) {
  quarantined_tally_.subtract(taken_bytes(slot));
  free_slot(slot);
}

void Store::tend_quarantine(TimeNs now) {
  advance(now);
  quarantine_.tick(now_);
  for (std::uint32_t freed = 0; freed < kRemovalsPerPiece; ++freed) {
    const std::optional<SlotIndex> slot = quarantine_.take_rested(now_);
    if (!slot) return;
    leave_quarantine(*slot);
  }
}

}  // namespace dolium::shm
