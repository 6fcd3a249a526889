#pragma once
// StoreStats: how full a store is, why, and who uses the memory.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dolium/error.h>
#include <dolium/export.h>
#include <dolium/metadata.h>
#include <dolium/object_id.h>
#include <dolium/store_config.h>

namespace dolium {

/// Memory that can neither be evicted nor moved at the moment, and so causes fragmentation. Objects that no client uses
/// are no obstacles, even if pinned or in a grace, unless they are too large to be moved. Idle leases are no obstacles.
struct Obstacles {
  std::uint64_t count = 0;            ///< pieces
  std::uint64_t held_bytes = 0;       ///< in use by clients, including removed objects
  std::uint64_t writing_bytes = 0;    ///< unsealed objects of connected clients
  std::uint64_t leased_bytes = 0;     ///< leases that are in use, or cannot be given back
  std::uint64_t abandoned_bytes = 0;  ///< unsealed objects of a client or of a server that died
  std::uint64_t pinned_bytes = 0;     ///< pinned, not in use, and too large to be moved (or relocation is off)
  std::uint64_t graced_bytes = 0;     ///< in a grace, not in use, and too large to be moved (or relocation is off)
  std::uint64_t movable_bytes = 0;    ///< no obstacle: pinned or in a grace, and not in use; can only be moved
  /// The largest contiguous free memory if everything else were evicted or moved. A lower bound if there are more than
  /// several thousand obstacles.
  std::uint64_t largest_run = 0;

  [[nodiscard]] std::uint64_t bytes() const noexcept {
    return held_bytes + writing_bytes + leased_bytes + abandoned_bytes + pinned_bytes + graced_bytes;
  }
  friend bool operator==(const Obstacles&, const Obstacles&) = default;
};

/// A create or a put that failed because there was no room or no quota, also after waiting.
struct Refusal {
  std::chrono::milliseconds ago{0};
  ObjectId id;
  std::uint64_t size = 0;  ///< contiguous bytes that it needed
  Errc code = Errc::out_of_memory;
  RefusalCause cause = RefusalCause::none;
  std::string reason;  ///< the message of its error
  ClientUse by;
  // At that moment:
  std::uint64_t free_bytes = 0;
  std::uint64_t largest_free_extent = 0;
  /// The obstacles; looked up at most every 100 ms.
  Obstacles obstacles;
  /// The clients that held or wrote most, the largest first; looked up at most every 100 ms.
  std::vector<ClientUse> holders;
  static constexpr std::size_t kMaxHolders = 8;
};

/// What an eviction on request freed.
struct Evicted {
  std::uint64_t freed_bytes = 0;   ///< taken from the arena before, padding and metadata included
  std::uint64_t object_bytes = 0;  ///< data and metadata of the evicted objects, in bytes as their creators gave them

  friend bool operator==(const Evicted&, const Evicted&) = default;
};

enum class SpillTierState : std::uint8_t {
  absent,     ///< no process of the tier is connected
  catalogue,  ///< it tells what is on the disk; nothing is written or read back
  ready,
  full,       ///< objects are read back, none are written: the disk, or the quota, is full
  read_only,  ///< objects are read back, none are written: the file system refuses
  failed,     ///< neither
  stalled,    ///< neither: the disk has not answered for 30 s
};
/// "absent", "catalogue", ...
[[nodiscard]] DOLIUM_API std::string_view to_string(SpillTierState state) noexcept;

/// The spill tier: doliumd-spill and its directory. Its own figures are a second old.
struct SpillTierStats {
  SpillTierState state = SpillTierState::absent;
  std::string reason;     ///< why it is not ready, as the process says; may be empty
  std::int32_t pid = 0;   ///< of doliumd-spill, in the daemon's PID namespace; 0: not connected
  std::string directory;  ///< empty until the process has told it; so are all figures but the next four
  std::string io;         ///< "io_uring" or "threads"
  std::chrono::milliseconds connected_for{0};
  std::chrono::milliseconds oldest_work{0};            ///< how long the process has owed an answer to a write or a read
  std::uint64_t writing_count = 0, writing_bytes = 0;  ///< being written
  std::uint64_t reading_bytes = 0;                     ///< being read back: StoreStats::reading_count objects
  std::uint64_t capacity_bytes = 0;                    ///< the quota; the largest number if there is none
  std::uint64_t used_bytes = 0;                        ///< allocated on the disk
  std::uint64_t live_bytes = 0;  ///< of objects that are there; the rest of used_bytes is freed by compaction
  std::uint64_t records = 0;     ///< objects on the disk
  std::uint64_t files = 0;
  // Since the process started.
  std::uint64_t written_bytes = 0, read_bytes = 0, compacted_bytes = 0;
  std::uint64_t write_errors = 0, read_errors = 0;
  std::uint64_t damaged_count = 0;        ///< records found with a wrong checksum
  std::uint64_t unreadable_count = 0;     ///< reads that the disk refused
  std::uint64_t lost_records = 0;         ///< records whose files were removed or cut by others
  std::chrono::nanoseconds last_sync{0};  ///< duration of the last sync

