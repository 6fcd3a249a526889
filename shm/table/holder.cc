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
      const Place place = place_of(row);
      return {Verdict::held,
              {found.slot, place.offset, place.data_size, place.metadata_size,
               row.type_tag.load(std::memory_order_relaxed)},
              release_wanted};
    }
    release_wanted |= release(found.slot);
  }
  return {Verdict::undecided, {}, release_wanted};
}

}  // namespace dolium::shm
