#include "shm/store/usage.h"

#include <algorithm>

#include "shm/os/check.h"

namespace dolium::shm {

// ---- holds and grants ----

void Usage::hold(SlotIndex slot) {
  std::unique_ptr<HoldPage>& page = holds_[slot / kHoldsPerPage];
  if (page == nullptr) {
    page = std::make_unique<HoldPage>();
    ++hold_pages_;
  }
  if ((*page)[slot % kHoldsPerPage]++ == 0) ++held_;
}

void Usage::drop_hold(SlotIndex slot) {
  DOLIUM_CHECK(has_hold(slot), "a hold is dropped that was never taken");
  if (--(*holds_[slot / kHoldsPerPage])[slot % kHoldsPerPage] == 0) --held_;
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

/// Ask before reading references: a client takes its reference before it says that the grant is taken up. So if the
/// grant is found taken up here, the reference is seen afterwards.
bool Usage::is_held(SlotIndex slot) {
  if (!has_hold(slot)) return false;
  take_up_grants();
  return has_hold(slot);
}

bool Usage::in_use(SlotIndex slot) {
  return is_held(slot) || std::ranges::any_of(clients_.views(), [slot](const PinTable::View& table) {
           return table.references(slot) != 0;
         });
}

bool Usage::any_in_use(std::span<const SlotIndex> slots) {
  const bool any = slots.size() == 1 || !summary_.is_used()
                       ? std::ranges::any_of(slots, [this](SlotIndex slot) { return in_use(slot); })
                       : is_any_held(slots) || is_any_referenced(slots);
  if (any) summary_.forget();
  return any;
}

bool Usage::is_any_held(std::span<const SlotIndex> slots) {
  return held_ != 0 && std::ranges::any_of(slots, [this](SlotIndex slot) { return is_held(slot); });
}

/// One word of a table speaks for very many slots. So slots that share a word are asked for together.
bool Usage::is_any_referenced(std::span<const SlotIndex> slots) const {
  constexpr std::uint32_t kStep = PinTable::View::kSlotsPerWord;
  std::vector<SlotIndex> sorted(slots.begin(), slots.end());
  std::ranges::sort(sorted);
  for (auto begin = sorted.begin(); begin != sorted.end();) {
    const auto end = std::find_if(begin, sorted.end(), [&](SlotIndex slot) { return slot / kStep != *begin / kStep; });
    std::uint64_t pages = 0;
    for (auto slot = begin; slot != end; ++slot) pages |= PinTable::View::bit(*slot);
    for (const PinTable::View& table : clients_.views())
      if ((table.touched_word(*begin) & pages) != 0 &&
          std::any_of(begin, end, [&table](SlotIndex slot) { return table.references(slot) != 0; }))
        return true;
    begin = end;
  }
  return false;
}

std::vector<bool> Usage::slots_in_use(SlotIndex begin, SlotIndex end) const {
  std::vector<bool> used(end - begin, false);
  for (const auto& client : clients_.all()) {
    client->table.for_each_touched(begin, end, [&](SlotIndex slot) {
      if (client->table.references(slot) != 0) used[slot - begin] = true;
    });
  }
  for (SlotIndex slot = begin; held_ != 0 && slot < end; ++slot)
    if (has_hold(slot)) used[slot - begin] = true;
  return used;
}

/// Calls visit(const PinEntry&, is_attached) for the tables that touched the slot's page, of clients and of those that
/// left. `touching`: those of clients, if they are known.
template <class Visit>
void Usage::for_each_entry(SlotIndex slot, const Tables& touching, Visit&& visit) const {
  const std::span<const PinTable::View> tables = clients_.views();
  if (touching)
    for (const std::uint32_t table : *touching) visit(tables[table].entry(slot), true);
  else
    for (const PinTable::View& table : tables)
      if (table.touched(slot)) visit(table.entry(slot), true);
  for (const Clients::Departed& departed : clients_.departed())
    if (slot >= departed.folded && departed.table.has_page(slot)) visit(departed.table.view().entry(slot), false);
}

TimeNs Usage::last_access(SlotIndex slot, TimeNs now) const noexcept {
  TimeNs latest = std::max(rows_.row(slot).accessed, summary_.latest(slot));
  // At most `now`: a client can make an object look fresh, but not fresh for ever. The time that an earlier object left
  // in this slot is before this one's seal, so it never counts.
  for_each_entry(slot, std::nullopt, [&](const PinEntry& entry, bool) {
    latest = std::max(latest, std::min(entry.last_access.load(std::memory_order_relaxed), now));
  });
  return latest;
}

/// The same for tables that may tell more of the slot than the summary. Counts as a look at the slot.
template <class Visit>
void Usage::for_each_recent(SlotIndex slot, Visit&& visit) {
  for_each_entry(slot, summary_.is_used() ? summary_.touching(slot) : std::nullopt, visit);
}

std::uint32_t Usage::hit_sum(SlotIndex slot) {
  std::uint32_t sum = 0;
  for_each_recent(slot, [&](const PinEntry& entry, bool) { sum += entry.hits.load(std::memory_order_relaxed); });
  return sum;
}

// ---- Candidates ----

Candidates::Use Usage::refresh(SlotIndex slot) {
  looks_ += summary_.is_used() ? 1 : 1 + clients_.size();
  bool used = is_held(slot);
  TimeNs latest = rows_.row(slot).accessed;
  std::uint32_t hits = 0;
  for_each_recent(slot, [&](const PinEntry& entry, bool is_attached) {
    used = used || (is_attached && entry.references.load(std::memory_order_seq_cst) != 0);
    latest = std::max(latest, std::min(entry.last_access.load(std::memory_order_relaxed), rows_.now));
    hits += entry.hits.load(std::memory_order_relaxed);
  });
  rows_.row(slot).accessed = std::max(latest, summary_.latest(slot));
  if (rows_.ledger.counts_hits()) {
    HitRow& counted = rows_.ledger.hit_row(slot);
    counted.hits = std::max(counted.hits, hits - counted.base);  // modulo 2^32
  }
  const SlotMargin& margin = rows_.margin(slot);
  if (margin.kept && !rows_.may_spill(slot)) return Use::in_use;
  return used || graces_.still_keeps(slot) ? Use::in_use : Use::unused;
}

}  // namespace dolium::shm
