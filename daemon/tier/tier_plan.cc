// What the spill process does next. See tier.h.

#include <algorithm>
#include <utility>

#include "daemon/tier/tier.h"
#include "protocol/convert.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {
namespace {

using shm::ClientId;
using shm::TimeNs;

}  // namespace

void Tier::want(shm::SlotIndex slot, ClientId client) {
  wanted_[client].push_back({slot, store_.rows().sealed_at(slot)});
}

void Tier::work(const shm::Moment& now) {
  note_state(now.monotonic);
  serve_evictions(now.monotonic);
  if (catalogued_) plan(now);
  if (!can_read()) engine_.gets().give_up_disk();
  if (!can_write()) engine_.creates().give_up_disk(now.monotonic);
}

void Tier::plan(const shm::Moment& now) {
  const State state = this->state();
  if (state == State::failed || state == State::stalled) return;
  retry_due(now.monotonic);
  protocol::TierWorkNoticeT work;
  add_drops(work);
  add_reads(work, now.monotonic);
  idle_due_ = shm::kNever;
  if (state == State::ready) add_writes(work, now);
  if (work.drops.empty() && work.reads.empty() && work.writes.empty()) return;
  if (!work.writes.empty()) {
    std::vector<shm::SlotIndex> slots;
    for (const protocol::TierWrite& write : work.writes) slots.push_back(write.slot());
    work.grant = store_.usage().grant(client_, std::move(slots));
    work.succession = store_.rows().index.successions();
  }
  send_(client_, request_, std::move(work));
}

void Tier::note_state(TimeNs now) {
  now_ = now;
  check_for_stall(now);
  if (catalogued_)
    down_since_ = shm::kNever;
  else if (down_since_ == shm::kNever)
    down_since_ = now;
  down_for_long_ = down_since_ != shm::kNever && now - down_since_ >= kStalledAfter;
  if (const State is = state(); told_store_ != is) {
    told_store_ = is;
    store_.spill().tell_disk(is == State::ready ? std::string() : state_text());
  }
}

/// Looks at all unanswered work, so not in each turn.
void Tier::check_for_stall(TimeNs now) {
  if (now < next_stall_check_) return;
  next_stall_check_ = now + kPlanPause;
  TimeNs oldest = shm::kNever;
  for (const auto& [object, write] : writes_) oldest = std::min(oldest, write.work.since);
  for (const auto& [number, read] : reads_) oldest = std::min(oldest, read.work.since);
  stalls_at_ = oldest == shm::kNever ? shm::kNever : std::max(oldest, heard_) + kStalledAfter;
  stalled_ = now >= stalls_at_;
}

shm::TimeNs Tier::next_deadline(TimeNs now) const noexcept {
  // A process that is stalled or has failed tells when it works again.
  if (!catalogued_ || stalled_ || state() == State::failed) return shm::kNever;
  TimeNs next = retries_.empty() ? shm::kNever : retries_.begin()->first;
  if (!stalled_ && !(writes_.empty() && reads_.empty())) next = std::min(next, std::max(stalls_at_, next_stall_check_));
  if (!drops_.empty() || store_.spill().has_drops()) next = now;  // more than one notice's worth
  next = std::min(next, evictions_.next_deadline());
  const bool may_write = store_.spill().dirty().bytes > writing_bytes_ && writing_bytes_ < max_in_flight();
  if (stuck_bytes_ != 0) next = std::min(next, std::max(next_read_, now));
  if (state() == State::ready && may_write && (stuck_bytes_ != 0 || !has_written_enough()))
    next = std::min(next, std::max(next_plan_, now));
  if (idle_due_ != shm::kNever) next = std::min(next, std::max({idle_due_, next_plan_, now}));
  return next;
}

std::uint64_t Tier::max_in_flight() const noexcept {
  return std::min(store_.rows().arena.capacity() / kInFlightShare, kMostInFlight);
}

// ---- drops ----

void Tier::add_drops(protocol::TierWorkNoticeT& work) {
  std::ranges::move(store_.spill().take_drops(), std::back_inserter(drops_));
  const std::size_t count = std::min(drops_.size(), kMaxPerNotice);
  for (std::size_t i = 0; i < count; ++i) work.drops.emplace_back(drops_[i].location, protocol::to_wire(drops_[i].id));
  drops_.erase(drops_.begin(), drops_.begin() + static_cast<std::ptrdiff_t>(count));
}

// ---- reads ----

void Tier::retry_due(TimeNs now) {
  while (!retries_.empty() && retries_.begin()->first <= now) {
    const auto [client, object] = retries_.begin()->second;
    retries_.erase(retries_.begin());
    wanted_[client].push_front(object);
  }
}

void Tier::add_reads(protocol::TierWorkNoticeT& work, TimeNs now) {
  if (now < next_read_) return;
  stuck_bytes_ = 0;
  while (work.reads.size() < kMaxPerNotice && (reads_.empty() || reading_bytes_ < max_in_flight())) {
    const auto next = next_wanted();
    if (!next) return;
    if (!begin_read(work, next->first, next->second, now)) return;
  }
}

/// Of the next client in turn that may have another read; it leaves the queue.
std::optional<std::pair<ClientId, Tier::ObjectKey>> Tier::next_wanted() {
  std::map<ClientId, std::size_t> under_way;
  for (const auto& [number, read] : reads_) ++under_way[read.client];
  auto turn = wanted_.upper_bound(last_turn_);
  for (std::size_t clients = wanted_.size(); clients > 0; --clients) {
    if (turn == wanted_.end()) turn = wanted_.begin();
    if (under_way[turn->first] < kReadsPerClient) {
      const std::pair found(turn->first, turn->second.front());
      last_turn_ = turn->first;
      turn->second.pop_front();
      if (turn->second.empty()) wanted_.erase(turn);
      return found;
    }
    ++turn;
  }
  return std::nullopt;
}

/// False: there is no room for it. It stays the first of its client.
bool Tier::begin_read(protocol::TierWorkNoticeT& work, ClientId client, const ObjectKey& object, TimeNs now) {
  if (!is_there(object)) return true;
  if (store_.spill().is_reading(
          object.slot)) {  // for another client; or by an earlier session, which has not ended yet
    if (store_.rows().ledger.spill(object.slot).reader != client_)
      retries_.emplace(now + kRetryPause, std::pair(client, object));
    return true;
  }
  const shm::SlotFields fields = store_.rows().fields(object.slot);
  const std::uint64_t bytes = store_.rows().size_of(object.slot);
  const Result<std::uint64_t> offset = store_.room().begin_reading(object.slot, client_, now);
  if (!offset) {
    no_room_ = offset.error();
    stuck_bytes_ = std::max<std::uint64_t>(bytes, 1);
    next_read_ = now + kPlanPause;
    wanted_[client].push_front(object);
    return false;
  }
  no_room_.reset();
  const shm::SlotMargin& margin = store_.rows().margin(object.slot);
  reads_.emplace(++last_number_, Read{object, client, {bytes, now}});
  reading_bytes_ += bytes;
  stalls_at_ = std::min(stalls_at_, now + kStalledAfter);
  work.reads.emplace_back(last_number_, store_.rows().ledger.spill(object.slot).location, *offset, fields.data_size,
                          fields.metadata_size, protocol::to_wire(fields.id), margin.type_name_size,
                          static_cast<std::uint8_t>(margin.label_size));
  return true;
}

}  // namespace dolium::daemon
