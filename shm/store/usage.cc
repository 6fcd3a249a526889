#include "shm/store/usage.h"

#include <algorithm>

#include "shm/os/check.h"

namespace dolium::shm {

// ---- holds and grants ----

void Usage::drop_hold(SlotIndex slot) {
  const auto found = holds_.find(slot);
  DOLIUM_CHECK(found != holds_.end(), "a hold is dropped that was never taken");
  if (--found->second == 0) holds_.erase(found);
  rows_.room_made = true;
}

std::uint64_t Usage::grant(ClientId id, std::vector<SlotIndex> held) {
  AttachedClient& client = clients_.at(id);
  take_up_grants(client);
  client.grants.push_back({++client.last_grant, std::move(held)});
  return client.last_grant;
}

void Usage::drop_grants(ClientId id) {
  AttachedClient& client = clients_.at(id);
  for (const Grant& grant : client.grants)
    for (const SlotIndex slot : grant.slots) drop_hold(slot);
  client.grants.clear();
}

void Usage::renew_grants(ClientId id) {
  drop_grants(id);
  AttachedClient& client = clients_.at(id);
  client.last_grant = client.table.granted_through();
}

void Usage::take_up_grants() {
  for (const auto& client : clients_.all()) take_up_grants(*client);
}

void Usage::take_up_grants(AttachedClient& client) {
  if (client.grants.empty()) return;
  const std::uint64_t through = client.table.granted_through();
  while (!client.grants.empty() && client.grants.front().number <= through) {
    for (const SlotIndex slot : client.grants.front().slots) drop_hold(slot);
    client.grants.pop_front();
  }
}

// ---- looks at a slot ----

bool Usage::in_use(SlotIndex slot) {
  // Holds before references: a client takes its reference before it says that the grant is taken up. So if the grant
  // is found taken up here, the reference is seen below.
  if (holds_.contains(slot)) {
    take_up_grants();
    if (holds_.contains(slot)) return true;
  }
  return std::ranges::any_of(clients_.all(),
                             [slot](const auto& client) { return client->table.references(slot) != 0; });
}

std::vector<bool> Usage::slots_in_use(SlotIndex begin, SlotIndex end) const {
  std::vector<bool> used(end - begin, false);
  for (const auto& client : clients_.all()) {
    client->table.for_each_touched(begin, end, [&](SlotIndex slot) {
      if (client->table.references(slot) != 0) used[slot - begin] = true;
    });
  }
  for (SlotIndex slot = begin; !holds_.empty() && slot < end; ++slot)
    if (holds_.contains(slot)) used[slot - begin] = true;
  return used;
}

TimeNs Usage::last_access(SlotIndex slot, TimeNs now) const noexcept {
  TimeNs latest = rows_.row(slot).accessed;
  // At most `now`: a client can make an object look fresh, but not fresh for ever. The time that an earlier object left
  // in this slot is before this one's seal, so it never counts.
  clients_.for_each_table(slot, [&](ClientId, const PinTable& table) {
    latest = std::max(latest, std::min(table.last_access(slot), now));
  });
  return latest;
}

// ---- Candidates ----

Candidates::Use Usage::refresh(SlotIndex slot) {
  count_look();
  rows_.row(slot).accessed = last_access(slot, rows_.now);
  if (rows_.ledger.counts_hits()) {
    HitRow& counted = rows_.ledger.hit_row(slot);
    counted.hits = std::max(counted.hits, hit_sum(slot) - counted.base);  // modulo 2^32
  }
  const SlotMargin& margin = rows_.margin(slot);
  if (margin.kept && !margin.clean) return Use::in_use;
  return in_use(slot) || graces_.still_keeps(slot) ? Use::in_use : Use::unused;
}

std::uint32_t Usage::hit_sum(SlotIndex slot) const {
  std::uint32_t sum = 0;
  clients_.for_each_table(slot, [&](ClientId, const PinTable& table) { sum += table.hits(slot); });
  return sum;
}

}  // namespace dolium::shm
