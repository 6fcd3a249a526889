// Moving objects. In idle moments, one at a time, so that free memory lies together (shm/arena/relocation.h plans). And
// where eviction alone finds no window for a create: then objects that no client uses, but that are pinned or in a
// grace, are moved out of the way (shm/eviction/clearance.h plans).

#include <algorithm>

#include "shm/arena/relocation.h"
#include "shm/eviction/clearance.h"
#include "shm/store/room.h"

namespace dolium::shm {
namespace {

constexpr std::uint32_t kSamples = 64;

/// How hot a key is among some others, which are sorted.
std::uint32_t heat_of(const EvictionKey& key, const std::vector<EvictionKey>& others) {
  if (others.empty()) return 0;
  const auto colder = static_cast<std::uint64_t>(std::ranges::lower_bound(others, key) - others.begin());
  return static_cast<std::uint32_t>(Footing::kHottest * colder / others.size());
}

}  // namespace

bool Room::relocate_one() {
  if (!fragmented_) return false;
  const auto movable = [this](SlotIndex slot) {
    return rows_.margin(slot).state == SlotState::sealed && !usage_.in_use(slot);
  };
  const std::optional<Relocation> move =
      next_relocation(rows_.arena, std::min(kMostRelocated, relocation_credit_), movable);
  const std::uint64_t taken = move ? rows_.taken_bytes(move->slot) : 0;
  fragmented_ = move && sealed_.relocate(move->slot, move->to);
  if (fragmented_) relocation_credit_ -= taken;
  return fragmented_;
}

/// Makes a free extent of that size. When it returns false, some objects may have been evicted in vain: clients took
/// references to those that should have been moved.
bool Room::clear_way(std::uint64_t size) {
  if (pins_.tally().count + graces_.tally().count + spill_.dirty().count == 0 || !rows_.config.relocation) return false;
  const std::uint64_t needed = Arena::taken_by(size);
  const std::vector<EvictionKey> keys = sample_keys();
  const auto footing = [&](SlotIndex slot) -> Footing {
    usage_.count_look();
    if (rows_.margin(slot).state != SlotState::sealed) return {};
    if (usage_.in_use(slot)) return {};
    if (rows_.margin(slot).pinned || spill_.is_dirty(slot) || graces_.still_keeps(slot))
      return {sealed_.may_move_aside(slot) ? Footing::Kind::moves : Footing::Kind::stays};
    return {Footing::Kind::goes, heat_of(sealed_.eviction().key(slot), keys)};
  };
  for (int plans = 0; plans < kMaxClearings; ++plans) {
    const Clearance way = plan_clearance(rows_.arena, needed, SealedObjects::kMostMovedAside, footing);
    if (way.is_empty()) return false;
    if (!sealed_.evict_unused(way.going)) continue;
    if (!move_aside(way.moving)) return false;
    if (rows_.arena.largest_free_extent() >= needed) return true;
  }
  return false;
}

/// Of some objects in eviction's order, sorted.
std::vector<EvictionKey> Room::sample_keys() const {
  std::vector<EvictionKey> keys;
  constexpr std::uint32_t kStride = 2'654'435'761;  // 2^32 through the golden ratio: spreads them over all slots
  for (std::uint32_t i = 1; i <= kSamples; ++i) {
    const auto slot = static_cast<SlotIndex>((std::uint64_t{i * kStride} * rows_.index.slots_touched()) >> 32);
    if (sealed_.eviction().contains(slot)) keys.push_back(sealed_.eviction().key(slot));
  }
  std::ranges::sort(keys);
  return keys;
}

/// Moves each to the free bytes before it, if it fits there. False when the system has no memory for one of them.
bool Room::move_aside(std::span<const SlotIndex> slots) {
  for (const SlotIndex slot : slots) {
    const ExtentRef before = rows_.arena.before(ExtentRef::live(slot));
    if (!before.is_free() || rows_.arena.size_of(before) < rows_.taken_bytes(slot)) continue;
    if (!sealed_.relocate(slot, before)) return false;
  }
  return true;
}

}  // namespace dolium::shm
