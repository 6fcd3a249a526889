#pragma once
// StoreConfig: the configuration of a store, of a daemon (conf/doliumd.toml) or in a process (InProcessStore).

#include <array>
#include <cstdint>
#include <string_view>

#include <dolium/export.h>
#include <dolium/retention.h>

namespace dolium {

enum class EvictionPolicy : std::uint8_t {
  lru,   ///< least recently used first
  lfu,   ///< least frequently used first
  fifo,  ///< first sealed first
  /// Objects that were not got since they were put first, then those not got for long; shares follow the requests. Good
  /// on popular sets, scans, loops larger than the store, and sets that change.
  adaptive,
};

/// The names of all eviction policies, in the order of their numbers.
inline constexpr std::array<std::string_view, 4> kEvictionPolicyNames{"lru", "lfu", "fifo", "adaptive"};
static_assert(kEvictionPolicyNames.size() == static_cast<std::size_t>(EvictionPolicy::adaptive) + 1);

/// Precondition: it is a policy of the enumeration.
[[nodiscard]] constexpr std::string_view to_string(EvictionPolicy policy) noexcept {
  return kEvictionPolicyNames[static_cast<std::size_t>(policy)];
}

struct StoreConfig {
  /// Bytes of the arena, rounded up to pages of 4 KiB. Objects never take more.
  std::uint64_t capacity = std::uint64_t{1} << 30;
  /// Maximum number of objects: sealed, unsealed, and removed but still held. 0: one per KiB of capacity, at least
  /// 1024. The bookkeeping of an object takes memory from its first use on.
  std::uint32_t max_objects = 0;
  EvictionPolicy eviction_policy = EvictionPolicy::lru;
  /// An eviction goes on until this share of the capacity is free: 0 to 0.5. 0: evict only what is needed.
  double low_water_mark = 0.0;
  /// Defragment the arena when idle: move small objects that no client holds, at most one byte for each ten bytes
  /// stored into a full store. (An InProcessStore moves one object of at most 1 MiB, in the call after an eviction.)
  bool relocation = true;
  /// Allocate all memory at start, not as the store grows.
  bool preallocate = false;
  /// Populate the memory in the background, 64 MiB ahead of its first use, in 2 MiB pages if the kernel can
  /// (MADV_COLLAPSE). Then no writer waits for the kernel to clear pages, and a client's page faults are cheap. The
  /// tables get large pages too, as they fill: lookups among a million objects are faster. Costs one other thread about
  /// 2 s per GiB, once. Daemon only: an InProcessStore has no thread.
  bool prefault = true;
  /// Use 2 MiB pages of the kernel's reserved pool (vm.nr_hugepages). The start fails if there are too few.
  bool huge_pages = false;
  /// Maximum number of unsealed bytes of one client. 0: only the capacity limits them.
  std::uint64_t max_unsealed_bytes_per_client = 0;
  /// Maximum number of bytes of one user that are pinned or in a grace. 0: only the capacity limits them.
  std::uint64_t max_pinned_bytes_per_user = 0;
  /// How long memory is kept unused, in seconds, after a client died while it was writing there: I/O of that client may
  /// still be under way. Only for pages that cannot be replaced: at most one at each end of an object, and small
  /// objects. Daemon only.
  std::uint32_t quarantine_seconds = 60;
  /// A spill tier is there: objects of retention `keep` are written to disk before their memory is used for others.
  /// Daemon only ([spill] directory); an InProcessStore refuses it.
  bool spill = false;
  /// The retention of objects that are created with Retention::store_default. `keep` only with `spill`.
  Retention retention = Retention::cache;
};

}  // namespace dolium
