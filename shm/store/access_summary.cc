#include "shm/store/access_summary.h"

#include <algorithm>
#include <atomic>
#include <new>

namespace dolium::shm {

std::optional<std::span<const std::uint32_t>> AccessSummary::touching(SlotIndex slot) noexcept {
  try {
    const std::uint32_t number = slot / kPerPage;
    Page& page = page_at(number);
    Look& found = remembered_[number % kRemembered];
    if (found.page != number || found.at != rows_.now || found.changes != clients_.changes() ||
        found.forgotten != forgotten_) {
      found.page = number;
      look(found, page);
    }
    if (!found.tables.empty() && ++page.looks >= page.patience) settle(found, page);
    work_ += found.tables.size();
    return found.tables;
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

TimeNs AccessSummary::latest(SlotIndex slot) const noexcept {
  const std::uint32_t number = slot / kPerPage;
  return number < pages_.size() && pages_[number].latest ? (*pages_[number].latest)[slot % kPerPage] : 0;
}

AccessSummary::Page& AccessSummary::page_at(std::uint32_t number) {
  if (number >= pages_.size()) pages_.resize(number + 1);
  return pages_[number];
}

void AccessSummary::look(Look& look, Page& page) {
  const std::span<const PinTable::View> views = clients_.views();
  const SlotIndex slot = look.page * kPerPage;
  look.tables.clear();
  look.tables.reserve(views.size());
  for (std::uint32_t i = 0; i < views.size(); ++i)
    if (views[i].touched(slot)) look.tables.push_back(i);
  work_ += views.size();
  look.at = rows_.now;
  look.changes = clients_.changes();
  look.forgotten = forgotten_;
  if (page.settled == 0) return;
  const bool busy = look.tables.size() > page.settled / 2;
  page.patience = busy ? std::min(2 * page.patience, kMostLooks) : kLooksBeforeSettling;
  page.settled = 0;
}

/// Reads the page in all these tables. Those in which it is untouched now leave the look.
void AccessSummary::settle(Look& look, Page& page) {
  if (!page.latest) page.latest = std::make_unique<Latest>();
  const bool takes_hits = take_hits_ != nullptr;  // of all entries: not read again for each
  Hits hits{};
  const TimeNs now = rows_.now;
  const SlotIndex begin = look.page * kPerPage;
  TimeNs* const latest = page.latest->data();
  work_ += look.tables.size() * kWorkOfPage;
  page.settled = static_cast<std::uint32_t>(look.tables.size());
  page.looks = 0;
  const auto visit = [=, &hits](SlotIndex slot, PinEntry& entry) {
    // At most now: see Usage::last_access().
    TimeNs& known = latest[slot - begin];
    known = std::max(known, std::min(entry.last_access.load(std::memory_order_relaxed), now));
    if (takes_hits) hits[slot - begin] += take_hits(entry);
  };
  const auto& clients = clients_.all();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < look.tables.size(); ++i) {
    const std::uint32_t table = look.tables[i];
    const PinTable* const next = i + 1 < look.tables.size() ? &clients[look.tables[i + 1]]->table : nullptr;
    if (!clients[table]->table.settle(look.page, next, visit)) look.tables[kept++] = table;
  }
  look.tables.resize(kept);
  if (takes_hits) tell_hits(begin, hits);
}

/// A get that counts at the same moment may be lost, or undo this: hits are estimates.
std::uint32_t AccessSummary::take_hits(PinEntry& entry) noexcept {
  const std::uint32_t hits = entry.hits.load(std::memory_order_relaxed);
  if (hits != 0) entry.hits.store(0, std::memory_order_relaxed);
  return hits;
}

/// Once for each slot, not for each table. The tables first: a successor repairs a base that is too large
/// (SealedObjects::repair_hits()).
void AccessSummary::tell_hits(SlotIndex begin, const Hits& hits) {
  std::atomic_signal_fence(std::memory_order_release);
  const SlotIndex end = std::min(begin + kPerPage, rows_.index.slots_touched());
  for (SlotIndex slot = begin; slot < end; ++slot)
    if (hits[slot - begin] != 0 && rows_.margin(slot).state == SlotState::sealed) take_hits_(slot, hits[slot - begin]);
}

std::uint64_t AccessSummary::bookkeeping_bytes() const noexcept {
  std::uint64_t bytes = pages_.capacity() * sizeof(Page);
  for (const Page& page : pages_) bytes += page.latest ? sizeof(Latest) : 0;
  for (const Look& look : remembered_) bytes += look.tables.capacity() * sizeof(std::uint32_t);
  return bytes;
}

}  // namespace dolium::shm
