#pragma once
// Chooses the object to move next, so that the arena has fewer and larger holes (defragmentation).
//
// Model: free bytes are worth more in one piece, because a new object then finds room without an eviction. An object
// beside a large hole moves into a smaller hole that fits it, and its old place joins the large hole. Each move
// increases the sum of the squares of the hole sizes, so the moves come to an end. A pure function of the arena;
// SealedObjects (shm/store/sealed_objects.cc) moves the bytes.

#include <cstdint>
#include <functional>
#include <optional>

#include "shm/arena/arena.h"

namespace dolium::shm {

/// Number of the largest holes whose neighbours are considered for a move.
inline constexpr std::uint32_t kHolesLookedAt = 16;

struct Relocation {
  SlotIndex slot;
  ExtentRef to;  ///< a free extent that is large enough
};

/// The next move of an object that has at most `most_bytes` and is `movable`; nothing if no move helps. Takes
/// O(kHolesLookedAt), and calls `movable` at most twice per hole.
[[nodiscard]] std::optional<Relocation> next_relocation(const Arena& arena, std::uint64_t most_bytes,
                                                        const std::function<bool(SlotIndex)>& movable);

}  // namespace dolium::shm
