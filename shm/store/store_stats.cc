// The store's figures, a piece at a time. See stats_piece.h.

#include <algorithm>
#include <bit>

#include "shm/os/milliseconds.h"
#include "shm/store/store.h"

namespace dolium::shm {
namespace {

/// What one piece may cost: looks at slots, in the index and in each client's table. Some 100 us.
constexpr std::uint32_t kLooksPerPiece = 16 * 1024;

/// Histogram buckets: powers of four from 64 bytes up.
constexpr std::uint64_t kFirstBucket = 64;

std::uint64_t bucket_for(std::uint64_t size) noexcept {
  std::uint64_t bucket = kFirstBucket;
  while (bucket < size) bucket *= 4;
  return bucket;
}

}  // namespace

/// Of the slots from `begin` to `end`, the first of which begins a page of the pin tables: which somebody holds.
std::vector<bool> Store::slots_in_use(SlotIndex begin, SlotIndex end) const {
  std::vector<bool> used(end - begin, false);
  for (const auto& client : clients_) {
    client->table.for_each_touched(begin, end, [&](SlotIndex slot) {
      if (client->table.references(slot) != 0) used[slot - begin] = true;
    });
  }
  for (SlotIndex slot = begin; !holds_.empty() && slot < end; ++slot)
    if (holds_.contains(slot)) used[slot - begin] = true;
  return used;
}

void Store::count_objects(SlotIndex begin, SlotIndex end, StatsPiece& piece) const {
  StoreStats& stats = piece.stats;
  const std::vector<bool> used = slots_in_use(begin, end);
  std::vector<std::uint64_t> counts(64, 0);  // by the bucket's binary logarithm
  for (SlotIndex slot = begin; slot < end; ++slot) {
    const SlotMargin& margin = index_.margin(slot);
    if (margin.state == SlotState::free) continue;
    count_barrier(slot, used[slot - begin], piece);
    const SlotFields fields = index_.read(slot);
    const std::uint64_t size = fields.data_size + fields.metadata_size;
    const std::uint64_t taken = taken_bytes(slot);
    stats.padding_bytes += taken - size - margin.type_name_size;
    // A claim on a slot that is still being written can only be a lie, or left behind by one.
    const bool in_use = used[slot - begin] && (margin.state == SlotState::sealed || margin.state == SlotState::retired);
    if (in_use) ++stats.in_use_count, stats.in_use_bytes += taken;
    if (margin.state != SlotState::sealed) continue;
    ++stats.total_objects;
    stats.total_size += size;
    ++counts[static_cast<std::size_t>(std::countr_zero(bucket_for(fields.data_size)))];
    if (!in_use && !margin.pinned) stats.evictable_bytes += taken;
  }
  for (std::size_t log2 = 0; log2 < counts.size(); ++log2)
    if (counts[log2] != 0) stats.size_histogram.emplace_back(std::uint64_t{1} << log2, counts[log2]);
}

StatsPiece Store::stats(TimeNs now, SlotIndex cursor) {
  advance(now);
  for (const auto& client : clients_) take_up_grants(*client);
  // All clients' tables are looked at together, in whole pages.
  const std::size_t share = kLooksPerPiece / (clients_.size() + 1) / PinTableGeometry::kEntriesPerPage;
  const auto wanted = static_cast<std::uint32_t>(std::max<std::size_t>(share, 1)) * PinTableGeometry::kEntriesPerPage;
  const SlotIndex touched = index_.slots_touched();
  const SlotIndex begin =
      std::min(cursor / PinTableGeometry::kEntriesPerPage * PinTableGeometry::kEntriesPerPage, touched);
  const SlotIndex end = touched - begin > wanted ? begin + wanted : touched;
  sweep_some(wanted);
  StatsPiece piece;
  count_objects(begin, end, piece);
  StoreStats& stats = piece.stats;
  stats.capacity = arena_.capacity();
  stats.used_bytes = arena_.used_bytes();
  stats.free_bytes = arena_.free_bytes();
  stats.largest_free_extent = arena_.largest_free_extent();
  stats.reserved_bytes = memory_.reserved_bytes();
  stats.max_objects = index_.slot_count();
  stats.pinned_count = pinned_tally_.count;
  stats.pinned_bytes = pinned_tally_.bytes;
  stats.unsealed_count = unsealed_tally_.count;
  stats.unsealed_bytes = unsealed_tally_.bytes;
  stats.retired_count = retired_tally_.count;
  stats.retired_bytes = retired_tally_.bytes;
  stats.quarantined_count = quarantined_tally_.count;
  stats.quarantined_bytes = quarantined_tally_.bytes;
  AccessCounts accesses = counters().of_the_dead;
  for (const auto& client : clients_) {
    const AccessCounts counts = client->table.access_counts();
    accesses.hits += counts.hits;
    accesses.misses += counts.misses;
  }
  stats.hit_count = accesses.hits;
  stats.miss_count = accesses.misses;
  stats.get_count = accesses.hits + accesses.misses;
  stats.put_count = counters().puts;
  stats.eviction_count = counters().evictions;
  stats.evicted_bytes = counters().evicted_bytes;
  stats.relocation_count = counters().relocations;
  stats.relocated_bytes = counters().relocated_bytes;
  stats.expired_count = counters().expired;
  stats.removed_count = counters().removed;
  stats.aborted_count = counters().aborted;
  stats.out_of_memory_count = counters().refused;
  stats.client_count = clients_.size();
  stats.uptime = to_ms(now_ - ledger_.state().started);
  stats.last_refusal = last_refusal_;
  if (stats.last_refusal) stats.last_refusal->ago = to_ms(now_ - last_refused_);
  piece.next = end < touched ? end : 0;
  return piece;
}

StoreStats Store::stats(TimeNs now) {
  return whole_stats([&](SlotIndex cursor) -> Result<StatsPiece> { return stats(now, cursor); }).value();
}

}  // namespace dolium::shm
