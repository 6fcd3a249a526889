// The life of an object. See store.h for the model.

#include "shm/store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "shm/os/check.h"
#include "shm/os/milliseconds.h"
#include "shm/os/system_error.h"
#include "shm/table/store_needs.h"

namespace dolium::shm {
namespace {

static_assert(kMaxCapacity < std::uint64_t{1} << kDataSizeBits && kMaxMetadata < std::uint64_t{1} << kMetadataSizeBits,
              "what an object may be must fit into its row");
static_assert(kMaxTypeName <= std::numeric_limits<decltype(SlotMargin::type_name_size)>::max());

Result<StoreConfig> completed(StoreConfig config) {
  if (config.capacity == 0) return Error{Errc::invalid_argument, "the capacity must be above 0 bytes"};
  if (config.capacity > kMaxCapacity)
    return Error{Errc::invalid_argument, fmt::format("the capacity can be {} bytes at most", kMaxCapacity)};
  if (!(config.low_water_mark >= 0.0 && config.low_water_mark <= 0.5))
    return Error{Errc::invalid_argument, "low_water_mark must be between 0 and 0.5"};
  if (config.max_objects > kMaxObjects)
    return Error{Errc::invalid_argument, fmt::format("max_objects can be {} at most", kMaxObjects)};
  config.capacity = round_up(config.capacity, config.huge_pages ? kHugePageBytes : kPageBytes);
  config.max_objects = objects_for(config);
  return config;
}

Error not_found(const ObjectId& id) {
  return {Errc::not_found, fmt::format("there is no object {}", id.hex())};
}

Error still_unsealed(const ObjectId& id) {
  return {Errc::not_sealed,
          fmt::format("object {} is still being written: only its creator can seal or abort it", id.hex())};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::create(const StoreConfig& given, TimeNs now) {
  Result<StoreConfig> config = completed(given);
  if (!config) return std::move(config).error();
  Result<ArenaMemory> memory = ArenaMemory::create(*config);
  if (!memory) return std::move(memory).error();
  Result<ObjectIndex> index = ObjectIndex::create(config->max_objects, config->capacity);
  if (!index) return std::move(index).error();
  Result<Ledger> ledger = Ledger::create(config->max_objects, config->eviction_policy, now);
  if (!ledger) return std::move(ledger).error();
  ledger->state().arena_reserved = memory->reserved_bytes();
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

Store::Store(const StoreConfig& config, ArenaMemory memory, ObjectIndex index, Ledger ledger, TimeNs now)
    : config_(config),
      now_(now),
      memory_(std::move(memory)),
      index_(std::move(index)),
      ledger_(std::move(ledger)),
      arena_(config.capacity, config.max_objects),
      eviction_(arena_, *this, config.max_objects),
      quarantine_(memory_.page_bytes()) {
  large_pages_.add([this] { return index_.in_use(); });
  large_pages_.add([this] { return ledger_.in_use(index_.slots_touched()); });
  large_pages_.add([this] { return arena_.in_use(); });
  large_pages_.add([this] { return eviction_.in_use(); });
}

// ---- the life of an object ----

Result<Placement> Store::create_object(ClientId creator, const NewObject& object, TimeNs now) {
  advance(now);
  Client& client = client_of(creator);
  const Result<Placement> placed = place(client, object);
  if (!placed) return placed;
  const std::uint64_t taken = taken_bytes(placed->slot);
  unsealed_.add(object.id, {index_.chain_of(object.id), placed->slot, creator, now_}, client.unsealed);
  unsealed_tally_.add(taken);
  ++client.unsealed_count;
  client.unsealed_bytes += taken;
  return placed;
}

Result<SlotIndex> Store::put_object(ClientId creator, const NewObject& object, std::span<const std::byte> data,
                                    std::span<const std::byte> metadata, TimeNs now) {
  DOLIUM_CHECK(data.size() == object.data_size && metadata.size() == object.metadata_size, "a put of other bytes");
  advance(now);
  const Result<Placement> placed = place(client_of(creator), object);
  if (!placed) return placed.error();
  std::byte* const out = memory_.bytes(placed->offset, 0).data();
  if (!data.empty()) std::memcpy(out, data.data(), data.size());
  if (!metadata.empty()) std::memcpy(out + data.size(), metadata.data(), metadata.size());
  publish(placed->slot, {object.id, placed->offset, object.data_size, object.metadata_size, object.type_tag}, now_);
  return placed->slot;
}

/// An unsealed row that nobody knows of yet, and its extent.
Result<Placement> Store::place(const Client& creator, const NewObject& object) {
  if (auto allowed = check_creation(creator, object, 0); !allowed) return std::move(allowed).error();
  const std::uint64_t size = total_size(object);
  const Result<SlotIndex> slot = take_slot_for(object, size);
  if (!slot) return slot.error();
  const Result<std::uint64_t> offset = take_extent(size, *slot);
  if (!offset) {
    index_.release(*slot);
    return offset.error();
  }
  write_row(*slot, *offset, object, creator);
  if (!object.type_name.empty())
    std::memcpy(memory_.bytes(*offset + object.data_size + object.metadata_size, 0).data(), object.type_name.data(),
                object.type_name.size());
  return Placement{*slot, *offset};
}

/// A slot, with memory for all that will be noted of it. Where something must be evicted for it, so that there is room
/// for so many bytes, too.
Result<SlotIndex> Store::take_slot_for(const NewObject& object, std::uint64_t size) {
  const Result<SlotIndex> slot = take_slot(size);
  if (!slot) return slot;
  Result<void> reserved = reserve_notes(*slot, object);
  if (reserved) return slot;
  index_.release(*slot);
  return std::move(reserved).error();
}

/// Memory for what is noted of few.
Result<void> Store::reserve_notes(SlotIndex slot, const NewObject& object) {
  Result<void> reserved = object.lifetimes.any() ? ledger_.reserve_lifetimes(slot) : Result<void>();
  if (reserved && object.pinned) reserved = ledger_.reserve_pinner(slot);
  return reserved;
}

/// What a row says of an object that is not sealed yet.
void Store::write_row(SlotIndex slot, std::uint64_t offset, const NewObject& object, const Client& creator) {
  const bool mortal = object.lifetimes.any();
  if (mortal)
    ledger_.lifetimes(slot) = {static_cast<std::uint64_t>(object.lifetimes.to_live.count()),
                               static_cast<std::uint64_t>(object.lifetimes.to_idle.count())};
  index_.write(slot, {object.id, offset, object.data_size, object.metadata_size, object.type_tag});
  row(slot) = {.sealed = 0, .accessed = creator.id};
  margin(slot) = {.writing_ms = 0,
                  .creator_pid = creator.identity.pid,
                  .type_name_size = static_cast<std::uint8_t>(object.type_name.size()),
                  .pinned = false,
                  .mortal = mortal,
                  .lent = false,
                  .leased = false,
                  .operation = Operation::none,
                  .state = SlotState::unsealed};
  if (object.pinned) set_pinned(slot, creator.identity.uid);
}

std::span<std::byte> Store::writable_bytes(SlotIndex slot) const {
  const SlotFields fields = index_.read(slot);
  return memory_.bytes(fields.offset, fields.data_size + fields.metadata_size);
}

const UnsealedObject* Store::find_unsealed(const ObjectId& id) const {
  return unsealed_.empty() ? nullptr : unsealed_.find(index_.chain_of(id), id);  // the first saves the hash
}

/// Of an unsealed object, or an abandoned one, that will not be one any more.
void Store::uncount_unsealed(SlotIndex slot) {
  const std::uint64_t taken = taken_bytes(slot);
  if (Client* creator = find_client(row(slot).accessed)) {
    --creator->unsealed_count;
    creator->unsealed_bytes -= taken;
    if (margin(slot).leased) creator->leased_bytes -= taken;
  }
  unsealed_tally_.subtract(taken);
  if (margin(slot).leased) leased_bytes_ -= taken;
}

Result<UnsealedObject> Store::own_unsealed(ClientId client, const ObjectId& id,
                                           std::optional<std::uint64_t> offset) const {
  const UnsealedObject* unsealed = find_unsealed(id);
  if (unsealed == nullptr) {
    if (find(id) == kNoSlot) return not_found(id);
    return Error{Errc::already_sealed,
                 fmt::format("object {} is sealed already: nobody can change or abort it any more (remove it instead)",
                             id.hex())};
  }
  if (unsealed->creator != client)
    return Error{Errc::permission_denied,
                 fmt::format("only the creator of object {} may seal or abort it, not this client", id.hex())};
  if (offset && index_.read(unsealed->slot).offset != *offset) return not_found(id);
  return *unsealed;
}

Result<SlotIndex> Store::seal(ClientId client, const ObjectId& id, TimeNs now, std::optional<std::uint64_t> offset) {
  advance(now);
  const Result<UnsealedObject> unsealed = own_unsealed(client, id, offset);
  if (!unsealed) return unsealed.error();
  if (margin(unsealed->slot).leased) return not_found(id);  // a lease is no object
  uncount_unsealed(unsealed->slot);
  unsealed_.erase(unsealed->chain, id);
  publish(unsealed->slot, index_.read(unsealed->slot), unsealed->created);
  return unsealed->slot;
}

/// unsealed -> sealed. `object` is what the row says, which is not read again: it may just have been written.
void Store::publish(SlotIndex slot, const SlotFields& object, TimeNs created) {
  last_seal_ = std::max(now_, last_seal_ + 1);
  LedgerRow& ledger = row(slot);
  SlotMargin& margin = index_.margin(slot);
  ledger.sealed = last_seal_;
  margin.writing_ms = static_cast<std::uint32_t>(
      std::min<std::uint64_t>((last_seal_ - created) / kNsPerMs, std::numeric_limits<std::uint32_t>::max()));
  if (ledger_.counts_hits()) ledger_.hit_row(slot) = {.hits = 0, .base = hit_sum(slot)};
  index_.publish(slot, object.id);  // the even seq is what commits: a row found sealed is always published
  ledger.accessed = ledger.sealed;  // until now it said whose it is, which a successor would have had to know
  margin.state = SlotState::sealed;
  sealed_tally_.add(taken_bytes(slot));
  if (!margin.pinned) eviction_.insert(slot);
  if (margin.mortal) look_at({slot, ledger.sealed}, lifetimes(slot).due(ledger.sealed, ledger.accessed));
  ++counters().puts;
  room_made_ = true;  // it may be evicted now
  if (listener_ != nullptr) listener_->on_sealed(slot, object);
}

Result<void> Store::abort(ClientId client, const ObjectId& id, std::optional<std::uint64_t> offset) {
  const Result<UnsealedObject> unsealed = own_unsealed(client, id, offset);
  if (!unsealed) return unsealed.error();
  discard_unsealed(*unsealed, id);
  return {};
}

Result<std::uint64_t> Store::abort_and_keep(ClientId client, const ObjectId& id, std::optional<std::uint64_t> offset) {
  const Result<UnsealedObject> unsealed = own_unsealed(client, id, offset);
  if (!unsealed) return unsealed.error();
  const SlotIndex slot = unsealed->slot;
  if (margin(slot).leased) return not_found(id);  // a lease is no object
  abandoned_.push_back(slot);                     // first: it may throw
  if (margin(slot).pinned) clear_pinned(slot);
  unsealed_.erase(unsealed->chain, id);
  margin(slot).state = SlotState::abandoned;
  return index_.read(slot).offset;
}

Result<void> Store::give_up_abandoned(ClientId client, const ObjectId& id, std::optional<std::uint64_t> offset,
                                      std::span<const std::uint64_t> spared) {
  for (std::size_t i = abandoned_.size(); i-- > 0;) {
    const SlotFields object = index_.read(abandoned_[i]);
    if (row(abandoned_[i]).accessed != client || object.id != id || (offset && object.offset != *offset)) continue;
    if (!offset && std::ranges::find(spared, object.offset) != spared.end()) continue;
    free_abandoned(i);
    return {};
  }
  return not_found(id);
}

void Store::free_abandoned(std::size_t position) {
  free_slot(forget_abandoned(position));
}

/// Returns its slot, which is counted nowhere any more.
SlotIndex Store::forget_abandoned(std::size_t position) {
  const SlotIndex slot = abandoned_[position];
  uncount_unsealed(slot);
  if (!margin(slot).leased) ++counters().aborted;
  abandoned_[position] = abandoned_.back();
  abandoned_.pop_back();
  return slot;
}

Result<bool> Store::remove(const ObjectId& id, TimeNs now) {
  advance(now);
  if (find_unsealed(id) != nullptr) return still_unsealed(id);
  const SlotIndex slot = find(id);
  if (slot == kNoSlot) return false;
  retire(slot, RemovalCause::removed);
  return true;
}

void Store::clear(TimeNs now) {
  SlotIndex cursor = 0;
  do cursor = clear(now, cursor, last_seal_);
  while (cursor != 0);
}

SlotIndex Store::clear(TimeNs now, SlotIndex cursor, TimeNs through) {
  advance(now);
  const SlotIndex touched = index_.slots_touched();
  SlotIndex slot = cursor;
  for (std::uint32_t cleared = 0, seen = 0; slot < touched; ++slot) {
    if (cleared == kRemovalsPerPiece || seen++ == kListPage) return slot;
    if (margin(slot).state != SlotState::sealed || row(slot).sealed > through) continue;
    retire(slot, RemovalCause::cleared);
    ++cleared;
  }
  return 0;
}

Result<void> Store::pin(ClientId client, const ObjectId& id, TimeNs now) {
  advance(now);
  if (find_unsealed(id) != nullptr) return still_unsealed(id);
  const SlotIndex slot = find(id);
  if (slot == kNoSlot) return not_found(id);
  if (margin(slot).pinned) return {};
  const std::uint32_t uid = find_client(client)->identity.uid;
  if (auto allowed = check_pin_quota(uid, taken_bytes(slot)); !allowed) return allowed;
  if (auto reserved = ledger_.reserve_pinner(slot); !reserved) return reserved;
  eviction_.erase(slot);
  set_pinned(slot, uid);
  return {};
}

Result<void> Store::unpin(const ObjectId& id, TimeNs now) {
  advance(now);
  if (find_unsealed(id) != nullptr) return still_unsealed(id);
  const SlotIndex slot = find(id);
  if (slot == kNoSlot) return not_found(id);
  if (!margin(slot).pinned) return {};
  clear_pinned(slot);
  eviction_.put_back(slot);
  if (margin(slot).mortal) look_at({slot, row(slot).sealed}, now_);
  room_made_ = true;
  return {};
}

Lifetimes Store::lifetimes(SlotIndex slot) const noexcept {
  if (!margin(slot).mortal) return {};
  const LifetimeRow& found = ledger_.lifetimes(slot);
  return {std::chrono::milliseconds(found.to_live_ms), std::chrono::milliseconds(found.to_idle_ms)};
}

bool Store::is_mortal(const Expiry::Due& object) const noexcept {
  return margin(object.slot).state == SlotState::sealed && row(object.slot).sealed == object.sealed &&
         !margin(object.slot).pinned;  // unpin() looks again
}

void Store::look_at(const Expiry::Due& object, TimeNs when) {
  expiry_.look_at(object, when);
  expiry_.tidy([this](const Expiry::Due& each) { return is_mortal(each); });
}

void Store::expire(TimeNs now) {
  advance(now);
  for (std::uint32_t looks = 0; looks < kRemovalsPerPiece; ++looks) {
    const std::optional<Expiry::Due> object = expiry_.pop_due(now_);
    if (!object) return;
    if (!is_mortal(*object)) continue;
    // An object that somebody holds is not idle.
    const TimeNs due =
        lifetimes(object->slot).due(row(object->slot).sealed, in_use(object->slot) ? now_ : last_access(object->slot));
    if (due <= now_)
      retire(object->slot, RemovalCause::expired);
    else
      expiry_.look_at(*object, due);
  }
}

}  // namespace dolium::shm
