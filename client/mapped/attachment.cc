#include "client/mapped/attachment.h"

#include <fmt/format.h>

#include "client/fork/fork_handlers.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::detail {

Error Attachment::inherited_by_fork() const {
  return {Errc::disconnected,
          fmt::format("this store was opened by the parent process before fork(){}, and its references are the "
                      "parent's: connect again in this process",
                      inherited_because_.empty() ? "" : " and could not follow (" + inherited_because_ + ")")};
}

Result<Attachment*> Attachment::create(Parts parts) {
  Result<shm::ForkMark> mark = shm::ForkMark::create();
  if (!mark) return std::move(mark).error();
  const Result<shm::IndexReader> index = shm::IndexReader::open(parts.index.data(), parts.index.size());
  if (!index) return index.error();
  if (index->arena_bytes() > parts.arena.size() ||
      parts.pin_table.size() < shm::PinTableGeometry::for_slots(index->slot_count()).total_bytes)
    return Error{Errc::protocol_error, "the daemon's memory is smaller than its index says"};
  if (auto excluded = parts.pin_table.exclude_from_fork(); !excluded) return std::move(excluded).error();
  return new Attachment(std::move(parts), *std::move(mark), *index);
}

Attachment::Attachment(Parts parts, shm::ForkMark mark, const shm::IndexReader& index) noexcept
    : parts_(std::move(parts)),
      mark_(std::move(mark)),
      holder_(index, shm::PinTable(std::move(parts_.pin_table), index.slot_count())),
      owner_(&holder_.index().owner()) {}

/// The part of each get after the lookup. After `held`, the caller has a reference to the object and one to this.
inline Attachment::Verdict Attachment::count_in(const shm::Holder::Attempt& attempt, Count count) noexcept {
  if (attempt.release_wanted) parts_.on_release->released();
  switch (attempt.verdict) {
    case shm::Holder::Verdict::absent: return Verdict::absent;
    case shm::Holder::Verdict::undecided: return Verdict::undecided;
    case shm::Holder::Verdict::held: break;
  }
  gate_.pass();
  if (count == Count::hit) holder_.table().record_hit(attempt.object.slot, shm::monotonic_now());
  add_ref();
  return Verdict::held;
}

inline Attachment::Seen Attachment::look(const ObjectId& id, Count count) noexcept {
  Seen seen{.verdict = Verdict::gone, .attempt = holder_.hold(id)};
  // After the lookup, not before it: then the result of the lookup is one of a store that had not ended.
  if (gone()) [[unlikely]]
    take_back(seen.attempt);
  else
    seen.verdict = count_in(seen.attempt, count);
  return seen;
}

Attachment::Attempt Attachment::hold(const ObjectId& id, Count count) noexcept {
  return made_of(id, look(id, count));
}

Attachment::Seen Attachment::hold_row(const ObjectId& id) noexcept {
  return look(id, Count::hit);
}

void Attachment::take_back(const shm::Holder::Attempt& attempt) noexcept {
  const bool held = attempt.verdict == shm::Holder::Verdict::held;
  if ((held && holder_.release(attempt.object.slot)) || attempt.release_wanted) parts_.on_release->released();
}

Attachment::Attempt Attachment::hold_kept(const ObjectId& id, Count count, const shm::Granted* place) noexcept {
  const shm::Holder::Attempt attempt = place != nullptr ? holder_.hold_granted(*place) : holder_.hold_kept(id);
  return made_of(id, {count_in(attempt, count), attempt});
}

Attachment::Attempt Attachment::made_of(const ObjectId& id, const Seen& seen) noexcept {
  if (seen.verdict != Verdict::held) return {seen.verdict, {}};
  return {Verdict::held, Object(view(id, seen.attempt.object))};
}

void Attachment::record_hit(const Object& object) noexcept {
  holder_.table().record_hit(object.view().slot, shm::monotonic_now());
}

std::optional<bool> Attachment::exists(const ObjectId& id) const noexcept {
  switch (holder_.find(id).verdict) {
    case shm::IndexReader::Verdict::found: return true;
    case shm::IndexReader::Verdict::absent: return false;
    case shm::IndexReader::Verdict::undecided: break;
  }
  return std::nullopt;
}

void Attachment::hold_again(std::uint32_t slot) noexcept {
  add_ref();
  if (inherited()) return;
  holder_.hold_again(slot);
  gate_.pass();
}

void Attachment::release(std::uint32_t slot) noexcept {
  if (!inherited() && holder_.release(slot)) parts_.on_release->released();
  drop_ref();
}

// ---- around fork() ----

bool Attachment::keep() noexcept {
  std::uint64_t uses = uses_.load(std::memory_order_relaxed);
  while (uses != 0)
    if (uses_.compare_exchange_weak(uses, uses + 1, std::memory_order_relaxed)) return true;
  return false;
}

Result<void> Attachment::take_over(shm::Mapping pin_table) {
  if (auto excluded = pin_table.exclude_from_fork(); !excluded) return excluded;
  // The old table is not mapped in the child: its addresses must not be unmapped, another mapping may be there.
  auto old = std::make_unique<shm::PinTable>(
      holder_.exchange_table(shm::PinTable(std::move(pin_table), holder_.table().geometry().slot_count)));
  abandon_to_parent(old.release());
  ++generation_;
  owner_.store(&holder_.index().owner(), std::memory_order_release);  // the child has a session of its own
  mark_.claim();
  return {};
}

std::span<std::byte> Attachment::writable_bytes(std::uint64_t offset, std::uint64_t size) const noexcept {
  const shm::Mapping& arena = *parts_.writable_arena;
  if (offset > arena.size() || size > arena.size() - offset) return {};
  return {arena.data() + offset, size};
}

}  // namespace dolium::detail
