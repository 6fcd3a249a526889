// Making room where eviction alone finds none: pinned objects that no client uses are moved out of the way. See
// shm/eviction/clearance.h for the plan, and store.h.

#include <algorithm>

#include "shm/eviction/clearance.h"
#include "shm/store/store.h"

namespace dolium::shm {
namespace {

constexpr std::size_t kSamples = 64;

/// How hot a key is among some others, which are sorted.
std::uint32_t heat_of(const EvictionKey& key, const std::vector<EvictionKey>& others) {
  if (others.empty()) return 0;
  const auto colder = static_cast<std::uint64_t>(std::ranges::lower_bound(others, key) - others.begin());
  return static_cast<std::uint32_t>(Footing::kHottest * colder / others.size());
}

}  // namespace

std::optional<std::uint64_t> Store::clear_for(std::uint64_t size, SlotIndex slot) {
  return clear_way(size) ? arena_.allocate(size, slot) : std::nullopt;
}

/// Makes a free extent of that size. When it returns false, something may have been evicted in vain: clients have taken
/// what was to be moved.
bool Store::clear_way(std::uint64_t size) {
  if (pinned_tally_.count == 0 || !config_.relocation) return false;
  const std::uint64_t needed = Arena::taken_by(size);
  std::vector<EvictionKey> keys;
  constexpr std::uint32_t kStride = 2'654'435'761;  // 2^32 through the golden ratio: spreads them over all slots
  for (std::uint32_t i = 1; i <= kSamples; ++i) {
    const auto slot = static_cast<SlotIndex>((std::uint64_t{i * kStride} * index_.slots_touched()) >> 32);
    if (eviction_.contains(slot)) keys.push_back(key(slot));
  }
  std::ranges::sort(keys);
  const auto footing = [&](SlotIndex slot) -> Footing {
    if (margin(slot).state != SlotState::sealed) return {};
    looks_ += 1 + clients_.size();
    if (in_use(slot)) return {};
    if (margin(slot).pinned) return {may_move(slot) ? Footing::Kind::moves : Footing::Kind::stays};
    return {Footing::Kind::goes, heat_of(key(slot), keys)};
  };
  for (int plans = 0; plans < kMaxClearings; ++plans) {
    const Clearance way = plan_clearance(arena_, needed, kMostMovedAside, footing);
    if (way.is_empty()) return false;
    if (!retire_unused(way.going)) continue;
    if (!move_aside(way.moving)) return false;
    if (arena_.largest_free_extent() >= needed) return true;
  }
  return false;
}

/// Each to the free bytes before it, if it fits there. False when the system has no memory for one of them.
bool Store::move_aside(std::span<const SlotIndex> slots) {
  for (const SlotIndex slot : slots) {
    const ExtentRef before = arena_.before(ExtentRef::live(slot));
    if (!before.is_free() || arena_.size_of(before) < taken_bytes(slot)) continue;
    if (!relocate(slot, before)) return false;
  }
  return true;
}

}  // namespace dolium::shm
