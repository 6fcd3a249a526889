#include "daemon/tier/tier.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {
namespace {

using protocol::TierReadOutcome;
using protocol::TierWriteOutcome;
using shm::ClientId;
using shm::SlotIndex;
using shm::TimeNs;

protocol::TierIncarnation to_wire(const shm::Incarnation& incarnation) {
  return {incarnation[0], incarnation[1]};
}

Error misbehaviour(std::string what) {
  return {Errc::protocol_error, std::move(what)};
}

}  // namespace

Tier::Tier(shm::Engine& engine, const TierOptions& options, TierLine line)
    : engine_(engine),
      store_(engine.store()),
      options_(options),
      line_(std::move(line)),
      writes_(&nodes_),
      wanted_([this](const ObjectKey& object) {
        return is_there(object) && engine_.gets().reads(store_.rows().fields(object.slot).id);
      }),
      evictions_(store_) {
  engine_.gets().set_tier(this);
  engine_.creates().set_writeback(this);
}

// ---- the session ----

bool Tier::is_token(const protocol::TierToken& shown) const noexcept {
  if ((options_.token.high() | options_.token.low()) == 0) return false;  // the keeper has given none
  // All bits are compared whatever they are: the time tells nothing.
  return ((shown.high() ^ options_.token.high()) | (shown.low() ^ options_.token.low())) == 0;
}

Result<protocol::TierHelloReplyT> Tier::hello(ClientId client, std::uint64_t request,
                                              const protocol::TierHelloRequest& hello) {
  if (client_ != 0)
    return Error{Errc::already_exists, "this store has a spill process: a second one is refused while it lives"};
  if (auto right = check_directory(hello); !right) return std::move(right).error();
  shm::LedgerState& state = store_.spill().state();
  state.tier_directory[0] = hello.directory()->high();
  state.tier_directory[1] = hello.directory()->low();
  client_ = client;
  request_ = request;
  catalogued_ = false;
  rows_are_truth_ = state.tier_catalogued;
  seen_.assign(store_.rows().index.slot_count(), false);
  told_ = {};
  store_.spill().dropped().collect(true);
  protocol::TierHelloReplyT reply;
  reply.incarnation = std::make_unique<protocol::TierIncarnation>(to_wire(store_.rows().index.incarnation()));
  reply.rows_are_truth = rows_are_truth_;
  reply.capacity = options_.capacity;
  return reply;
}

/// A store that has forgotten its directory takes one without records only: it would drop them.
Result<void> Tier::check_directory(const protocol::TierHelloRequest& hello) const {
  const shm::LedgerState& state = store_.spill().state();
  const auto* directory = hello.directory();
  if (directory == nullptr || (directory->high() | directory->low()) == 0)
    return Error{Errc::invalid_argument, "a spill process without a directory"};
  const bool is_new = (state.tier_directory[0] | state.tier_directory[1]) == 0;
  if (is_new && state.tier_catalogued && hello.records() != 0)
    return Error{
        Errc::invalid_argument,
        fmt::format("the store has forgotten its spill directory, and takes an empty one only: this one has {} "
                    "objects; empty it, or stop doliumd and start it again, which keeps them",
                    hello.records())};
  if (!is_new && (state.tier_directory[0] != directory->high() || state.tier_directory[1] != directory->low()))
    return Error{Errc::invalid_argument,
                 "this is another spill directory than the one that the store began with: a directory cannot change "
                 "under a running store; stop doliumd, and start it with the new one, or, if the old one is lost for "
                 "good, `dolium spill forget`"};
  return {};
}

void Tier::on_client_gone(ClientId client) {
  wanted_.drop_client(client);
  evictions_.drop_client(client);
  if (client == 0 || client != client_) return;
  client_ = 0;
  catalogued_ = distrusted_ = false;
  comparison_.reset();
  distrusting_.reset();
  store_.spill().trust_only(nullptr);
  store_.spill().trust_records(true);
  store_.spill().dropped().collect(false);
  drops_.clear();
  for (const auto& [object, write] : writes_) requeue(object);
  writes_.clear();
  writing_bytes_ = reading_bytes_ = 0;
  asked_.clear();
  stalled_ = false;
  order_.reset();
  wanted_.note_all_ended();
  for (const auto& [number, read] : std::exchange(reads_, {})) wanted_.add(read.wanted);
  told_ = {};
}

