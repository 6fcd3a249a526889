#include "shm/store/get_waits.h"

#include <algorithm>
#include <utility>

namespace dolium::shm {

void GetWaits::add(const WaitKey& key, std::span<const ObjectId> ids, TimeNs deadline, TimeNs now, Done done) {
  Wait wait;
  wait.needed = ids.size();
  wait.deadline = deadline;
  wait.done = std::move(done);
  begin(key, ids, std::move(wait), now);
}

void GetWaits::add_presence(const WaitKey& key, std::span<const ObjectId> ids, std::size_t count, TimeNs deadline,
                            TimeNs now, const Seen& done) {
  Wait wait;
  wait.holds = false;
  wait.needed = count;
  wait.deadline = deadline;
  wait.done = [done](const std::vector<SlotIndex>& seen) {
    std::vector<bool> there;
    for (const SlotIndex slot : seen) there.push_back(slot != kNoSlot);
    done(there);
  };
  begin(key, ids, std::move(wait), now);
}

void GetWaits::begin(const WaitKey& key, std::span<const ObjectId> ids, Wait wait, TimeNs now) {
  wait.ids.assign(ids.begin(), ids.end());
  wait.held.assign(ids.size(), kNoSlot);
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (const SlotIndex slot = store_.rows().find(ids[i]); slot != kNoSlot) see(wait, i, slot);
  if (wait.needed == 0 || wait.deadline <= now) return wait.done(std::move(wait.held));
  wait.places.resize(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (wait.held[i] != kNoSlot) continue;
    Positions& positions = wanted_[ids[i]];
    wait.places[i] = positions.insert(positions.end(), Position{key, i});
  }
  if (wait.deadline != kNever) deadlines_.emplace(wait.deadline, key);
  Load& load = per_client_[key.client];
  ++load.waits;
  load.ids += ids.size();
  waits_.emplace(key, std::move(wait));
}

void GetWaits::on_sealed(SlotIndex slot, const ObjectId& id) {
  if (wanted_.empty()) return;  // most of the time
  const auto wanted = wanted_.extract(id);
  if (wanted.empty()) return;
  std::vector<WaitKey> complete;
  for (const Position& position : wanted.mapped()) {
    Wait& wait = waits_.at(position.key);
    const bool was_complete = wait.needed == 0;
    see(wait, position.index, slot);
    if (wait.needed == 0 && !was_complete) complete.push_back(position.key);
  }
  for (const WaitKey& key : complete) finish(key);
}

bool GetWaits::cancel(const WaitKey& key) {
  if (!waits_.contains(key)) return false;
  finish(key);
  return true;
}

void GetWaits::time_out(TimeNs now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    finish(WaitKey(deadlines_.begin()->second));  // a copy: the key in the set ends with the wait
}

void GetWaits::drop_client(ClientId client) {
  for (auto mine = waits_.lower_bound({client, 0}); mine != waits_.end() && mine->first.client == client;
       mine = waits_.lower_bound({client, 0})) {
    const Wait wait = forget(WaitKey(mine->first));
    for (const SlotIndex slot : wait.held)
      if (wait.holds && slot != kNoSlot) store_.usage().drop_hold(slot);
  }
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

void GetWaits::see(Wait& wait, std::size_t index, SlotIndex slot) {
  wait.held[index] = slot;
  if (wait.holds) store_.usage().hold(slot);
  if (wait.needed != 0) --wait.needed;
}

void GetWaits::finish(const WaitKey& key) {
  Wait wait = forget(key);
  wait.done(std::move(wait.held));
}

GetWaits::Wait GetWaits::forget(const WaitKey& key) {
  const auto found = waits_.find(key);
  Wait wait = std::move(found->second);
  waits_.erase(found);
  for (std::size_t i = 0; i < wait.ids.size(); ++i) {
    if (wait.held[i] != kNoSlot) continue;
    const auto wanted = wanted_.find(wait.ids[i]);
    wanted->second.erase(wait.places[i]);
    if (wanted->second.empty()) wanted_.erase(wanted);
  }
  if (wait.deadline != kNever) deadlines_.erase({wait.deadline, key});
  const auto client = per_client_.find(key.client);
  client->second.ids -= wait.ids.size();
  if (--client->second.waits == 0) per_client_.erase(client);
  return wait;
}

}  // namespace dolium::shm
