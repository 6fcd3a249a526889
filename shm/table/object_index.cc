#include "shm/table/object_index.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "shm/os/check.h"
#include "shm/os/system_error.h"

namespace dolium::shm {
namespace {

/// Number of chains that are prefetched together, and of rows in each: as much as the nearest caches can hold.
constexpr std::size_t kPrefetched = 64;
constexpr int kPrefetchedRows = 2;  // average length of a chain when the index is full

}  // namespace

Result<ObjectIndex> ObjectIndex::create(std::uint32_t slot_count, std::uint64_t arena_bytes, HostQuery host) {
  const IndexGeometry geometry = IndexGeometry::for_slots(slot_count);
  Result<Segment> segment = Segment::create("index", geometry.total_bytes);
  if (!segment) return std::move(segment).error();
  // Buckets are used at random from the first object on, so all are reserved now. A slot is reserved when it is first
  // taken.
  if (auto reserved = segment->reserve(0, geometry.slots_at); !reserved) return std::move(reserved).error();
  Result<Mapping> mapping = segment->map(Mapping::Mode::read_write);
  if (!mapping) return std::move(mapping).error();
  ObjectIndex index(*std::move(segment), *std::move(mapping), geometry);
  index.host_ = std::move(host);
  IndexHeader& header = index.header();
  header.magic = kIndexMagic;
  header.layout = kIndexLayout;
  header.slot_count = geometry.slot_count;
  header.bucket_count = geometry.bucket_count;
  header.arena_bytes = arena_bytes;
  const ObjectId random = ObjectId::random();
  static_assert(sizeof(header.incarnation) <= ObjectId::kSize);
  std::memcpy(header.incarnation.data(), random.bytes().data(), sizeof(header.incarnation));
  return index;
}

Result<ObjectIndex> ObjectIndex::adopt(UniqueFd memory) {
  struct stat found {};
  if (::fstat(memory.get(), &found) != 0) return system_error("read the size of the index");
  Result<Segment> segment = Segment::adopt("index", static_cast<std::uint64_t>(found.st_size), std::move(memory));
  if (!segment) return std::move(segment).error();
  if (segment->size() < kPageBytes)
    return Error{Errc::protocol_error, "cannot take over the store: its index is too small to have a header"};
  Result<Mapping> mapping = segment->map(Mapping::Mode::read_write);
  if (!mapping) return std::move(mapping).error();
  const auto& header = *reinterpret_cast<const IndexHeader*>(mapping->data());
  const IndexGeometry geometry = IndexGeometry::for_slots(header.slot_count);
  if (header.magic != kIndexMagic || header.layout != kIndexLayout || geometry.total_bytes != segment->size())
    return Error{Errc::protocol_error, fmt::format("the store's index has layout {}, but this program knows layout {}: "
                                                   "stop the daemon that created it, and start a new one",
                                                   header.layout, kIndexLayout)};
  if (header.owner.ended())
    return Error{Errc::disconnected, "cannot take over the store: it was ended by an orderly stop"};
  ObjectIndex index(*std::move(segment), *std::move(mapping), geometry);
  // Slots are first taken in order. From then on their seq is never 0.
  while (index.touched_ < geometry.slot_count && index.slot(index.touched_).seq.load(std::memory_order_relaxed) != 0)
    ++index.touched_;
  const std::uint64_t rows = std::uint64_t{index.touched_} * sizeof(Slot);
  // Before a pin table is read: see Holder::hold_granted().
  index.header().successions.fetch_add(1, std::memory_order_seq_cst);
  index.reserved_bytes_ =
      geometry.slots_at + rows / kReserveStep * kReserveStep;  // possibly more; reserving again is harmless
  return index;
}

ObjectIndex::ObjectIndex(Segment segment, Mapping mapping, const IndexGeometry& geometry)
    : segment_(std::move(segment)),
      mapping_(std::move(mapping)),
      geometry_(geometry),
      reserved_bytes_(geometry.slots_at) {}

IndexHeader& ObjectIndex::header() const noexcept {
  return *reinterpret_cast<IndexHeader*>(mapping_.data());
}

Bucket& ObjectIndex::bucket(std::uint32_t chain) const noexcept {
  return reinterpret_cast<Bucket*>(mapping_.data() + kPageBytes)[chain];
}

Result<SlotIndex> ObjectIndex::take(Growth growth) {
  if (free_ != 0) {
    const SlotIndex index = from_link(free_);
    free_ = slot(index).offset.load(std::memory_order_relaxed);
    return index;
  }
  if (touched_ == geometry_.slot_count) return kNoSlot;
  const std::uint64_t needed = geometry_.slots_at + (std::uint64_t{touched_} + 1) * sizeof(Slot);
  if (needed > reserved_bytes_) {
    if (growth == Growth::forbidden) return kNoSlot;
    const std::uint64_t end = std::min(geometry_.total_bytes, reserved_bytes_ + kReserveStep);
    if (auto room = check_room_to_grow(end - reserved_bytes_, host_); !room) return std::move(room).error();
    if (auto reserved = segment_.reserve(reserved_bytes_, end); !reserved) return std::move(reserved).error();
    reserved_bytes_ = end;
  }
  slot(touched_).seq.store(1, std::memory_order_relaxed);  // new memory is 0, which would mean "live"
  return touched_++;
}

void ObjectIndex::write(SlotIndex index, const SlotFields& fields) noexcept {
  // A reader that reached this row before it was unlinked may see any mix of old and new values. This fence pairs with
  // the reader's acquire fence: if the reader saw a new value, it also sees the bucket's new version.
  std::atomic_thread_fence(std::memory_order_release);
  Slot& row = slot(index);
  row.id.store(fields.id);
  set_place(row, {fields.offset, fields.data_size, fields.metadata_size});
  row.type_tag.store(fields.type_tag, std::memory_order_relaxed);
}

void ObjectIndex::set_bucket(Bucket& where, std::uint32_t head) noexcept {
  const BucketWord before = unpack(where.load(std::memory_order_relaxed));
  where.store(pack({head, before.version + 1}), std::memory_order_release);
}

void ObjectIndex::publish(SlotIndex index, const ObjectId& id) noexcept {
  Slot& row = slot(index);
  Bucket& chain = bucket(id);
  row.next.store(unpack(chain.load(std::memory_order_relaxed)).head, std::memory_order_relaxed);
  row.seq.store(row.seq.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  set_bucket(chain, to_link(index));
}

void ObjectIndex::begin_retire(SlotIndex index) noexcept {
  Slot& row = slot(index);
  row.seq.store(row.seq.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
}

void ObjectIndex::shrink(SlotIndex index, std::uint64_t data_size) noexcept {
  // One word, as in relocate(). Ordered before all later writes.
  slot(index).sizes.store(data_size, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_release);
}

void ObjectIndex::relocate(SlotIndex index, std::uint64_t offset) noexcept {
  // One word: if the daemon is killed, the row has the old place or the new one.
  slot(index).offset.store(static_cast<std::uint32_t>(offset / kUnitBytes), std::memory_order_release);
}

void ObjectIndex::cancel_retire(SlotIndex index) noexcept {
  Slot& row = slot(index);
  row.seq.store(row.seq.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void ObjectIndex::unlink(SlotIndex index) noexcept {
  Slot& row = slot(index);
  Bucket& chain = bucket(row.id.load());
  const std::uint32_t head = unpack(chain.load(std::memory_order_relaxed)).head;
  const std::uint32_t next = row.next.load(std::memory_order_relaxed);
  if (head == to_link(index)) {
    set_bucket(chain, next);
    return;
  }
  SlotIndex before = from_link(head);
  while (slot(before).next.load(std::memory_order_relaxed) != to_link(index))
    before = from_link(slot(before).next.load(std::memory_order_relaxed));
  slot(before).next.store(next, std::memory_order_release);
  set_bucket(chain, head);
}

void ObjectIndex::release(SlotIndex index) noexcept {
  // Not in `next`: a reader that reached this row before it was unlinked follows `next`, and must not walk into the
  // free slots.
  slot(index).offset.store(free_, std::memory_order_relaxed);
  free_ = to_link(index);
}

ObjectIndex::LookUp ObjectIndex::look_up(const ObjectId& id, std::uint32_t chain) const noexcept {
  std::uint32_t passed = 0;
  std::uint32_t link = unpack(bucket(chain).load(std::memory_order_relaxed)).head;
  while (link != 0 && !slot(from_link(link)).id.is(id)) {
    link = slot(from_link(link)).next.load(std::memory_order_relaxed);
    ++passed;
  }
  return {from_link(link), passed};
}

void ObjectIndex::prefetch(std::span<const ObjectId> ids) const noexcept {
  std::array<const Bucket*, kPrefetched> buckets;
  for (; !ids.empty(); ids = ids.subspan(std::min(ids.size(), kPrefetched))) {
    const std::span<const Bucket*> chains = std::span(buckets).first(std::min(ids.size(), kPrefetched));
    for (std::size_t i = 0; i < chains.size(); ++i) {
      chains[i] = &bucket(ids[i]);
      __builtin_prefetch(chains[i], 1);
    }
    for (int nth = 0; nth < kPrefetchedRows; ++nth)
      for (const Bucket* chain : chains) prefetch_row(*chain, nth);
  }
}

void ObjectIndex::prefetch_row(const Bucket& chain, int nth) const noexcept {
  std::uint32_t link = unpack(chain.load(std::memory_order_relaxed)).head;
  for (int passed = 0; link != 0 && passed < nth; ++passed)
    link = slot(from_link(link)).next.load(std::memory_order_relaxed);
  if (link != 0) __builtin_prefetch(&slot(from_link(link)), 1);
}

void ObjectIndex::prefetch_unlink(SlotIndex index, int step) const noexcept {
  const Slot& row = slot(index);
  if (step == 0) return __builtin_prefetch(&row, 1);
  const Bucket& chain = bucket(row.id.load());
  if (step == 1) return __builtin_prefetch(&chain, 1);
  prefetch_row(chain, step - 2);
}

SlotFields ObjectIndex::read(SlotIndex index) const noexcept {
  const Slot& row = slot(index);
  const Place place = place_of(row);
  return {row.id.load(), place.offset, place.data_size, place.metadata_size,
          row.type_tag.load(std::memory_order_relaxed)};
}

bool ObjectIndex::is_live(SlotIndex index) const noexcept {
  return slot(index).seq.load(std::memory_order_relaxed) % 2 == 0;
}

void ObjectIndex::set_release_wanted(bool wanted) noexcept {
  header().release_wanted.store(wanted ? 1 : 0, std::memory_order_seq_cst);
}

std::uint64_t ObjectIndex::bookkeeping_bytes() const noexcept {
  return kPageBytes + std::uint64_t{geometry_.bucket_count} * sizeof(Bucket) + std::uint64_t{touched_} * sizeof(Slot);
}

void ObjectIndex::check_invariants() const {
  std::vector<bool> linked(touched_, false);
  const auto* buckets = reinterpret_cast<const Bucket*>(mapping_.data() + kPageBytes);
  for (std::uint32_t b = 0; b < geometry_.bucket_count; ++b) {
    for (std::uint32_t link = unpack(buckets[b].load()).head; link != 0; link = slot(from_link(link)).next.load()) {
      const SlotIndex index = from_link(link);
      DOLIUM_CHECK(index < touched_, "a chain leads to a slot that was never taken");
      DOLIUM_CHECK(!linked[index], "a slot is in two chains, or twice in one");
      DOLIUM_CHECK(bucket_of(slot(index).id.load(), geometry_.bucket_count) == b, "a slot is in the wrong chain");
      linked[index] = true;
    }
  }
  for (SlotIndex index = 0; index < touched_; ++index)
    DOLIUM_CHECK(linked[index] == is_live(index), "a slot is linked but not live, or live but not linked");
  std::uint32_t seen = 0;
  for (std::uint32_t link = free_; link != 0; link = slot(from_link(link)).offset.load(std::memory_order_relaxed)) {
    DOLIUM_CHECK(from_link(link) < touched_ && ++seen <= touched_,
                 "the list of free slots leads to an invalid slot, or in a ring");
    DOLIUM_CHECK(!linked[from_link(link)], "a free slot is linked");
  }
}

}  // namespace dolium::shm