  friend bool operator==(const SpillTierStats&, const SpillTierStats&) = default;
};

/// In a store of more than several thousand objects, some figures (the first group, padding, in use, graced, evictable)
/// are counted in pieces, and other requests are served in between. So these figures can be of slightly different
/// moments.
struct StoreStats {
  // Contents. Bytes are arena bytes: they include padding and metadata.
  std::uint64_t total_objects = 0;  ///< sealed and visible
  std::uint64_t total_size = 0;     ///< bytes of their data and metadata, without padding
  /// (bucket, count): `count` objects have at most `bucket` bytes of data, and more than the bucket before.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> size_histogram;

  // Fill level. capacity = used_bytes + free_bytes, always.
  std::uint64_t capacity = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t largest_free_extent = 0;  ///< the largest object that fits without an eviction
  std::uint64_t padding_bytes = 0;        ///< part of used_bytes: the cost of alignment to 64 bytes
  std::uint64_t reserved_bytes = 0;       ///< part of the capacity that the kernel has allocated: trim() gives back
  std::uint64_t max_objects = 0;

  // Memory that cannot be evicted. These figures may overlap.
  std::uint64_t pinned_count = 0, pinned_bytes = 0;
  std::uint64_t graced_count = 0, graced_bytes = 0;      ///< kept by a grace alone: neither pinned nor in use
  std::uint64_t in_use_count = 0, in_use_bytes = 0;      ///< held by a client, including removed objects
  std::uint64_t unsealed_count = 0, unsealed_bytes = 0;  ///< being written
  std::uint64_t retired_count = 0, retired_bytes = 0;    ///< removed, still held: free at the last release
  /// Memory of a writer that died, to which its I/O may still be under way. Free within a minute.
  std::uint64_t quarantined_count = 0, quarantined_bytes = 0;
  // Objects of retention `keep`. Their bytes on disk are not part of used_bytes.
  std::uint64_t dirty_count = 0, dirty_bytes = 0;      ///< in memory, not on disk yet
  std::uint64_t clean_count = 0, clean_bytes = 0;      ///< in memory and on disk
  std::uint64_t spilled_count = 0, spilled_bytes = 0;  ///< on disk only
  std::uint64_t reading_count = 0;                     ///< of these: being read back
  std::uint64_t evictable_bytes = 0;                   ///< bytes that could be evicted now, without a write to disk
  Obstacles obstacles;                                 ///< the causes of fragmentation

  // Since the start of the store.
  std::uint64_t get_count = 0, hit_count = 0, miss_count = 0;
  std::uint64_t put_count = 0;  ///< objects sealed
  std::uint64_t eviction_count = 0, evicted_bytes = 0;
  std::uint64_t spill_count = 0, read_back_count = 0;       ///< objects whose memory was given up; that came back
  std::uint64_t relocation_count = 0, relocated_bytes = 0;  ///< objects moved to defragment the arena
  std::uint64_t expired_count = 0, removed_count = 0, aborted_count = 0;
  std::uint64_t out_of_memory_count = 0;  ///< creates that found no room, also after waiting
  std::optional<Refusal> last_refusal;    ///< since the start of the daemon's present server

  // Clients and server.
  std::uint64_t client_count = 0;
  std::uint64_t waiting_gets = 0, waiting_creates = 0;
  std::chrono::milliseconds uptime{0};
  std::int32_t server_pid = 0;  ///< of the daemon's server; 0 in an InProcessStore, and no version
  /// The PID namespace of the daemon's process ids (the inode of its /proc/self/ns/pid); 0: unknown.
  std::uint64_t pid_namespace = 0;
  std::string server_version;
  std::optional<SpillTierStats> tier;  ///< none: the store has no spill tier
  EvictionPolicy eviction_policy = EvictionPolicy::lru;
};

}  // namespace dolium
