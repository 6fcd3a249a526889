#include "shm/store/rows.h"

#include <cstring>
#include <limits>

namespace dolium::shm {

static_assert(kMaxCapacity < std::uint64_t{1} << kDataSizeBits && kMaxMetadata < std::uint64_t{1} << kMetadataSizeBits,
              "every size that is allowed must fit into a row");
static_assert(kMaxTypeName <= std::numeric_limits<decltype(SlotMargin::type_name_size)>::max());
static_assert(kMaxLabel < 1 << 8, "a label's size has 8 bits in a row's margin");

namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Rows::Rows(const StoreConfig& configuration, ArenaMemory bytes, ObjectIndex rows, Ledger notes, TimeNs time)
    : config(configuration),
      memory(std::move(bytes)),
      index(std::move(rows)),
      ledger(std::move(notes)),
      arena(configuration.capacity, configuration.max_objects),
      now(time) {}

std::uint64_t Rows::size_of(SlotIndex slot) const noexcept {
  const SlotFields object = index.read(slot);
  return object.data_size + object.metadata_size + margin(slot).type_name_size + margin(slot).label_size;
}

std::span<std::byte> Rows::bytes(SlotIndex slot) const {
  const SlotFields object = index.read(slot);
  return memory.bytes(object.offset, object.data_size + object.metadata_size);
}

std::string Rows::type_name(SlotIndex slot) const {
  if (margin(slot).leased) return "dolium::lease";
  if (is_spilled(slot)) return {};
  const SlotFields object = index.read(slot);
  return text_of(memory.bytes(object.offset + object.data_size + object.metadata_size, margin(slot).type_name_size));
}

std::string Rows::label(SlotIndex slot) const {
  if (is_spilled(slot)) return {};
  const SlotFields object = index.read(slot);
  const SlotMargin& sizes = margin(slot);
  return text_of(
      memory.bytes(object.offset + object.data_size + object.metadata_size + sizes.type_name_size, sizes.label_size));
}

Lifetimes Rows::lifetimes(SlotIndex slot) const noexcept {
  if (!margin(slot).mortal) return {};
  const LifetimeRow& found = ledger.lifetimes(slot);
  return {std::chrono::milliseconds(found.to_live_ms), std::chrono::milliseconds(found.to_idle_ms)};
}

Result<void> Rows::reserve_notes(SlotIndex slot, const NewObject& object) {
  Result<void> reserved = object.lifetimes.any() ? ledger.reserve_lifetimes(slot) : Result<void>();
  if (reserved && object.pinned) reserved = ledger.reserve_pinner(slot);
  if (reserved && object.grace.any()) reserved = ledger.reserve_grace(slot);
  if (reserved && keeps(object.retention)) reserved = ledger.reserve_spill(slot);
  return reserved;
}

void Rows::write(SlotIndex slot, std::uint64_t offset, const NewObject& object, ClientId creator,
                 std::int32_t creator_pid) {
  const bool mortal = object.lifetimes.any();
  if (mortal)
    ledger.lifetimes(slot) = {static_cast<std::uint64_t>(object.lifetimes.to_live.count()),
                              static_cast<std::uint64_t>(object.lifetimes.to_idle.count())};
  index.write(slot, {object.id, offset, object.data_size, object.metadata_size, object.type_tag});
  row(slot) = {.sealed = 0, .accessed = creator};
  margin(slot) = {.writing_ms = 0,
                  .creator_pid = static_cast<std::uint32_t>(creator_pid) & kMaxPid,
                  .label_size = static_cast<std::uint8_t>(object.label.size()),
                  .type_name_size = static_cast<std::uint8_t>(object.type_name.size()),
                  .pinned = false,
                  .mortal = mortal,
                  .lent = false,
                  .leased = false,
                  .graced = false,
                  .kept = false,
                  .clean = false,
                  .operation = Operation::none,
                  .state = SlotState::unsealed};
}

void Rows::free(SlotIndex slot) {
  margin(slot).state = SlotState::free;
  margin(slot).operation = Operation::none;
  // A spilled object has no extent, unless it was removed while it was read back.
  if (!is_spilled(slot) || arena.owns(slot)) arena.free(slot);
  index.release(slot);
  room_made = true;
}

Result<void> Rows::reserve_arena_to(std::uint64_t end) {
  Result<void> reserved = memory.reserve_to(end);
  if (reserved) ledger.state().arena_reserved = memory.reserved_bytes();
  return reserved;
}

std::vector<const Segment*> Rows::segments() const {
  std::vector<const Segment*> all = {&memory.segment(), &index.segment()};
  const std::vector<const Segment*> columns = ledger.segments();
  all.insert(all.end(), columns.begin(), columns.end());
  return all;
}

}  // namespace dolium::shm
