// Which dirty objects the spill process writes. See tier.h.

#include <algorithm>
#include <utility>

#include "daemon/tier/tier.h"
#include "protocol/convert.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {
namespace {

using shm::SlotIndex;
using shm::TimeNs;

/// The wall clock's deadline of an object, in ns since 1970; 0: none.
std::int64_t expiry_of(const shm::Lifetimes& lifetimes, TimeNs sealed, const shm::Moment& now) {
  if (lifetimes.to_live.count() == 0) return 0;
  const auto age = std::chrono::nanoseconds(static_cast<std::int64_t>(now.monotonic - std::min(sealed, now.monotonic)));
  const auto left = std::min<std::chrono::nanoseconds>(lifetimes.to_live, std::chrono::hours(24 * 365 * 100)) - age;
  const auto ends = std::chrono::duration_cast<std::chrono::nanoseconds>(now.wall.time_since_epoch()) + left;
  return std::max<std::int64_t>(ends.count(), 1);
}

}  // namespace

/// Bytes that are free, or can be evicted without the disk, or soon: what is being written counts. So do objects in
/// use: which they are is not known. And as many bytes may be dirty before creates must wait (Spill::dirty_limit()).
bool Tier::has_enough_clean() const noexcept {
  const shm::Rows& rows = store_.rows();
  const std::uint64_t resident = store_.sealed().tally().bytes;
  const std::uint64_t dirty = store_.spill().dirty().bytes;
  const std::uint64_t unwritten = dirty - std::min(dirty, writing_bytes_);
  const std::uint64_t stays = std::min(resident, unwritten + store_.report().pinned().bytes);
  const auto wanted = static_cast<std::uint64_t>(options_.ahead * static_cast<double>(rows.arena.capacity()));
  const std::uint64_t goal = wanted + (catching_up_ ? wanted / kAheadStep : 0);
  const std::uint64_t limit = store_.spill().dirty_limit();
  return rows.arena.free_bytes() + resident - stays >= goal &&
         unwritten <= limit - std::min(limit, std::max(goal, unsealed_and_awaited()));
}

std::uint64_t Tier::unsealed_and_awaited() const noexcept {
  const std::uint64_t first = engine_.creates().first_size();
  const shm::WritableExtents& writing = store_.writing();
  return first == 0 ? 0 : first + writing.tally().bytes - writing.leased_bytes();
}

/// The size of a read or a create that waits for room; 0: none does.
std::uint64_t Tier::needed_bytes() const noexcept {
  return std::max(stuck_bytes_, engine_.creates().first_size());
}

void Tier::add_writes(protocol::TierWorkNoticeT& work, const shm::Moment& now) {
  if (now.monotonic < next_write_ || store_.spill().dirty().bytes <= writing_bytes_) return;
  if (now.monotonic >= next_plan_) add_window(work, needed_bytes(), now);
  add_oldest(work, now);
  add_idle(work, now);
}

/// Whether no write is needed now, when those under way are done.
bool Tier::has_written_enough() const noexcept {
  return !drains_ && writing_bytes_ >= evictions_.wanted_bytes() && has_enough_clean();
}

void Tier::drain(bool everything) noexcept {
  drains_ = everything;
  next_plan_ = next_write_ = 0;
}

/// Also where the disk cannot help any more: then the requests end.
void Tier::serve_evictions(TimeNs now) {
  if (evictions_.empty()) return;
  const bool disk_helps = can_write() && store_.spill().dirty().count != 0;
  if (std::exchange(made_clean_, false) || !disk_helps || now >= evictions_.next_deadline())
    evictions_.serve(now, disk_helps);
}

/// `planned`: number of writes in the notice.
bool Tier::may_write_more(std::size_t planned) const noexcept {
  return planned < kMaxPerNotice && writes_.size() < kMaxWrites &&
         (writes_.empty() || writing_bytes_ < max_in_flight());
}

