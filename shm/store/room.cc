#include "shm/store/room.h"

#include <fmt/format.h>

#include <cstring>

#include "shm/os/monotonic_clock.h"
#include "shm/text/size_text.h"

namespace dolium::shm {

Room::Room(Rows& rows, Clients& clients, Pins& pins, Usage& usage, WritableExtents& writing, LeaseRecall& leases,
           SealedObjects& sealed, Refusals& refusals)
    : rows_(rows),
      clients_(clients),
      pins_(pins),
      usage_(usage),
      writing_(writing),
      leases_(leases),
      sealed_(sealed),
      refusals_(refusals) {
  large_pages_.add([this] { return rows_.index.in_use(); });
  large_pages_.add([this] { return rows_.ledger.in_use(rows_.index.slots_touched()); });
  large_pages_.add([this] { return rows_.arena.in_use(); });
  large_pages_.add([this] { return sealed_.eviction().in_use(); });
}

Result<Placement> Room::place(const AttachedClient& creator, const NewObject& object) {
  if (auto allowed = writing_.check_creation(creator, object); !allowed) return std::move(allowed).error();
  const std::uint64_t size = total_size(object);
  const Result<SlotIndex> slot = take_slot_for(object, size);
  if (!slot) return slot.error();
  const Result<std::uint64_t> offset = take_extent(size, *slot);
  if (!offset) {
    rows_.index.release(*slot);
    return offset.error();
  }
  write_row(*slot, *offset, object, creator);
  if (!object.type_name.empty())
    std::memcpy(rows_.memory.bytes(*offset + object.data_size + object.metadata_size, 0).data(),
                object.type_name.data(), object.type_name.size());
  return Placement{*slot, *offset};
}

Result<Placement> Room::begin(AttachedClient& creator, const NewObject& object) {
  const Result<Placement> placed = place(creator, object);
  if (placed) writing_.begin(creator, object.id, placed->slot);
  return placed;
}

void Room::write_row(SlotIndex slot, std::uint64_t offset, const NewObject& object, const AttachedClient& creator) {
  rows_.write(slot, offset, object, creator.id, creator.identity.pid);
  if (object.pinned) pins_.set(slot, creator.identity.uid);
}

// ---- a slot ----

Result<SlotIndex> Room::take_slot_for(const NewObject& object, std::uint64_t size) {
  const Result<SlotIndex> slot = take_slot(size);
  if (!slot) return slot;
  Result<void> reserved = rows_.reserve_notes(*slot, object);
  if (reserved) return slot;
  rows_.index.release(*slot);
  return std::move(reserved).error();
}

Result<SlotIndex> Room::take_slot(std::uint64_t size) {
  ObjectIndex& index = rows_.index;
  Result<SlotIndex> slot = index.take();
  if (slot && *slot == kNoSlot) {
    sealed_.sweep(kSweepForRoom);
    slot = index.take();
  }
  // What is evicted for the slot must leave room for the bytes too, or it would be evicted in vain.
  const auto evict_for_both = [this, size] {
    return rows_.arena.largest_free_extent() >= Arena::taken_by(size) ? evict_coldest()
                                                                      : evict_window(size) || clear_way(size);
  };
  if (slot && *slot == kNoSlot && evict_for_both()) slot = index.take();
  if (slot && *slot == kNoSlot && sweep_before_refusal()) slot = index.take();
  if (slot && *slot == kNoSlot && leases_.recall()) slot = index.take();
  if (slot && *slot == kNoSlot) return refusals_.no_slot();
  if (!slot) return slot;
  if (auto reserved = rows_.ledger.reserve(*slot); !reserved) {
    index.release(*slot);
    return std::move(reserved).error();
  }
  return slot;
}

// ---- an extent ----

Result<std::uint64_t> Room::take_extent(std::uint64_t size, SlotIndex slot) {
  sealed_.sweep(kSweepStep);
  std::optional<std::uint64_t> offset = rows_.arena.allocate(size, slot);
  if (!offset) offset = make_room(size, slot);
  if (!offset) return refusals_.no_room(Arena::taken_by(size));
  if (auto reserved = rows_.reserve_arena_to(*offset + Arena::taken_by(size)); !reserved) {
    rows_.arena.free(slot);
    return Error{
        Errc::out_of_memory,
        fmt::format("the arena cannot grow for an object of {}: {}; free memory, raise the cgroup's memory limit, or "
                    "lower the daemon's capacity",
                    format_size(size), reserved.error().message),
        RefusalCause::memory};
  }
  return *offset;
}

std::optional<std::uint64_t> Room::make_room(std::uint64_t size, SlotIndex slot) {
  sealed_.sweep(kSweepForRoom);
  std::optional<std::uint64_t> offset = rows_.arena.allocate(size, slot);
  if (!offset) offset = evict_for(size, slot);
  const bool swept = !offset && sweep_before_refusal();
  if (!offset && (leases_.recall() || swept)) {
    offset = rows_.arena.allocate(size, slot);
    if (!offset) offset = evict_for(size, slot);
  }
  if (!offset && clear_way(size)) offset = rows_.arena.allocate(size, slot);
  if (offset) keep_low_water_mark();
  return offset;
}

/// Returns whether anything was freed. With very many retired objects, and one refusal after the other, it does not
/// look at all of them each time.
bool Room::sweep_before_refusal() {
  const std::uint64_t before = sealed_.retired().count;
  if (before > kSweepAlways && rows_.now < next_full_sweep_) return false;
  next_full_sweep_ = deadline_after(rows_.now, kSweepRest * before);
  sweep();
  return sealed_.retired().count != before;
}

void Room::note_refusal(ClientId client, const NewObject& object, const Error& error, TimeNs now) {
  rows_.advance(now);
  refusals_.note(client, object, error);
}

}  // namespace dolium::shm
