#include "shm/store/lease_recall.h"

#include "shm/os/monotonic_clock.h"

namespace dolium::shm {

bool LeaseRecall::is_idle(SlotIndex slot) const {
  const SlotMargin& margin = rows_.margin(slot);
  if (!margin.leased) return false;
  const std::uint32_t word = margin.writing_ms;  // of a lease: the number of its LeaseWord, from 1 on
  const AttachedClient* const client = clients_.find(rows_.row(slot).accessed);
  return client != nullptr && word >= 1 && word <= kLeaseWords &&
         client->table.lease_word(word - 1).is_idle(rows_.taken_bytes(slot) / kUnitBytes);
}

/// Takes one from its client. False: the client is using it, or used it a moment ago and `active` is not set.
bool LeaseRecall::revoke(SlotIndex lease, bool active) {
  if (!active && rows_.now < deadline_after(rows_.row(lease).sealed, kIdle)) return false;
  if (lease == spared_ || !is_idle(lease)) return false;
  const AttachedClient& client = clients_.at(rows_.row(lease).accessed);
  return client.table.lease_word(rows_.margin(lease).writing_ms - 1).revoke(rows_.taken_bytes(lease) / kUnitBytes);
}

bool LeaseRecall::recall() {
  if (!rest_.allows(0, rows_.now)) return false;
  const bool active = rows_.now >= next_recall_;
  const bool freed = recall(active);
  if (freed && active) next_recall_ = deadline_after(rows_.now, kIdle);
  return freed;
}

void LeaseRecall::recall_idle() {
  if (rows_.now < next_idle_recall_) return;
  if (!recall(false)) next_idle_recall_ = deadline_after(rows_.now, kIdle / 4);
}

/// Takes back each lease that its client is not using at this moment; with `active`, also those that were used lately.
/// Returns whether that freed anything.
bool LeaseRecall::recall(bool active) {
  const std::uint64_t before = writing_.leased_bytes();
  if (before == 0) return false;
  std::uint64_t looks = writing_.abandoned().size();
  for (std::size_t i = writing_.abandoned().size(); i-- > 0;)
    if (revoke(writing_.abandoned()[i], true)) writing_.free_abandoned(i);
  for (const auto& client : clients_.all()) {
    if (client->leased_bytes == 0) continue;
    std::vector<UnsealedObject> taken;
    looks += client->unsealed_count;
    for (const UnsealedObject& object : client->unsealed)
      if (revoke(object.slot, active)) taken.push_back(object);
    for (const UnsealedObject& object : taken) writing_.discard(object, rows_.fields(object.slot).id);
  }
  const bool freed = writing_.leased_bytes() != before;
  if (!freed) rest_.begin(0, looks, rows_.now);
  return freed;
}

}  // namespace dolium::shm
