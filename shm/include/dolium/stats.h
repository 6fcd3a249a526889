#pragma once
// StoreStats answers the operator's question: how full, why, and who holds it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <dolium/error.h>
#include <dolium/metadata.h>
#include <dolium/object_id.h>

namespace dolium {

/// Memory that neither eviction nor moving can clear at the moment: each piece is a wall that cuts the arena. Objects
/// that no client uses are none, not even pinned ones, if they are not too large to be moved; nor are leases that are
/// idle.
struct Obstacles {
  std::uint64_t count = 0;            ///< pieces
  std::uint64_t held_bytes = 0;       ///< in use by clients, removed objects included
  std::uint64_t writing_bytes = 0;    ///< created and not sealed, by clients that are there
  std::uint64_t leased_bytes = 0;     ///< leases of clients that use them now, or cannot give them back
  std::uint64_t abandoned_bytes = 0;  ///< what a client was writing when the server died, or the client itself
  std::uint64_t pinned_bytes = 0;     ///< pinned, not in use, and too large to be moved; or relocation is off
  std::uint64_t movable_bytes = 0;    ///< no obstacle, but memory that only moves: pinned, and not in use
  /// The most that could be free in one piece if all else were evicted or moved away. A lower bound where there are
  /// more than some thousand walls.
  std::uint64_t largest_run = 0;

  [[nodiscard]] std::uint64_t bytes() const noexcept {
    return held_bytes + writing_bytes + leased_bytes + abandoned_bytes + pinned_bytes;
  }
  friend bool operator==(const Obstacles&, const Obstacles&) = default;
};

/// A create, or a put, that was refused for want of room or of quota, or waited for room in vain.
struct Refusal {
  std::chrono::milliseconds ago{0};
  ObjectId id;
  std::uint64_t size = 0;  ///< what it wanted in one piece, bytes
  Errc code = Errc::out_of_memory;
  RefusalCause cause = RefusalCause::none;
  std::string reason;  ///< what it was told
  ClientUse by;
  // At that moment:
  std::uint64_t free_bytes = 0;
  std::uint64_t largest_free_extent = 0;
  /// What stood in the way; not looked up more often than every 100 ms.
  Obstacles obstacles;
  /// Who held or wrote most, the largest first; likewise.
  std::vector<ClientUse> holders;
  static constexpr std::size_t kMaxHolders = 8;
};

/// What an eviction on request freed.
struct Evicted {
  std::uint64_t freed_bytes = 0;   ///< taken from the arena before, padding and metadata included
  std::uint64_t object_bytes = 0;  ///< data and metadata of the evicted objects, in bytes as their creators gave them

  friend bool operator==(const Evicted&, const Evicted&) = default;
};

/// In a store of more than some thousand objects, those that are counted one by one (all of the first group, padding,
/// in use, evictable) are counted in pieces, between which others go on: while it changes, they are of slightly
/// different moments.
struct StoreStats {
  // What is in there. Bytes are those really taken from the arena, padding and metadata included.
  std::uint64_t total_objects = 0;  ///< sealed and visible
  std::uint64_t total_size = 0;     ///< their data and metadata, in bytes as their creators gave them
  /// (bucket, count): count objects whose data are at most `bucket` bytes and larger than the bucket before.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> size_histogram;

  // How full. capacity = used_bytes + free_bytes, always.
  std::uint64_t capacity = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t largest_free_extent = 0;  ///< the largest object that fits without evicting anything
  std::uint64_t padding_bytes = 0;        ///< part of used_bytes: what alignment to 64 bytes costs
  std::uint64_t reserved_bytes = 0;       ///< how much of the capacity the kernel has really given
  std::uint64_t max_objects = 0;

  // Why it cannot be emptied. Those that follow may overlap.
  std::uint64_t pinned_count = 0, pinned_bytes = 0;
  std::uint64_t in_use_count = 0, in_use_bytes = 0;      ///< held by somebody, removed ones included
  std::uint64_t unsealed_count = 0, unsealed_bytes = 0;  ///< being written
  std::uint64_t retired_count = 0, retired_bytes = 0;    ///< removed, but still held: freed at the last release
  /// Pieces of memory whose writer is gone, and to which the kernel may still write for it: free within a minute.
  std::uint64_t quarantined_count = 0, quarantined_bytes = 0;
  std::uint64_t evictable_bytes = 0;  ///< what eviction could give back at this moment
  Obstacles obstacles;                ///< what cuts the arena

  // What happened since the start.
  std::uint64_t get_count = 0, hit_count = 0, miss_count = 0;
  std::uint64_t put_count = 0;  ///< objects sealed
  std::uint64_t eviction_count = 0, evicted_bytes = 0;
  std::uint64_t relocation_count = 0, relocated_bytes = 0;  ///< objects moved to bring free memory together
  std::uint64_t expired_count = 0, removed_count = 0, aborted_count = 0;
  std::uint64_t out_of_memory_count = 0;  ///< creates refused, or waited in vain, for want of room
  std::optional<Refusal> last_refusal;    ///< since this server of the daemon's began

  // Who is there.
  std::uint64_t client_count = 0;
  std::uint64_t waiting_gets = 0, waiting_creates = 0;
  std::chrono::milliseconds uptime{0};
  std::int32_t server_pid = 0;  ///< who serves; 0, and no version, in an InProcessStore
  /// Which PID namespace the daemon's numbers of processes belong to (the inode of its /proc/self/ns/pid); 0: unknown.
  std::uint64_t pid_namespace = 0;
  std::string server_version;
};

}  // namespace dolium
