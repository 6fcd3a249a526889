#pragma once
// ArenaMemory: the arena's bytes: one memfd of the whole capacity, mapped once, and reserved as it fills.
//
// Bytes are reserved before the allocator gives them to a client: the kernel has assigned the memory, so a write cannot
// fail with SIGBUS. Reserved memory is kept, because pages that are present are the fastest, until give_back(): then
// free pages are holes of the memfd, and are reserved again before they are used.
//
// With `prefault`, memory is prepared ahead of its use, from the start of the arena upwards, one stretch at a time: it
// is reserved, and turned into one 2 MiB page if the kernel can (MADV_COLLAPSE, Linux 6.1). The first touch by a client
// then costs one page fault instead of 512. A stretch takes some milliseconds, so warm() may run on another thread
// beside all other calls. Memory that was ever allocated is not converted: the kernel would copy it, and block the
// threads that touch it. Pages that renew() replaced are reserved but not prepared; they lie below the stretches that
// are still prepared, and stay 4 KiB pages.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/arena/page_holes.h"
#include "shm/os/basic_types.h"
#include "shm/os/page_renewal.h"
#include "shm/os/segment.h"

namespace dolium::shm {

class ArenaMemory {
 public:
  /// Minimum number of bytes that are reserved at a time (each time costs a system call).
  static constexpr std::uint64_t kReserveStep = std::uint64_t{4} << 20;
  /// With `prefault`: number of bytes that are prepared beyond the highest byte ever used.
  static constexpr std::uint64_t kWarmAhead = std::uint64_t{64} << 20;

  struct Stretch {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  struct Warmth {
    Result<void> reserved;
    Result<void> collapsed;  ///< on error, the stretch has 4 KiB pages
  };

  /// `host`: the machine whose memory bounds the reservations; another one in tests.
  [[nodiscard]] static Result<ArenaMemory> create(const StoreConfig& config, HostQuery host = {});

  /// Takes over the arena of another process. Everything below `reserved` is reserved already.
  /// `has_holes`: but for what was given back.
  [[nodiscard]] static Result<ArenaMemory> adopt(const StoreConfig& config, UniqueFd memory, std::uint64_t reserved,
                                                 bool has_holes = false);

  /// Reserves everything below `end`. On error, nothing changes. out_of_memory if the machine or the cgroup has no
  /// room, so that the kernel need not kill a process.
  [[nodiscard]] Result<void> reserve_to(std::uint64_t end) {
    if (end > reserved_) return grow_to(end);
    used_to_ = std::max(used_to_, end);
    return {};
  }
  /// Reserves what was given back of these bytes. On error, parts of it may be reserved.
  [[nodiscard]] Result<void> fill_holes(std::uint64_t begin, std::uint64_t end) {
    return holes_.empty() ? Result<void>() : fill(begin, end);
  }
  [[nodiscard]] bool is_in_hole(std::uint64_t begin, std::uint64_t end) const {
    return !holes_.empty() && !holes_.within({begin, end}).empty();
  }
  /// Gives the whole pages of a free extent back to the system, at most so many bytes. Returns how many. Memory that
  /// was never used is left alone: it may be prepared at the moment.
  [[nodiscard]] Result<std::uint64_t> give_back(const Stretch& free, std::uint64_t most);
  /// Whether free memory may be given back: not with memory that was reserved for good.
  [[nodiscard]] bool can_give_back() const noexcept { return !for_good_; }

  /// The next stretch for warm(); nothing if enough is prepared.
  [[nodiscard]] std::optional<Stretch> next_to_warm() const noexcept;
  /// Prepares the stretch of next_to_warm(). Can be called on any thread, concurrently with every call but another
  /// warm().
  [[nodiscard]] Warmth warm(const Stretch& stretch) const;
  /// Records the result of warm(). If memory was short, no more memory is prepared ahead of use.
  void warmed(const Stretch& stretch, const Warmth& warmth);
  /// Calls renew_pages() for a stretch that begins and ends at a multiple of page_bytes(). Can be called on any thread.
  [[nodiscard]] Renewal renew(const Stretch& stretch) const {
    return renew_pages(segment_, stretch.begin, stretch.end, huge_pages_, host_);
  }
  /// Size of the pages that can be renewed.
  [[nodiscard]] std::uint64_t page_bytes() const noexcept { return huge_pages_ ? kHugePageBytes : kPageBytes; }

  [[nodiscard]] std::span<std::byte> bytes(std::uint64_t offset, std::uint64_t size) const noexcept {
    return {mapping_.data() + offset, size};
  }
  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }
  /// The end of the reserved part.
  [[nodiscard]] std::uint64_t reserved_bytes() const noexcept { return reserved_; }
  /// Bytes that the kernel has allocated: the reserved part without its holes.
  [[nodiscard]] std::uint64_t resident_bytes() const noexcept { return reserved_ - holes_.bytes(); }

 private:
  [[nodiscard]] static Result<ArenaMemory> over(const StoreConfig& config, Segment segment);
  [[nodiscard]] Result<void> grow_to(std::uint64_t end);
  [[nodiscard]] Result<void> fill(std::uint64_t begin, std::uint64_t end);
  [[nodiscard]] Result<void> fill_pages(std::uint64_t begin, std::uint64_t end);
  void find_holes();
  [[nodiscard]] Result<void> reserve(std::uint64_t begin, std::uint64_t end) const;

  Segment segment_;
  Mapping mapping_;
  HostQuery host_;
  std::uint64_t used_to_ = 0;   // highest `end` ever requested
  std::uint64_t reserved_ = 0;  // everything below is reserved
  std::uint64_t warm_to_ = 0;   // nothing below will be prepared any more
  PageHoles holes_;
  bool ahead_ = false;
  bool huge_pages_ = false;  // from the reserved pool
  bool for_good_ = false;    // preallocate, or huge_pages
};

}  // namespace dolium::shm
