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
  if (state == State::stalled || is_behind_()) return;
  protocol::TierWorkNoticeT work;
  add_order(work);
  if (state != State::failed) {
    retry_due(now.monotonic);
    add_drops(work);
    add_reads(work, now.monotonic);
    idle_due_ = shm::kNever;
  }
  if (state == State::ready) add_writes(work, now);
  if (work.orders.empty() && work.drops.empty() && work.reads.empty() && work.writes.empty()) return;
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
  stalled_ = now >= stalls_at();
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

/// When the disk counts as stalled if there is no answer before; kNever: there is nothing to answer.
TimeNs Tier::stalls_at() const noexcept {
  return asked_.empty() ? shm::kNever : std::max(asked_.begin()->first, heard_) + kStalledAfter;
}

TimeNs Tier::next_deadline(TimeNs now) const {
  // A process that is stalled or has failed tells when it works again.
  if (!catalogued_ || stalled_ || state() == State::failed) return evictions_.next_deadline();
  TimeNs next = stalls_at();
  next = std::min(next, evictions_.next_deadline());
  if (is_behind_()) return next;
  if (!retries_.empty()) next = std::min(next, retries_.begin()->first);
  if (!drops_.empty() || store_.spill().has_drops()) next = now;  // more than one notice's worth
  if (stuck_bytes_ != 0) next = std::min(next, std::max(next_read_, now));
  if (idle_due_ != shm::kNever) next = std::min(next, std::max({idle_due_, next_write_, now}));
  const bool may_write = store_.spill().dirty().bytes > writing_bytes_ && may_write_more(0);
  if (state() != State::ready || !may_write) return next;
  if (!has_written_enough()) next = std::min(next, std::max(next_write_, now));
  if (needed_bytes() != 0) next = std::min(next, std::max({next_plan_, next_write_, now}));
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
  const Work asked{bytes, now};
  reads_.emplace(++last_number_, Read{object, client, asked});
  note_asked(asked);
  reading_bytes_ += bytes;
  work.reads.emplace_back(last_number_, store_.rows().ledger.spill(object.slot).location, *offset, fields.data_size,
                          fields.metadata_size, protocol::to_wire(fields.id), margin.type_name_size,
                          static_cast<std::uint8_t>(margin.label_size));
  return true;
}

}  // namespace dolium::daemon
