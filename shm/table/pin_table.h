#pragma once
// The pin table: how many references one client holds to each slot. That client alone writes it; the daemon reads it
// without trusting it. A client with wrong counts can only keep objects from being evicted. (The daemon writes to a
// table in two cases: before its client gets it, because a child of fork() starts with a copy of its parent's
// references; and to take back a lease, in the word that says whether the lease is in use.)
//
//   header        counters, granted_through, and two maps of pages
//   entries       16 bytes for each slot of the index
//
// A map has one bit per page of entries. The client sets the bit of a page in the first map (touched) after it has
// counted a reference there, and before it looks at the slot again. The daemon only reads pages whose bit is set. It
// clears the bit of a page that has no references, once it has read what the page tells of accesses (settle()). So a
// clear bit means: no reference, and nothing new. The second map (settled) has the pages whose bit was ever cleared.
// The daemon writes it, so that its successor knows which pages have memory, and which bits to set again.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include <dolium/result.h>

#include "shm/os/basic_types.h"
#include "shm/os/segment.h"

namespace dolium::shm {

struct PinEntry {
  std::atomic<std::uint32_t> references;
  std::atomic<std::uint32_t> hits;         ///< gets of all objects that were in this slot since the table was created
  std::atomic<std::uint64_t> last_access;  ///< time of the last get, CLOCK_MONOTONIC in ns
};
static_assert(sizeof(PinEntry) == 16);

/// One of several counters, so that the threads of a client count on different cache lines.
struct alignas(64) CounterStripe {
  std::atomic<std::uint64_t> hits;
  std::atomic<std::uint64_t> misses;
};
inline constexpr std::size_t kCounterStripes = 8;

/// Who may use a lease now: the client that has it, or the daemon, to take it back (shm/store/leases.h). One word, so
/// that exactly one of them gets it. It contains the size of the lease's rest, in units: the daemon does not take a
/// lease back while it has not been told of all objects that were cut off it.
class LeaseWord {
 public:
  // ---- the client's side ----

  /// Sets the size of the rest, when a lease is requested and after each put, and marks the lease as idle.
  void set_idle(std::uint64_t units) noexcept { word_.store(of(units, kIdle), std::memory_order_release); }
  /// Call it before writing into the lease. False: the daemon has taken it back.
  [[nodiscard]] bool claim(std::uint64_t units) noexcept { return change(units, kBusy); }

  // ---- the daemon's side ----

  [[nodiscard]] bool is_idle(std::uint64_t units) const noexcept {
    return word_.load(std::memory_order_acquire) == of(units, kIdle);
  }
  /// Takes back the rest of the lease. False: the client uses it.
  [[nodiscard]] bool revoke(std::uint64_t units) noexcept { return change(units, kRevoked); }

 private:
  static constexpr std::uint64_t kIdle = 1, kBusy = 2, kRevoked = 3;

  [[nodiscard]] static constexpr std::uint64_t of(std::uint64_t units, std::uint64_t state) noexcept {
    return units << 2 | state;
  }
  [[nodiscard]] bool change(std::uint64_t units, std::uint64_t state) noexcept {
    std::uint64_t idle = of(units, kIdle);
    return word_.compare_exchange_strong(idle, of(units, state), std::memory_order_acq_rel, std::memory_order_acquire);
  }

  std::atomic<std::uint64_t> word_;
};
/// Maximum number of leases per client that can be taken back.
inline constexpr std::uint32_t kLeaseWords = 7;

struct PinTableHeader {
  std::atomic<std::uint64_t> granted_through;
  std::array<LeaseWord, kLeaseWords> lease_words;
  std::array<CounterStripe, kCounterStripes> counters;
};

static_assert(sizeof(PinTableHeader) == 64 + kCounterStripes * sizeof(CounterStripe));

struct PinTableGeometry {
  static constexpr std::uint32_t kEntriesPerPage = kPageBytes / sizeof(PinEntry);

  std::uint32_t slot_count = 0;
  std::uint32_t page_count = 0;  ///< pages of entries
  std::uint64_t map_at = 0;      ///< offset of the map of touched pages, an array of 64-bit words
  std::uint64_t settled_at = 0;  ///< offset of the map of settled pages, likewise
  std::uint64_t entries_at = 0;
  std::uint64_t total_bytes = 0;

