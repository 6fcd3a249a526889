#pragma once
// ArenaMemory: the arena's bytes: one memfd of the whole capacity, mapped once, reserved as it fills.
//
// What the allocator hands out is reserved first: the kernel has given the memory, so nobody who writes to it
// can meet a SIGBUS. Reserved memory is kept: pages that are warm are the fastest there are.
//
// With `prefault`, memory is made warm ahead of its use, from the start of the arena upwards, a stretch at a time:
// reserved, as one 2 MiB page where the kernel can (MADV_COLLAPSE, Linux 6.1), so that the first touch of a client that
// maps it costs one fault and not 512. A stretch takes some milliseconds, so warm() may run on another thread, while
// everything else goes on. What was ever handed out is left as it is: to make that a large page the kernel would copy
// it, and keep whoever touches it waiting. Pages that renew() replaced are reserved and not warm; they lie where
// nothing is warmed any more, and stay 4 KiB pages.

#include <cstdint>
#include <optional>
#include <span>

#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/os/basic_types.h"
#include "shm/os/page_renewal.h"
#include "shm/os/segment.h"

namespace dolium::shm {

class ArenaMemory {
 public:
  /// Reservation grows by at least this much at a time (a system call of its own, whatever the size).
  static constexpr std::uint64_t kReserveStep = std::uint64_t{4} << 20;
  /// With `prefault`, how much is kept warm ahead of what was ever used.
  static constexpr std::uint64_t kWarmAhead = std::uint64_t{64} << 20;

  struct Stretch {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  struct Warmth {
    Result<void> reserved;
    Result<void> collapsed;  ///< an error: it consists of 4 KiB pages
  };

  [[nodiscard]] static Result<ArenaMemory> create(const StoreConfig& config);

  /// Goes on with another process's, of which everything below `reserved` is reserved.
  [[nodiscard]] static Result<ArenaMemory> adopt(const StoreConfig& config, UniqueFd memory, std::uint64_t reserved);

  /// Makes sure that everything below `end` is reserved. An error leaves things as they were: out_of_memory where the
  /// machine or the cgroup has no room for it, so that the kernel need not kill a process for it.
  [[nodiscard]] Result<void> reserve_to(std::uint64_t end, const HostQuery& host = {});
  /// What to make warm next; nothing when all is as warm as it shall be.
  [[nodiscard]] std::optional<Stretch> next_to_warm() const noexcept;
  /// Makes what next_to_warm() said warm. From any thread, beside everything else but another warm().
  [[nodiscard]] Warmth warm(const Stretch& stretch, const HostQuery& host = {}) const;
  /// Takes note of what warm() achieved. Where memory is short nothing is taken ahead of use any more.
  void warmed(const Stretch& stretch, const Warmth& warmth);
  /// renew_pages() of a stretch that begins and ends at a multiple of page_bytes(). From any thread.
  [[nodiscard]] Renewal renew(const Stretch& stretch, const HostQuery& host = {}) const {
    return renew_pages(segment_, stretch.begin, stretch.end, huge_pages_, host);
  }
  /// Size of the pages that can be renewed.
  [[nodiscard]] std::uint64_t page_bytes() const noexcept { return huge_pages_ ? kHugePageBytes : kPageBytes; }

  [[nodiscard]] std::span<std::byte> bytes(std::uint64_t offset, std::uint64_t size) const noexcept {
    return {mapping_.data() + offset, size};
  }
  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }
  [[nodiscard]] std::uint64_t reserved_bytes() const noexcept { return reserved_; }

 private:
  [[nodiscard]] static Result<ArenaMemory> over(const StoreConfig& config, Segment segment);
  [[nodiscard]] Result<void> reserve(std::uint64_t begin, std::uint64_t end, const HostQuery& host) const;

  Segment segment_;
  Mapping mapping_;
  std::uint64_t used_to_ = 0;   // the highest end ever asked for
  std::uint64_t reserved_ = 0;  // everything below is reserved
  std::uint64_t warm_to_ = 0;   // nothing below is to be warmed any more
  bool ahead_ = false;
  bool huge_pages_ = false;  // of the reserved pool
};

}  // namespace dolium::shm
