#include "shm/arena/arena.h"

#include <algorithm>

#include "shm/os/check.h"

namespace dolium::shm {

static_assert(kMaxCapacity / kUnitBytes == std::uint64_t{1} << kMaxUnitsLog2);

Arena::Arena(std::uint64_t capacity_bytes, std::uint32_t max_slots)
    : capacity_(capacity_bytes),
      limit_(capacity_bytes / kUnitBytes),
      free_bytes_(capacity_bytes),
      max_slots_(max_slots),
      live_(reserved_vector<LiveExtent>(max_slots)) {
  DOLIUM_CHECK(capacity_ > 0 && capacity_ <= kMaxCapacity && capacity_ % kUnitBytes == 0, "impossible capacity");
  DOLIUM_CHECK(max_slots_ <= FreeLists::kMaxRecords, "more slots than an ExtentRef can name");
  first_ = last_ = add_free(0, limit_);
}

std::uint64_t Arena::taken_by(std::uint64_t size_bytes) noexcept {
  // Sizes come from clients. One that would overflow when rounded up stays larger than any arena.
  constexpr std::uint64_t kMost = UINT64_MAX / kUnitBytes * kUnitBytes;
  return size_bytes >= kMost ? kMost : round_up(std::max<std::uint64_t>(size_bytes, 1), kUnitBytes);
}

std::optional<std::uint64_t> Arena::allocate(std::uint64_t size_bytes, SlotIndex owner) {
  DOLIUM_CHECK(owner < max_slots_ && !owns(owner), "allocate for a slot that owns an extent or cannot exist");
  const std::uint64_t units = taken_by(size_bytes) / kUnitBytes;
  const std::uint32_t record = free_.find(units);
  if (record == FreeLists::kNoRecord) return std::nullopt;
  const std::uint64_t offset = free_[record].offset;
  carve(record, offset, units, owner);
  return offset * kUnitBytes;
}

bool Arena::claim(std::uint64_t offset, std::uint64_t size_bytes, SlotIndex owner) {
  DOLIUM_CHECK(owner < max_slots_ && !owns(owner), "claim for a slot that owns an extent or cannot exist");
  const std::uint64_t taken = taken_by(size_bytes);
  if (offset % kUnitBytes != 0 || offset >= limit() || taken > limit() - offset) return false;
  const ExtentRef extent = extent_at(offset / kUnitBytes);
  if (!extent.is_free() || (offset + taken) / kUnitBytes > end_of(extent)) return false;
  carve(extent.record(), offset / kUnitBytes, taken / kUnitBytes, owner);
  last_claimed_ = owner;
  return true;
}

ExtentRef Arena::fit(std::uint64_t size_bytes) const noexcept {
  const std::uint32_t record = free_.find(taken_by(size_bytes) / kUnitBytes);
  return record == FreeLists::kNoRecord ? ExtentRef() : ExtentRef::free(record);
}

void Arena::move(SlotIndex owner, ExtentRef place) {
  DOLIUM_CHECK(owns(owner) && place.is_free(), "a move of a slot without an extent, or to an extent that is not free");
  const std::uint64_t units = end_of(ExtentRef::live(owner)) - start_of(ExtentRef::live(owner));
  const std::uint64_t to = start_of(place);
  DOLIUM_CHECK(end_of(place) - to >= units, "a move to an extent that is too small");
  const ExtentRef left = give_back(owner);
  const bool merged = start_of(left) <= to && to < end_of(left);  // then `place` no longer exists on its own
  carve((merged ? left : place).record(), to, units, owner);
}

void Arena::free(SlotIndex owner) {
  DOLIUM_CHECK(owns(owner), "free for a slot that owns nothing");
  give_back(owner);
}

std::uint64_t Arena::split(SlotIndex from, std::uint64_t size_bytes, SlotIndex owner) {
  DOLIUM_CHECK(owner < max_slots_ && !owns(owner), "split for a slot that owns an extent or cannot exist");
  const std::uint64_t start = end_piece(from, size_bytes);
  record_of(owner) = {static_cast<std::uint32_t>(start), ExtentRef(), ExtentRef()};
  link(ExtentRef::live(owner), live_[from].after);
  link(ExtentRef::live(from), ExtentRef::live(owner));
  ++live_count_;
  return start * kUnitBytes;
}

void Arena::trim(SlotIndex owner, std::uint64_t size_bytes) {
  const std::uint64_t start = end_piece(owner, size_bytes);
  make_free(ExtentRef::live(owner), start, end_of(ExtentRef::live(owner)), live_[owner].after);
}

void Arena::set_limit(std::uint64_t bytes) {
  const std::uint64_t start = live_to() / kUnitBytes;
  ExtentRef left = last_;
  if (last_.is_free()) {
    left = before(last_);
    free_bytes_ -= (limit_ - start) * kUnitBytes;
    free_.remove(last_.record());
  }
  limit_ = std::max(start, std::min(bytes, capacity_) / kUnitBytes);
  free_bytes_ += (limit_ - start) * kUnitBytes;
  const ExtentRef rest = limit_ > start ? add_free(start, limit_ - start) : ExtentRef();
  link(left, rest);
  if (!rest.is_none()) link(rest, ExtentRef());
}

/// Start of the last taken_by(size_bytes) bytes of the owner's extent, in units.
std::uint64_t Arena::end_piece(SlotIndex owner, std::uint64_t size_bytes) const {
  const std::uint64_t units = taken_by(size_bytes) / kUnitBytes;
  const ExtentRef whole = ExtentRef::live(owner);
  DOLIUM_CHECK(owns(owner) && end_of(whole) - start_of(whole) > units,
               "a piece of a slot without an extent, or the whole extent");
  return end_of(whole) - units;
}

/// Frees the owner's extent. Returns the free extent that contains it now.
ExtentRef Arena::give_back(SlotIndex owner) {
  const LiveExtent gone = live_[owner];
  const std::uint64_t end = end_of(ExtentRef::live(owner));
  live_[owner].before = kUnowned;
  --live_count_;
  return make_free(gone.before, gone.offset, end, gone.after);
}

/// Frees [start, end) between these two neighbours, and merges it with each that is free. Returns the merged extent.
ExtentRef Arena::make_free(ExtentRef left, std::uint64_t start, std::uint64_t end, ExtentRef right) {
  free_bytes_ += (end - start) * kUnitBytes;
  if (left.is_free()) {
    const std::uint32_t merged = left.record();
    start = start_of(left);
    left = before(left);
    free_.remove(merged);
  }
  if (right.is_free()) {
    const std::uint32_t merged = right.record();
    end = end_of(right);
    right = after(right);
    free_.remove(merged);
  }
  const ExtentRef freed = add_free(start, end - start);
  link(left, freed);
  link(freed, right);
  return freed;
}

/// The owner's record, for writing. Creates it if necessary.
Arena::LiveExtent& Arena::record_of(SlotIndex owner) {
  if (owner >= live_.size()) live_.resize(std::size_t{owner} + 1, LiveExtent{0, kUnowned, ExtentRef()});
  return live_[owner];
}

bool Arena::owns(SlotIndex owner) const noexcept {
  return owner < live_.size() && live_[owner].before != kUnowned;
}

std::uint64_t Arena::largest_free_extent() const noexcept {
  return free_.largest() * kUnitBytes;
}

std::vector<ExtentRef> Arena::largest_free_extents(std::uint32_t how_many) const {
  std::vector<ExtentRef> extents;
  for (const std::uint32_t record : free_.largest_records(how_many)) extents.push_back(ExtentRef::free(record));
  return extents;
}

std::uint64_t Arena::bookkeeping_bytes() const noexcept {
  return sizeof(*this) - sizeof(free_) + live_.size() * sizeof(LiveExtent) + free_.bookkeeping_bytes();
}

/// Gives [offset, offset + units) of the free extent `record` to `owner`; the rest at both ends stays free.
void Arena::carve(std::uint32_t record, std::uint64_t offset, std::uint64_t units, SlotIndex owner) {
  const FreeExtent whole = free_[record];
  free_.remove(record);
  const ExtentRef carved = ExtentRef::live(owner);
  record_of(owner) = {static_cast<std::uint32_t>(offset), ExtentRef(), ExtentRef()};
  ExtentRef left = whole.before;
  ExtentRef right = whole.after;
  if (offset > whole.offset) {
    const ExtentRef rest = add_free(whole.offset, offset - whole.offset);
    link(left, rest);
    left = rest;
  }
  if (offset + units < whole.offset + whole.size) {
    const ExtentRef rest = add_free(offset + units, whole.offset + whole.size - offset - units);
    link(rest, right);
    right = rest;
  }
  link(left, carved);
  link(carved, right);
  ++live_count_;
  free_bytes_ -= units * kUnitBytes;
}

/// Makes two extents neighbours. "None" stands for an end of the sequence.
void Arena::link(ExtentRef left, ExtentRef right) noexcept {
  if (left.is_none()) {
    first_ = right;
  } else if (left.is_live()) {
    live_[left.owner()].after = right;
  } else {
    free_.set_after(left.record(), right);
  }
  if (right.is_live()) {
    live_[right.owner()].before = left;
  } else if (right.is_free()) {
    free_.set_before(right.record(), left);
  } else {
    last_ = left;
  }
}

ExtentRef Arena::add_free(std::uint64_t offset, std::uint64_t units) {
  return ExtentRef::free(free_.add({units, static_cast<std::uint32_t>(offset), ExtentRef(), ExtentRef()}));
}

/// The extent that contains this unit of the arena.
ExtentRef Arena::extent_at(std::uint64_t offset) const noexcept {
  ExtentRef extent = owns(last_claimed_) ? ExtentRef::live(last_claimed_) : first_;
  while (start_of(extent) > offset) extent = before(extent);
  while (end_of(extent) <= offset) extent = after(extent);
  return extent;
}

void Arena::check_invariants() const {
  std::uint64_t free_sum = 0;
  std::uint32_t live_seen = 0;
  std::uint32_t free_seen = 0;
  ExtentRef previous;
  for (ExtentRef extent = first_; !extent.is_none(); previous = extent, extent = after(extent)) {
    check_extent(extent, previous);
    if (extent.is_free()) free_sum += size_of(extent);
    DOLIUM_CHECK((extent.is_free() ? ++free_seen : ++live_seen) <= capacity_ / kUnitBytes, "the extents form a ring");
  }
  DOLIUM_CHECK(previous == last_ && limit() <= capacity_, "the last extent, or the limit, is wrong");
  DOLIUM_CHECK((previous.is_none() ? 0 : end_of(previous)) == limit_, "the extents do not reach the arena's end");
  DOLIUM_CHECK(free_sum == free_bytes_, "free bytes are miscounted");
  DOLIUM_CHECK(free_seen == free_.count(), "a free extent is in a list, but not in the sequence of extents");
  DOLIUM_CHECK(live_seen == live_count_, "live extents are miscounted");
  const auto owners =
      std::count_if(live_.begin(), live_.end(), [](const LiveExtent& e) { return e.before != kUnowned; });
  DOLIUM_CHECK(static_cast<std::uint64_t>(owners) == live_count_, "a live extent is not in the sequence of extents");
  free_.check_invariants();
}

void Arena::check_extent(ExtentRef extent, ExtentRef previous) const {
  DOLIUM_CHECK(extent.is_live() ? owns(extent.owner()) : extent.record() < FreeLists::kMaxRecords,
               "the sequence holds an extent without an owner");
  DOLIUM_CHECK(before(extent) == previous, "neighbours disagree");
  DOLIUM_CHECK(start_of(extent) == (previous.is_none() ? 0 : end_of(previous)), "extents overlap or leave a gap");
  DOLIUM_CHECK(end_of(extent) > start_of(extent), "an extent is empty");
  DOLIUM_CHECK(!(extent.is_free() && previous.is_free()), "two free extents touch");
}

}  // namespace dolium::shm
