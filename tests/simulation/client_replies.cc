// What a client hears, and what it makes of it. See client.h.

#include <catch2/catch.hpp>

#include "protocol/convert.h"
#include "tests/simulation/client.h"

namespace dolium::simulation {
namespace {

using history::Operation;
using shm::Mapping;

Operation::Outcome outcome_of(Errc code, std::string_view message, Operation::Kind kind) {
  using Outcome = Operation::Outcome;
  const bool writes = kind == Operation::Kind::put || kind == Operation::Kind::create;
  switch (code) {
    case Errc::not_found: return Outcome::absent;
    case Errc::already_exists: return Outcome::taken;
    case Errc::not_sealed: return Outcome::unsealed;
    case Errc::out_of_memory:
    case Errc::tier_unavailable: return Outcome::no_room;
    case Errc::timed_out: return writes ? Outcome::no_room : Outcome::absent;
    default: FAIL("the daemon says: " << message);
  }
  return Outcome::done;
}

Operation::Outcome outcome_of(const protocol::ReplyFrame& frame, Operation::Kind kind) {
  using Outcome = Operation::Outcome;
  if (const auto* removed = frame.body_as_RemoveReply()) return removed->removed() ? Outcome::done : Outcome::absent;
  if (const auto* got = frame.body_as_GetReply()) return got->found()->Get(0) != 0 ? Outcome::done : Outcome::absent;
  if (const auto* taken = frame.body_as_TakeReply()) return taken->place() != nullptr ? Outcome::done : Outcome::absent;
  const auto outcome = [&](const auto& failure) {
    return outcome_of(static_cast<Errc>(failure.code()), failure.message()->string_view(), kind);
  };
  if (const auto* put = frame.body_as_PutReply(); put != nullptr && put->failures() != nullptr)
    for (const protocol::PutFailure* failure : *put->failures()) return outcome(*failure);
  const auto* error = frame.body_as_ErrorReply();
  return error == nullptr ? Outcome::done : outcome(*error);
}

}  // namespace

Client::Grant Client::grant_of(const protocol::ReplyFrame& frame) {
  if (const auto* got = frame.body_as_GetReply(); got != nullptr && got->grant() != 0)
    return {got->grant(), got->places()->Get(0), got->succession()};
  if (const auto* taken = frame.body_as_TakeReply()) return {taken->grant(), taken->place(), taken->succession()};
  if (const auto* sealed = frame.body_as_SealReply()) return {.number = sealed->grant()};
  if (const auto* put = frame.body_as_PutReply()) return {.number = put->grant()};
  return {};
}

void Client::read() {
  if (heir_ != nullptr) return await_heir();
  bool more = true;
  while (more) {
    more = wire_->take_in();
    while (const auto payload = wire_->next()) hear(*protocol::decode<protocol::ReplyFrame>(*payload).value());
  }
  if (wire_->has_ended()) lost();
}

void Client::hear(const protocol::ReplyFrame& frame) {
  const std::uint64_t request = frame.request_id();
  if (const auto* goodbye = frame.body_as_GoodbyeNotice()) FAIL("the daemon says: " << goodbye->reason()->str());
  if (const auto* failed = frame.body_as_PutFailedNotice()) return keep_put_failure(*failed);
  if (const auto* notice = frame.body_as_EventNotice()) {
    REQUIRE(request == subscription_);
    if (notice->events() == nullptr) return;  // a store without objects, to begin with
    for (const protocol::EventRow* row : *notice->events()) subscriber_.on_event(protocol::from_wire(*row));
    return world_.note(subscriber_.heard());
  }
  if (request == greeting_) {
    if (const auto* error = frame.body_as_ErrorReply()) FAIL("not let in: " << error->message()->str());
    greeting_ = 0;
    return holder_ ? resumed(*frame.body_as_HelloReply()) : welcome(*frame.body_as_HelloReply());
  }
  auto found = asked_.extract(request);
  REQUIRE_FALSE(found.empty());  // one answer each
  if (found.mapped().about == About::history) return answered(std::move(found.mapped()), frame);
  if (found.mapped().about == About::many) return answered(std::move(found.mapped().parts), frame);
  answered_otherwise(found.mapped(), frame);
}

void Client::welcome(const protocol::HelloReply& hello) {
  std::vector<shm::UniqueFd> fds = wire_->take_descriptors();
  REQUIRE(fds.size() == (hello.ring_bytes() != 0 ? 6 : 5));
  using Mode = Mapping::Mode;
  mapped_ = std::make_shared<Mapped>(
      Mapped{.index = Mapping::map(fds[0], hello.index_bytes(), Mode::read_only, "index").value(),
             .arena = Mapping::map(fds[1], hello.arena_bytes(), Mode::read_only, "arena").value(),
             .writable = Mapping::map(fds[4], hello.arena_bytes(), Mode::read_write, "writable").value()});
  Mapping pins = Mapping::map(fds[2], hello.pin_table_bytes(), Mode::read_write, "pins").value();
  release_event_ = std::move(fds[3]);
  if (hello.ring_bytes() != 0)
    wire_->use_rings(Mapping::map(fds[5], hello.ring_bytes(), Mode::read_write, "rings").value());
  const shm::IndexReader reader = shm::IndexReader::open(mapped_->index.data(), mapped_->index.size()).value();
  holder_.emplace(reader, shm::PinTable(std::move(pins), reader.slot_count()));
  session_ = hello.session_id();
  token_ = hello.fork_token();
}

void Client::answered(Asked asked, const protocol::ReplyFrame& frame) {
  const Number number = asked.number;
  Operation& operation = asked.operation;
  busy_.erase(number);
  operation.outcome = outcome_of(frame, operation.kind);
  const Grant grant = grant_of(frame);
  if (operation.kind == Kind::get || operation.kind == Kind::take) {
    const bool in_vain = asked.cancelled && world_.has_tier && operation.outcome == Outcome::absent;
    if (in_vain || operation.outcome == Outcome::no_room) return forget_vain(operation);
    if (grant.number != 0) take_granted(number, grant, operation);
    if (operation.kind == Kind::take && operation.outcome == Outcome::done) ++world_.takes;
    if (operation.outcome == Outcome::no_room) return forget_vain(operation);
    return log(number, operation);
  }
  if (operation.kind == Kind::create) {
    const auto* placed = frame.body_as_CreateReply();
    if (placed == nullptr)
      building_.erase(number);
    else
      building_[number].offset = placed->offset(), building_[number].placed = true;
  }
  // A server that died may have done it already.
  if (operation.kind == Kind::abort && asked.twice && operation.outcome == Outcome::absent)
    operation.outcome = Outcome::done;
  log(number, operation);
  if (grant.number == 0) return;
  Operation held{Kind::get, Outcome::done, 0, world_.tick(), 0};
  take_granted(number, grant, held);
  if (held.outcome != Outcome::no_room) log(number, held);
}

/// It was not read back, and tells nothing of the object.
void Client::forget_vain(const Operation& operation) {
  world_.note(static_cast<std::uint64_t>(operation.kind));
  ++world_.disk_refusals;
}

void Client::answered(std::vector<Part> parts, const protocol::ReplyFrame& frame) {
  if (const auto* error = frame.body_as_ErrorReply()) FAIL("the daemon says: " << error->message()->str());
  if (const auto* put = frame.body_as_PutReply(); put != nullptr && put->failures() != nullptr)
    for (const protocol::PutFailure* failure : *put->failures())
      fail(parts.at(failure->index()).operation, failure->code(), failure->message()->string_view());
  if (const auto* cleared = frame.body_as_ClearReply()) REQUIRE(cleared->next_cursor() == 0);  // a small store
  for (const Part& part : parts) {
    const bool done = part.operation.outcome == Outcome::done;
    REQUIRE_FALSE((done && in_vain_.contains(part.operation.value)));
    if (done && part.leased) ++world_.leased_puts;
    if (part.number == kFiller) continue;
    busy_.erase(part.number);
    log(part.number, part.operation);
  }
}

/// `disconnected` exactly if its lease was a dead server's; then nothing was done.
void Client::fail(Operation& put, protocol::ErrorCode code, std::string_view why) const {
  const bool in_vain = code == protocol::ErrorCode::disconnected;
  REQUIRE(in_vain == in_vain_.contains(put.value));
  put.outcome = in_vain ? Outcome::no_room : outcome_of(static_cast<Errc>(code), why, Kind::put);
}

/// It is kept for us where the reply says, unless that server has died since. Then, and without a place, only a removal
/// can have made it absent. What was taken is lost then. What another server has spilled is not held, and there.
void Client::take_granted(Number number, const Grant& grant, Operation& operation) {
  bool held = false;
  if (const protocol::Place* at = grant.place; at != nullptr)
    held = keep(number,
                holder_->hold_granted({{at->slot(), at->offset(), at->data_size(), at->metadata_size(), at->type_tag()},
                                       grant.succession}),
                operation);
  REQUIRE((held || grant.place == nullptr || grant.succession != holder_->index().successions()));
  if (!held && operation.kind == Kind::take)
    operation.outcome = Outcome::unknown, ++world_.lost_takes;
  else if (!held && !try_hold(number, operation, true))
    operation.outcome = is_in_index(number) ? Outcome::no_room : Outcome::absent;
  if (holder_->take_up_grants(grant.number)) tell_of_release();
}

void Client::answered_otherwise(const Asked& asked, const protocol::ReplyFrame& frame) {
  switch (asked.about) {
    case About::history:
    case About::many:
    case About::nothing: return;
    case About::leasing: return take_lease(asked.operation.value, frame);
    case About::subscribing: REQUIRE(frame.body_as_DoneReply() != nullptr); return;
    case About::unsubscribing:
      REQUIRE(frame.body_as_DoneReply() != nullptr);
      subscription_ = 0;
      return;
    case About::flushing: return know_deferred(asked.operation.begin);
  }
}

// ---- deferred puts ----

void Client::keep_put_failure(const protocol::PutFailedNotice& notice) {
  const ObjectId id = protocol::from_wire(*notice.id());
  for (auto entry = deferred_.begin(); entry != deferred_.end(); ++entry) {
    if (id_of(entry->first) != id) continue;
    Operation& put = log_[entry->first][entry->second];
    fail(put, notice.code(), notice.message()->string_view());
    put.end = world_.tick();
    deferred_.erase(entry);
    return;
  }
}

/// What was begun before this moment is done.
void Client::know_deferred(std::uint64_t before) {
  std::erase_if(deferred_, [&](const auto& entry) {
    Operation& put = log_[entry.first][entry.second];
    if (put.begin > before) return false;
    REQUIRE_FALSE(in_vain_.contains(put.value));
    put.end = world_.tick();
    world_.note(put.value);
    return true;
  });
}

}  // namespace dolium::simulation
