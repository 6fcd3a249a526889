#include "shm/store/graces.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "shm/os/milliseconds.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::shm {
namespace {

TimeNs in_ns(std::chrono::milliseconds duration) noexcept {
  return static_cast<TimeNs>(duration.count()) * kNsPerMs;
}

GraceRow row_of(const Grace& grace, const AttachedClient& giver, TimeNs deadline, TimeNs since) noexcept {
  return {.deadline = deadline,
          .since = since,
          .session = giver.id,
          .uid = giver.identity.uid,
          .readers = grace.readers,
          .own_gets = grace.own_gets};
}

bool counts(const GraceRow& row, ClientId client, TimeNs last_access) noexcept {
  return last_access > row.since && (client != row.session || row.own_gets);
}

}  // namespace

// ---- quotas ----

Result<void> Graces::check_quota(std::uint32_t uid, std::uint64_t bytes) {
  Result<void> allowed = pins_.check_quota(uid, bytes);
  if (allowed || tally_.count == 0 || rows_.now < next_settle_) return allowed;
  settle();
  return pins_.check_quota(uid, bytes);
}

Result<void> Graces::check_quota_of(SlotIndex slot, std::uint32_t uid) {
  const SlotMargin& margin = rows_.margin(slot);
  if (margin.pinned ? rows_.ledger.pinner(slot) == uid : margin.graced && rows_.ledger.grace(slot).uid == uid)
    return {};
  return check_quota(uid, rows_.taken_bytes(slot));
}

void Graces::settle() {
  const std::uint64_t looks = ends_.size() * (clients_.size() + 1);
  if (ends_.size() > kSettleAlways) next_settle_ = deadline_after(rows_.now, kSettleRest * looks);
  ends_.for_each([this](const Expiry::Due& object) {
    if (is_there(object)) end_if_over(object.slot);
  });
}

void Graces::charge(SlotIndex slot) {
  if (!rows_.margin(slot).pinned) pins_.charge(rows_.ledger.grace(slot).uid, rows_.taken_bytes(slot));
}

void Graces::uncharge(SlotIndex slot) {
  if (!rows_.margin(slot).pinned) pins_.uncharge(rows_.ledger.grace(slot).uid, rows_.taken_bytes(slot));
}

// ---- the life of a grace ----

void Graces::set(SlotIndex slot, const Grace& grace, const AttachedClient& giver) {
  mark(slot, row_of(grace, giver, in_ns(grace.duration), 0));
}

void Graces::mark(SlotIndex slot, const GraceRow& row) {
  rows_.ledger.grace(slot) = row;
  std::atomic_signal_fence(std::memory_order_release);  // a successor that reads `graced` trusts the row
  rows_.margin(slot).graced = true;
  count(slot);
}

/// A table can have a later time than the seal's from an earlier object in this slot: a client got that one after this
/// call's time was read, and released it. No client can have got this one yet.
void Graces::begin(SlotIndex slot) {
  GraceRow& row = rows_.ledger.grace(slot);
  const TimeNs sealed = rows_.row(slot).sealed;
  row.since = sealed;
  clients_.for_each_table(
      slot, [&](ClientId, const PinTable& table) { row.since = std::max(row.since, table.last_access(slot)); });
  row.deadline = deadline_after(sealed, row.deadline);
}

void Graces::watch(SlotIndex slot) {
  ends_.look_at({slot, rows_.row(slot).sealed}, rows_.ledger.grace(slot).deadline);
  ends_.tidy([this](const Expiry::Due& each) { return is_there(each); });
}

void Graces::extend(SlotIndex slot, const Grace& grace, const AttachedClient& giver) {
  const TimeNs deadline = deadline_after(rows_.now, in_ns(grace.duration));
  GraceRow& row = rows_.ledger.grace(slot);
  if (!still_keeps(slot)) {
    mark(slot, row_of(grace, giver, deadline, rows_.now));
    return watch(slot);
  }
  uncharge(slot);
  const TimeNs latest = std::max(row.deadline, deadline);  // its entry in ends_ gives the next time to look
  if (grace.readers > readers_left(slot))
    row = row_of(grace, giver, latest, rows_.now);
  else
    row.deadline = latest, row.uid = giver.identity.uid;
  charge(slot);
}

