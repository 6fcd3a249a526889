#pragma once
// ArenaMemory: the arena's bytes: one memfd of the whole capacity, mapped once, reserved as it fills.
//
// What the allocator hands out is reserved first: the kernel has given the memory, so nobody who writes to it
// can meet a SIGBUS. Reserved memory is kept: pages that are warm are the fastest there are.

#include <cstdint>
#include <span>

#include <dolium/result.h>
#include <dolium/store_config.h>

#include "shm/segment.h"

namespace dolium::shm {

class ArenaMemory {
 public:
  /// Reservation grows by at least this much at a time (a system call of its own, whatever the size).
  static constexpr std::uint64_t kReserveStep = std::uint64_t{4} << 20;
  /// With `prefault`, how much is kept reserved ahead of what was ever used.
  static constexpr std::uint64_t kReserveAhead = std::uint64_t{64} << 20;

  [[nodiscard]] static Result<ArenaMemory> create(const StoreConfig& config);

  /// Goes on with another process's, of which everything below `reserved` is reserved.
  [[nodiscard]] static Result<ArenaMemory> adopt(const StoreConfig& config, UniqueFd memory, std::uint64_t reserved);

  /// Makes sure that everything below `end` is reserved. An error leaves things as they were.
  [[nodiscard]] Result<void> reserve_to(std::uint64_t end);
  /// One step of reserving ahead of use, for idle moments; false when there is nothing to do.
  [[nodiscard]] Result<bool> reserve_ahead();

  [[nodiscard]] std::span<std::byte> bytes(std::uint64_t offset, std::uint64_t size) const noexcept {
    return {mapping_.data() + offset, size};
  }
  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }
  [[nodiscard]] std::uint64_t reserved_bytes() const noexcept { return reserved_; }

 private:
  [[nodiscard]] static Result<ArenaMemory> over(const StoreConfig& config, Segment segment);

  Segment segment_;
  Mapping mapping_;
  std::uint64_t used_to_ = 0;   // the highest end ever asked for
  std::uint64_t reserved_ = 0;  // everything below is reserved
  bool ahead_ = false;
};

}  // namespace dolium::shm
