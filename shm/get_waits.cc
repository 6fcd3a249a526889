#include "shm/get_waits.h"

#include <utility>

namespace dolium::shm {

void GetWaits::add(const WaitKey& key, std::span<const ObjectId> ids, TimeNs deadline, TimeNs now, Done done) {
  Wait wait;
  wait.ids.assign(ids.begin(), ids.end());
  wait.held.assign(ids.size(), kNoSlot);
  wait.deadline = deadline;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    wait.held[i] = store_.find(ids[i]);
    if (wait.held[i] != kNoSlot)
      store_.hold(wait.held[i]);
    else
      ++wait.missing;
  }
  if (wait.missing == 0 || deadline <= now) return done(std::move(wait.held));
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (wait.held[i] == kNoSlot) wanted_.emplace(ids[i], Position{key, i});
  wait.done = std::move(done);
  if (deadline != kNever) deadlines_.emplace(deadline, key);
  ++per_client_[key.client];
  waits_.emplace(key, std::move(wait));
}

void GetWaits::on_sealed(SlotIndex slot, const ObjectId& id) {
  const auto [begin, end] = wanted_.equal_range(id);
  std::vector<WaitKey> complete;
  for (auto it = begin; it != end; ++it) {
    Wait& wait = waits_.at(it->second.key);
    wait.held[it->second.index] = slot;
    store_.hold(slot);
    if (--wait.missing == 0) complete.push_back(it->second.key);
  }
  wanted_.erase(begin, end);
  for (const WaitKey& key : complete) finish(key);
}

bool GetWaits::cancel(const WaitKey& key) {
  if (!waits_.contains(key)) return false;
  finish(key);
  return true;
}

void GetWaits::time_out(TimeNs now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    finish(WaitKey(deadlines_.begin()->second));  // a copy: the one in the set ends with the wait
}

void GetWaits::drop_client(ClientId client) {
  std::vector<WaitKey> keys;
  for (const auto& [key, wait] : waits_)
    if (key.client == client) keys.push_back(key);
  for (const WaitKey& key : keys) {
    const Wait wait = forget(key);
    for (const SlotIndex slot : wait.held)
      if (slot != kNoSlot) store_.drop_hold(slot);
  }
}

std::size_t GetWaits::count(ClientId client) const noexcept {
  const auto found = per_client_.find(client);
  return found == per_client_.end() ? 0 : found->second;
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
    const auto [begin, end] = wanted_.equal_range(wait.ids[i]);
    for (auto it = begin; it != end; ++it) {
      if (it->second.key != key || it->second.index != i) continue;
      wanted_.erase(it);
      break;
    }
  }
  if (wait.deadline != kNever) deadlines_.erase({wait.deadline, key});
  if (const auto client = per_client_.find(key.client); --client->second == 0) per_client_.erase(client);
  return wait;
}

}  // namespace dolium::shm
