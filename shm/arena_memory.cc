#include "shm/arena_memory.h"

#include <algorithm>

namespace dolium::shm {

Result<ArenaMemory> ArenaMemory::create(const StoreConfig& config) {
  Result<Segment> segment = Segment::create("arena", config.capacity, {.huge_pages = config.huge_pages});
  if (!segment) return std::move(segment).error();
  Result<ArenaMemory> memory = over(config, *std::move(segment));
  // Huge pages come from a pool that others may empty meanwhile: take them now or fail now.
  if (memory && (config.preallocate || config.huge_pages)) {
    if (auto reserved = memory->segment_.reserve(0, config.capacity); !reserved) return std::move(reserved).error();
    memory->reserved_ = config.capacity;
  }
  return memory;
}

Result<ArenaMemory> ArenaMemory::adopt(const StoreConfig& config, UniqueFd given, std::uint64_t reserved) {
  Result<Segment> segment = Segment::adopt("arena", config.capacity, std::move(given));
  if (!segment) return std::move(segment).error();
  Result<ArenaMemory> memory = over(config, *std::move(segment));
  if (memory) memory->reserved_ = memory->used_to_ = std::min(reserved, config.capacity);
  return memory;
}

Result<ArenaMemory> ArenaMemory::over(const StoreConfig& config, Segment segment) {
  ArenaMemory memory;
  memory.segment_ = std::move(segment);
  Result<Mapping> mapping = memory.segment_.map(Mapping::Mode::read_write);
  if (!mapping) return std::move(mapping).error();
  memory.mapping_ = *std::move(mapping);
  memory.ahead_ = config.prefault;
  return memory;
}

Result<void> ArenaMemory::reserve_to(std::uint64_t end) {
  used_to_ = std::max(used_to_, end);
  if (end <= reserved_) return {};
  const std::uint64_t target = std::min(segment_.size(), std::max(end, reserved_ + kReserveStep));
  if (auto reserved = segment_.reserve(reserved_, target); !reserved) return reserved;
  reserved_ = target;
  return {};
}

Result<bool> ArenaMemory::reserve_ahead() {
  const std::uint64_t goal = std::min(segment_.size(), used_to_ + kReserveAhead);
  if (!ahead_ || reserved_ >= goal) return false;
  const std::uint64_t target = std::min(goal, reserved_ + kReserveStep);
  if (auto reserved = segment_.reserve(reserved_, target); !reserved) {
    ahead_ = false;  // memory is short: take it only when it is really needed
    return std::move(reserved).error();
  }
  reserved_ = target;
  return true;
}

}  // namespace dolium::shm
