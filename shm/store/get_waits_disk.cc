// Waits for objects that are on disk. See get_waits.h.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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
  const bool is_single = wait.ids.size() == 1;
  if (!is_single && is_too_large(wait)) return fail(wait, too_large(wait.ids.size()));
  wait_for_disk(wait, now);
  admit(key, std::move(wait));
  Wait& admitted = waits_.at(key);
  if (is_single) return begin_turn(key, admitted);
  gather(key, admitted);  // takes its place in the queue if all are there
  serve_disk_queue();
}

/// Whether its objects, some of which are on disk, have more bytes together than one get may read back.
bool GetWaits::is_too_large(const Wait& wait) const {
  const Rows& rows = store_.rows();
  std::vector<SlotIndex> slots;
  for (const ObjectId& id : wait.ids)
    if (const SlotIndex slot = rows.find(id); slot != kNoSlot) slots.push_back(slot);
  std::ranges::sort(slots);
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  std::uint64_t bytes = 0;
  for (const SlotIndex slot : slots) bytes += Arena::taken_by(rows.size_of(slot));
  return bytes > rows.arena.capacity() / kReadShare;
}

Error GetWaits::too_large(std::size_t ids) const {
  return {
      Errc::too_large,
      fmt::format("these {} objects have more bytes than half of the store's {}, and some are on disk: one get reads "
                  "at most half of it back: ask for fewer at once",
                  ids, format_size(store_.rows().arena.capacity()))};
}

void GetWaits::add_take_from_disk(const WaitKey& key, SlotIndex slot, std::uint64_t type_tag, TimeNs deadline,
                                  TimeNs now, const Taken& done) {
  Wait wait = take_of(store_.rows().fields(slot).id, type_tag, deadline, done);
  wait.failed = [done](const Error& error) { done(error); };
  wait_for_disk(wait, now);
  enlist(key, std::move(wait));
  read_back(key, waits_.at(key), 0, slot);
}

// ---- gets of several objects ----

/// Waits until all that it needs exist; then it queues. One that waits for the disk alone queues at once.
void GetWaits::gather(const WaitKey& key, Wait& wait) {
  wait.gathers = true;
  wait.needed = wait.count;
  wait.seen.assign(wait.ids.size(), false);
  for (std::size_t i = 0; i < wait.ids.size(); ++i) {
    const SlotIndex slot = wait.held[i] != kNoSlot ? wait.held[i] : store_.rows().find(wait.ids[i]);
    if (slot != kNoSlot) static_cast<void>(note_seen(wait, i, slot));
  }
  list_positions(key, wait);
  if (wait.may_queue() || wait.for_disk) join_disk_queue(key, wait);
}

/// Of one that gathers: the object exists. Returns whether it is held: if it can be evicted for good, as long as what
/// such waits hold is a small part of the memory.
bool GetWaits::note_seen(Wait& wait, std::size_t index, SlotIndex slot) {
  if (!wait.seen[index] && wait.needed != 0) --wait.needed;
  wait.seen[index] = true;
  if (wait.held[index] != kNoSlot) return true;
  const Rows& rows = store_.rows();
  if (rows.margin(slot).kept) return false;
  const std::uint64_t bytes = rows.taken_bytes(slot);
  if (waiting_bytes_ + bytes > rows.arena.capacity() / kWaitingShare) return false;
  waiting_bytes_ += bytes;
  wait.waiting_bytes += bytes;
  wait.held[index] = slot;
  store_.usage().hold(slot);
  return true;
}

/// A wait that gathered ends: it gets what is in memory.
void GetWaits::hold_residents(Wait& wait) {
  for (std::size_t i = 0; i < wait.ids.size(); ++i) {
    if (wait.held[i] != kNoSlot) continue;
    const SlotIndex slot = store_.rows().find(wait.ids[i]);
    if (slot == kNoSlot || is_on_disk(slot)) continue;
    wait.held[i] = slot;
    store_.usage().hold(slot);
  }
}

void GetWaits::join_disk_queue(const WaitKey& key, Wait& wait) {
  unlist_positions(wait);
  wait.gathers = false;
  wait.queued = true;
  wait.needed = wait.count;
  wait.ticket = ++last_ticket_;
  disk_queue_.emplace(wait.ticket, key);
}

void GetWaits::leave_disk_queue(Wait& wait) {
  if (wait.ticket != 0) disk_queue_.erase(std::exchange(wait.ticket, 0));
}

