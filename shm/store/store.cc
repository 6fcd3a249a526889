#include "shm/store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "shm/os/check.h"
#include "shm/os/system_error.h"
#include "shm/table/store_needs.h"

namespace dolium::shm {
namespace {

Result<StoreConfig> completed(StoreConfig config) {
  if (config.capacity == 0) return Error{Errc::invalid_argument, "the capacity must be above 0 bytes"};
  if (config.capacity > kMaxCapacity)
    return Error{Errc::invalid_argument, fmt::format("the capacity can be {} bytes at most", kMaxCapacity)};
  if (!(config.low_water_mark >= 0.0 && config.low_water_mark <= 0.5))
    return Error{Errc::invalid_argument, "low_water_mark must be between 0 and 0.5"};
  if (config.retention == Retention::keep && !config.spill)
    return Error{Errc::invalid_argument,
                 "the store's default retention is `keep`, but there is no spill tier: give it a directory, or choose "
                 "`cache`"};
  if (static_cast<std::size_t>(config.eviction_policy) >= kEvictionPolicyNames.size())
    return Error{Errc::invalid_argument,
                 fmt::format("there is no eviction policy number {}: choose one of {}",
                             static_cast<unsigned>(config.eviction_policy), fmt::join(kEvictionPolicyNames, ", "))};
  if (config.max_objects > kMaxObjects)
    return Error{Errc::invalid_argument, fmt::format("max_objects can be {} at most", kMaxObjects)};
  const std::uint64_t page = config.huge_pages ? kHugePageBytes : kPageBytes;
  config.capacity = std::min(round_up(config.capacity, page), kMaxArena / page * page);
  config.max_objects = objects_for(config);
  return config;
}

Error on_disk(const ObjectId& id) {
  return {Errc::out_of_memory,
          fmt::format("object {} is on disk: it can be kept in memory when it has been read back", id.hex())};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::create(const StoreConfig& given, TimeNs now, const HostQuery& host) {
  Result<StoreConfig> config = completed(given);
  if (!config) return std::move(config).error();
  Result<ArenaMemory> memory = ArenaMemory::create(*config, host);
  if (!memory) return std::move(memory).error();
  Result<ObjectIndex> index = ObjectIndex::create(config->max_objects, config->capacity, host);
  if (!index) return std::move(index).error();
  Result<Ledger> ledger = Ledger::create(config->max_objects, config->eviction_policy, now);
  if (!ledger) return std::move(ledger).error();
  ledger->state().arena_reserved = memory->reserved_bytes();
  ledger->state().spills = config->spill;
  return over(*config, *std::move(memory), *std::move(index), *std::move(ledger), now);
}

Result<std::unique_ptr<Store>> Store::over(const StoreConfig& config, ArenaMemory memory, ObjectIndex index,
                                           Ledger ledger, TimeNs now) {
  try {
    return std::unique_ptr<Store>(new Store(config, std::move(memory), std::move(index), std::move(ledger), now));
  } catch (const std::bad_alloc&) {
    return system_error(
        fmt::format("get memory for the records of {} objects (lower max_objects, or raise this "
                    "process's limit of address space, ulimit -v)",
                    config.max_objects));
  }
}

// ---- clients ----

Result<ClientId> Store::attach(const ClientIdentity& identity, TimeNs now) {
  parts_.rows.advance(now);
  return parts_.clients.attach(identity);
}

// No client can see the copy before it is complete, and no retire() runs meanwhile. So whatever the original's table
// counts when it is read is counted in both from then on, whichever of the two lets go first.
Result<ClientId> Store::attach_copy(ClientId original, TimeNs now) {
  const AttachedClient& from = parts_.clients.at(original);
  const Result<ClientId> copy = attach(from.identity, now);
  if (!copy) return copy;
  if (auto copied = parts_.clients.copy_references(from, parts_.clients.at(*copy)); !copied) {
    detach(*copy, now);
    return std::move(copied).error();
  }
  return copy;
}

void Store::detach(ClientId id, TimeNs now) {
  parts_.rows.advance(now);
  parts_.usage.drop_grants(id);
  parts_.spill.give_up_reader(id);
  const std::unique_ptr<AttachedClient> client = parts_.clients.remove(id);
  parts_.writing.forget_all_of(*client, [this](SlotIndex slot) {
    if (parts_.rows.margin(slot).lent)
      parts_.quarantine.admit(slot);
    else
      parts_.rows.free(slot);
  });
  parts_.room.note_departure(id, std::move(client->table));
  for (int piece = 0; piece < kPiecesAtOnce && parts_.room.wants_tidying(); ++piece) parts_.room.tidy();
}

// ---- the life of an object ----

Result<Placement> Store::create_object(ClientId creator, const NewObject& object, TimeNs now) {
  parts_.rows.advance(now);
  return parts_.room.begin(parts_.clients.at(creator), object);
}

Result<SlotIndex> Store::put_object(ClientId creator, const NewObject& object, std::span<const std::byte> data,
                                    std::span<const std::byte> metadata, TimeNs now) {
  DOLIUM_CHECK(data.size() == object.data_size && metadata.size() == object.metadata_size, "a put of other bytes");
  Rows& rows = parts_.rows;
  rows.advance(now);
  const Result<Placement> placed = parts_.room.place(parts_.clients.at(creator), object);
  if (!placed) return placed.error();
  std::byte* const out = rows.memory.bytes(placed->offset, 0).data();
  if (!data.empty()) std::memcpy(out, data.data(), data.size());
  if (!metadata.empty()) std::memcpy(out + data.size(), metadata.data(), metadata.size());
  parts_.sealed.publish(placed->slot,
                        {object.id, placed->offset, object.data_size, object.metadata_size, object.type_tag}, rows.now);
  return placed->slot;
}

Result<SlotIndex> Store::seal(ClientId client, const ObjectId& id, TimeNs now, std::optional<std::uint64_t> offset) {
  parts_.rows.advance(now);
  const Result<UnsealedObject> unsealed = parts_.writing.own(client, id, offset);
  if (!unsealed) return unsealed.error();
  if (parts_.rows.margin(unsealed->slot).leased) return no_such_object(id);  // a lease is no object
  parts_.writing.end(*unsealed, id);
  parts_.sealed.publish(unsealed->slot, parts_.rows.fields(unsealed->slot), unsealed->created);
  return unsealed->slot;
}

Result<void> Store::abort(ClientId client, const ObjectId& id, std::optional<std::uint64_t> offset) {
  const Result<UnsealedObject> unsealed = parts_.writing.own(client, id, offset);
  if (!unsealed) return unsealed.error();
  parts_.writing.discard(*unsealed, id);
  return {};
}

Result<SlotIndex> Store::find_sealed(const ObjectId& id) const {
  if (parts_.writing.find(id) == nullptr) return parts_.rows.find(id);
  return Error{Errc::not_sealed,
               fmt::format("object {} is still being written: only its creator can seal or abort it", id.hex())};
}

Result<bool> Store::remove(const ObjectId& id, TimeNs now) {
  parts_.rows.advance(now);
  const Result<SlotIndex> slot = find_sealed(id);
  if (!slot) return slot.error();
  if (*slot == kNoSlot) return false;
  parts_.sealed.retire(*slot, RemovalCause::removed);
  return true;
}

bool Store::remove_sealed_at(const ObjectId& id, TimeNs sealed, TimeNs now) {
  parts_.rows.advance(now);
  const SlotIndex slot = parts_.rows.find(id);
  if (slot == kNoSlot || parts_.rows.row(slot).sealed != sealed) return false;
  parts_.sealed.retire(slot, RemovalCause::removed);
  return true;
}

void Store::clear(TimeNs now) {
  SlotIndex cursor = 0;
  do cursor = clear(now, cursor, parts_.rows.last_seal);
  while (cursor != 0);
}

SlotIndex Store::clear(TimeNs now, SlotIndex cursor, TimeNs through) {
  Rows& rows = parts_.rows;
  rows.advance(now);
  const bool is_next_piece = parts_.spill.dropped().begin_clear_piece(cursor, through);
  const SlotIndex next = rows.for_sealed_piece(cursor, through, [this](SlotIndex slot) {
    parts_.sealed.retire(slot, RemovalCause::cleared);
    return true;
  });
  if (is_next_piece) parts_.spill.dropped().end_clear_piece(next);
  return next;
}

Result<void> Store::pin(ClientId client, const ObjectId& id, TimeNs now) {
  parts_.rows.advance(now);
  const Result<SlotIndex> slot = find_sealed(id);
  if (!slot) return slot.error();
  if (*slot == kNoSlot) return no_such_object(id);
  if (parts_.rows.margin(*slot).pinned) return {};
  if (parts_.rows.is_spilled(*slot)) return on_disk(id);
  const std::uint32_t uid = parts_.clients.at(client).identity.uid;
  if (auto allowed = parts_.graces.check_quota_of(*slot, uid); !allowed) return allowed;
  if (auto reserved = parts_.rows.ledger.reserve_pinner(*slot); !reserved) return reserved;
  parts_.sealed.pin(*slot, uid);
  return {};
}

Result<void> Store::unpin(const ObjectId& id, TimeNs now) {
  parts_.rows.advance(now);
  const Result<SlotIndex> slot = find_sealed(id);
  if (!slot) return slot.error();
  if (*slot == kNoSlot) return no_such_object(id);
  if (parts_.rows.margin(*slot).pinned) parts_.sealed.unpin(*slot);
  return {};
}

Result<void> Store::extend_grace(ClientId client, const ObjectId& id, const Grace& grace, TimeNs now) {
  parts_.rows.advance(now);
  if (!grace.any())
    return Error{Errc::invalid_argument,
                 fmt::format("the grace of object {} cannot be extended by 0: give a duration above 0", id.hex())};
  if (auto valid = check_grace(id, grace); !valid) return valid;
  const Result<SlotIndex> slot = find_sealed(id);
  if (!slot) return slot.error();
  if (*slot == kNoSlot) return no_such_object(id);
  if (parts_.rows.is_spilled(*slot)) return on_disk(id);
  const AttachedClient& giver = parts_.clients.at(client);
  if (auto allowed = parts_.graces.check_quota_of(*slot, giver.identity.uid); !allowed) return allowed;
  if (auto reserved = parts_.rows.ledger.reserve_grace(*slot); !reserved) return reserved;
  parts_.graces.extend(*slot, grace, giver);
  return {};
}

void Store::expire(TimeNs now) {
  parts_.rows.advance(now);
  parts_.sealed.expire();
  parts_.graces.expire();
}

// ---- reports ----

StatsPiece Store::stats(TimeNs now, SlotIndex cursor) {
  parts_.rows.advance(now);
  parts_.usage.take_up_grants();
  parts_.sealed.sweep(parts_.report.slots_per_piece());
  return parts_.report.stats(cursor);
}

StoreStats Store::stats(TimeNs now) {
  return whole_stats([&](SlotIndex cursor) -> Result<StatsPiece> { return stats(now, cursor); }).value();
}

}  // namespace dolium::shm