Result<void> Tier::check(ClientId client) const {
  if (client == client_ && client != 0) return {};
  return misbehaviour("a message of the spill tier from a session that is not the spill tier's");
}

Result<void> Tier::told(ClientId client, const protocol::TierStateRequest& state) {
  if (auto ours = check(client); !ours) return ours;
  state.UnPackTo(&told_);
  if (told_.phase > protocol::TierPhase::MAX) told_.phase = protocol::TierPhase::failed;
  if (std::exchange(distrusted_, told_.gone) != told_.gone) distrust_records();
  next_plan_ = next_write_ = 0;
  told_store_.reset();
  tell_store();
  return {};
}

// ---- answers ----

Result<void> Tier::written(ClientId client, const protocol::TierWriteDoneRequest& done, TimeNs now) {
  if (auto ours = check(client); !ours) return ours;
  heard_of_disk(now);
  bool any_void = false;
  for (const protocol::TierWritten* each : *done.written()) {
    const auto found = writes_.find({each->slot(), each->stamp()});
    if (found == writes_.end()) return misbehaviour("an answer to a write that the server did not ask for");
    const ObjectId id = found->second.id;
    writing_bytes_ -= found->second.work.bytes;
    note_answered(found->second.work);
    writes_.erase(found);
    any_void = !take_write(*each, id, now) || any_void;
  }
  if (any_void) engine_.on_release(now);  // the process held objects that may have been removed
  return {};
}

/// The disk answers, and there may be room for a read now, or another window to write.
void Tier::heard_of_disk(TimeNs now) noexcept {
  heard_ = now;
  stalled_ = false;
  next_read_ = next_plan_ = 0;
}

void Tier::note_answered(const Work& work) {
  const auto asked = asked_.find(work.since);
  if (--asked->second == 0) asked_.erase(asked);
}

/// Returns whether the object is clean now.
bool Tier::take_write(const protocol::TierWritten& done, const ObjectId& id, TimeNs now) {
  switch (done.outcome()) {
    case TierWriteOutcome::done:
      if (distrusted_) {  // told before the directory was missed
        drops_.push_back({id, done.location(), done.stamp()});
        break;
      }
      made_clean_ = true;
      ++written_count_;
      if (store_.sealed().written(done.slot(), done.stamp(), done.location())) return true;
      drops_.push_back({id, done.location(), done.stamp()});  // the object is gone
      return false;
    case TierWriteOutcome::full:
      if (told_.phase == protocol::TierPhase::ready) told_.phase = protocol::TierPhase::full;
      break;
    case TierWriteOutcome::failed:
    case TierWriteOutcome::gone: next_write_ = std::max(next_write_, now + kRetryPause); break;
  }
  requeue({done.slot(), done.stamp()});
  return false;
}

/// An object whose write came to nothing is written later, if it is still there.
void Tier::requeue(const ObjectKey& object) {
  const shm::Rows& rows = store_.rows();
  if (rows.margin(object.slot).state == shm::SlotState::sealed && rows.sealed_at(object.slot) == object.sealed &&
      store_.spill().is_dirty(object.slot))
    store_.spill().give_back_dirty(object.slot);
}

Result<void> Tier::read(ClientId client, const protocol::TierReadDoneRequest& done, TimeNs now) {
  if (auto ours = check(client); !ours) return ours;
  heard_of_disk(now);
  for (const protocol::TierReadBack* each : *done.read()) {
    const auto found = reads_.find(each->number());
    if (found == reads_.end()) return misbehaviour("an answer to a read that the server did not ask for");
    const Read read = found->second;
    reading_bytes_ -= read.work.bytes;
    note_answered(read.work);
    reads_.erase(found);
    wanted_.note_ended(read.wanted);
    take_read(read, each->outcome(), now);
  }
  return {};
}

void Tier::take_read(const Read& read, TierReadOutcome outcome, TimeNs now) {
  const SlotIndex slot = read.wanted.object.slot;
  if (outcome == TierReadOutcome::done) return store_.sealed().end_reading(slot, now);
  store_.spill().give_up_reading(slot);
  if (!is_there(read.wanted.object)) return;  // removed meanwhile
  if (outcome != TierReadOutcome::failed) return store_.sealed().retire(slot, RemovalCause::lost);
  wanted_.retry(read.wanted, now + kRetryPause);
  engine_.gets().on_read_failed(store_.rows().fields(slot).id);
}

