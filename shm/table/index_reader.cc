#include "shm/table/index_reader.h"

#include <fmt/format.h>

namespace dolium::shm {

Result<IndexReader> IndexReader::open(const std::byte* base, std::uint64_t bytes) {
  IndexReader reader;
  reader.header_ = reinterpret_cast<const IndexHeader*>(base);
  const IndexHeader& header = *reader.header_;
  if (bytes < kPageBytes || header.magic != kIndexMagic || header.layout != kIndexLayout)
    return Error{
        Errc::protocol_error,
        fmt::format("the memory from the daemon is not an index of layout {}: use a library and a daemon of the "
                    "same version",
                    kIndexLayout)};
  const IndexGeometry geometry = IndexGeometry::for_slots(header.slot_count);
  if (geometry.total_bytes > bytes || geometry.bucket_count != header.bucket_count)
    return Error{Errc::protocol_error,
                 "the index is smaller than its header says: use a library and a daemon of the same version"};
  reader.buckets_ = reinterpret_cast<const Bucket*>(base + kPageBytes);
  reader.slots_ = reinterpret_cast<const Slot*>(base + geometry.slots_at);
  reader.slot_count_ = geometry.slot_count;
  reader.bucket_count_ = geometry.bucket_count;
  return reader;
}

IndexReader::Lookup IndexReader::find(const ObjectId& id, std::uint32_t max_steps) const noexcept {
  const Bucket& bucket = buckets_[bucket_of(id, bucket_count_)];
  for (int walks = 0; walks < kMaxWalks; ++walks) {
    const std::uint64_t before = bucket.load(std::memory_order_acquire);
    const Lookup lookup = walk(id, unpack(before).head, max_steps);
    if (lookup.verdict != Verdict::absent) {
      if (lookup.verdict == Verdict::found) return lookup;
      continue;
    }
    // A walk that found nothing proves absence only if the chain did not change meanwhile. The fence pairs with the
    // writer's fence before it rewrites an unlinked row: if the walk saw a rewritten word, it now sees the bucket's new
    // version.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (bucket.load(std::memory_order_relaxed) == before) return lookup;
  }
  return {Verdict::undecided};
}

IndexReader::Lookup IndexReader::walk(const ObjectId& id, std::uint32_t link, std::uint32_t max_steps) const noexcept {
  for (std::uint32_t steps = 0; steps < max_steps; ++steps) {
    const SlotIndex index = from_link(link);
    if (index >= slot_count_) return {link == 0 ? Verdict::absent : Verdict::undecided};
    const Slot& row = slots_[index];
    const std::uint64_t seq = row.seq.load(std::memory_order_acquire);
    if (row.id.is(id)) {
      // An odd seq is never a miss, because the object may be published again. An id that was read while the row
      // changed may be a mix of two ids, so it counts only if seq is unchanged.
      std::atomic_thread_fence(std::memory_order_acquire);
      const bool stable = seq % 2 == 0 && row.seq.load(std::memory_order_relaxed) == seq;
      return stable ? Lookup{Verdict::found, index, seq} : Lookup{Verdict::undecided};
    }
    link = row.next.load(std::memory_order_acquire);
  }
  return {Verdict::undecided};
}

}  // namespace dolium::shm
