// Waits for objects that are on disk. See get_waits.h.

#include <fmt/format.h>

#include "shm/os/monotonic_clock.h"
#include "shm/store/get_waits.h"
#include "shm/text/size_text.h"

namespace dolium::shm {

bool GetWaits::is_on_disk(SlotIndex slot) const noexcept {
  return store_.spill().spilled().count != 0 && store_.rows().is_spilled(slot);
}

bool GetWaits::needs_disk(std::span<const ObjectId> ids) const {
  if (store_.spill().spilled().count == 0) return false;  // as in a store without a tier
  for (const ObjectId& id : ids)
    if (const SlotIndex slot = store_.rows().find(id); slot != kNoSlot && store_.rows().is_spilled(slot)) return true;
  return false;
}

/// A wait that should not wait for other clients waits for the disk alone.
void GetWaits::wait_for_disk(Wait& wait, TimeNs now) const noexcept {
  if (wait.deadline > now) return;
  wait.for_disk = true;
  wait.deadline = deadline_after(now, kDiskPatience);
}

void GetWaits::begin_with_disk(const WaitKey& key, Wait wait, TimeNs now) {
  const Rows& rows = store_.rows();
  std::uint64_t bytes = 0;
  for (const ObjectId& id : wait.ids)
    if (const SlotIndex slot = rows.find(id); slot != kNoSlot) bytes += Arena::taken_by(rows.size_of(slot));
  if (wait.ids.size() > 1 && bytes > rows.arena.capacity() / kReadShare && wait.failed)
    return wait.failed({Errc::too_large,
                        fmt::format("these {} objects have {}, and some are on disk: one get reads at most half of the "
                                    "store's {} back: ask for fewer at once",
                                    wait.ids.size(), format_size(bytes), format_size(rows.arena.capacity()))});
  wait_for_disk(wait, now);
  if (wait.ids.size() > 1) {
    wait.queued = true;
    admit(key, std::move(wait));
    disk_queue_.push_back(key);
    return serve_disk_queue();
  }
  admit(key, std::move(wait));
  scan(key, waits_.at(key));
}

void GetWaits::add_take_from_disk(const WaitKey& key, SlotIndex slot, std::uint64_t type_tag, TimeNs deadline,
                                  TimeNs now, const Taken& done) {
  Wait wait = take_of(store_.rows().fields(slot).id, type_tag, deadline, done);
  wait.failed = [done](const Error& error) { done(error); };
  wait_for_disk(wait, now);
  enlist(key, std::move(wait));
  read_back(key, waits_.at(key), 0, slot);
}

/// Holds what is there, and has the rest read back.
void GetWaits::scan(const WaitKey& key, Wait& wait) {
  wait.queued = false;
  for (std::size_t i = 0; i < wait.ids.size(); ++i)
    if (const SlotIndex slot = store_.rows().find(wait.ids[i]); slot != kNoSlot && !is_on_disk(slot))
      see(wait, i, slot);
  list_positions(key, wait);
  for (std::size_t i = 0; i < wait.ids.size() && wait.needed != 0; ++i)
    if (const SlotIndex slot = store_.rows().find(wait.ids[i]); slot != kNoSlot && is_on_disk(slot))
      read_back(key, wait, i, slot);
}

void GetWaits::read_back(const WaitKey& key, Wait& wait, std::size_t index, SlotIndex slot) {
  wait.on_disk.resize(wait.ids.size(), false);
  wait.on_disk[index] = true;
  ++wait.reading;
  if (tier_ != nullptr) tier_->want(slot, key.client);
}

/// A wait whose turn it is may be complete at once. One that has all of its objects that were on disk, and still waits
/// for others to be sealed, makes way for the next.
void GetWaits::serve_disk_queue() {
  if (serving_disk_queue_) return;  // called by one that ended here
  serving_disk_queue_ = true;
  while (!disk_queue_.empty()) {
    const WaitKey first = disk_queue_.front();
    Wait& wait = waits_.at(first);
    if (wait.queued) scan(first, wait);
    if (wait.is_complete())
      finish(first);
    else if (wait.reading == 0)
      disk_queue_.pop_front();
    else
      break;
  }
  serving_disk_queue_ = false;
}

void GetWaits::give_up_disk() {
  if (for_disk_ == 0) return;
  std::vector<WaitKey> in_vain;
  for (const auto& [key, wait] : waits_)
    if (wait.for_disk) in_vain.push_back(key);
  for (const WaitKey& key : in_vain)
    if (waits_.contains(key)) finish(key);  // the end of one may have ended another
}

void GetWaits::on_gone(const ObjectId& id) {
  if (wanted_.empty()) return;  // most of the time
  const auto wanted = wanted_.find(id);
  if (wanted == wanted_.end()) return;
  std::vector<WaitKey> complete;
  for (const Position& position : wanted->second) {
    Wait& wait = waits_.at(position.key);
    if (wait.on_disk.empty() || !wait.on_disk[position.index]) continue;
    const bool was_complete = wait.is_complete();
    wait.on_disk[position.index] = false;
    --wait.reading;
    if (wait.is_complete() && !was_complete) complete.push_back(position.key);
  }
  for (const WaitKey& key : complete) finish(key);
}

void GetWaits::fail(const Wait& wait) {
  for (const SlotIndex slot : wait.held)
    if (wait.purpose == Purpose::get && slot != kNoSlot) store_.usage().drop_hold(slot);
  std::size_t first = 0;
  while (first + 1 < wait.on_disk.size() && !wait.on_disk[first]) ++first;
  const Error why = tier_ != nullptr ? tier_->why_not(wait.ids[first])
                                     : Error{Errc::not_found, "the object is on disk, and there is no spill tier"};
  if (wait.failed) return wait.failed(why);
  wait.done(std::vector<SlotIndex>(wait.ids.size(), kNoSlot));
}

}  // namespace dolium::shm