/// Whether the object is on disk alone, and is not being read back.
bool Tier::is_there(const ObjectKey& object) const noexcept {
  const shm::Rows& rows = store_.rows();
  return rows.margin(object.slot).state == shm::SlotState::sealed && rows.sealed_at(object.slot) == object.sealed &&
         rows.is_spilled(object.slot);
}

// ---- reports ----

bool Tier::has_catalogue() const noexcept {
  return store_.spill().state().tier_catalogued;
}

Tier::State Tier::state() const noexcept {
  if (client_ == 0) return State::absent;
  if (!catalogued_) return State::catalogue;
  if (stalled_) return State::stalled;
  switch (told_.phase) {
    case protocol::TierPhase::ready: return State::ready;
    case protocol::TierPhase::full: return State::full;
    case protocol::TierPhase::read_only: return State::read_only;
    case protocol::TierPhase::failed: break;
  }
  return State::failed;
}

bool Tier::can_read() const noexcept {
  switch (state()) {
    case State::ready:
    case State::full:
    case State::read_only: return true;
    case State::absent:
    case State::catalogue: return !down_for_long_;
    case State::failed:
    case State::stalled: break;
  }
  return false;
}

bool Tier::can_write() const noexcept {
  const State now = state();
  return now == State::ready || ((now == State::absent || now == State::catalogue) && !down_for_long_);
}

std::string Tier::state_text() const {
  const std::string directory = told_.directory.empty() ? "" : fmt::format(" ({})", told_.directory);
  const auto with_reason = [&](const char* state, const char* meaning) {
    return fmt::format("{}{}{}{}{}", state, directory, meaning, told_.reason.empty() ? "" : ": ", told_.reason);
  };
  switch (state()) {
    case State::absent: return "absent: its process does not run, or has not connected";
    case State::catalogue: return "reading its directory";
    case State::ready: return "ready";
    case State::full: return with_reason("full", ": objects are read back, and none are written");
    case State::read_only: return with_reason("read-only", ": objects are read back, and none are written");
    case State::failed: return with_reason("failed", "");
    case State::stalled: break;
  }
  return fmt::format("stalled{}: the disk has not answered for more than {} s", directory,
                     kStalledAfter / 1'000'000'000);
}

std::string Tier::remedy() const {
  switch (state()) {
    case State::absent: return "the daemon's log says why";
    case State::catalogue: return "try again";
    case State::full: return "make room on its file system, or raise the capacity of [spill]";
    case State::read_only:
    case State::failed: return "repair the file system or the disk";
    case State::stalled: return "the kernel's log may say why";
    case State::ready: break;
  }
  return "";
}

Error Tier::why_not(const ObjectId& id, TimeNs now) const {
  const std::string object = fmt::format("object {} is on disk, and could not be read back", id.hex());
  switch (state()) {
    case State::absent:
      return {Errc::tier_unavailable, object + ": the spill process does not run; the daemon's log says why"};
    case State::catalogue:
      return {Errc::tier_unavailable, object + ": the spill process is still reading its directory: try again"};
    case State::failed:
      return {Errc::tier_unavailable, fmt::format("{}: the spill directory failed: {}", object, told_.reason)};
    case State::stalled:
      return {Errc::tier_unavailable,
              fmt::format("{}: the disk has not answered for more than {} s", object, kStalledAfter / 1'000'000'000)};
    case State::ready:
    case State::full:
    case State::read_only: break;
  }
  now = std::max(now, now_);  // a request ends before the work of its turn
  if (const TimeNs waited = now + kStalledAfter - std::min(now + kStalledAfter, stalls_at()); waited >= kRetryPause)
    return {Errc::tier_unavailable,
            fmt::format("{} in time: the disk has not answered for {} s", object, waited / 1'000'000'000)};
  if (no_room_) return {no_room_->code, object + ": " + no_room_->message, no_room_->cause};
  const SlotIndex slot = store_.rows().find(id);
  const bool is_asked_for = slot != shm::kNoSlot && store_.spill().is_reading(slot);
  return {Errc::tier_unavailable,
          object + (is_asked_for ? " in time: the disk has been asked for it, and has not answered yet; try again, "
                                   "with a longer timeout"
                                 : " in time: other objects are read first; try again")};
}

}  // namespace dolium::daemon
