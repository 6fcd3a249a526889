#include "shm/table/holder.h"

namespace dolium::shm {

Holder::Attempt Holder::hold(const ObjectId& id, std::uint32_t max_steps) noexcept {
  bool release_wanted = false;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const IndexReader::Lookup found = index_.find(id, max_steps);
    if (found.verdict == IndexReader::Verdict::absent) return {Verdict::absent, {}, release_wanted};
    if (found.verdict == IndexReader::Verdict::undecided) break;
    const Slot& row = index_.slot(found.slot);
    table_.add_reference(found.slot);
    if (row.seq.load(std::memory_order_seq_cst) == found.seq) {
      // Acquire: an object that is read back changes its place while it is visible, and with this reference on it. Its
      // bytes were written before.
      const std::uint32_t units = row.offset.load(std::memory_order_acquire);
      if (units == kSpilledUnits) [[unlikely]] {
        release_wanted |= release(found.slot);
        break;
      }
      const Place place = place_of(row, units);
      return {Verdict::held,
              {found.slot, place.offset, place.data_size, place.metadata_size,
               row.type_tag.load(std::memory_order_relaxed)},
              release_wanted};
    }
    release_wanted |= release(found.slot);
  }
  return {Verdict::undecided, {}, release_wanted};
}

// The server that gave the grant frees nothing of it before it is taken up. Its successor counts itself, then reads the
// pin tables. Here the reference comes first, then the look at that count; all sequentially consistent. So either the
// successor sees the reference, or its number is seen here.
Holder::Attempt Holder::hold_granted(const Granted& granted) noexcept {
  const Held& object = granted.object;
  const std::uint64_t size = object.data_size + object.metadata_size;
  if (object.slot >= index_.slot_count() || size < object.data_size || size > index_.arena_bytes() ||
      object.offset > index_.arena_bytes() - size)
    return {Verdict::absent, {}};
  table_.add_reference(object.slot);
  if (index_.successions() == granted.succession) return {Verdict::held, object};
  return {Verdict::absent, {}, release(object.slot)};
}

}  // namespace dolium::shm