  [[nodiscard]] static constexpr PinTableGeometry for_slots(std::uint32_t slots) noexcept {
    PinTableGeometry geometry;
    geometry.slot_count = slots;
    geometry.page_count = (slots + kEntriesPerPage - 1) / kEntriesPerPage;
    geometry.map_at = round_up(sizeof(PinTableHeader), 64);
    const std::uint64_t map_bytes = (geometry.page_count + 63) / 64 * 8;
    geometry.settled_at = geometry.map_at + map_bytes;
    geometry.entries_at = round_up(geometry.settled_at + map_bytes, kPageBytes);
    geometry.total_bytes = geometry.entries_at + std::uint64_t{geometry.page_count} * kPageBytes;
    return geometry;
  }
  /// Offset of the page with this slot's entry.
  [[nodiscard]] constexpr std::uint64_t page_at(std::uint32_t slot) const noexcept {
    return entries_at + std::uint64_t{slot / kEntriesPerPage} * kPageBytes;
  }
};

struct AccessCounts {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
};

/// A mapped pin table, for both sides. A resource: moves.
class PinTable {
 public:
  PinTable() = default;
  PinTable(Mapping mapping, std::uint32_t slot_count) noexcept
      : mapping_(std::move(mapping)), geometry_(PinTableGeometry::for_slots(slot_count)) {}

  // ---- the client's side; any thread of the client ----

  /// Counts a reference, and marks its page as touched. Sequentially consistent, so that the following check of the
  /// slot's seq cannot be reordered before either (Dekker's pattern; see shm/README.md).
  void add_reference(SlotIndex slot) noexcept;
  /// Drops a reference. Returns true if it was this client's last one to the slot. Sequentially consistent.
  [[nodiscard]] bool drop_reference(SlotIndex slot) noexcept;
  /// Adds a reference to an object that is held already; needs no check. Sequentially consistent, because fork() must
  /// not miss it; see client/mapped/attachment.h.
  void copy_reference(SlotIndex slot) noexcept { entry(slot).references.fetch_add(1, std::memory_order_seq_cst); }
  void record_hit(SlotIndex slot, TimeNs now) noexcept;
  void record_miss() noexcept;
  void set_granted_through(std::uint64_t number) noexcept;
  /// Precondition: number < kLeaseWords.
  [[nodiscard]] LeaseWord& lease_word(std::uint32_t number) const noexcept { return header().lease_words[number]; }
  [[nodiscard]] Result<void> exclude_from_fork() const { return mapping_.exclude_from_fork(); }

  // ---- the daemon's side; all values read here are untrusted ----

  /// Precondition: the client has not got the table yet.
  void set_references(SlotIndex slot, std::uint32_t count) noexcept;
  /// Whether the slot's page may have references, or tell of accesses since it was settled. Sequentially consistent.
  [[nodiscard]] bool touched(SlotIndex slot) const noexcept {
    return is_set(map_word(geometry_.map_at, page_of(slot)), page_of(slot));
  }
  /// Whether the slot's page has memory: it is touched, or was settled.
  [[nodiscard]] bool has_page(SlotIndex slot) const noexcept {
    return touched(slot) || is_set(map_word(geometry_.settled_at, page_of(slot)), page_of(slot));
  }
  [[nodiscard]] std::uint32_t touched_pages() const noexcept;
  /// 0, without reading the entry, if its page is untouched. Sequentially consistent.
  [[nodiscard]] std::uint32_t references(SlotIndex slot) const noexcept;
  [[nodiscard]] std::uint32_t hits(SlotIndex slot) const noexcept;
  [[nodiscard]] TimeNs last_access(SlotIndex slot) const noexcept;
  /// Calls visit(slot, PinEntry&) for each slot of the page, and makes the page untouched if it has no references. Then
  /// what was visited is all that the client has told by now. Returns whether it did. Prefetches the same page of the
  /// table that is settled next, if there is one: most of the time is the wait for memory.
  template <class Visit>
  bool settle(std::uint32_t page, const PinTable* next, Visit&& visit) noexcept;
  /// After a crash: all pages below `end` that were ever settled are touched again, because the daemon may have died in
  /// settle(), and what it had read of accesses is lost.
  void unsettle(SlotIndex end) noexcept;
  /// The words and entries of this table, for a walk over many tables. Valid as long as the mapping.
  class View;
  [[nodiscard]] View view() const noexcept;
  [[nodiscard]] std::uint64_t granted_through() const noexcept;
  [[nodiscard]] AccessCounts access_counts() const noexcept;
  /// Calls visit(slot) for each slot in [begin, end) that is on a touched page. Precondition: a page begins at `begin`.
  template <class Visit>
  void for_each_touched(SlotIndex begin, SlotIndex end, Visit&& visit) const {
    constexpr std::uint32_t kStep = PinTableGeometry::kEntriesPerPage;
    for (SlotIndex first = begin; first < end; first += kStep)
      if (touched(first))
        for (SlotIndex slot = first; slot < std::min(end, first + kStep); ++slot) visit(slot);
  }
  [[nodiscard]] const PinTableGeometry& geometry() const noexcept { return geometry_; }
  /// Number of bytes of this table that have memory.
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;