void Graces::end(SlotIndex slot) {
  uncharge(slot);
  rows_.margin(slot).graced = false;
  tally_.subtract(rows_.taken_bytes(slot));
}

void Graces::count(SlotIndex slot) {
  tally_.add(rows_.taken_bytes(slot));
  charge(slot);
}

void Graces::fold(SlotIndex slot, ClientId client, TimeNs last_access) {
  GraceRow& row = rows_.ledger.grace(slot);
  if (!counts(row, client, last_access)) return;
  if (row.readers > 1) {
    --row.readers;
    return;
  }
  end(slot);
  rows_.room_made = true;
}

void Graces::expire() {
  for (std::uint32_t looks = 0; looks < kRemovalsPerPiece; ++looks) {
    const std::optional<Expiry::Due> object = ends_.pop_due(rows_.now);
    if (!object) return;
    if (is_there(*object) && !end_if_over(object->slot))
      ends_.look_at(*object, rows_.ledger.grace(object->slot).deadline);
  }
}

// ---- whether it is over ----

bool Graces::is_there(const Expiry::Due& object) const noexcept {
  const SlotMargin& margin = rows_.margin(object.slot);
  return margin.state == SlotState::sealed && margin.graced && rows_.row(object.slot).sealed == object.sealed;
}

bool Graces::is_over(SlotIndex slot) const {
  const GraceRow& row = rows_.ledger.grace(slot);
  return row.deadline <= rows_.now || readers_so_far(slot) >= row.readers;
}

/// Readers whose tables are not folded yet.
std::uint32_t Graces::readers_so_far(SlotIndex slot) const {
  const GraceRow& row = rows_.ledger.grace(slot);
  std::uint32_t readers = 0;
  clients_.for_each_table(slot, [&](ClientId client, const PinTable& table) {
    if (counts(row, client, table.last_access(slot))) ++readers;
  });
  return readers;
}

/// Precondition: it is sealed and marked.
bool Graces::end_if_over(SlotIndex slot) {
  if (!is_over(slot)) return false;
  end(slot);
  rows_.room_made = true;  // it may be evicted now
  return true;
}

// ---- reports ----

std::chrono::milliseconds Graces::left(SlotIndex slot, TimeNs now) const {
  const TimeNs deadline = rows_.ledger.grace(slot).deadline;
  if (rows_.margin(slot).state != SlotState::sealed) return to_ms(deadline);
  return std::chrono::ceil<std::chrono::milliseconds>(
      std::chrono::nanoseconds(static_cast<std::int64_t>(deadline - std::min(deadline, now))));
}

std::uint32_t Graces::readers_left(SlotIndex slot) const {
  const std::uint32_t wanted = rows_.ledger.grace(slot).readers;
  return rows_.margin(slot).state == SlotState::sealed ? wanted - std::min<std::uint32_t>(wanted, readers_so_far(slot))
                                                       : wanted;
}

Graces::Ends Graces::ends() const {
  Ends ends;
  ends_.for_each([&](const Expiry::Due& object) {
    if (!is_there(object) || !keeps(object.slot)) return;
    const TimeNs deadline = rows_.ledger.grace(object.slot).deadline;
    ends = {std::min(ends.first, deadline), std::max(ends.last, deadline)};
  });
  return ends;
}

Tally Graces::given_by(ClientId client) const {
  std::vector<SlotIndex> kept;
  ends_.for_each([&](const Expiry::Due& object) {
    if (is_there(object) && rows_.ledger.grace(object.slot).session == client && keeps(object.slot))
      kept.push_back(object.slot);
  });
  std::ranges::sort(kept);
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());  // an object may have several entries
  Tally tally;
  for (const SlotIndex slot : kept) tally.add(rows_.taken_bytes(slot));
  return tally;
}

}  // namespace dolium::shm
