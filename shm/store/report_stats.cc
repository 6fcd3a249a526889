// The store's figures, a piece at a time (shm/types/stats_piece.h), and what cuts its arena (Obstacles,
// <dolium/stats.h>).

#include <algorithm>
#include <bit>

#include "shm/os/milliseconds.h"
#include "shm/store/report.h"
#include "shm/store/store_parts.h"

namespace dolium::shm {
namespace {

/// Maximum number of looks of one piece, at slots in the index and in each client's table. Some 100 us.
constexpr std::uint32_t kLooksPerPiece = 16 * 1024;

/// Histogram buckets: powers of four from 64 bytes up.
constexpr std::uint64_t kFirstBucket = 64;

std::uint64_t bucket_for(std::uint64_t size) noexcept {
  std::uint64_t bucket = kFirstBucket;
  while (bucket < size) bucket *= 4;
  return bucket;
}

constexpr bool is_visible_or_retired(SlotState state) noexcept {
  return state == SlotState::sealed || state == SlotState::retired;
}

}  // namespace

std::uint32_t Report::slots_per_piece() const noexcept {
  // The tables of all clients are looked at together, in whole pages.
  const std::size_t share = kLooksPerPiece / (parts_.clients.size() + 1) / PinTableGeometry::kEntriesPerPage;
  return static_cast<std::uint32_t>(std::max<std::size_t>(share, 1)) * PinTableGeometry::kEntriesPerPage;
}

StatsPiece Report::stats(SlotIndex cursor) const {
  constexpr std::uint32_t kPage = PinTableGeometry::kEntriesPerPage;
  const SlotIndex touched = parts_.rows.index.slots_touched();
  const SlotIndex begin = std::min(cursor / kPage * kPage, touched);
  const std::uint32_t wanted = slots_per_piece();
  const SlotIndex end = touched - begin > wanted ? begin + wanted : touched;
  StatsPiece piece;
  count_objects(begin, end, piece);
  fill_totals(piece.stats);
  piece.next = end < touched ? end : 0;
  return piece;
}

void Report::count_objects(SlotIndex begin, SlotIndex end, StatsPiece& piece) const {
  StoreStats& stats = piece.stats;
  const std::vector<bool> used = parts_.usage.slots_in_use(begin, end);
  std::vector<std::uint64_t> counts(64, 0);  // by the bucket's binary logarithm
  for (SlotIndex slot = begin; slot < end; ++slot) {
    const SlotMargin& margin = parts_.rows.margin(slot);
    if (margin.state == SlotState::free) continue;
    const bool resident = parts_.rows.arena.owns(slot);
    if (resident) count_barrier(slot, used[slot - begin], piece);
    const SlotFields fields = parts_.rows.fields(slot);
    const std::uint64_t size = fields.data_size + fields.metadata_size;
    const std::uint64_t taken = parts_.rows.extent_bytes(slot);
    if (resident) stats.padding_bytes += taken - size - margin.type_name_size - margin.label_size;
    // A reference to a slot that is being written is a lie, or was left by one.
    const bool in_use = used[slot - begin] && is_visible_or_retired(margin.state);
    if (in_use) ++stats.in_use_count, stats.in_use_bytes += taken;
    if (margin.state != SlotState::sealed) continue;
    ++stats.total_objects;
    stats.total_size += size;
    ++counts[static_cast<std::size_t>(std::countr_zero(bucket_for(fields.data_size)))];
    if (in_use || margin.pinned) continue;
    if (parts_.graces.keeps(slot))
      ++stats.graced_count, stats.graced_bytes += taken;
    else if (!margin.kept || margin.clean)
      stats.evictable_bytes += taken;  // without the disk
  }
  for (std::size_t log2 = 0; log2 < counts.size(); ++log2)
    if (counts[log2] != 0) stats.size_histogram.emplace_back(std::uint64_t{1} << log2, counts[log2]);
}

/// What is known without a look at each object.
void Report::fill_totals(StoreStats& stats) const {
  const Rows& rows = parts_.rows;
  stats.capacity = rows.arena.capacity();
  stats.used_bytes = rows.arena.used_bytes();
  stats.free_bytes = stats.capacity - stats.used_bytes;
  stats.largest_free_extent = std::max(rows.arena.largest_free_extent(), stats.capacity - rows.arena.live_to());
  stats.reserved_bytes = rows.memory.resident_bytes();
  stats.max_objects = rows.index.slot_count();
  stats.eviction_policy = rows.config.eviction_policy;
  stats.pinned_count = parts_.pins.tally().count;
  stats.pinned_bytes = parts_.pins.tally().bytes;
  stats.unsealed_count = parts_.writing.tally().count;
  stats.unsealed_bytes = parts_.writing.tally().bytes;
  stats.retired_count = parts_.sealed.retired().count;
  stats.retired_bytes = parts_.sealed.retired().bytes;
  stats.quarantined_count = parts_.quarantine.tally().count;
  stats.quarantined_bytes = parts_.quarantine.tally().bytes;
  stats.dirty_count = parts_.spill.dirty().count;
  stats.dirty_bytes = parts_.spill.dirty().bytes;
  stats.clean_count = parts_.spill.clean().count;
  stats.clean_bytes = parts_.spill.clean().bytes;
  stats.spilled_count = parts_.spill.spilled().count;
  stats.spilled_bytes = parts_.spill.spilled().bytes;
  stats.reading_count = parts_.spill.reading().size();
  const StoreCounters& counters = rows.counters();
  stats.spill_count = counters.spills;
  stats.read_back_count = counters.read_backs;
  AccessCounts accesses = counters.of_the_dead;
  parts_.clients.for_each([&accesses](const AttachedClient& client) {
    const AccessCounts counts = client.table.access_counts();
    accesses.hits += counts.hits;
    accesses.misses += counts.misses;
  });
  stats.hit_count = accesses.hits;
  stats.miss_count = accesses.misses;
  stats.get_count = accesses.hits + accesses.misses;
  stats.put_count = counters.puts;
  stats.eviction_count = counters.evictions;
  stats.evicted_bytes = counters.evicted_bytes;
  stats.relocation_count = counters.relocations;
  stats.relocated_bytes = counters.relocated_bytes;
  stats.expired_count = counters.expired;
  stats.removed_count = counters.removed;
  stats.aborted_count = counters.aborted;
  stats.out_of_memory_count = counters.refused;
  stats.client_count = parts_.clients.size();
  stats.uptime = to_ms(rows.now - rows.ledger.state().started);
  parts_.refusals.tell(stats);
}

// ---- what cuts the arena ----

StatsPiece Report::obstacles() const {
  StatsPiece all;
  const SlotIndex end = parts_.rows.index.slots_touched();
  const std::vector<bool> used = parts_.usage.slots_in_use(0, end);
  for (SlotIndex slot = 0; slot < end; ++slot)
    if (parts_.rows.arena.owns(slot)) count_barrier(slot, used[slot], all);
  return all;
}

/// `used`: a client holds it.
Report::Barrier Report::barrier(SlotIndex slot, bool used) const {
  const SlotMargin& margin = parts_.rows.margin(slot);
  const bool idle_lease = parts_.lease_recall.is_idle(slot);
  switch (margin.state) {
    case SlotState::free: return Barrier::none;
    case SlotState::retired: return used ? Barrier::held : Barrier::none;
    case SlotState::sealed:
      if (used) return Barrier::held;
      if (!margin.pinned && !parts_.graces.keeps(slot)) return Barrier::none;
      if (parts_.sealed.may_move_aside(slot)) return Barrier::movable;
      return margin.pinned ? Barrier::pinned : Barrier::graced;
    case SlotState::unsealed:
      if (!margin.leased) return Barrier::writing;
      return idle_lease ? Barrier::none : Barrier::leased;
    case SlotState::abandoned: return idle_lease ? Barrier::none : Barrier::abandoned;
  }
  return Barrier::none;
}

void Report::count_barrier(SlotIndex slot, bool used, StatsPiece& piece) const {
  Obstacles& obstacles = piece.stats.obstacles;
  const std::uint64_t taken = parts_.rows.taken_bytes(slot);
  switch (barrier(slot, used)) {
    case Barrier::none: return;
    case Barrier::movable: obstacles.movable_bytes += taken; return;
    case Barrier::held: obstacles.held_bytes += taken; break;
    case Barrier::writing: obstacles.writing_bytes += taken; break;
    case Barrier::leased: obstacles.leased_bytes += taken; break;
    case Barrier::abandoned: obstacles.abandoned_bytes += taken; break;
    case Barrier::pinned: obstacles.pinned_bytes += taken; break;
    case Barrier::graced: obstacles.graced_bytes += taken; break;
  }
  ++obstacles.count;
  const std::uint64_t begin = parts_.rows.arena.offset_of(ExtentRef::live(slot));
  piece.walls.add({begin, begin + taken});
}

Tally Report::pinned() const noexcept {
  return parts_.pins.tally();
}

std::uint64_t Report::bookkeeping_bytes() const {
  const Rows& rows = parts_.rows;
  std::uint64_t bytes = rows.index.bookkeeping_bytes() + rows.arena.bookkeeping_bytes() +
                        parts_.sealed.eviction().bookkeeping_bytes() + parts_.usage.bookkeeping_bytes() +
                        rows.ledger.bookkeeping_bytes(rows.index.slots_touched());
  parts_.clients.for_each([&bytes](const AttachedClient& client) { bytes += client.table.bookkeeping_bytes(); });
  return bytes;
}

}  // namespace dolium::shm
