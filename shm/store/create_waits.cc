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
  const bool may_help = !patience.for_disk || disk_may_help(total_size(object), placed.error());
  if (!may_wait || !may_help || !lacks_room(key.client, object, placed.error())) {
    note_refusal(key.client, object, placed.error(), now);
    return done(std::move(placed));
  }
  const bool first = queue_.empty();
  enlist(Wait{key, object, std::string(object.type_name), std::string(object.label), patience.deadline,
              patience.for_disk, placed.error(), std::move(done)});
  if (first) store_.room().set_release_wanted(true);
  serve(now);  // a release before the word was set sends no message
}

bool CreateWaits::disk_may_help(std::uint64_t bytes, const Error& refused) const {
  const bool lacks_bytes = refused.cause == RefusalCause::room || refused.cause == RefusalCause::memory ||
                           refused.cause == RefusalCause::disk;
  return lacks_bytes && writeback_ != nullptr && writeback_->may_make_room(bytes);
}

void CreateWaits::enlist(Wait wait) {
  const auto at = queue_.insert(queue_.end(), std::move(wait));
  at->object.type_name = at->type_name;
  at->object.label = at->label;
  by_key_.emplace(at->key, at);
  deadlines_.emplace(at->deadline, at->key);
  ++per_client_[at->key.client];
  for_disk_ += at->for_disk ? 1 : 0;
}

/// The same node, so that the object's views of its type's name and label stay good.
CreateWaits::Queue CreateWaits::take_out(Queue::iterator wait) {
  const auto behind = std::next(wait);
  if (next_ == wait->key) next_ = behind == queue_.end() ? std::nullopt : std::optional(behind->key);
  by_key_.erase(wait->key);
  deadlines_.erase({wait->deadline, wait->key});
  const auto client = per_client_.find(wait->key.client);
  if (--client->second == 0) per_client_.erase(client);
  for_disk_ -= wait->for_disk ? 1 : 0;
  Queue taken;
  taken.splice(taken.end(), queue_, wait);
  left();
  return taken;
}

/// Whether waiting may help. A client at its own limit is refused at once.
bool CreateWaits::lacks_room(ClientId client, const NewObject& object, const Error& refused) const {
  return refused.code == Errc::out_of_memory && store_.writing().check_creation(client, object).has_value();
}

Result<SlotIndex> CreateWaits::put_now(ClientId client, const NewObject& object, std::span<const std::byte> data,
                                       std::span<const std::byte> metadata, TimeNs now, bool may_wait) {
  Result<SlotIndex> put = store_.put_object(client, object, data, metadata, now);
  if (!put && !(may_wait && disk_may_help(total_size(object), put.error())))
    note_refusal(client, object, put.error(), now);
  return put;
}

bool CreateWaits::must_wait_in_its_lease(const NewObject& object) const {
  const Result<void> kept = store_.room().check_kept(object);
  return !kept && disk_may_help(total_size(object), kept.error());
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
  Answers answers;
  auto wait = next_ ? by_key_.at(*std::exchange(next_, std::nullopt)) : queue_.begin();
  while (wait != queue_.end() && store_.room().looks() - looked < long_scan_) {
    const auto tried = wait++;
    if (try_again(*tried, too_large, now, answers)) take_out(tried);
  }
  if (wait != queue_.end()) next_ = wait->key;
  if (answers.empty()) rest_after(store_.room().looks() - looked + queue_.size(), now);
  for (auto& [done, placed] : answers) done(std::move(placed));
}

/// Returns whether the wait is over.
bool CreateWaits::try_again(Wait& wait, std::uint64_t& too_large, TimeNs now, Answers& answers) {
  Result<void> allowed = store_.writing().check_creation(wait.key.client, wait.object);
  const std::uint64_t size = total_size(wait.object);
  // A client or a user at its own limit goes on waiting, and tells nothing about room for others.
  const bool at_limit = !allowed && allowed.error().code == Errc::out_of_memory;
  if (at_limit) wait.refused = allowed.error();
  if (at_limit || (allowed && size >= too_large)) return false;
  Result<Placement> placed =
      allowed ? store_.create_object(wait.key.client, wait.object, now) : Result<Placement>(std::move(allowed).error());
  if (!placed && placed.error().code == Errc::out_of_memory) {
    if (placed.error().cause != RefusalCause::disk) too_large = size;  // of one that is not kept, there may be room
    wait.refused = std::move(placed).error();
    return false;
  }
  answers.emplace_back(std::move(wait.done), std::move(placed));
  return true;
}

void CreateWaits::rest_after(std::uint64_t looks, TimeNs now) noexcept {
  if (looks >= long_scan_) rests_until_ = deadline_after(now, kRestPerLook * looks);
}

bool CreateWaits::cancel(const WaitKey& key, TimeNs now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return false;
  give_up(found->second, now);
  return true;
}

void CreateWaits::drop_client(ClientId client) {
  for (auto mine = by_key_.lower_bound({client, 0}); mine != by_key_.end() && mine->first.client == client;
       mine = by_key_.lower_bound({client, 0}))
    take_out(mine->second);
}

void CreateWaits::refuse_all(const Error& why) {
  while (!queue_.empty()) take_out(queue_.begin()).front().done(why);
}

void CreateWaits::give_up_disk(TimeNs now) {
  for (auto wait = queue_.begin(); wait != queue_.end() && for_disk_ != 0;) {
    const auto each = wait++;
    if (each->for_disk) give_up(each, now);
  }
}

void CreateWaits::give_up_what_the_disk_cannot_help(TimeNs now) {
  for (auto wait = queue_.begin(); wait != queue_.end() && for_disk_ != 0;) {
    const auto each = wait++;
    if (each->for_disk && !writeback_->may_make_room(total_size(each->object))) give_up(each, now);
  }
}

void CreateWaits::tick(TimeNs now) {
  if (!queue_.empty() && now >= next_scan()) {
    serve(now);
    give_up_what_the_disk_cannot_help(now);
  }
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) give_up(by_key_.at(deadlines_.begin()->second), now);
}

/// One that waited for the disk alone is told why there is no room now: what it was told before is about another
/// moment of the disk.
void CreateWaits::give_up(Queue::iterator wait, TimeNs now) {
  const Queue taken = take_out(wait);
  const Wait& gone = taken.front();
  Error refused = gone.refused;
  if (gone.for_disk) {
    Result<Placement> placed = store_.create_object(gone.key.client, gone.object, now);
    if (placed) return gone.done(std::move(placed));
    refused = std::move(placed).error();
  }
  store_.room().count_refusal();
  const Error error{gone.for_disk ? refused.code : Errc::timed_out,
                    "no room for object " + gone.object.id.hex() +
                        (gone.for_disk ? " was made by the disk" : " appeared in time") +
                        ". The last try was refused: " + refused.message,
                    refused.cause};
  store_.room().note_refusal(gone.key.client, gone.object, error, now);
  gone.done(error);
}

void CreateWaits::left() noexcept {
  if (queue_.empty()) store_.room().set_release_wanted(false);
}

TimeNs CreateWaits::next_deadline() const noexcept {
  if (queue_.empty()) return kNever;
  return std::min(next_scan(), deadlines_.begin()->first);
}

TimeNs CreateWaits::next_scan() const noexcept {
  const TimeNs rescan = deadline_after(last_scan_, kRescan);
  return asked_meanwhile_ ? rests_until_ : std::max(rescan, rests_until_);
}

}  // namespace dolium::shm
