#include "shm/store/leases.h"

#include <fmt/format.h>

#include "shm/os/check.h"

namespace dolium::shm {

Result<Placement> Leases::lease(ClientId client, const ObjectId& id, std::uint64_t bytes, TimeNs now,
                                std::optional<std::uint32_t> recall) {
  DOLIUM_CHECK(bytes > 0 && bytes % kUnitBytes == 0, "a lease of a part of a unit");
  rows_.advance(now);
  AttachedClient& creator = clients_.at(client);
  const std::uint64_t limit = rows_.config.max_unsealed_bytes_per_client;
  const std::uint64_t most = rows_.arena.capacity() / kShare;
  if (bytes <= most && writing_.leased_bytes() + bytes > most) recall_.recall_idle();
  const bool too_much =
      (limit != 0 && creator.unsealed_bytes + bytes > limit / 2) || writing_.leased_bytes() + bytes > most;
  // A client can do without a lease: no search through all objects, and no sweep, for one.
  if (too_much || (rows_.arena.largest_free_extent() < bytes && !room_.make_window(bytes, Eviction::Effort::cold)))
    return Error{Errc::out_of_memory, "no lease", RefusalCause::room};
  const Result<Placement> placed = room_.begin(creator, {.id = id, .data_size = bytes});
  if (!placed) return placed;
  writing_.mark_leased(creator, placed->slot);
  rows_.margin(placed->slot).writing_ms = recall ? *recall + 1 : 0;
  rows_.row(placed->slot).sealed = rows_.now;  // of a lease: the time of its last use
  writing_.lend(placed->slot);
  return placed;
}

Result<SlotIndex> Leases::find(ClientId client, const ObjectId& id) const {
  const UnsealedObject* unsealed = writing_.find(id);
  if (unsealed == nullptr || unsealed->creator != client || !rows_.margin(unsealed->slot).leased)
    return Error{Errc::not_found, fmt::format("this client has no lease {}", id.hex())};
  return unsealed->slot;
}

Result<SlotIndex> Leases::put(ClientId client, SlotIndex lease, const NewObject& object, TimeNs now) {
  rows_.advance(now);
  const std::uint64_t taken = Arena::taken_by(total_size(object));
  const std::uint64_t left = rows_.taken_bytes(lease);
  DOLIUM_CHECK(taken <= left, "more than a lease has");
  AttachedClient& creator = clients_.at(client);
  return taken < left ? put_piece(creator, lease, object) : put_rest(creator, lease, object);
}

void Leases::cut_off(ClientId client, SlotIndex lease, std::uint64_t size, TimeNs now) {
  rows_.advance(now);
  AttachedClient& creator = clients_.at(client);
  if (Arena::taken_by(size) < rows_.taken_bytes(lease)) return cut_piece(creator, lease, size);
  const ObjectId id = rows_.fields(lease).id;
  writing_.discard(*writing_.find(id), id);
}

void Leases::cut_piece(AttachedClient& creator, SlotIndex lease, std::uint64_t size) {
  writing_.shrink_lease(creator, lease, Arena::taken_by(size));
  rows_.row(lease).sealed = rows_.now;
  rows_.arena.trim(lease, size);
  rows_.room_made = true;
}

Result<SlotIndex> Leases::put_piece(AttachedClient& creator, SlotIndex lease, const NewObject& object) {
  const std::uint64_t size = total_size(object);
  const std::uint64_t taken = Arena::taken_by(size);
  Result<void> allowed = writing_.check_creation(creator, object, taken);
  if (allowed) allowed = room_.check_kept(object);
  recall_.spare(lease);  // whatever its client says of it meanwhile
  // Its bytes are there already: if an object is evicted for its slot, no room for bytes need be made.
  const Result<SlotIndex> slot =
      allowed ? room_.take_slot_for(object, 0) : Result<SlotIndex>(std::move(allowed).error());
  recall_.spare(kNoSlot);
  if (!slot) {
    cut_piece(creator, lease, size);
    return slot;
  }
  writing_.shrink_lease(creator, lease, taken);
  rows_.row(lease).sealed = rows_.now;
  write_sealed(*slot, rows_.arena.split(lease, size, *slot), object, creator);
  return slot;
}

/// The object takes the lease's place, and its slot.
Result<SlotIndex> Leases::put_rest(const AttachedClient& creator, SlotIndex lease, const NewObject& object) {
  const SlotFields whole = rows_.fields(lease);
  const UnsealedObject unsealed = *writing_.find(whole.id);
  Result<void> allowed = writing_.check_creation(creator, object, whole.data_size);
  if (allowed) allowed = room_.check_kept(object);
  if (allowed) allowed = rows_.reserve_notes(lease, object);
  if (!allowed) {
    writing_.discard(unsealed, whole.id);
    return std::move(allowed).error();
  }
  writing_.end(unsealed, whole.id);
  rows_.margin(lease).state = SlotState::free;  // a crash finds it free until the row says all of the object
  write_sealed(lease, whole.offset, object, creator);
  return lease;
}

void Leases::write_sealed(SlotIndex slot, std::uint64_t offset, const NewObject& object,
                          const AttachedClient& creator) {
  room_.write_row(slot, offset, object, creator);
  sealed_.publish(slot, {object.id, offset, object.data_size, object.metadata_size, object.type_tag}, rows_.now);
}

}  // namespace dolium::shm
