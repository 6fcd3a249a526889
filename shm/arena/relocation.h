#pragma once
// Which object to move so that the arena's holes become fewer and larger.
//
// Model: free bytes are worth more in one piece: what arrives then finds room that would otherwise be made by an
// eviction, somewhere else. An object that lies beside a hole, and fits into a smaller hole, moves there; what it
// leaves joins the first. Each move makes the sum of the squares of the holes' sizes larger, so moves come to an end.
// A pure function of the arena. SealedObjects (shm/store/sealed_objects.cc) moves the bytes.

#include <cstdint>
#include <functional>
#include <optional>

#include "shm/arena/arena.h"

namespace dolium::shm {

/// How many of the largest holes are looked at for an object beside them.
inline constexpr std::uint32_t kHolesLookedAt = 16;

struct Relocation {
  SlotIndex slot;
  ExtentRef to;  ///< free, and large enough
};

/// The next move, of an object of at most `most_bytes` that is `movable`; nothing when none would do any good. Takes
/// O(kHolesLookedAt), and asks about two objects for each.
[[nodiscard]] std::optional<Relocation> next_relocation(const Arena& arena, std::uint64_t most_bytes,
                                                        const std::function<bool(SlotIndex)>& movable);

}  // namespace dolium::shm