/// Holds what is there, and has the rest read back, as far as it is needed.
void GetWaits::begin_turn(const WaitKey& key, Wait& wait) {
  wait.queued = false;
  wait.needed = wait.count;
  std::size_t there = 0;
  std::vector<std::pair<std::size_t, SlotIndex>> on_disk;
  for (std::size_t i = 0; i < wait.ids.size(); ++i) {
    const SlotIndex slot = wait.held[i] != kNoSlot ? wait.held[i] : store_.rows().find(wait.ids[i]);
    if (slot == kNoSlot) continue;
    ++there;
    if (wait.held[i] != kNoSlot)
      wait.needed -= wait.needed == 0 ? 0 : 1;
    else if (is_on_disk(slot))
      on_disk.emplace_back(i, slot);
    else
      see(wait, i, slot);
  }
  list_positions(key, wait);
  if (there < wait.count && !wait.for_disk) {  // some were removed while it queued
    leave_disk_queue(wait);
    end_turn(wait);
    return gather(key, wait);
  }
  if (wait.ticket != 0 && !on_disk.empty() && is_too_large(wait)) {
    const Wait ended = forget(key);
    return fail(ended, too_large(ended.ids.size()));
  }
  for (const auto& [index, slot] : on_disk)
    if (wait.reading < wait.needed) read_back(key, wait, index, slot);
}

/// Holds nothing that is kept, stands in no list, and has nothing read back.
void GetWaits::end_turn(Wait& wait) {
  unlist_positions(wait);
  for (SlotIndex& slot : wait.held)
    if (slot != kNoSlot && store_.rows().margin(slot).kept) store_.usage().drop_hold(std::exchange(slot, kNoSlot));
  wait.needed = wait.count;
  wait.on_disk.clear();
  wait.reading = 0;
}

void GetWaits::read_back(const WaitKey& key, Wait& wait, std::size_t index, SlotIndex slot) {
  wait.on_disk.resize(wait.ids.size(), false);
  wait.on_disk[index] = true;
  ++wait.reading;
  if (tier_ == nullptr) return;
  if (wait.ticket != 0)
    tier_->want_first(slot, key.client);
  else
    tier_->want(slot, key.client);
}

/// A wait whose turn it is may be complete at once, or gather again.
void GetWaits::serve_disk_queue() {
  if (serving_disk_queue_) return;  // called by one that ended here
  serving_disk_queue_ = true;
  while (!disk_queue_.empty()) {
    const WaitKey first = disk_queue_.begin()->second;
    Wait& wait = waits_.at(first);
    if (wait.queued) begin_turn(first, wait);
    if (disk_queue_.empty() || disk_queue_.begin()->second != first) continue;
    if (!wait.is_complete()) break;
    finish(first);
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
  std::vector<WaitKey> changed;
  for (const Position& position : wanted->second) {
    Wait& wait = waits_.at(position.key);
    if (wait.gathers && wait.seen[position.index]) {
      wait.seen[position.index] = false;
      ++wait.needed;
    }
    if (wait.on_disk.empty() || !wait.on_disk[position.index]) continue;
    wait.on_disk[position.index] = false;
    --wait.reading;
    changed.push_back(position.key);
  }
  for (const WaitKey& key : changed) lose_object(key);
}

/// An object that was being read back for it is gone.
void GetWaits::lose_object(const WaitKey& key) {
  const auto found = waits_.find(key);
  if (found == waits_.end()) return;
  Wait& wait = found->second;
  if (wait.is_complete()) return finish(key);
  if (wait.for_disk || wait.ticket == 0) return;
  end_turn(wait);
  wait.queued = true;  // still the first: it looks again at what is there
  serve_disk_queue();
}

void GetWaits::on_read_failed(const ObjectId& id) {
  if (disk_queue_.size() < 2 || !reads(id)) return;
  const WaitKey first = disk_queue_.begin()->second;
  Wait& wait = waits_.at(first);
  const auto fails = [&](const Position& position) { return position.key == first && wait.on_disk[position.index]; };
  if (wait.on_disk.empty() || std::ranges::none_of(wanted_.at(id), fails)) return;
  leave_disk_queue(wait);
  end_turn(wait);
  wait.queued = true;
  wait.ticket = ++last_ticket_;
  disk_queue_.emplace(wait.ticket, first);
  serve_disk_queue();
}

bool GetWaits::reads(const ObjectId& id) const {
  const auto wanted = wanted_.find(id);
  return wanted != wanted_.end() && std::ranges::any_of(wanted->second, [this](const Position& position) {
           const Wait& wait = waits_.at(position.key);
           return !wait.on_disk.empty() && wait.on_disk[position.index];
         });
}

void GetWaits::fail(const Wait& wait) {
  std::size_t first = 0;
  while (first + 1 < wait.on_disk.size() && !wait.on_disk[first]) ++first;
  fail(wait, tier_ != nullptr ? tier_->why_not(wait.ids[first], now_)
                              : Error{Errc::not_found, "the object is on disk, and there is no spill tier"});
}

void GetWaits::fail(const Wait& wait, const Error& why) {
  for (const SlotIndex slot : wait.held)
    if (wait.purpose == Purpose::get && slot != kNoSlot) store_.usage().drop_hold(slot);
  if (wait.failed) return wait.failed(why);
  wait.done(std::vector<SlotIndex>(wait.ids.size(), kNoSlot));
}

}  // namespace dolium::shm