 private:
  [[nodiscard]] PinTableHeader& header() const noexcept { return *reinterpret_cast<PinTableHeader*>(mapping_.data()); }
  [[nodiscard]] PinEntry& entry(SlotIndex slot) const noexcept {
    return reinterpret_cast<PinEntry*>(mapping_.data() + geometry_.entries_at)[slot];
  }
  [[nodiscard]] std::atomic<std::uint64_t>& map_word(std::uint64_t map_at, std::uint32_t page) const noexcept {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(mapping_.data() + map_at)[page / 64];
  }
  [[nodiscard]] static constexpr std::uint32_t page_of(SlotIndex slot) noexcept {
    return slot / PinTableGeometry::kEntriesPerPage;
  }
  [[nodiscard]] static constexpr std::uint64_t bit_of(std::uint32_t page) noexcept {
    return std::uint64_t{1} << (page % 64);
  }
  [[nodiscard]] static bool is_set(const std::atomic<std::uint64_t>& word, std::uint32_t page) noexcept {
    return (word.load(std::memory_order_seq_cst) & bit_of(page)) != 0;
  }
  [[nodiscard]] CounterStripe& stripe() const noexcept;

  Mapping mapping_;
  PinTableGeometry geometry_;
};

class PinTable::View {
 public:
  /// Number of slots for which one word of the map of touched pages speaks.
  static constexpr std::uint32_t kSlotsPerWord = 64 * PinTableGeometry::kEntriesPerPage;

  View(const std::atomic<std::uint64_t>* touched, const PinEntry* entries) noexcept
      : touched_(touched), entries_(entries) {}
  /// The word of the slot's page; see PinTable::touched().
  [[nodiscard]] std::uint64_t touched_word(SlotIndex slot) const noexcept {
    return touched_[slot / kSlotsPerWord].load(std::memory_order_seq_cst);
  }
  /// The bit of the slot's page in that word.
  [[nodiscard]] static constexpr std::uint64_t bit(SlotIndex slot) noexcept { return bit_of(page_of(slot)); }
  [[nodiscard]] bool touched(SlotIndex slot) const noexcept { return (touched_word(slot) & bit(slot)) != 0; }
  [[nodiscard]] std::uint32_t references(SlotIndex slot) const noexcept {
    return touched(slot) ? entry(slot).references.load(std::memory_order_seq_cst) : 0;
  }
  /// Precondition: its page has memory.
  [[nodiscard]] const PinEntry& entry(SlotIndex slot) const noexcept { return entries_[slot]; }

 private:
  const std::atomic<std::uint64_t>* touched_;
  const PinEntry* entries_;
};

inline PinTable::View PinTable::view() const noexcept {
  return {&map_word(geometry_.map_at, 0), &entry(0)};
}

template <class Visit>
bool PinTable::settle(std::uint32_t page, const PinTable* next, Visit&& visit) noexcept {
  constexpr std::uint32_t kPerLine = 64 / sizeof(PinEntry);
  std::atomic<std::uint64_t>& settled = map_word(geometry_.settled_at, page);
  if (!is_set(settled, page)) settled.fetch_or(bit_of(page), std::memory_order_seq_cst);
  // The bit is cleared before the counts are read. A client counts before it looks at the bit. So if it found the bit
  // set, its count is seen here; else it sets the bit again.
  std::atomic<std::uint64_t>& touched = map_word(geometry_.map_at, page);
  touched.fetch_and(~bit_of(page), std::memory_order_seq_cst);
  const SlotIndex begin = page * PinTableGeometry::kEntriesPerPage;
  const std::uint32_t count = std::min(geometry_.slot_count - begin, PinTableGeometry::kEntriesPerPage);
  PinEntry* const entries = &entry(begin);
  const PinEntry* const ahead = next == nullptr ? entries : &next->entry(begin);
  std::uint32_t references = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i % kPerLine == 0) __builtin_prefetch(ahead + i);
    // The count before the access: a get tells of itself while it holds its reference.
    references |= entries[i].references.load(std::memory_order_seq_cst);
    visit(begin + i, entries[i]);
  }
  if (references != 0) touched.fetch_or(bit_of(page), std::memory_order_seq_cst);
  return references == 0;
}

}  // namespace dolium::shm
