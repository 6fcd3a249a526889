#pragma once
// StoreConfig: what a store is made with, in a daemon (conf/doliumd.toml) or in a process (InProcessStore).

#include <cstdint>

namespace dolium {

enum class EvictionPolicy : std::uint8_t {
  lru,   ///< least recently got first
  lfu,   ///< least often got first
  fifo,  ///< first sealed first
};

struct StoreConfig {
  /// Bytes of the arena; rounded up to whole pages of 4 KiB. Exact: objects never take more than this.
  std::uint64_t capacity = std::uint64_t{1} << 30;
  /// How many objects (sealed, unsealed and removed but still held) can exist at once. 0: one for each KiB of
  /// capacity, at least 1024. A row costs memory only from its first use on.
  std::uint32_t max_objects = 0;
  EvictionPolicy eviction_policy = EvictionPolicy::lru;
  /// When something must be evicted, go on until this share of the capacity is free: [0, 0.5].
  /// 0: evict what is needed and no more.
  double low_water_mark = 0.0;
  /// Move small objects that nobody holds, when there is nothing else to do, so that free memory lies together and less
  /// must be evicted: at most one byte for each ten stored into a full store. (An InProcessStore moves one object of at
  /// most 1 MiB in the call that follows an eviction.)
  bool relocation = true;
  /// Reserve all memory at start instead of as the store grows.
  bool preallocate = false;
  /// Populate the memory in the background, 64 MiB ahead of what was ever used and in 2 MiB pages where the kernel can
  /// (MADV_COLLAPSE), so that no writer waits for the kernel to clear pages, and the first touch of what a client has
  /// mapped costs little; and make large pages of the tables, too, as they fill, so that a look-up among a million
  /// objects does. It costs one other thread some 2 s for each GiB, once. A daemon's only: InProcessStore starts no
  /// thread; see there.
  bool prefault = true;
  /// 2 MiB pages from the kernel's reserved pool (vm.nr_hugepages); fails at start when there are too few.
  bool huge_pages = false;
  /// Unsealed bytes one client may have at once; 0: no limit but the capacity.
  std::uint64_t max_unsealed_bytes_per_client = 0;
  /// Bytes one user may have pinned at once; 0: no limit but the capacity.
  std::uint64_t max_pinned_bytes_per_user = 0;
  /// How long memory of a client that ended while it was writing rests, where its pages cannot be replaced (at most one
  /// page at each end of an object, and small objects): I/O of that client may still be under way. A daemon's only.
  std::uint32_t quarantine_seconds = 60;
};

}  // namespace dolium