/// The dirty objects of a window. What is being written already is in use, and so in no window.
void Tier::add_window(protocol::TierWorkNoticeT& work, std::uint64_t size, const shm::Moment& now) {
  if (size == 0 || !may_write_more(work.writes.size())) return;
  const shm::Room::DirtyWindow window = store_.room().dirty_in_the_way(size, now.monotonic);
  if (!window.slots.empty()) useless_from_ = 0;
  // Where a piece is large enough, the create waits because too much is dirty: any write helps.
  const bool lacks_piece = store_.rows().arena.largest_free_extent() < shm::Arena::taken_by(size);
  if (window.complete && lacks_piece && writes_.empty()) useless_from_ = size, useless_at_ = now.monotonic;
  for (const SlotIndex slot : window.slots) {
    if (!may_write_more(work.writes.size())) return;
    begin_write(work, slot, now);
  }
  if (work.writes.empty()) next_plan_ = now.monotonic + kPlanPause;
}

/// Whether no window has only objects that can be written is looked up while a create waits, and is true for a moment.
bool Tier::may_make_room(std::uint64_t bytes) const {
  if (!can_write() || store_.spill().dirty().count == 0) return false;
  const bool is_known = useless_from_ != 0 && store_.rows().now < useless_at_ + 2 * kPlanPause;
  return writing_bytes_ != 0 || !is_known || bytes < useless_from_;
}

void Tier::add_oldest(protocol::TierWorkNoticeT& work, const shm::Moment& now) {
  catching_up_ = !has_written_enough();
  if (catching_up_) work.writes.reserve(kMaxPerNotice);
  while (catching_up_ && may_write_more(work.writes.size())) {
    const SlotIndex slot = store_.spill().take_dirty();
    if (slot == shm::kNoSlot) {
      next_write_ = now.monotonic + kPlanPause;
      return;
    }
    begin_write(work, slot, now);
    catching_up_ = !has_written_enough();
  }
}

/// One batch at a time, and only while the disk has nothing else to do.
void Tier::add_idle(protocol::TierWorkNoticeT& work, const shm::Moment& now) {
  if (is_busy(work)) return;
  const auto due = [this] {
    const TimeNs sealed = store_.spill().next_dirty();
    return sealed == shm::kNever ? shm::kNever : shm::deadline_after(sealed, options_.write_after);
  };
  idle_due_ = std::max(due(), next_idle_);
  if (now.monotonic < idle_due_) return;
  const std::uint64_t most = max_in_flight() / kIdleShare;
  while (work.writes.size() < kMaxPerNotice && writing_bytes_ < most && due() <= now.monotonic)
    begin_write(work, store_.spill().take_dirty(), now);
  next_idle_ = now.monotonic + (due() <= now.monotonic ? 0 : kIdlePause);
  idle_due_ = shm::kNever;  // the answers begin another turn
}

bool Tier::is_busy(const protocol::TierWorkNoticeT& work) const noexcept {
  return !(work.writes.empty() && work.reads.empty() && writes_.empty() && reads_.empty() && wanted_.empty());
}

void Tier::begin_write(protocol::TierWorkNoticeT& work, SlotIndex slot, const shm::Moment& now) {
  const shm::Rows& rows = store_.rows();
  if (writes_.contains({slot, rows.sealed_at(slot)})) return;
  const shm::SlotFields object = rows.fields(slot);
  const shm::SlotMargin& margin = rows.margin(slot);
  const shm::Lifetimes lifetimes = rows.lifetimes(slot);
  const TimeNs stamp = rows.sealed_at(slot);
  const Work asked{rows.taken_bytes(slot), now.monotonic};
  store_.usage().hold(slot);  // plan() makes a grant of it
  writes_.emplace(ObjectKey{slot, stamp}, Write{object.id, asked});
  note_asked(asked);
  writing_bytes_ += asked.bytes;
  work.writes.emplace_back(stamp, object.offset, expiry_of(lifetimes, stamp, now), protocol::to_ms(lifetimes.to_live),
                           protocol::to_ms(lifetimes.to_idle), object.data_size, object.type_tag, object.metadata_size,
                           rows.ledger.spill(slot).uid, slot, protocol::to_wire(object.id), margin.type_name_size,
                           static_cast<std::uint8_t>(margin.label_size));
}

}  // namespace dolium::daemon
