// Eviction on behalf of a create, and on request. Which objects are evicted: shm/eviction/eviction.h. How: the retire
// protocol in sealed_objects.cc. A plan may be spoilt by a client that takes a reference meanwhile; then another is
// made.

#include <algorithm>

#include "shm/eviction/window.h"
#include "shm/store/room.h"

namespace dolium::shm {
namespace {

/// The neighbours of a dirty object that may go, if all dirty ones among them are written.
class DirtyNeighbours final : public Neighbours {
 public:
  DirtyNeighbours(const Rows& rows, Usage& usage, Graces& graces, const Eviction& eviction)
      : rows_(rows), usage_(usage), graces_(graces), eviction_(eviction) {}

  [[nodiscard]] bool may_go(SlotIndex slot) const override {
    usage_.count_look();
    return rows_.margin(slot).state == SlotState::sealed && !rows_.is_spilled(slot) && !rows_.margin(slot).pinned &&
           !usage_.in_use(slot) && !graces_.still_keeps(slot);
  }
  /// The smaller object; of equal sizes the colder one.
  [[nodiscard]] bool goes_first(SlotIndex slot, SlotIndex other) const override {
    const std::uint64_t size = rows_.taken_bytes(slot);
    const std::uint64_t others = rows_.taken_bytes(other);
    return size != others ? size < others : eviction_.key(slot) < eviction_.key(other);
  }

