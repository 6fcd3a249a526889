#include "shm/store/writable_extents.h"

#include <fmt/format.h>

#include <algorithm>

namespace dolium::shm {
namespace {

/// What the sizes of an object alone decide.
Result<void> check_size(const NewObject& object, const StoreConfig& config) {
  if (auto allowed = check_description(object.id, object.metadata_size, object.type_name, object.label); !allowed)
    return allowed;
  const std::uint64_t size = total_size(object);
  if (object.data_size > config.capacity || size > config.capacity)
    return Error{Errc::too_large,
                 fmt::format("object {} of {} bytes does not fit a store of {} bytes, even an empty one: raise the "
                             "daemon's capacity",
                             object.id.hex(), object.data_size, config.capacity),
                 RefusalCause::capacity};
  return {};
}

}  // namespace

Error no_such_object(const ObjectId& id) {
  return {Errc::not_found, fmt::format("there is no object {}", id.hex())};
}

Result<void> WritableExtents::check_creation(const AttachedClient& client, const NewObject& object,
                                             std::uint64_t not_counted) const {
  if (auto allowed = check_size(object, rows_.config); !allowed) return allowed;
  if (object.grace.any())
    if (auto valid = check_grace(object.id, object.grace); !valid) return valid;
  if (rows_.keeps(object.retention) && !rows_.config.spill)
    return Error{Errc::invalid_argument,
                 fmt::format("object {} is to be kept (retention `keep`), but this store has no spill tier: give the "
                             "daemon a [spill] directory, or use the retention `cache`",
                             object.id.hex()),
                 RefusalCause::description};
  const auto id = [&object] { return object.id.hex(); };
  const std::uint32_t chain = rows_.index.chain_of(object.id);  // once: a hash is much of the cost of all this
  if (unsealed_.find(chain, object.id) != nullptr)
    return Error{Errc::already_exists,
                 fmt::format("object {} is being written already: wait for it, or choose another id", id())};
  const auto [existing, passed] = rows_.index.look_up(object.id, chain);
  if (existing != kNoSlot)
    return Error{Errc::already_exists,
                 fmt::format("object {} exists already: remove it first, or choose another id", id())};
  if (passed + unsealed_.size() >= kLongestChain && passed + unsealed_.count_in(chain, kLongestChain) >= kLongestChain)
    return Error{
        Errc::invalid_argument,
        fmt::format("object {} cannot be told quickly from the {} whose ids hash like its own, and no more are "
                    "taken: choose another id, at random, or of a name by from_name()",
                    id(), kLongestChain)};
  const std::uint64_t taken = Arena::taken_by(total_size(object));
  const std::uint64_t limit = rows_.config.max_unsealed_bytes_per_client;
  if (limit != 0 && taken > limit)
    return Error{Errc::too_large,
                 fmt::format("object {} takes {} bytes; one client may write {} at most "
                             "(max_unsealed_bytes_per_client)",
                             id(), taken, limit),
                 RefusalCause::writing};
  if (client.unsealed_count >= kMaxUnsealedPerClient ||
      (limit != 0 && client.unsealed_bytes - not_counted + taken > limit))
    return Error{Errc::out_of_memory,
                 fmt::format("this client is writing {} objects of {} bytes already: seal or abort some first",
                             client.unsealed_count, client.unsealed_bytes),
                 RefusalCause::writing};
  return object.pinned || object.grace.any() ? graces_.check_quota(client.identity.uid, taken) : Result<void>();
}

// ---- unsealed objects ----

void WritableExtents::begin(AttachedClient& creator, const ObjectId& id, SlotIndex slot) {
  const std::uint64_t taken = rows_.taken_bytes(slot);
  unsealed_.add(id, {rows_.index.chain_of(id), slot, creator.id, rows_.now}, creator.unsealed);
  tally_.add(taken);
  ++creator.unsealed_count;
  creator.unsealed_bytes += taken;
}

Result<UnsealedObject> WritableExtents::own(ClientId client, const ObjectId& id,
                                            std::optional<std::uint64_t> offset) const {
  const UnsealedObject* unsealed = find(id);
  if (unsealed == nullptr) {
    if (rows_.find(id) == kNoSlot) return no_such_object(id);
    return Error{
        Errc::already_sealed,
        fmt::format("object {} is sealed already: it cannot be changed or aborted any more (remove it instead)",
                    id.hex())};
  }
  if (unsealed->creator != client)
    return Error{Errc::permission_denied,
                 fmt::format("only the creator of object {} may seal or abort it, not this client", id.hex())};
  if (offset && rows_.fields(unsealed->slot).offset != *offset) return no_such_object(id);
  return *unsealed;
}

void WritableExtents::end(const UnsealedObject& object, const ObjectId& id) {
  uncount(object.slot);
  unsealed_.erase(object.chain, id);
}

SlotIndex WritableExtents::forget(const UnsealedObject& object, const ObjectId& id) {
  const SlotIndex slot = object.slot;
  unmark(slot);
  if (!rows_.margin(slot).leased) ++rows_.counters().aborted;
  end(object, id);
  return slot;
}

/// It will not be sealed: neither a pin nor a grace keeps it.
void WritableExtents::unmark(SlotIndex slot) {
  if (rows_.margin(slot).pinned) pins_.clear(slot);
  if (rows_.margin(slot).graced) graces_.end(slot);
}

/// Of an extent that no client may write to any more.
void WritableExtents::uncount(SlotIndex slot) {
  const std::uint64_t taken = rows_.taken_bytes(slot);
  const bool leased = rows_.margin(slot).leased;
  if (AttachedClient* const creator = clients_.find(rows_.row(slot).accessed)) {
    --creator->unsealed_count;
    creator->unsealed_bytes -= taken;
    if (leased) creator->leased_bytes -= taken;
  }
  tally_.subtract(taken);
  if (leased) leased_bytes_ -= taken;
}

// ---- abandoned extents ----

Result<std::uint64_t> WritableExtents::abort_and_keep(ClientId client, const ObjectId& id,
                                                      std::optional<std::uint64_t> offset) {
  const Result<UnsealedObject> unsealed = own(client, id, offset);
  if (!unsealed) return unsealed.error();
  const SlotIndex slot = unsealed->slot;
  if (rows_.margin(slot).leased) return no_such_object(id);  // a lease is no object
  abandoned_.push_back(slot);                                // first: it may throw
  unmark(slot);
  unsealed_.erase(unsealed->chain, id);
  rows_.margin(slot).state = SlotState::abandoned;
  return rows_.fields(slot).offset;
}

Result<void> WritableExtents::give_up_abandoned(ClientId client, const ObjectId& id,
                                                std::optional<std::uint64_t> offset,
                                                std::span<const std::uint64_t> spared) {
  for (std::size_t i = abandoned_.size(); i-- > 0;) {
    const SlotFields object = rows_.fields(abandoned_[i]);
    if (rows_.row(abandoned_[i]).accessed != client || object.id != id || (offset && object.offset != *offset))
      continue;
    if (!offset && std::ranges::find(spared, object.offset) != spared.end()) continue;
    free_abandoned(i);
    return {};
  }
  return no_such_object(id);
}

void WritableExtents::adopt_abandoned(SlotIndex slot, AttachedClient& creator) {
  const std::uint64_t taken = rows_.taken_bytes(slot);
  ++creator.unsealed_count;
  creator.unsealed_bytes += taken;
  if (rows_.margin(slot).leased) {
    creator.leased_bytes += taken;
    leased_bytes_ += taken;
  }
  abandoned_.push_back(slot);
  tally_.add(taken);
}

/// Returns its slot, which nothing counts then.
SlotIndex WritableExtents::forget_abandoned(std::size_t position) {
  const SlotIndex slot = abandoned_[position];
  uncount(slot);
  if (!rows_.margin(slot).leased) ++rows_.counters().aborted;
  abandoned_[position] = abandoned_.back();
  abandoned_.pop_back();
  return slot;
}

// ---- leases ----

void WritableExtents::mark_leased(AttachedClient& creator, SlotIndex slot) {
  rows_.margin(slot).leased = true;
  creator.leased_bytes += rows_.taken_bytes(slot);
  leased_bytes_ += rows_.taken_bytes(slot);
}

void WritableExtents::shrink_lease(AttachedClient& creator, SlotIndex lease, std::uint64_t bytes_less) {
  rows_.index.shrink(lease, rows_.taken_bytes(lease) - bytes_less);
  tally_.bytes -= bytes_less;
  leased_bytes_ -= bytes_less;
  creator.unsealed_bytes -= bytes_less;
  creator.leased_bytes -= bytes_less;
}

}  // namespace dolium::shm
