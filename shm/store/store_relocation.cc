// Moving sealed objects, so that the arena's free bytes come together. See shm/arena/relocation.h for which, and
// store.h.
//
// The retire protocol with another end: the bytes are copied while the object stays visible where it is, then its row
// is made odd, the pin tables are read, and when nobody holds it the row says the new place before it is even again. So
// a reader finds the old place or the new one, with the same bytes at both; one that comes in between starts over.
// Between two turns of the daemon every object is at exactly one place, and a successor finds it at the one that its
// row says: the other is claimed by nobody (shm/store/store_recovery.cc).

#include <cstring>

#include "shm/arena/relocation.h"
#include "shm/store/store.h"

namespace dolium::shm {

bool Store::relocate_one() {
  if (!fragmented_) return false;
  const auto movable = [this](SlotIndex slot) { return margin(slot).state == SlotState::sealed && !in_use(slot); };
  const std::optional<Relocation> move = next_relocation(arena_, std::min(kMostRelocated, relocation_credit_), movable);
  const std::uint64_t taken = move ? taken_bytes(move->slot) : 0;
  fragmented_ = move && relocate(move->slot, move->to);
  if (fragmented_) relocation_credit_ -= taken;
  return fragmented_;
}

/// False when the system gives no memory for the new place.
bool Store::relocate(SlotIndex slot, ExtentRef place) {
  const std::uint64_t size = size_of(slot);
  const std::uint64_t taken = taken_bytes(slot);
  const std::uint64_t to = arena_.offset_of(place);
  if (!reserve_arena_to(to + taken)) return false;
  // Nobody writes to either: one is sealed, the other is free, and this process has one thread that gives memory away.
  std::memcpy(memory_.bytes(to, size).data(), memory_.bytes(index_.read(slot).offset, size).data(), size);
  margin(slot).operation = Operation::relocating;  // step 0
  index_.begin_retire(slot);                       // step 1
  const bool held = in_use(slot);                  // step 2
  if (!held) index_.relocate(slot, to);
  index_.cancel_retire(slot);                // step 3: the even seq commits
  margin(slot).operation = Operation::none;  // only when seq is even again: see Operation
  if (held) return true;                     // somebody took a reference during the copy, which was in vain
  arena_.move(slot, place);
  ++counters().relocations;
  counters().relocated_bytes += taken;
  room_made_ = true;
  return true;
}

}  // namespace dolium::shm