 private:
  const Rows& rows_;
  Usage& usage_;
  Graces& graces_;
  const Eviction& eviction_;
};

}  // namespace

/// If that takes a search, it makes room for the next objects too, as long as no object is evicted that is still warm.
std::optional<std::uint64_t> Room::evict_for(std::uint64_t size, SlotIndex slot, Eviction::Effort effort) {
  const std::uint64_t taken = Arena::taken_by(size);
  const std::uint64_t objects = std::max<std::uint64_t>(kEvictedAhead, usage_.best_batch());
  const std::uint64_t ahead = std::min(objects * taken, rows_.arena.capacity() / kAheadShare);
  const bool made = (ahead >= 2 * taken && !sealed_.eviction().coldest_is_enough(size) &&
                     make_window(ahead, Eviction::Effort::cold)) ||
                    make_window(size, effort);
  return made ? allocate(size, slot) : std::nullopt;
}

bool Room::make_window(std::uint64_t size, Eviction::Effort effort) {
  if (!evict_window(size, effort)) return false;
  relocation_credit_ += Arena::taken_by(size) / kStoredPerRelocated;
  fragmented_ = rows_.config.relocation;
  return true;
}

/// A window may reach to the arena's end. So all of that memory is reserved first, or the arena ends before it.
bool Room::evict_window(std::uint64_t size, Eviction::Effort effort) {
  if (rows_.arena.limit() > rows_.memory.reserved_bytes())
    if (auto reserved = rows_.reserve_arena_to(rows_.arena.limit()); !reserved)
      end_arena_for_now(std::move(reserved).error(), size);
  for (int plans = 0; plans < kMaxPlans; ++plans) {
    std::vector<SlotIndex> victims = sealed_.eviction().plan(size, effort);
    if (victims.empty()) return false;
    if (plans == 0) add_batch(victims, size);
    if (sealed_.evict_unused(victims)) return true;
  }
  return false;
}

/// A free extent of that size, whatever it takes. For a create that also lacks a slot.
bool Room::evict_or_clear(std::uint64_t size) {
  const Eviction::Effort effort = widest(size);
  const std::uint64_t looked = looks();
  if (evict_window(size, effort)) return true;
  if (effort != Eviction::Effort::all) return false;
  if (clear_way(size)) return true;
  search_rest_.begin(size, looks() - looked, rows_.now);
  return false;
}

/// If one victim is enough: the next ones, too. `size`: of the object that needs room; 0 if it needs a slot.
void Room::add_batch(std::vector<SlotIndex>& victims, std::uint64_t size) {
  const std::size_t count = std::min<std::size_t>(usage_.best_batch() - 1, rows_.config.max_objects / kBatchShare);
  if (victims.size() != 1 || count == 0) return;
  const std::vector<SlotIndex> next =
      sealed_.eviction().next_victims(victims.front(), count, rows_.arena.capacity() / kBatchShare, size);
  victims.insert(victims.end(), next.begin(), next.end());
}

bool Room::evict_coldest(Batch batch) {
  const Eviction::Effort effort = coldest_rest_.allows(0, rows_.now) ? Eviction::Effort::all : Eviction::Effort::quick;
  const std::uint64_t looked = looks();
  for (int plans = 0; plans < kMaxPlans; ++plans) {
    const SlotIndex slot = sealed_.eviction().coldest(effort);
    if (slot == kNoSlot) break;
    std::vector<SlotIndex> victims = {slot};
    if (batch == Batch::allowed && plans == 0) add_batch(victims, 0);
    if (sealed_.evict_unused(victims)) return true;
  }
  if (effort == Eviction::Effort::all) coldest_rest_.begin(0, looks() - looked, rows_.now);
  return false;
}

void Room::keep_low_water_mark() {
  const auto wanted =
      static_cast<std::uint64_t>(rows_.config.low_water_mark * static_cast<double>(rows_.arena.limit()));
  while (rows_.arena.free_bytes() < wanted && evict_coldest(Batch::allowed)) {
  }
}

// ---- the spill tier ----

/// Leases do not count: an object counts when it is put into one.
Result<void> Room::check_dirty_limit(const NewObject& object) {
  const std::uint64_t unsealed = writing_.tally().bytes - writing_.leased_bytes();
  const std::uint64_t taken = Arena::taken_by(total_size(object));
  if (spill_.may_keep(taken, unsealed)) return {};
  return refusals_.too_much_dirty(taken, unsealed);
}

Result<std::uint64_t> Room::begin_reading(SlotIndex slot, ClientId reader, TimeNs now) {
  rows_.advance(now);
  Result<std::uint64_t> offset = take_extent(rows_.size_of(slot), slot);
  if (offset) spill_.begin_reading(slot, *offset, reader);
  return offset;
}

/// Not a plan of eviction: there, dirty objects are parked as those in use are, and to take them out for one plan, and
/// to park them again for the next create, would take a look at each of them.
Room::DirtyWindow Room::dirty_in_the_way(std::uint64_t size, TimeNs now) {
  rows_.advance(now);
  const DirtyNeighbours neighbours(rows_, usage_, graces_, sealed_.eviction());
  const std::uint64_t needed = Arena::taken_by(size);
  const std::uint64_t looked = looks();
  const std::size_t order = spill_.dirty_order_size();
  Window best;
  std::size_t found = 0;
  for (; dirty_seen_ < order && found < kDirtyWindows && looks() - looked < kDirtyLooks; ++dirty_seen_) {
    if (next_dirty_ >= order) next_dirty_ = 0;
    const SlotIndex anchor = spill_.dirty_at(next_dirty_++);
    usage_.count_look();
    if (anchor == kNoSlot || !neighbours.may_go(anchor)) continue;
    const Window window = window_around(rows_.arena, anchor, needed, neighbours);
    if (window.is_empty()) continue;
    ++found;
    if (best.is_empty() || window.live_bytes < best.live_bytes) best = window;
  }
  DirtyWindow out{objects_of(rows_.arena, best), best.is_empty() && dirty_seen_ >= order};
  if (!best.is_empty()) next_dirty_ = 0;  // those that were sealed first are the first again
  if (!best.is_empty() || out.complete) dirty_seen_ = 0;
  std::erase_if(out.slots, [this](SlotIndex slot) { return !spill_.is_dirty(slot); });
  return out;
}

Result<SlotIndex> Room::adopt_record(const Spill::Record& record, TimeNs now) {
  rows_.advance(now);
  const Result<SlotIndex> slot = rows_.index.take();
  if (!slot) return refusals_.no_memory_for_slot(slot.error());
  if (*slot == kNoSlot) return refusals_.no_slot();
  Result<void> reserved = rows_.ledger.reserve(*slot);
  if (reserved) reserved = rows_.reserve_notes(*slot, record.object);
  if (!reserved) {
    rows_.index.release(*slot);
    return std::move(reserved).error();
  }
  sealed_.adopt_record(*slot, record);
  return *slot;
}

Room::Evicted Room::evict_all(std::uint64_t bytes, TimeNs now) {
  Evicted all;
  while (all.more) {
    const Evicted piece = evict_piece(bytes - all.bytes, now);
    all = {all.bytes + piece.bytes, all.object_bytes + piece.object_bytes, piece.more};
  }
  return all;
}

Room::Evicted Room::evict_piece(std::uint64_t bytes, TimeNs now) {
  rows_.advance(now);
  sealed_.sweep(kSweepForRoom);
  const std::uint64_t before = rows_.arena.free_bytes();
  const std::uint64_t objects_before = sealed_.evicted_object_bytes();
  const auto freed = [this, before] { return rows_.arena.free_bytes() - before; };
  std::uint32_t evictions = 0;
  while (evictions < kRemovalsPerPiece && freed() < bytes && evict_coldest(Batch::none)) ++evictions;
  return {freed(), sealed_.evicted_object_bytes() - objects_before, evictions == kRemovalsPerPiece && freed() < bytes};
}

}  // namespace dolium::shm
