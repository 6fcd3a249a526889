// Leases: extents out of which clients make small objects by themselves. See store.h.
//
// A client that puts many small objects asks for an extent once. It writes one object behind the other, from the
// extent's end towards its start, and tells what each is; here each is cut off the end and becomes an object like any
// other, where it lies. So the bytes are copied once, by their writer, and there is nothing to wait for between two.
//
// A client that has a lease and does not use it need not be asked for it: a word in its pin table (LeaseWord) says that
// it is idle, and is changed by one compare-and-swap either to "busy", by the client, before it writes into the lease,
// or to "revoked", by the daemon, which then has it back. So an idle lease is no wall, be its client asleep or stopped.
// A lease whose client is in the middle of a put stays, as does one of which puts are under way.
//
// To the store a lease is an object that is being written: counted against its client, a wall to eviction's windows,
// taken back whole when the client dies, kept for its writer when the server does. From the end, because then a lease
// keeps its offset, which is its name for who gives it back, and its row changes in one word: a server killed between
// the cut and the new object's row leaves a piece that is nobody's, which its client has finished writing.

#include "shm/os/check.h"
#include "shm/os/monotonic_clock.h"
#include "shm/store/store.h"

#include <fmt/format.h>

namespace dolium::shm {

Result<Placement> Store::lease(ClientId client, const ObjectId& id, std::uint64_t bytes, TimeNs now,
                               std::optional<std::uint32_t> recall) {
  DOLIUM_CHECK(bytes > 0 && bytes % kUnitBytes == 0, "a lease of a part of a unit");
  advance(now);
  Client& creator = client_of(client);
  const std::uint64_t limit = config_.max_unsealed_bytes_per_client;
  const std::uint64_t most = arena_.capacity() / kLeasedShare;
  if (bytes <= most && leased_bytes_ + bytes > most) recall_idle_leases();
  const bool too_much = (limit != 0 && creator.unsealed_bytes + bytes > limit / 2) || leased_bytes_ + bytes > most;
  // Who gets none can do without: no search through all objects, and no sweep, for that.
  if (too_much || (arena_.largest_free_extent() < bytes && !make_window(bytes, Eviction::Effort::cold)))
    return Error{Errc::out_of_memory, "no lease", RefusalCause::room};
  const Result<Placement> placed = create_object(client, {.id = id, .data_size = bytes}, now);
  if (!placed) return placed;
  margin(placed->slot).leased = true;
  margin(placed->slot).writing_ms = recall ? *recall + 1 : 0;
  row(placed->slot).sealed = now_;  // of a lease: when it was last used
  lend(placed->slot);
  creator.leased_bytes += bytes;
  leased_bytes_ += bytes;
  return placed;
}

Result<SlotIndex> Store::find_lease(ClientId client, const ObjectId& id) const {
  const UnsealedObject* unsealed = find_unsealed(id);
  if (unsealed == nullptr || unsealed->creator != client || !margin(unsealed->slot).leased)
    return Error{Errc::not_found, fmt::format("this client has no lease {}", id.hex())};
  return unsealed->slot;
}

Result<SlotIndex> Store::put_leased(ClientId client, SlotIndex lease, const NewObject& object, TimeNs now) {
  advance(now);
  const std::uint64_t taken = Arena::taken_by(total_size(object));
  const std::uint64_t left = leased_bytes(lease).size();
  DOLIUM_CHECK(taken <= left, "more than a lease has");
  Client& creator = client_of(client);
  return taken < left ? put_piece(creator, lease, object) : put_rest(creator, lease, object);
}

Result<SlotIndex> Store::put_piece(Client& creator, SlotIndex lease, const NewObject& object) {
  const std::uint64_t size = total_size(object);
  const std::uint64_t taken = Arena::taken_by(size);
  Result<void> allowed = check_creation(creator, object, taken);
  // It has its bytes already: whatever is evicted for its slot, there need be no room for them.
  being_cut_ = lease;  // whatever its client says of it meanwhile
  const Result<SlotIndex> slot = allowed ? take_slot_for(object, 0) : Result<SlotIndex>(std::move(allowed).error());
  being_cut_ = kNoSlot;
  index_.shrink(lease, leased_bytes(lease).size() - taken);
  row(lease).sealed = now_;
  unsealed_tally_.bytes -= taken;
  leased_bytes_ -= taken;
  creator.unsealed_bytes -= taken;
  creator.leased_bytes -= taken;
  if (!slot) {
    arena_.trim(lease, size);
    room_made_ = true;
    return slot;
  }
  const std::uint64_t offset = arena_.split(lease, size, *slot);
  write_row(*slot, offset, object, creator);
  publish(*slot, {object.id, offset, object.data_size, object.metadata_size, object.type_tag}, now_);
  return slot;
}

/// The object takes the lease's place, and its slot.
Result<SlotIndex> Store::put_rest(const Client& creator, SlotIndex lease, const NewObject& object) {
  const SlotFields whole = index_.read(lease);
  Result<void> allowed = check_creation(creator, object, whole.data_size);
  if (allowed) allowed = reserve_notes(lease, object);
  if (!allowed) {
    discard_unsealed(*find_unsealed(whole.id), whole.id);
    return std::move(allowed).error();
  }
  uncount_unsealed(lease);
  unsealed_.erase(index_.chain_of(whole.id), whole.id);
  margin(lease).state = SlotState::free;  // so it is found until the row says all of the other
  write_row(lease, whole.offset, object, creator);
  publish(lease, {object.id, whole.offset, object.data_size, object.metadata_size, object.type_tag}, now_);
  return lease;
}

// ---- taking them back ----

/// Whether its client has let go of it for now, and has said of all that it put.
bool Store::is_idle_lease(SlotIndex slot) const {
  const std::uint32_t word = margin(slot).writing_ms;
  const Client* client = find_client(row(slot).accessed);
  return margin(slot).leased && client != nullptr && word >= 1 && word <= kLeaseWords &&
         client->table.lease_word(word - 1).is_idle(taken_bytes(slot) / kUnitBytes);
}

/// Takes it from its client. False: it is in use; or it was a moment ago, and `active` ones are not meant.
bool Store::revoke(SlotIndex lease, bool active) {
  if (!active && now_ < deadline_after(row(lease).sealed, kIdleLease)) return false;
  if (lease == being_cut_ || !is_idle_lease(lease)) return false;
  const Client& client = *find_client(row(lease).accessed);
  return client.table.lease_word(margin(lease).writing_ms - 1).revoke(taken_bytes(lease) / kUnitBytes);
}

/// Before a create is refused. Says whether that freed anything.
bool Store::recall_leases() {
  const bool active = now_ >= next_recall_;
  const bool freed = recall_leases(active);
  if (freed && active) next_recall_ = deadline_after(now_, kIdleLease);
  return freed;
}

/// Before a lease is refused because there are too many. Only leases that their clients have not used for some time: a
/// client that puts keeps its lease. A look that found none is not repeated before another lease can have become idle.
void Store::recall_idle_leases() {
  if (now_ < next_idle_recall_) return;
  if (!recall_leases(false)) next_idle_recall_ = deadline_after(now_, kIdleLease / 4);
}

/// Takes back each lease that its client is not using at this moment; with `active`, also one that it has used lately.
/// Says whether that freed anything.
bool Store::recall_leases(bool active) {
  if (leased_bytes_ == 0) return false;
  const std::uint64_t before = leased_bytes_;
  for (std::size_t i = abandoned_.size(); i-- > 0;)
    if (revoke(abandoned_[i], true)) free_abandoned(i);
  for (const auto& client : clients_) {
    if (client->leased_bytes == 0) continue;
    std::vector<UnsealedObject> taken;
    for (const UnsealedObject& object : client->unsealed)
      if (revoke(object.slot, active)) taken.push_back(object);
    for (const UnsealedObject& object : taken) discard_unsealed(object, index_.read(object.slot).id);
  }
  return leased_bytes_ != before;
}

}  // namespace dolium::shm
