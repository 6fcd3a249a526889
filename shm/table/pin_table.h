#pragma once
// The pin table: how many references one client holds to each slot. Written by that client alone, read by the
// daemon, which believes nothing in it: a client that lies can only keep objects from being evicted. (The daemon
// writes into one only before its client has it: a child of fork() begins with a copy of its parent's references; and
// to take back a lease, in the word that says whether it is in use.)
//
//   header        counters, granted_through, and the map of touched pages
//   entries       16 bytes for each slot of the index
//
// The map has a bit for each page of entries, set before the first reference on that page is counted: the
// daemon looks only where a bit is set, because a look at an untouched page would allocate it.

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
  std::atomic<std::uint32_t> hits;         ///< gets of whatever lives in this slot, since the table was made
  std::atomic<std::uint64_t> last_access;  ///< CLOCK_MONOTONIC ns of the last of them
};
static_assert(sizeof(PinEntry) == 16);

/// Threads that share a client count on different cache lines.
struct alignas(64) CounterStripe {
  std::atomic<std::uint64_t> hits;
  std::atomic<std::uint64_t> misses;
};
inline constexpr std::size_t kCounterStripes = 8;

/// Who may use a lease now: the client that has it, or the daemon, to take it back (shm/store/lease_recall.h). One
/// word, so that exactly one of them gets it. It names what is left of the lease, in units: while the daemon has not
/// heard of all that was cut off it, it does not take it back.
class LeaseWord {
 public:
  // ---- the client's side ----

  /// A lease of so much is asked for, or what is left of it after a put.
  void set_idle(std::uint64_t units) noexcept { word_.store(of(units, kIdle), std::memory_order_release); }
  /// Before writing into it. False: it was taken back.
  [[nodiscard]] bool claim(std::uint64_t units) noexcept { return change(units, kBusy); }

  // ---- the daemon's side ----

  [[nodiscard]] bool is_idle(std::uint64_t units) const noexcept {
    return word_.load(std::memory_order_acquire) == of(units, kIdle);
  }
  /// It is the daemon's again, with all that is left. False: the client has it.
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
/// How many leases of a client can be taken back.
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
  std::uint64_t map_at = 0;      ///< 64-bit words
  std::uint64_t entries_at = 0;
  std::uint64_t total_bytes = 0;

  [[nodiscard]] static constexpr PinTableGeometry for_slots(std::uint32_t slots) noexcept {
    PinTableGeometry geometry;
    geometry.slot_count = slots;
    geometry.page_count = (slots + kEntriesPerPage - 1) / kEntriesPerPage;
    geometry.map_at = round_up(sizeof(PinTableHeader), 64);
    geometry.entries_at = round_up(geometry.map_at + (geometry.page_count + 63) / 64 * 8, kPageBytes);
    geometry.total_bytes = geometry.entries_at + std::uint64_t{geometry.page_count} * kPageBytes;
    return geometry;
  }
  /// Where the page with this slot's entry begins.
  [[nodiscard]] constexpr std::uint64_t page_at(std::uint32_t slot) const noexcept {
    return entries_at + std::uint64_t{slot / kEntriesPerPage} * kPageBytes;
  }
};

struct AccessCounts {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
};

/// A mapped pin table, as both sides see it. A resource: moves.
class PinTable {
 public:
  PinTable() = default;
  PinTable(Mapping mapping, std::uint32_t slot_count) noexcept
      : mapping_(std::move(mapping)), geometry_(PinTableGeometry::for_slots(slot_count)) {}

  // ---- the client's side; any thread of the client ----

  /// Counts a reference. Sequentially consistent: the check of the slot's seq that follows cannot be
  /// overtaken (Dekker's pattern; see shm/README.md).
  void add_reference(SlotIndex slot) noexcept;
  /// Uncounts one; true when it was this client's last to the slot. Sequentially consistent.
  [[nodiscard]] bool drop_reference(SlotIndex slot) noexcept;
  /// Another reference to what is held already: needs no check.
  /// Sequentially consistent for the sake of fork(), which must not overlook it; see client/mapped/attachment.h.
  void copy_reference(SlotIndex slot) noexcept { entry(slot).references.fetch_add(1, std::memory_order_seq_cst); }
  void record_hit(SlotIndex slot, TimeNs now) noexcept;
  void record_miss() noexcept;
  void set_granted_through(std::uint64_t number) noexcept;
  /// Below kLeaseWords.
  [[nodiscard]] LeaseWord& lease_word(std::uint32_t number) const noexcept { return header().lease_words[number]; }
  [[nodiscard]] Result<void> exclude_from_fork() const { return mapping_.exclude_from_fork(); }

  // ---- the daemon's side; everything read here may be a lie ----

  /// Before the client has the table, and only then.
  void set_references(SlotIndex slot, std::uint32_t count) noexcept;
  [[nodiscard]] bool touched(SlotIndex slot) const noexcept;
  [[nodiscard]] std::uint32_t touched_pages() const noexcept;
  /// 0 without a look when the page is untouched. Sequentially consistent.
  [[nodiscard]] std::uint32_t references(SlotIndex slot) const noexcept;
  [[nodiscard]] std::uint32_t hits(SlotIndex slot) const noexcept;
  [[nodiscard]] TimeNs last_access(SlotIndex slot) const noexcept;
  [[nodiscard]] std::uint64_t granted_through() const noexcept;
  [[nodiscard]] AccessCounts access_counts() const noexcept;
  /// Calls visit(slot) for each slot from `begin`, where a page begins, up to `end` that is on a touched page.
  template <class Visit>
  void for_each_touched(SlotIndex begin, SlotIndex end, Visit&& visit) const {
    constexpr std::uint32_t kStep = PinTableGeometry::kEntriesPerPage;
    for (SlotIndex first = begin; first < end; first += kStep)
      if (touched(first))
        for (SlotIndex slot = first; slot < std::min(end, first + kStep); ++slot) visit(slot);
  }
  [[nodiscard]] const PinTableGeometry& geometry() const noexcept { return geometry_; }
  /// Bytes of this table that are in memory.
  [[nodiscard]] std::uint64_t bookkeeping_bytes() const noexcept;

 private:
  [[nodiscard]] PinTableHeader& header() const noexcept { return *reinterpret_cast<PinTableHeader*>(mapping_.data()); }
  [[nodiscard]] PinEntry& entry(SlotIndex slot) const noexcept {
    return reinterpret_cast<PinEntry*>(mapping_.data() + geometry_.entries_at)[slot];
  }
  [[nodiscard]] std::atomic<std::uint64_t>& map_word(std::uint32_t page) const noexcept {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(mapping_.data() + geometry_.map_at)[page / 64];
  }
  [[nodiscard]] CounterStripe& stripe() const noexcept;

  Mapping mapping_;
  PinTableGeometry geometry_;
};

}  // namespace dolium::shm
