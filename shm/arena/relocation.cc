#include "shm/arena/relocation.h"

namespace dolium::shm {

std::optional<Relocation> next_relocation(const Arena& arena, std::uint64_t most_bytes,
                                          const std::function<bool(SlotIndex)>& movable) {
  for (const ExtentRef hole : arena.largest_free_extents(kHolesLookedAt)) {
    for (const ExtentRef beside : {arena.before(hole), arena.after(hole)}) {
      if (!beside.is_live()) continue;
      const std::uint64_t size = arena.size_of(beside);
      if (size > most_bytes) continue;
      const ExtentRef to = arena.fit(size);
      // The last condition makes the sum of the squares grow. With two equal holes, it still merges them.
      if (to.is_none() || to == hole || arena.size_of(to) >= arena.size_of(hole) + size) continue;
      if (movable(beside.owner())) return Relocation{beside.owner(), to};
    }
  }
  return std::nullopt;
}

}  // namespace dolium::shm
