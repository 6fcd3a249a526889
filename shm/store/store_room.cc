// Making room, and the end of an object: the daemon's half of the pin protocol. See store.h for the model and
// holder.h for the reader's half.

#include <fmt/format.h>

#include <algorithm>

#include "shm/os/check.h"
#include "shm/os/monotonic_clock.h"
#include "shm/store/store.h"
#include "shm/text/size_text.h"

namespace dolium::shm {

Result<void> Store::check_creation(ClientId creator, const NewObject& object) const {
  return check_creation(client_of(creator), object, 0);
}

/// Of its bytes so many are counted as being written already.
Result<void> Store::check_creation(const Client& client, const NewObject& object, std::uint64_t counted) const {
  const std::uint64_t size = total_size(object);
  const auto id = [&object] { return object.id.hex(); };  // costs more than all that is checked here: only for an error
  if (object.metadata_size > kMaxMetadata)
    return Error{
        Errc::too_large,
        fmt::format("object {} has {} bytes of metadata; {} is the limit", id(), object.metadata_size, kMaxMetadata),
        RefusalCause::description};
  if (object.type_name.size() > kMaxTypeName)
    return Error{Errc::too_large,
                 fmt::format("object {} has a type name of {} bytes; {} is the limit", id(), object.type_name.size(),
                             kMaxTypeName),
                 RefusalCause::description};
  if (object.data_size > config_.capacity || size > config_.capacity)
    return Error{Errc::too_large,
                 fmt::format("object {} of {} bytes does not fit a store of {} bytes, even an empty one: raise the "
                             "daemon's capacity",
                             id(), object.data_size, config_.capacity),
                 RefusalCause::capacity};
  const std::uint32_t chain = index_.chain_of(object.id);  // once: a hash is a good part of what all this costs
  if (unsealed_.find(chain, object.id) != nullptr)
    return Error{Errc::already_exists,
                 fmt::format("object {} is being written already: wait for it, or choose another id", id())};
  const auto [existing, passed] = index_.look_up(object.id, chain);
  if (existing != kNoSlot)
    return Error{Errc::already_exists,
                 fmt::format("object {} exists already: remove it first, or choose another id", id())};
  if (passed + unsealed_.size() >= kLongestChain && passed + unsealed_.count_in(chain, kLongestChain) >= kLongestChain)
    return Error{
        Errc::invalid_argument,
        fmt::format("object {} cannot be told quickly from the {} whose ids hash like its own, and no more are "
                    "taken: choose another id, at random, or of a name by from_name()",
                    id(), kLongestChain)};
  const std::uint64_t taken = Arena::taken_by(size);
  const std::uint64_t limit = config_.max_unsealed_bytes_per_client;
  if (limit != 0 && taken > limit)
    return Error{Errc::too_large,
                 fmt::format("object {} takes {} bytes; one client may write {} at most "
                             "(max_unsealed_bytes_per_client)",
                             id(), taken, limit),
                 RefusalCause::writing};
  if (client.unsealed_count >= kMaxUnsealedPerClient || (limit != 0 && client.unsealed_bytes - counted + taken > limit))
    return Error{Errc::out_of_memory,
                 fmt::format("this client is writing {} objects of {} bytes already: seal or abort some first",
                             client.unsealed_count, client.unsealed_bytes),
                 RefusalCause::writing};
  return object.pinned ? check_pin_quota(client.identity.uid, taken) : Result<void>();
}

Error Store::no_slot() const {
  return {Errc::out_of_memory,
          fmt::format("no room for one more object: all {} that the daemon's max_objects allows exist ({} pinned, {} "
                      "being written, {} removed but held), and none can be evicted; release or unpin objects, raise "
                      "max_objects, or give a timeout to wait",
                      index_.slot_count(), pinned_tally_.count, unsealed_tally_.count, retired_tally_.count),
          RefusalCause::objects};
}

Result<SlotIndex> Store::take_slot(std::uint64_t size) {
  Result<SlotIndex> slot = index_.take();
  if (slot && *slot == kNoSlot) {
    sweep_some(kSweepForRoom);
    slot = index_.take();
  }
  // What is evicted for its slot must leave room for the bytes too, or it would have gone in vain.
  const auto evict_for_both = [this, size] {
    return arena_.largest_free_extent() >= Arena::taken_by(size) ? evict_coldest()
                                                                 : evict_window(size) || clear_way(size);
  };
  if (slot && *slot == kNoSlot && evict_for_both()) slot = index_.take();
  if (slot && *slot == kNoSlot && sweep_before_refusal()) slot = index_.take();
  if (slot && *slot == kNoSlot && recall_leases()) slot = index_.take();
  if (slot && *slot == kNoSlot) return no_slot();
  if (!slot) return slot;
  if (auto reserved = ledger_.reserve(*slot); !reserved) {
    index_.release(*slot);
    return std::move(reserved).error();
  }
  return slot;
}

Result<std::uint64_t> Store::take_extent(std::uint64_t size, SlotIndex slot) {
  sweep_some(kSweepStep);
  std::optional<std::uint64_t> offset = arena_.allocate(size, slot);
  if (!offset) offset = make_room(size, slot);
  if (!offset) return no_room(Arena::taken_by(size));
  if (auto reserved = reserve_arena_to(*offset + Arena::taken_by(size)); !reserved) {
    arena_.free(slot);
    return Error{
        Errc::out_of_memory,
        fmt::format("the arena cannot grow for an object of {}: {}; free memory, raise the cgroup's memory limit, or "
                    "lower the daemon's capacity",
                    format_size(size), reserved.error().message),
        RefusalCause::memory};
  }
  return *offset;
}

Result<void> Store::reserve_arena_to(std::uint64_t end) {
  Result<void> reserved = memory_.reserve_to(end);
  if (reserved) ledger_.state().arena_reserved = memory_.reserved_bytes();
  return reserved;
}

void Store::warmed(const ArenaMemory::Stretch& stretch, const ArenaMemory::Warmth& warmth) {
  memory_.warmed(stretch, warmth);
  ledger_.state().arena_reserved = memory_.reserved_bytes();
}

std::optional<std::uint64_t> Store::make_room(std::uint64_t size, SlotIndex slot) {
  sweep_some(kSweepForRoom);
  std::optional<std::uint64_t> offset = arena_.allocate(size, slot);
  if (!offset) offset = evict_for(size, slot);
  const bool swept = !offset && sweep_before_refusal();
  if (!offset && (recall_leases() || swept)) {
    offset = arena_.allocate(size, slot);
    if (!offset) offset = evict_for(size, slot);
  }
  if (!offset) offset = clear_for(size, slot);
  if (offset) keep_low_water_mark();
  return offset;
}

/// Where that takes a search, it makes room for the next ones too, if that costs no object that is still warm.
std::optional<std::uint64_t> Store::evict_for(std::uint64_t size, SlotIndex slot) {
  const std::uint64_t taken = Arena::taken_by(size);
  const std::uint64_t ahead = std::min(kEvictedAhead * taken, arena_.capacity() / kAheadShare);
  const bool made =
      (ahead >= 2 * taken && !eviction_.coldest_is_enough(size) && make_window(ahead, Eviction::Effort::cold)) ||
      make_window(size, Eviction::Effort::all);
  return made ? arena_.allocate(size, slot) : std::nullopt;
}

/// A free extent of that size, by eviction.
bool Store::make_window(std::uint64_t size, Eviction::Effort effort) {
  if (!evict_window(size, effort)) return false;
  relocation_credit_ += Arena::taken_by(size) / kStoredPerRelocated;
  fragmented_ = config_.relocation;
  return true;
}

bool Store::evict_window(std::uint64_t size, Eviction::Effort effort) {
  for (int plans = 0; plans < kMaxPlans; ++plans) {
    const std::vector<SlotIndex> victims = eviction_.plan(size, effort);
    if (victims.empty()) return false;
    if (retire_unused(victims)) return true;
  }
  return false;
}

bool Store::retire_unused(const std::vector<SlotIndex>& slots) {
  for (const SlotIndex slot : slots) {
    margin(slot).operation = Operation::evicting;  // step 0
    index_.begin_retire(slot);                     // step 1
  }
  // Step 2: whoever took a reference before our seq became visible is seen here; whoever comes later sees seq.
  const bool unused = std::ranges::none_of(slots, [this](SlotIndex slot) { return in_use(slot); });
  if (unused)  // step 3
    evict_unused(slots);
  else
    for (const SlotIndex slot : slots) {
      index_.cancel_retire(slot);
      margin(slot).operation = Operation::none;  // only when seq is even again: see Operation
    }
  return unused;
}

/// What each touches is spread over the index, and who waits for one line after the other waits most of the time: so it
/// is fetched for many at once. (Group prefetching: Chen, Ailamaki, Gibbons, Mowry, ICDE 2004.)
void Store::evict_unused(std::span<const SlotIndex> slots) {
  for (; !slots.empty(); slots = slots.subspan(std::min(slots.size(), kFetchedTogether))) {
    const std::span<const SlotIndex> group = slots.first(std::min(slots.size(), kFetchedTogether));
    if (group.size() > 1)
      for (int step = 0; step < kPrefetchSteps; ++step)
        for (const SlotIndex slot : group) prefetch(slot, step);
    for (const SlotIndex slot : group) {
      margin(slot).operation = Operation::removing;  // from here on it is finished, not undone
      leave_index(slot, RemovalCause::evicted);
      free_slot(slot);
    }
  }
}

bool Store::evict_coldest() {
  for (int plans = 0; plans < kMaxPlans; ++plans) {
    const SlotIndex slot = eviction_.coldest();
    if (slot == kNoSlot) return false;
    if (retire_unused({slot})) return true;
  }
  return false;
}

void Store::keep_low_water_mark() {
  const auto wanted = static_cast<std::uint64_t>(config_.low_water_mark * static_cast<double>(arena_.capacity()));
  while (arena_.free_bytes() < wanted && evict_coldest()) {
  }
}

Store::Evicted Store::evict_all(std::uint64_t bytes, TimeNs now) {
  Evicted all;
  while (all.more) {
    const Evicted piece = evict_piece(bytes - all.bytes, now);
    all = {all.bytes + piece.bytes, all.object_bytes + piece.object_bytes, piece.more};
  }
  return all;
}

Store::Evicted Store::evict_piece(std::uint64_t bytes, TimeNs now) {
  advance(now);
  sweep_some(kSweepForRoom);
  const std::uint64_t before = arena_.free_bytes();
  const std::uint64_t objects_before = evicted_object_bytes_;
  const auto freed = [this, before] { return arena_.free_bytes() - before; };
  std::uint32_t evictions = 0;
  while (evictions < kRemovalsPerPiece && freed() < bytes && evict_coldest()) ++evictions;
  return {freed(), evicted_object_bytes_ - objects_before, evictions == kRemovalsPerPiece && freed() < bytes};
}

void Store::sweep() {
  sweep_some(retired_.size());
}

/// True when something was freed. Where very many are held, and one is refused after the other, not each time.
bool Store::sweep_before_refusal() {
  if (retired_.size() > kSweepAlways && now_ < next_full_sweep_) return false;
  next_full_sweep_ = deadline_after(now_, kSweepRest * retired_.size());
  const std::size_t before = retired_.size();
  sweep();
  return retired_.size() != before;
}

void Store::sweep_some(std::size_t how_many) {
  for (std::size_t looks = std::min(how_many, retired_.size()); looks > 0 && !retired_.empty(); --looks) {
    if (next_sweep_ >= retired_.size()) next_sweep_ = 0;
    const SlotIndex slot = retired_[next_sweep_];
    looks_ += 1 + clients_.size();
    if (in_use(slot)) {
      ++next_sweep_;
      continue;
    }
    retired_[next_sweep_] = retired_.back();
    retired_.pop_back();
    retired_tally_.subtract(taken_bytes(slot));
    free_slot(slot);
  }
}

// ---- the end of an object ----

void Store::retire(SlotIndex slot, RemovalCause cause) {
  margin(slot).operation = Operation::removing;  // step 0
  index_.begin_retire(slot);                     // step 1
  leave_index(slot, cause);
  if (in_use(slot)) {  // steps 2 and 3: seq stays odd for good
    margin(slot).state = SlotState::retired;
    retired_.push_back(slot);
    retired_tally_.add(taken_bytes(slot));
    margin(slot).operation = Operation::none;
  } else {
    free_slot(slot);
  }
}

void Store::leave_index(SlotIndex slot, RemovalCause cause) {
  const SlotFields object = index_.read(slot);
  if (cause == RemovalCause::evicted) evicted_object_bytes_ += object.data_size + object.metadata_size;
  index_.unlink(slot);
  if (margin(slot).pinned)
    clear_pinned(slot);
  else
    eviction_.erase(slot);
  sealed_tally_.subtract(taken_bytes(slot));
  count_removal(cause, taken_bytes(slot));
  if (listener_ != nullptr) listener_->on_removed(slot, object, cause);
}

void Store::free_slot(SlotIndex slot) {
  margin(slot).state = SlotState::free;
  margin(slot).operation = Operation::none;
  arena_.free(slot);
  index_.release(slot);
  room_made_ = true;
}

void Store::discard_unsealed(const UnsealedObject& object, const ObjectId& id) {
  free_slot(forget_unsealed(object, id));
}

/// Returns its slot, which is counted nowhere any more.
SlotIndex Store::forget_unsealed(const UnsealedObject& object, const ObjectId& id) {
  const SlotIndex slot = object.slot;
  uncount_unsealed(slot);
  if (margin(slot).pinned) clear_pinned(slot);
  unsealed_.erase(object.chain, id);
  if (!margin(slot).leased) ++counters().aborted;
  return slot;
}

void Store::count_removal(RemovalCause cause, std::uint64_t bytes) noexcept {
  switch (cause) {
    case RemovalCause::removed:
    case RemovalCause::cleared: ++counters().removed; break;
    case RemovalCause::expired: ++counters().expired; break;
    case RemovalCause::evicted:
      ++counters().evictions;
      counters().evicted_bytes += bytes;
      break;
  }
}

}  // namespace dolium::shm
