#include "daemon/tier/read_queue.h"

#include <algorithm>
#include <utility>

namespace dolium::daemon {

using shm::ClientId;
using shm::TimeNs;

void ReadQueue::add(const Wanted& wanted) {
  if (wanted.is_first) {
    first_.push_back(wanted);
    return;
  }
  Objects& objects = others_[wanted.client];
  objects.push_back(wanted.object);
  if (objects.size() % kTidyFrom == 0) tidy(objects);
}

/// What ended waits wanted, and what was wanted twice.
void ReadQueue::tidy(Objects& objects) {
  std::ranges::sort(objects);
  objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
  std::erase_if(objects, [this](const ObjectKey& object) { return !is_wanted_(object); });
}

void ReadQueue::drop_client(ClientId client) {
  others_.erase(client);
  std::erase_if(first_, [client](const Wanted& wanted) { return wanted.client == client; });
}

// ---- turns ----

void ReadQueue::begin_turn(TimeNs now) {
  turn_is_over_ = false;
  tries_stuck_ = stuck_.has_value();
  while (!retries_.empty() && retries_.begin()->first <= now) {
    const Wanted due = retries_.begin()->second;
    retries_.erase(retries_.begin());
    put_back(due);
  }
}

void ReadQueue::put_back(const Wanted& wanted) {
  if (wanted.is_first)
    first_.push_front(wanted);
  else
    others_[wanted.client].push_front(wanted.object);
}

std::optional<ReadQueue::Wanted> ReadQueue::next(TimeNs now) {
  if (stuck_ && !is_wanted_(stuck_->wanted.object)) stuck_.reset();
  if (turn_is_over_) return std::nullopt;
  if (stuck_ && std::exchange(tries_stuck_, false)) return stuck_->wanted;
  if (stuck_ && is_alone(now)) return std::nullopt;
  std::optional<Wanted> found = first_was_last_ ? next_other() : next_first();
  if (!found) found = first_was_last_ ? next_first() : next_other();
  if (found) first_was_last_ = found->is_first;
  return found;
}

void ReadQueue::note(const Wanted& wanted, Outcome outcome, TimeNs now) {
  const bool was_stuck = stuck_ && stuck_->wanted.object == wanted.object;
  if (outcome != Outcome::no_room) {
    if (was_stuck) stuck_.reset();
    if (outcome == Outcome::begun && !wanted.is_first) ++under_way_[wanted.client];
    return;
  }
  if (was_stuck) return;
  turn_is_over_ = true;
  if (stuck_)
    put_back(wanted);
  else
    stuck_ = Stuck{wanted, now};
}

bool ReadQueue::is_alone(TimeNs now) const noexcept {
  return (now - stuck_->since) / kAlone % 2 == 0;
}

std::optional<ReadQueue::Wanted> ReadQueue::next_first() {
  while (!first_.empty()) {
    const Wanted found = first_.front();
    first_.pop_front();
    if (is_wanted_(found.object)) return found;
  }
  return std::nullopt;
}

/// Of the next client in turn that may have another read.
std::optional<ReadQueue::Wanted> ReadQueue::next_other() {
  auto turn = others_.upper_bound(last_client_);
  for (std::size_t clients = others_.size(); clients > 0; --clients) {
    if (turn == others_.end()) turn = others_.begin();
    const ClientId client = turn->first;
    Objects& objects = turn->second;
    while (!objects.empty() && !is_wanted_(objects.front())) objects.pop_front();
    std::optional<Wanted> found;
    if (!objects.empty() && under_way(client) < kPerClient) {
      found = Wanted{client, objects.front(), false};
      objects.pop_front();
    }
    turn = objects.empty() ? others_.erase(turn) : std::next(turn);
    if (!found) continue;
    last_client_ = client;
    return found;
  }
  return std::nullopt;
}

// ---- under way ----

std::size_t ReadQueue::under_way(ClientId client) const {
  const auto found = under_way_.find(client);
  return found == under_way_.end() ? 0 : found->second;
}

void ReadQueue::note_ended(const Wanted& wanted) {
  const auto found = under_way_.find(wanted.client);
  if (!wanted.is_first && found != under_way_.end() && --found->second == 0) under_way_.erase(found);
}

}  // namespace dolium::daemon
