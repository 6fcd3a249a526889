#include "shm/store/create_waits.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "shm/os/monotonic_clock.h"

namespace dolium::shm {

void CreateWaits::add_for_disk(const WaitKey& key, const NewObject& object, TimeNs now, Done done) {
  begin(key, object, {deadline_after(now, GetWaits::kDiskPatience), true}, now, std::move(done));
}

void CreateWaits::begin(const WaitKey& key, const NewObject& object, const Patience& patience, TimeNs now, Done done) {
  Result<Placement> placed = store_.create_object(key.client, object, now);
  if (placed) return done(std::move(placed));
  const bool may_wait = patience.deadline > now && count(key.client) < kMaxPerClient;
  if (!may_wait || !lacks_room(key.client, object, placed.error())) {
    note_refusal(key.client, object, placed.error(), now);
    return done(std::move(placed));
  }
  const bool first = queue_.empty();
  Wait& wait = queue_.emplace_back(Wait{key, object, std::string(object.type_name), std::string(object.label),
                                        patience.deadline, patience.for_disk, placed.error(), std::move(done)});
  for_disk_ += patience.for_disk ? 1 : 0;
  wait.object.type_name = wait.type_name;
  wait.object.label = wait.label;
  if (first) store_.room().set_release_wanted(true);
  serve(now);  // a release before the word was set sends no message
}

/// Whether waiting may help. A client at its own limit is refused at once.
bool CreateWaits::lacks_room(ClientId client, const NewObject& object, const Error& refused) const {
  return refused.code == Errc::out_of_memory && store_.writing().check_creation(client, object).has_value();
}

Result<SlotIndex> CreateWaits::put_now(ClientId client, const NewObject& object, std::span<const std::byte> data,
                                       std::span<const std::byte> metadata, TimeNs now) {
  Result<SlotIndex> put = store_.put_object(client, object, data, metadata, now);
  if (!put) note_refusal(client, object, put.error(), now);
  return put;
}

Result<SlotIndex> CreateWaits::put_leased(ClientId client, SlotIndex lease, const NewObject& object, TimeNs now) {
  Result<SlotIndex> put = store_.leases().put(client, lease, object, now);
  if (!put) note_refusal(client, object, put.error(), now);
  return put;
}

void CreateWaits::note_refusal(ClientId client, const NewObject& object, const Error& error, TimeNs now) {
  if (lacks_room(client, object, error)) store_.room().count_refusal();
  store_.room().note_refusal(client, object, error, now);
}

void CreateWaits::serve(TimeNs now) {
  asked_meanwhile_ = rests(now);
  if (asked_meanwhile_) return;
  const std::uint64_t looked = store_.room().looks();
  last_scan_ = now;
  std::uint64_t too_large = UINT64_MAX;  // the smallest size that did not fit in this scan
  std::vector<std::pair<Done, Result<Placement>>> answers;
  for (auto wait = queue_.begin(); wait != queue_.end();) {
    const NewObject& object = wait->object;
    Result<void> allowed = store_.writing().check_creation(wait->key.client, object);
    const std::uint64_t size = total_size(object);
    // A client or a user at its own limit goes on waiting, and tells nothing about room for others.
    const bool at_limit = !allowed && allowed.error().code == Errc::out_of_memory;
    if (at_limit) wait->refused = allowed.error();
    if (at_limit || (allowed && size >= too_large)) {
      ++wait;
      continue;
    }
    Result<Placement> placed =
        allowed ? store_.create_object(wait->key.client, object, now) : Result<Placement>(std::move(allowed).error());
    if (!placed && placed.error().code == Errc::out_of_memory) {
      if (placed.error().cause != RefusalCause::disk) too_large = size;  // of one that is not kept, there may be room
      wait->refused = std::move(placed).error();
      ++wait;
      continue;
    }
    answers.emplace_back(std::move(wait->done), std::move(placed));
    for_disk_ -= wait->for_disk ? 1 : 0;
    wait = queue_.erase(wait);
  }
  left();
  if (answers.empty()) rest_after(store_.room().looks() - looked + queue_.size(), now);
  for (auto& [done, placed] : answers) done(std::move(placed));
}

void CreateWaits::rest_after(std::uint64_t looks, TimeNs now) noexcept {
  if (looks >= long_scan_) rests_until_ = deadline_after(now, kRestPerLook * looks);
}

bool CreateWaits::cancel(const WaitKey& key, TimeNs now) {
  const auto wait = find(key);
  if (wait == queue_.end()) return false;
  give_up(wait, now);
  return true;
}

void CreateWaits::drop_client(ClientId client) {
  queue_.remove_if([client](const Wait& wait) { return wait.key.client == client; });
  for_disk_ = static_cast<std::size_t>(std::ranges::count(queue_, true, &Wait::for_disk));
  left();
}

void CreateWaits::refuse_all(const Error& why) {
  for (const Wait& wait : std::exchange(queue_, {})) wait.done(why);
  for_disk_ = 0;
  left();
}

void CreateWaits::give_up_disk(TimeNs now) {
  for (auto wait = queue_.begin(); wait != queue_.end() && for_disk_ != 0;) {
    const auto next = std::next(wait);
    if (wait->for_disk) give_up(wait, now);
    wait = next;
  }
}

void CreateWaits::tick(TimeNs now) {
  if (!queue_.empty() && now >= next_scan()) serve(now);
  for (auto wait = queue_.begin(); wait != queue_.end();) {
    const auto next = std::next(wait);
    if (wait->deadline <= now) give_up(wait, now);
    wait = next;
  }
}

void CreateWaits::give_up(Queue::iterator wait, TimeNs now) {
  Queue gone;  // the same node, so that the object's views of its type's name and label stay good
  gone.splice(gone.end(), queue_, wait);
  for_disk_ -= wait->for_disk ? 1 : 0;
  left();
  store_.room().count_refusal();
  const Error error{wait->for_disk ? Errc::out_of_memory : Errc::timed_out,
                    "no room for object " + wait->object.id.hex() +
                        (wait->for_disk ? " was made by the disk" : " appeared in time") +
                        ". The last try was refused: " + wait->refused.message,
                    wait->refused.cause};
  store_.room().note_refusal(wait->key.client, wait->object, error, now);
  wait->done(error);
}

void CreateWaits::left() noexcept {
  if (queue_.empty()) store_.room().set_release_wanted(false);
}

bool CreateWaits::contains(const WaitKey& key) const noexcept {
  return std::ranges::find(queue_, key, &Wait::key) != queue_.end();
}

CreateWaits::Queue::iterator CreateWaits::find(const WaitKey& key) noexcept {
  return std::ranges::find(queue_, key, &Wait::key);
}

TimeNs CreateWaits::next_deadline() const noexcept {
  if (queue_.empty()) return kNever;
  return std::min(next_scan(), std::ranges::min_element(queue_, {}, &Wait::deadline)->deadline);
}

TimeNs CreateWaits::next_scan() const noexcept {
  const TimeNs rescan = deadline_after(last_scan_, kRescan);
  return asked_meanwhile_ ? rests_until_ : std::max(rescan, rests_until_);
}

std::size_t CreateWaits::count(ClientId client) const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(queue_, [client](const Wait& wait) { return wait.key.client == client; }));
}

}  // namespace dolium::shm
