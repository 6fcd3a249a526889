#include "shm/store/get_waits.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "shm/os/check.h"
#include "shm/types/type_names.h"

namespace dolium::shm {
namespace {

/// Nothing if a take of `wanted`, 0 for any type, may have this object. The client adds the name of the wanted type.
std::optional<Error> other_type(const Rows& rows, SlotIndex slot, std::uint64_t wanted) {
  const SlotFields object = rows.fields(slot);
  if (wanted == 0 || wanted == object.type_tag) return std::nullopt;
  return Error{Errc::type_mismatch,
               fmt::format("object {} holds {}, and stays in the store; take_raw() takes an object of any type",
                           object.id.hex(), type_in_words(object.type_tag, rows.type_name(slot)))};
}

}  // namespace

void GetWaits::add(const WaitKey& key, std::span<const ObjectId> ids, std::size_t count, TimeNs deadline, TimeNs now,
                   Done done, Failed failed) {
  Wait wait;
  wait.count = wait.needed = count;
  wait.deadline = deadline;
  wait.done = std::move(done);
  wait.failed = std::move(failed);
  begin(key, ids, std::move(wait), now);
}

void GetWaits::add_presence(const WaitKey& key, std::span<const ObjectId> ids, std::size_t count, TimeNs deadline,
                            TimeNs now, const Seen& done) {
  Wait wait;
  wait.purpose = Purpose::presence;
  wait.count = wait.needed = count;
  wait.deadline = deadline;
  wait.done = [done](const std::vector<SlotIndex>& seen) {
    std::vector<bool> there;
    for (const SlotIndex slot : seen) there.push_back(slot != kNoSlot);
    done(there);
  };
  begin(key, ids, std::move(wait), now);
}

void GetWaits::add_take(const WaitKey& key, const ObjectId& id, std::uint64_t type_tag, TimeNs deadline, TimeNs now,
                        const Taken& done) {
  if (const SlotIndex slot = store_.rows().find(id); slot != kNoSlot) {
    if (auto refused = other_type(store_.rows(), slot, type_tag)) return done(*std::move(refused));
    if (is_on_disk(slot)) return add_take_from_disk(key, slot, type_tag, deadline, now, done);
    take(slot, id);
    return done(slot);
  }
  if (deadline <= now) return done(kNoSlot);
  enlist(key, take_of(id, type_tag, deadline, done));
}

GetWaits::Wait GetWaits::take_of(const ObjectId& id, std::uint64_t type_tag, TimeNs deadline, const Taken& done) {
  Wait wait;
  wait.purpose = Purpose::take;
  wait.type_tag = type_tag;
  wait.count = wait.needed = 1;
  wait.deadline = deadline;
  wait.taken = done;
  wait.ids = {id};
  wait.held = {kNoSlot};
  return wait;
}

void GetWaits::begin(const WaitKey& key, std::span<const ObjectId> ids, Wait wait, TimeNs now) {
  wait.ids.assign(ids.begin(), ids.end());
  wait.held.assign(ids.size(), kNoSlot);
  if (wait.purpose == Purpose::get && needs_disk(ids)) return begin_with_disk(key, std::move(wait), now);
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (const SlotIndex slot = store_.rows().find(ids[i]); slot != kNoSlot) see(wait, i, slot);
  if (wait.needed == 0 || wait.deadline <= now) return wait.done(std::move(wait.held));
  if (tier_ == nullptr || wait.purpose != Purpose::get || ids.size() == 1) return enlist(key, std::move(wait));
  drop_holds(wait);
  admit(key, std::move(wait));
  gather(key, waits_.at(key));
}

void GetWaits::enlist(const WaitKey& key, Wait wait) {
  list_positions(key, wait);
  admit(key, std::move(wait));
}

void GetWaits::list_positions(const WaitKey& key, Wait& wait) {
  wait.places.resize(wait.ids.size());
  for (std::size_t i = 0; i < wait.ids.size(); ++i) {
    if (wait.held[i] != kNoSlot) continue;
    Positions& positions = wanted_[wait.ids[i]];
    wait.places[i] = positions.insert(positions.end(), Position{key, i});
  }
}

void GetWaits::unlist_positions(Wait& wait) {
  for (std::size_t i = 0; i < wait.ids.size(); ++i) {
    if (wait.held[i] != kNoSlot) continue;
    const auto wanted = wanted_.find(wait.ids[i]);
    wanted->second.erase(wait.places[i]);
    if (wanted->second.empty()) wanted_.erase(wanted);
  }
}

/// Of a get. It needs as many objects as at first.
void GetWaits::drop_holds(Wait& wait) {
  for (SlotIndex& slot : wait.held)
    if (slot != kNoSlot) store_.usage().drop_hold(std::exchange(slot, kNoSlot));
  wait.needed = wait.count;
}

void GetWaits::admit(const WaitKey& key, Wait wait) {
  if (wait.deadline != kNever) deadlines_.emplace(wait.deadline, key);
  Load& load = per_client_[key.client];
  ++load.waits;
  load.ids += wait.ids.size();
  for_disk_ += wait.for_disk ? 1 : 0;
  waits_.emplace(key, std::move(wait));
}

void GetWaits::on_sealed(SlotIndex slot, const ObjectId& id) {
  if (wanted_.empty()) return;  // most of the time
  const auto wanted = wanted_.find(id);
  if (wanted == wanted_.end()) return;
  std::vector<WaitKey> complete;
  std::erase_if(wanted->second, [&](const Position& position) {
    Wait& wait = waits_.at(position.key);
    if (wait.purpose == Purpose::take) return false;  // its turn comes when all of these hold the object
    const bool was_ready = wait.is_complete() || wait.may_queue();
    const bool held = !wait.gathers || note_seen(wait, position.index, slot);
    if (!wait.gathers) see(wait, position.index, slot);
    if ((wait.is_complete() || wait.may_queue()) && !was_ready) complete.push_back(position.key);
    return held;
  });
  if (wanted->second.empty()) wanted_.erase(wanted);
  for (const WaitKey& key : complete) {
    const auto found = waits_.find(key);
    if (found == waits_.end()) continue;  // it ended when another one made way for it
    if (found->second.gathers)
      join_disk_queue(key, found->second);
    else
      finish(key);
  }
  if (!disk_queue_.empty()) serve_disk_queue();
}

void GetWaits::give_to_taker(SlotIndex slot, const SlotFields& object) {
  if (wanted_.empty()) return;  // most of the time
  // Only takes are left there, and gets that gather.
  const auto is_take = [this](const Position& each) { return waits_.at(each.key).purpose == Purpose::take; };
  for (auto wanted = wanted_.find(object.id); wanted != wanted_.end(); wanted = wanted_.find(object.id)) {
    const auto taker = std::ranges::find_if(wanted->second, is_take);
    if (taker == wanted->second.end()) return;
    const Wait first = forget(WaitKey(taker->key));
    if (auto refused = other_type(store_.rows(), slot, first.type_tag)) {
      first.taken(*std::move(refused));
      continue;
    }
    take(slot, object.id);
    return first.taken(slot);
  }
}

bool GetWaits::cancel(const WaitKey& key) {
  const auto found = waits_.find(key);
  if (found == waits_.end()) return false;
  found->second.reading = 0;  // what is not there is not waited for any more
  finish(key);
  return true;
}

void GetWaits::time_out(TimeNs now) {
  now_ = now;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    finish(WaitKey(deadlines_.begin()->second));  // a copy: the key in the set ends with the wait
}

void GetWaits::drop_client(ClientId client) {
  for (auto mine = waits_.lower_bound({client, 0}); mine != waits_.end() && mine->first.client == client;
       mine = waits_.lower_bound({client, 0})) {
    const Wait wait = forget(WaitKey(mine->first));
    for (const SlotIndex slot : wait.held)
      if (wait.purpose == Purpose::get && slot != kNoSlot) store_.usage().drop_hold(slot);
  }
  serve_disk_queue();
}

std::size_t GetWaits::count(ClientId client) const noexcept {
  const auto found = per_client_.find(client);
  return found == per_client_.end() ? 0 : found->second.waits;
}

std::vector<ClientId> GetWaits::waiting_for(const ObjectId& id, std::size_t limit) const {
  std::vector<ClientId> clients;
  const auto wanted = wanted_.find(id);
  if (wanted == wanted_.end()) return clients;
  for (const Position& position : wanted->second) {
    if (clients.size() == limit) break;
    if (std::ranges::find(clients, position.key.client) == clients.end()) clients.push_back(position.key.client);
  }
  return clients;
}

bool GetWaits::may_wait(ClientId client, std::size_t ids) const noexcept {
  const auto found = per_client_.find(client);
  const Load load = found == per_client_.end() ? Load() : found->second;
  return load.waits < kMaxPerClient && load.ids + ids <= kMaxIdsPerClient;
}

/// A server that is killed after this has removed the object.
void GetWaits::take(SlotIndex slot, const ObjectId& id) {
  store_.usage().hold(slot);  // first: what is not in use is freed at once
  const Result<bool> removed = store_.remove(id, store_.rows().now);
  DOLIUM_CHECK(removed && *removed, "an object that is taken is not there");
}

void GetWaits::see(Wait& wait, std::size_t index, SlotIndex slot) {
  wait.held[index] = slot;
  if (wait.purpose == Purpose::get) store_.usage().hold(slot);
  if (wait.needed != 0) --wait.needed;
  if (wait.on_disk.empty() || !wait.on_disk[index]) return;
  wait.on_disk[index] = false;
  --wait.reading;
}

void GetWaits::finish(const WaitKey& key) {
  Wait wait = forget(key);
  if (wait.gathers) hold_residents(wait);
  if (wait.needed != 0 && (wait.reading != 0 || wait.queued))
    fail(wait);
  else if (wait.purpose == Purpose::take)
    wait.taken(kNoSlot);
  else
    wait.done(std::move(wait.held));
  serve_disk_queue();
}

GetWaits::Wait GetWaits::forget(const WaitKey& key) {
  const auto found = waits_.find(key);
  Wait wait = std::move(found->second);
  waits_.erase(found);
  leave_disk_queue(wait);
  waiting_bytes_ -= wait.waiting_bytes;
  for_disk_ -= wait.for_disk ? 1 : 0;
  if (!wait.queued) unlist_positions(wait);
  if (wait.deadline != kNever) deadlines_.erase({wait.deadline, key});
  const auto client = per_client_.find(key.client);
  client->second.ids -= wait.ids.size();
  if (--client->second.waits == 0) per_client_.erase(client);
  return wait;
}

}  // namespace dolium::shm
