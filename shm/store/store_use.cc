// Who uses an object: references in pin tables, holds, pins, and how recently and often. See store.h.

#include <fmt/format.h>

#include <algorithm>

#include "shm/os/check.h"
#include "shm/store/store.h"

namespace dolium::shm {

// ---- holds and grants ----

void Store::hold(SlotIndex slot) {
  ++holds_[slot];
}

void Store::drop_hold(SlotIndex slot) {
  const auto found = holds_.find(slot);
  DOLIUM_CHECK(found != holds_.end(), "a hold is dropped that was never taken");
  if (--found->second == 0) holds_.erase(found);
  room_made_ = true;
}

std::uint64_t Store::grant(ClientId id, std::vector<SlotIndex> held) {
  Client* client = find_client(id);
  DOLIUM_CHECK(client != nullptr, "a grant to a client that is not attached");
  take_up_grants(*client);
  client->grants.push_back({++client->last_grant, std::move(held)});
  return client->last_grant;
}

void Store::drop_grants(ClientId id) {
  Client* client = find_client(id);
  DOLIUM_CHECK(client != nullptr, "grants of a client that is not attached");
  for (const Grant& grant : client->grants)
    for (const SlotIndex slot : grant.slots) drop_hold(slot);
  client->grants.clear();
}

void Store::renew_grants(ClientId id) {
  drop_grants(id);
  Client* client = find_client(id);
  client->last_grant = client->table.granted_through();
}

void Store::take_up_grants(Client& client) {
  if (client.grants.empty()) return;
  const std::uint64_t through = client.table.granted_through();
  while (!client.grants.empty() && client.grants.front().number <= through) {
    for (const SlotIndex slot : client.grants.front().slots) drop_hold(slot);
    client.grants.pop_front();
  }
}

bool Store::in_use(SlotIndex slot) {
  // Holds before references: a client takes its reference before it says that the grant is taken up, so a
  // grant found taken up here means that the reference is seen below.
  if (holds_.contains(slot)) {
    for (const auto& client : clients_) take_up_grants(*client);
    if (holds_.contains(slot)) return true;
  }
  return std::ranges::any_of(clients_, [slot](const auto& client) { return client->table.references(slot) != 0; });
}

// ---- how recently, how often ----

EvictionKey Store::key(SlotIndex slot) const {
  const LedgerRow& ledger = row(slot);
  switch (config_.eviction_policy) {
    case EvictionPolicy::lru: return {ledger.accessed, ledger.sealed};
    case EvictionPolicy::lfu: return {ledger_.hit_row(slot).hits, ledger.sealed};
    case EvictionPolicy::fifo: return {ledger.sealed, ledger.sealed};
  }
  return {};
}

TimeNs Store::last_access(SlotIndex slot) const noexcept {
  TimeNs latest = row(slot).accessed;
  // Clamped to now: a client can make an object look fresh, not fresh for ever. What an earlier object left in
  // this slot is older than this one's seal, and so never wins.
  for (const auto& client : clients_) latest = std::max(latest, std::min(client->table.last_access(slot), now_));
  for (const Departed& departed : departed_)
    if (slot >= departed.folded) latest = std::max(latest, std::min(departed.table.last_access(slot), now_));
  return latest;
}

Candidates::Use Store::refresh(SlotIndex slot) {
  looks_ += 1 + clients_.size();
  LedgerRow& ledger = row(slot);
  ledger.accessed = last_access(slot);
  if (ledger_.counts_hits()) {
    HitRow& counted = ledger_.hit_row(slot);
    counted.hits = std::max(counted.hits, hit_sum(slot) - counted.base);  // modulo 2^32
  }
  return in_use(slot) ? Use::in_use : Use::unused;
}

std::uint32_t Store::hit_sum(SlotIndex slot) const noexcept {
  std::uint32_t sum = 0;
  for (const auto& client : clients_) sum += client->table.hits(slot);
  for (const Departed& departed : departed_)
    if (slot >= departed.folded) sum += departed.table.hits(slot);
  return sum;
}

// ---- pins ----

Result<void> Store::check_pin_quota(std::uint32_t uid, std::uint64_t bytes) const {
  const std::uint64_t limit = config_.max_pinned_bytes_per_user;
  const auto found = pinned_by_user_.find(uid);
  const std::uint64_t pinned = found == pinned_by_user_.end() ? 0 : found->second;
  if (limit == 0 || pinned + bytes <= limit) return {};
  return Error{Errc::out_of_memory,
               fmt::format("user {} has {} bytes pinned; {} more would pass the limit of {} "
                           "(max_pinned_bytes_per_user): unpin something first",
                           uid, pinned, bytes, limit),
               RefusalCause::pins};
}

void Store::set_pinned(SlotIndex slot, std::uint32_t uid) {
  ledger_.pinner(slot) = uid;
  std::atomic_signal_fence(std::memory_order_release);  // a successor believes it when it finds the other
  margin(slot).pinned = true;
  count_pinned(slot);
}

void Store::count_pinned(SlotIndex slot) {
  pinned_tally_.add(taken_bytes(slot));
  pinned_by_user_[ledger_.pinner(slot)] += taken_bytes(slot);
}

void Store::clear_pinned(SlotIndex slot) {
  margin(slot).pinned = false;
  pinned_tally_.subtract(taken_bytes(slot));
  const auto user = pinned_by_user_.find(ledger_.pinner(slot));
  user->second -= taken_bytes(slot);
  if (user->second == 0) pinned_by_user_.erase(user);
}

}  // namespace dolium::shm
