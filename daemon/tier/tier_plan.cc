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
  wanted_.add({client, {slot, store_.rows().sealed_at(slot)}, false});
}

void Tier::want_first(shm::SlotIndex slot, ClientId client) {
  wanted_.add({client, {slot, store_.rows().sealed_at(slot)}, true});
}

void Tier::work(const shm::Moment& now) {
  note_state(now.monotonic);
  if (comparison_) {
    const std::uint64_t request = comparison_->request;
    if (auto reply = go_on_comparing(now.monotonic)) line_.end_catalogue(client_, request, *std::move(reply));
  }
  go_on_distrusting();
  serve_evictions(now.monotonic);
  if (catalogued_) plan(now);
  if (!can_read()) engine_.gets().give_up_disk();
  if (!can_write()) engine_.creates().give_up_disk(now.monotonic);
}

void Tier::plan(const shm::Moment& now) {
  const State state = this->state();
  if (state == State::stalled || line_.is_behind()) return;
  protocol::TierWorkNoticeT work;
  add_order(work);
  if (state != State::failed) {
    add_drops(work);
    add_reads(work, now.monotonic);
    idle_due_ = shm::kNever;
  }
  if (state == State::ready) add_writes(work, now);
  if (work.orders.empty() && work.drops.empty() && !work.clear && work.reads.empty() && work.writes.empty()) return;
  if (!work.writes.empty()) {
    std::vector<shm::SlotIndex> slots;
    slots.reserve(work.writes.size());
    for (const protocol::TierWrite& write : work.writes) slots.push_back(write.slot());
    work.grant = store_.usage().grant(client_, std::move(slots));
    work.succession = store_.rows().index.successions();
  }
  line_.send(client_, request_, std::move(work));
}

void Tier::note_state(TimeNs now) {
  now_ = now;
  stalled_ = now >= stalls_at();
  if (catalogued_)
    down_since_ = shm::kNever;
  else if (down_since_ == shm::kNever)
    down_since_ = now;
  down_for_long_ = down_since_ != shm::kNever && now - down_since_ >= kStalledAfter;
  tell_store();
}

/// Why dirty objects are not written, for the errors of creates.
void Tier::tell_store() {
  const State is = state();
  if (told_store_ == is) return;
  told_store_ = is;
  store_.spill().tell_disk(is == State::ready ? std::string() : state_text() + "; " + remedy());
}

/// When the disk counts as stalled if there is no answer before; kNever: there is nothing to answer.
TimeNs Tier::stalls_at() const noexcept {
  return asked_.empty() ? shm::kNever : std::max(asked_.begin()->first, heard_) + kStalledAfter;
}

TimeNs Tier::next_deadline(TimeNs now) const {
  if (store_.rows().room_made && engine_.creates().count() != 0) return now;  // work() comes after Engine::settle()
  if (comparison_ || distrusting_) return now;
  // A process that is stalled or has failed tells when it works again.
  if (!catalogued_ || stalled_ || state() == State::failed) return evictions_.next_deadline();
  TimeNs next = stalls_at();
  next = std::min(next, evictions_.next_deadline());
  if (line_.is_behind()) return next;
  next = std::min({next, wanted_.next_retry(), store_.spill().dropped().next()});
  if (!drops_.empty() || store_.spill().dropped().any()) next = now;  // more than one notice's worth
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
  if (const std::optional<TimeNs> through = store_.spill().dropped().take_cleared()) {
    work.clear = true;
    work.clear_through = *through;
  }
  std::ranges::move(store_.spill().dropped().take(), std::back_inserter(drops_));
  const std::size_t count = std::min(drops_.size(), kMaxPerNotice);
  for (std::size_t i = 0; i < count; ++i) work.drops.emplace_back(drops_[i].location, protocol::to_wire(drops_[i].id));
  drops_.erase(drops_.begin(), drops_.begin() + static_cast<std::ptrdiff_t>(count));
}

// ---- reads ----

void Tier::add_reads(protocol::TierWorkNoticeT& work, TimeNs now) {
  if (now < next_read_) return;
  stuck_bytes_ = 0;
  wanted_.begin_turn(now);
  while (work.reads.size() < kMaxPerNotice && (reads_.empty() || reading_bytes_ < max_in_flight())) {
    const auto next = wanted_.next(now);
    if (!next) return;
    wanted_.note(*next, begin_read(work, *next, now), now);
  }
}

ReadQueue::Outcome Tier::begin_read(protocol::TierWorkNoticeT& work, const ReadQueue::Wanted& wanted, TimeNs now) {
  const ObjectKey& object = wanted.object;
  if (store_.spill().is_reading(
          object.slot)) {  // for another client; or by an earlier session, which has not ended yet
    if (store_.rows().ledger.spill(object.slot).reader != client_) wanted_.retry(wanted, now + kRetryPause);
    return ReadQueue::Outcome::passed_over;
  }
  const shm::SlotFields fields = store_.rows().fields(object.slot);
  const std::uint64_t bytes = store_.rows().size_of(object.slot);
  const Result<std::uint64_t> offset = store_.room().begin_reading(object.slot, client_, now);
  if (!offset) {
    no_room_ = offset.error();
    stuck_bytes_ = std::max<std::uint64_t>({bytes, 1, stuck_bytes_});
    next_read_ = now + kPlanPause;
    return ReadQueue::Outcome::no_room;
  }
  no_room_.reset();
  const shm::SlotMargin& margin = store_.rows().margin(object.slot);
  const Work asked{bytes, now};
  reads_.emplace(++last_number_, Read{wanted, asked});
  note_asked(asked);
  reading_bytes_ += bytes;
  work.reads.emplace_back(last_number_, store_.rows().ledger.spill(object.slot).location, *offset, fields.data_size,
                          fields.metadata_size, protocol::to_wire(fields.id), margin.type_name_size,
                          static_cast<std::uint8_t>(margin.label_size));
  return ReadQueue::Outcome::begun;
}

}  // namespace dolium::daemon
