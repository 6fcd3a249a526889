#include "shm/table/pin_table.h"

#include <bit>

namespace dolium::shm {
namespace {

/// Threads get stripes in turn. If there are more threads than stripes, they share.
std::size_t stripe_of_this_thread() noexcept {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed) % kCounterStripes;
  return mine;
}

}  // namespace

void PinTable::add_reference(SlotIndex slot) noexcept {
  entry(slot).references.fetch_add(1, std::memory_order_seq_cst);
  // The bit is looked at after the count, because the daemon clears it before it reads the counts (settle()). And it is
  // set before our later check of seq: if the daemon sees no bit after it changed seq, that check sees the change.
  const std::uint32_t page = page_of(slot);
  std::atomic<std::uint64_t>& word = map_word(geometry_.map_at, page);
  if (!is_set(word, page)) word.fetch_or(bit_of(page), std::memory_order_seq_cst);
}

bool PinTable::drop_reference(SlotIndex slot) noexcept {
  return entry(slot).references.fetch_sub(1, std::memory_order_seq_cst) == 1;
}

void PinTable::record_hit(SlotIndex slot, TimeNs now) noexcept {
  PinEntry& row = entry(slot);
  // Load and store instead of an atomic increment: two threads that get the same object at once may count one hit.
  // Recency and frequency are estimates; the client's totals are exact.
  row.hits.store(row.hits.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  row.last_access.store(now, std::memory_order_relaxed);
  stripe().hits.fetch_add(1, std::memory_order_relaxed);
}

void PinTable::record_miss() noexcept {
  stripe().misses.fetch_add(1, std::memory_order_relaxed);
}

CounterStripe& PinTable::stripe() const noexcept {
  return header().counters[stripe_of_this_thread()];
}

void PinTable::set_granted_through(std::uint64_t number) noexcept {
  header().granted_through.store(number, std::memory_order_seq_cst);
}

void PinTable::set_references(SlotIndex slot, std::uint32_t count) noexcept {
  entry(slot).references.store(count, std::memory_order_seq_cst);
  map_word(geometry_.map_at, page_of(slot)).fetch_or(bit_of(page_of(slot)), std::memory_order_seq_cst);
}

std::uint32_t PinTable::references(SlotIndex slot) const noexcept {
  return touched(slot) ? entry(slot).references.load(std::memory_order_seq_cst) : 0;
}

std::uint32_t PinTable::hits(SlotIndex slot) const noexcept {
  return has_page(slot) ? entry(slot).hits.load(std::memory_order_relaxed) : 0;
}

TimeNs PinTable::last_access(SlotIndex slot) const noexcept {
  return has_page(slot) ? entry(slot).last_access.load(std::memory_order_relaxed) : 0;
}

std::uint64_t PinTable::granted_through() const noexcept {
  return header().granted_through.load(std::memory_order_seq_cst);
}

AccessCounts PinTable::access_counts() const noexcept {
  AccessCounts total;
  for (const CounterStripe& stripe : header().counters) {
    total.hits += stripe.hits.load(std::memory_order_relaxed);
    total.misses += stripe.misses.load(std::memory_order_relaxed);
  }
  return total;
}

void PinTable::unsettle(SlotIndex end) noexcept {
  for (SlotIndex slot = 0; slot < end; slot += View::kSlotsPerWord) {
    const std::uint64_t settled = map_word(geometry_.settled_at, page_of(slot)).load(std::memory_order_seq_cst);
    if (settled != 0) map_word(geometry_.map_at, page_of(slot)).fetch_or(settled, std::memory_order_seq_cst);
  }
}

std::uint64_t PinTable::bookkeeping_bytes() const noexcept {
  std::uint64_t pages = 0;
  for (std::uint32_t page = 0; page < geometry_.page_count; page += 64)
    pages +=
        static_cast<std::uint64_t>(std::popcount(map_word(geometry_.map_at, page).load(std::memory_order_relaxed) |
                                                 map_word(geometry_.settled_at, page).load(std::memory_order_relaxed)));
  return geometry_.entries_at + pages * kPageBytes;
}

std::uint32_t PinTable::touched_pages() const noexcept {
  std::uint32_t pages = 0;
  for (std::uint32_t page = 0; page < geometry_.page_count; page += 64)
    pages +=
        static_cast<std::uint32_t>(std::popcount(map_word(geometry_.map_at, page).load(std::memory_order_relaxed)));
  return pages;
}

}  // namespace dolium::shm
