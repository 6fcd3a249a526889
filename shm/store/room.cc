#include "shm/store/room.h"

#include <cstring>

#include "shm/os/monotonic_clock.h"

namespace dolium::shm {

Room::Room(Rows& rows, Clients& clients, Pins& pins, Graces& graces, Usage& usage, WritableExtents& writing,
           LeaseRecall& leases, Spill& spill, SealedObjects& sealed, Refusals& refusals)
    : rows_(rows),
      clients_(clients),
      pins_(pins),
      graces_(graces),
      usage_(usage),
      writing_(writing),
      leases_(leases),
      spill_(spill),
      sealed_(sealed),
      refusals_(refusals) {
  large_pages_.add([this] { return rows_.index.in_use(); });
  large_pages_.add([this] { return rows_.ledger.in_use(rows_.index.slots_touched()); });
  large_pages_.add([this] { return rows_.arena.in_use(); });
  large_pages_.add([this] { return sealed_.eviction().in_use(); });
}

Result<Placement> Room::place(const AttachedClient& creator, const NewObject& object) {
  if (auto allowed = writing_.check_creation(creator, object); !allowed) return std::move(allowed).error();
  if (auto kept = check_kept(object); !kept) return std::move(kept).error();
  const std::uint64_t size = total_size(object);
  const Result<SlotIndex> slot = take_slot_for(object, size);
  if (!slot) return slot.error();
  const Result<std::uint64_t> offset = take_extent(size, *slot);
  if (!offset) {
    rows_.index.release(*slot);
    return offset.error();
  }
  write_row(*slot, *offset, object, creator);
  std::byte* const end = rows_.memory.bytes(*offset + object.data_size + object.metadata_size, 0).data();
  if (!object.type_name.empty()) std::memcpy(end, object.type_name.data(), object.type_name.size());
  if (!object.label.empty()) std::memcpy(end + object.type_name.size(), object.label.data(), object.label.size());
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
  if (object.grace.any()) graces_.set(slot, object.grace, creator);
  if (rows_.keeps(object.retention)) spill_.set(slot, creator.identity.uid);
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
  SlotIndex slot = take_row();
  if (slot == kNoSlot) {
    sealed_.sweep(kSweepForRoom);
    slot = take_row();
  }
  if (slot == kNoSlot) slot = evict_for_slot(size);
  if (slot == kNoSlot && sweep_before_refusal()) slot = take_row();
  if (slot == kNoSlot && leases_.recall()) slot = take_row();
  if (slot == kNoSlot) {
    const Result<SlotIndex> grown = rows_.index.take();
    if (!grown) return refusals_.no_memory_for_slot(grown.error());
    slot = *grown;
  }
  if (slot == kNoSlot) return refusals_.no_slot();
  if (auto reserved = rows_.ledger.reserve(slot); !reserved) {
    rows_.index.release(slot);
    return std::move(reserved).error();
  }
  return slot;
}

/// What is evicted for the slot must leave room for the bytes too, or it would be evicted in vain. Objects of retention
/// `keep` give up no slot.
SlotIndex Room::evict_for_slot(std::uint64_t size) {
  for (std::size_t tries = 0; tries < kSweepStep; ++tries) {
    if (sealed_.tally().count == spill_.dirty().count + spill_.clean().count) return kNoSlot;
    const bool evicted = rows_.arena.largest_free_extent() >= Arena::taken_by(size) ? evict_coldest(Batch::allowed)
                                                                                    : evict_or_clear(size);
    if (!evicted) return kNoSlot;
    if (const SlotIndex slot = take_row(); slot != kNoSlot) return slot;
  }
  return kNoSlot;
}

/// Without an eviction. kNoSlot too if the index has no memory for another row: an evicted object's row needs none.
SlotIndex Room::take_row() {
  const bool grow = may_grow(ObjectIndex::kReserveStep);
  const Result<SlotIndex> slot = rows_.index.take(grow ? ObjectIndex::Growth::allowed : ObjectIndex::Growth::forbidden);
  if (slot) return *slot;
  shortage_ = {slot.error(), ObjectIndex::kReserveStep, rows_.now};
  return kNoSlot;
}

bool Room::may_grow(std::uint64_t bytes) const noexcept {
  return !shortage_ || bytes < shortage_->bytes || rows_.now >= deadline_after(shortage_->at, kGrowthRest);
}

// ---- an extent ----

Result<std::uint64_t> Room::take_extent(std::uint64_t size, SlotIndex slot) {
  sealed_.sweep(kSweepStep);
  std::optional<std::uint64_t> offset = allocate(size, slot);
  if (!offset) offset = make_room(size, slot);
  if (offset) return *offset;
  const bool is_short = shortage_ && (rows_.arena.limit() < rows_.arena.capacity() ||
                                      rows_.memory.resident_bytes() < rows_.memory.reserved_bytes());
  return refusals_.no_room(Arena::taken_by(size), is_short ? &shortage_->why : nullptr);
}

/// A free extent, with its memory reserved.
std::optional<std::uint64_t> Room::allocate(std::uint64_t size, SlotIndex slot) {
  Arena& arena = rows_.arena;
  if (arena.limit() < arena.capacity() && may_grow(Arena::taken_by(size))) arena.set_limit(arena.capacity());
  std::optional<std::uint64_t> offset = arena.allocate(size, slot);
  if (!offset) return std::nullopt;
  Result<void> reserved = rows_.reserve_extent(*offset, Arena::taken_by(size));
  if (reserved) return offset;
  arena.free(slot);
  end_arena_for_now(std::move(reserved).error(), size);
  offset = arena.allocate(size, slot);
  if (!offset || !rows_.memory.is_in_hole(*offset, *offset + Arena::taken_by(size))) return offset;
  arena.free(slot);
  return std::nullopt;
}

/// No memory beyond the reserved part can be had, for an object of that size. Then free bytes there, and plans of
/// eviction, are worth nothing.
void Room::end_arena_for_now(Error why, std::uint64_t size) {
  shortage_ = {std::move(why), Arena::taken_by(size), rows_.now};
  rows_.arena.set_limit(rows_.memory.reserved_bytes());
}

std::optional<std::uint64_t> Room::make_room(std::uint64_t size, SlotIndex slot) {
  sealed_.sweep(kSweepForRoom);
  const Eviction::Effort effort = widest(size);
  const std::uint64_t looked = looks();
  std::optional<std::uint64_t> offset = allocate(size, slot);
  if (!offset) offset = evict_for(size, slot, effort);
  const bool swept = !offset && sweep_before_refusal();
  if (!offset && (leases_.recall() || swept)) {
    offset = allocate(size, slot);
    if (!offset) offset = evict_for(size, slot, effort);
  }
  if (!offset && effort == Eviction::Effort::all && clear_way(size)) offset = allocate(size, slot);
  if (!offset) offset = grow_before_refusal(size, slot, effort);
  if (offset)
    keep_low_water_mark();
  else if (effort == Eviction::Effort::all)
    search_rest_.begin(size, looks() - looked, rows_.now);
  return offset;
}

/// Another try to get memory, unless this call had one.
std::optional<std::uint64_t> Room::grow_before_refusal(std::uint64_t size, SlotIndex slot, Eviction::Effort effort) {
  if (!shortage_ || shortage_->at == rows_.now) return std::nullopt;
  shortage_.reset();
  const std::optional<std::uint64_t> offset = allocate(size, slot);
  return offset ? offset : evict_for(size, slot, effort);
}

/// Returns whether anything was freed. With very many retired objects, and one refusal after the other, it does not
/// look at all of them each time.
bool Room::sweep_before_refusal() {
  if (!sweep_rest_.allows(0, rows_.now)) return false;
  const std::uint64_t before = sealed_.retired().count;
  const std::uint64_t looked = looks();
  sweep();
  sweep_rest_.begin(0, looks() - looked, rows_.now);
  return sealed_.retired().count != before;
}

void Room::note_refusal(ClientId client, const NewObject& object, const Error& error, TimeNs now) {
  rows_.advance(now);
  refusals_.note(client, object, error);
}

}  // namespace dolium::shm
