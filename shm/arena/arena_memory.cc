#include "shm/arena/arena_memory.h"

#include <algorithm>
#include <utility>

#include "shm/os/basic_types.h"

namespace dolium::shm {

Result<ArenaMemory> ArenaMemory::create(const StoreConfig& config, HostQuery host) {
  Result<Segment> segment = Segment::create("arena", config.capacity, {.huge_pages = config.huge_pages});
  if (!segment) return std::move(segment).error();
  Result<ArenaMemory> memory = over(config, *std::move(segment));
  if (memory) memory->host_ = std::move(host);
  // Other processes may empty the pool of huge pages later: take them now, or fail now.
  if (memory && (config.preallocate || config.huge_pages)) {
    if (auto reserved = memory->segment_.reserve(0, config.capacity); !reserved) return std::move(reserved).error();
    memory->reserved_ = config.capacity;
  }
  return memory;
}

Result<ArenaMemory> ArenaMemory::adopt(const StoreConfig& config, UniqueFd given, std::uint64_t reserved,
                                       bool has_holes) {
  Result<Segment> segment = Segment::adopt("arena", config.capacity, std::move(given));
  if (!segment) return std::move(segment).error();
  Result<ArenaMemory> memory = over(config, *std::move(segment));
  if (!memory) return memory;
  memory->reserved_ = memory->used_to_ = std::min(reserved, config.capacity);
  if (has_holes) memory->find_holes();
  return memory;
}

Result<ArenaMemory> ArenaMemory::over(const StoreConfig& config, Segment segment) {
  ArenaMemory memory;
  memory.segment_ = std::move(segment);
  Result<Mapping> mapping = memory.segment_.map(Mapping::Mode::read_write);
  if (!mapping) return std::move(mapping).error();
  memory.mapping_ = *std::move(mapping);
  memory.huge_pages_ = config.huge_pages;
  memory.for_good_ = config.preallocate || config.huge_pages;
  memory.ahead_ = config.prefault && !config.huge_pages;  // huge pages are present already
  return memory;
}

Result<void> ArenaMemory::reserve(std::uint64_t begin, std::uint64_t end) const {
  Result<void> room = check_room_to_grow(end - begin, host_);
  return room ? segment_.reserve(begin, end) : room;
}

Result<void> ArenaMemory::grow_to(std::uint64_t end) {
  std::uint64_t target = std::min(segment_.size(), round_up(std::max(end, reserved_ + kReserveStep), kHugePageBytes));
  Result<void> reserved = reserve(reserved_, target);
  if (!reserved) {  // memory is short: reserve only the necessary part
    target = round_up(end, kPageBytes);
    reserved = reserve(reserved_, target);
  }
  if (!reserved) return reserved;
  reserved_ = target;
  used_to_ = std::max(used_to_, end);
  return reserved;
}

// ---- holes ----

/// Some more than asked for: each time costs system calls. If memory is short, only the necessary part.
Result<void> ArenaMemory::fill(std::uint64_t begin, std::uint64_t end) {
  if (!is_in_hole(begin, end)) return {};
  if (fill_pages(begin, std::max(end, begin + kReserveStep))) return {};
  return fill_pages(begin, end);
}

Result<void> ArenaMemory::fill_pages(std::uint64_t begin, std::uint64_t end) {
  const PageHoles::Range pages = {begin / kPageBytes * kPageBytes, std::min(round_up(end, kPageBytes), reserved_)};
  for (const PageHoles::Range& hole : holes_.within(pages)) {
    if (auto reserved = reserve(hole.begin, hole.end); !reserved) return reserved;
    holes_.remove(hole);
  }
  return {};
}

Result<std::uint64_t> ArenaMemory::give_back(const Stretch& free, std::uint64_t most) {
  const PageHoles::Range pages = {round_up(free.begin, kPageBytes),
                                  std::min({free.end, used_to_, reserved_}) / kPageBytes * kPageBytes};
  std::uint64_t given = 0;
  most = most / kPageBytes * kPageBytes;
  if (for_good_ || pages.begin >= pages.end) return given;
  for (const PageHoles::Range& part : holes_.outside(pages)) {
    if (given == most) break;
    const PageHoles::Range piece = {part.begin, std::min(part.end, part.begin + (most - given))};
    if (auto punched = segment_.punch(piece.begin, piece.end); !punched) return std::move(punched).error();
    holes_.add(piece);
    given += piece.end - piece.begin;
  }
  return given;
}

/// After a restart of the server: the memfd knows which pages it has. Pages that are reserved and were never written
/// count as holes, too: to reserve them again has no effect.
void ArenaMemory::find_holes() {
  for (std::uint64_t at = 0; at < reserved_;) {
    const std::uint64_t hole = std::min(segment_.next_hole(at), reserved_);
    const std::uint64_t data = std::min(segment_.next_data(hole), reserved_);
    holes_.add({hole, data});
    at = std::max(data, hole);
    if (data == hole) break;
  }
}

std::optional<ArenaMemory::Stretch> ArenaMemory::next_to_warm() const noexcept {
  const std::uint64_t begin = std::max(warm_to_, round_up(used_to_, kHugePageBytes));
  const std::uint64_t goal = std::min(segment_.size(), std::max(reserved_, used_to_ + kWarmAhead));
  if (!ahead_ || begin >= goal) return std::nullopt;
  return Stretch{begin, std::min(segment_.size(), begin + kHugePageBytes)};
}

ArenaMemory::Warmth ArenaMemory::warm(const Stretch& stretch) const {
  // Prepare the whole stretch, or nothing.
  Warmth warmth{check_room_to_grow(stretch.end - stretch.begin, host_), {}};
  if (!warmth.reserved) return warmth;
  // One page is enough for the conversion. With all pages reserved, the kernel would copy them.
  warmth.reserved = segment_.reserve(stretch.begin, std::min(stretch.end, stretch.begin + kPageBytes));
  if (!warmth.reserved) return warmth;
  warmth.collapsed = mapping_.collapse(stretch.begin, stretch.end);
  warmth.reserved = segment_.reserve(stretch.begin, stretch.end);
  return warmth;
}

void ArenaMemory::warmed(const Stretch& stretch, const Warmth& warmth) {
  ahead_ = static_cast<bool>(warmth.reserved);  // memory is short: reserve it only when it is used
  if (!warmth.reserved) return;
  warm_to_ = stretch.end;
  if (stretch.begin <= reserved_) reserved_ = std::max(reserved_, stretch.end);
}

}  // namespace dolium::shm
