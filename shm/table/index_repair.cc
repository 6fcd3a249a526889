#include "shm/table/index_repair.h"

namespace dolium::shm {

bool IndexRepair::is_linked(SlotIndex slot) const noexcept {
  std::uint32_t link = unpack(index_.bucket(index_.slot(slot).id.load()).load(std::memory_order_relaxed)).head;
  // Bounded by the number of rows, and checked against it: after a crash the chain may be damaged.
  for (std::uint32_t steps = 0; link != 0 && link <= index_.touched_ && steps < index_.touched_; ++steps) {
    if (from_link(link) == slot) return true;
    link = index_.slot(from_link(link)).next.load(std::memory_order_relaxed);
  }
  return false;
}

void IndexRepair::link(SlotIndex slot) const noexcept {
  Bucket& chain = index_.bucket(index_.slot(slot).id.load());
  index_.slot(slot).next.store(unpack(chain.load(std::memory_order_relaxed)).head, std::memory_order_release);
  index_.set_bucket(chain, to_link(slot));
}

void IndexRepair::unlink_remains(SlotIndex slot) const noexcept {
  if (is_linked(slot)) return index_.unlink(slot);
  Bucket& chain = index_.bucket(index_.slot(slot).id.load());
  index_.set_bucket(chain, unpack(chain.load(std::memory_order_relaxed)).head);
}

}  // namespace dolium::shm
