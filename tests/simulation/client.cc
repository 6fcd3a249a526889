// What a client does. See client.h.

#include "tests/simulation/client.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "protocol/convert.h"
#include "tests/e2e/payload.h"
#include "tests/simulation/asking.h"
#include "tests/simulation/virtual_clock.h"

namespace dolium::simulation {
namespace {

using history::Operation;

constexpr std::size_t kMaxSize = 14'000;
constexpr std::size_t kMaxFiller = 20'000;
constexpr shm::TimeNs kLongestWait = 30'000'000;
constexpr std::size_t kLongestLifeMs = 20;

}  // namespace

void Client::act() {
  const Number number = world_.below(kObjects);
  const std::size_t what = world_.below(30);
  if (!holder_ || heir_ != nullptr) return;
  if (greeting_ != 0) return act_alone(number);
  switch (what) {
    case 0: return cancel(world_.one_in(2));
    case 1: return evict();
    case 2: return put(kFiller);
    case 3: return put_deferred(kFiller);
    case 4: return flush();
    case 5: return world_.one_in(3) ? listen_or_not() : act_on(number, what);
    case 22: return put_many();
    case 23: return world_.one_in(4) ? clear() : put_many();
    case 26:
    case 27:
    case 28:
    case 29: return go_on_leasing();
    case 6: return world_.one_in(2) && world_.children != 0 ? begin_fork() : act_on(number, what);
    default: return act_on(number, what);
  }
}

/// Without a server: what needs none.
void Client::act_alone(Number number) {
  if (busy_.contains(number)) return;
  if (world_.one_in(2)) return release(number);
  Operation operation{Kind::get, Outcome::done, 0, world_.tick(), 0};
  if (try_hold(number, operation, false)) log(number, operation);
}

void Client::act_on(Number number, std::size_t what) {
  if (busy_.contains(number)) return;
  switch (what) {
    case 7:
    case 8: return put(number);
    case 9: return put_deferred(number);
    case 10: return create(number);
    case 11:
    case 12: return go_on_building(number);
    case 13:
    case 14:
    case 15: return get(number);
    case 16:
    case 17: return release(number);
    case 18:
    case 19: return ask_about<protocol::RemoveRequestT>(number, Kind::remove, 0);
    case 20: return ask_about<protocol::PinRequestT>(number, Kind::pin, 0);
    case 24:
    case 25: return take(number);
    case 21: return extend_grace(number);
    default: return ask_about<protocol::UnpinRequestT>(number, Kind::unpin, 0);
  }
}

// ---- asking ----

Client::Asked Client::asked(Number number, Kind kind, std::uint64_t value, bool waits) {
  return {number,
          {kind, Outcome::done, value, world_.tick(), 0},
          number == kFiller ? About::nothing : About::history,
          waits};
}

template <class Message>
void Client::ask_about(Number number, Kind kind, std::uint64_t value) {
  Message message;
  message.id = protocol::to_wire_pointer(id_of(number));
  ask(asked(number, kind, value), std::move(message));
}

// ---- what is written ----

protocol::PutRequestT Client::new_put(Number number, std::uint64_t value) {
  const bool filler = number == kFiller;
  const ObjectId id = id_of(number, value);
  protocol::PutRequestT put;
  put.bytes.resize(e2e::kWord + world_.below(filler ? kMaxFiller : kMaxSize));
  e2e::fill_payload(std::as_writable_bytes(std::span(put.bytes)), id, value);
  const std::uint64_t life_ms = filler && world_.one_in(3) ? 1 + world_.below(kLongestLifeMs) : 0;
  put.heads.emplace_back(protocol::to_wire(id), 0, false, 0, world_.retention(number, life_ms),
                         static_cast<std::uint32_t>(put.bytes.size()), 0, 0, life_ms, 0,
                         world_.some_grace(number, value, life_ms), 1);
  return put;
}

void Client::put(Number number) {
  const std::uint64_t value = ++world_.last_value;
  protocol::PutRequestT put = new_put(number, value);
  put.timeout_ns = world_.one_in(3) ? world_.below(kLongestWait) : 0;
  put.hold = number != kFiller && world_.one_in(3);
  const bool waits = put.timeout_ns != 0;
  ask(asked(number, Kind::put, value, waits), std::move(put));
}

/// Has no reply: its entry in the log is closed by a notice that it failed, or when a later request is answered.
void Client::put_deferred(Number number) {
  if (deferred_.contains(number)) return;
  const std::uint64_t value = ++world_.last_value;
  protocol::PutRequestT deferred = new_put(number, value);
  deferred.deferred = true;
  wire_->send(encoder_.encode(++last_request_, deferred).value());
  begin_deferred(number, value);
}

void Client::begin_deferred(Number number, std::uint64_t value) {
  if (number == kFiller) return;
  deferred_[number] = log_[number].size();
  log_[number].push_back({Kind::put_deferred, Outcome::done, value, world_.tick(), history::kNever});
}

void Client::flush() {
  ask({kFiller, {Kind::put_deferred, Outcome::done, 0, world_.tick(), 0}, About::flushing}, protocol::PingRequestT());
}

/// Of several objects, and of some that nobody keeps a history of between them.
void Client::put_many() {
  protocol::PutRequestT many;
  std::vector<Part> parts;
  for (Number number = 0; number <= kFiller; ++number) {
    if (!world_.one_in(3) || busy_.contains(number)) continue;
    const std::uint64_t value = ++world_.last_value;
    const protocol::PutRequestT put = new_put(number, value);
    many.heads.push_back(put.heads.front());
    many.bytes.insert(many.bytes.end(), put.bytes.begin(), put.bytes.end());
    parts.push_back({number, {Kind::put, Outcome::done, value, world_.tick(), 0}});
  }
  ask_of_many(std::move(parts), std::move(many));
}

void Client::clear() {
  if (!busy_.empty()) return;
  world_.cleared = true;
  std::vector<Part> parts;
  for (Number number = 0; number < kObjects; ++number)
    parts.push_back({number, {Kind::clear, Outcome::done, 0, world_.tick(), 0}});
  ask_of_many(std::move(parts), protocol::ClearRequestT());
}

void Client::create(Number number) {
  if (building_.contains(number)) return;
  const std::uint64_t value = ++world_.last_value;
  protocol::CreateRequestT create;
  create.object = std::make_unique<protocol::NewObjectT>();
  create.object->id = protocol::to_wire_pointer(id_of(number));
  create.object->retention = world_.retention(number, 0);
  create.object->data_size = e2e::kWord + world_.below(kMaxSize);
  create.timeout_ns = world_.one_in(3) ? UINT64_MAX : world_.below(kLongestWait);
  building_[number] = {.value = value, .size = create.object->data_size};
  ask(asked(number, Kind::create, value, true), std::move(create));
}

/// Writes, or seals or aborts what is written. What a server's death has dropped is written to all the same, as by who
/// does not know of it yet, and then given up.
void Client::go_on_building(Number number) {
  const auto found = building_.find(number);
  if (found == building_.end()) return;
  Building& building = found->second;
  if (!building.written) {
    e2e::fill_payload({mapped_->writable.data() + building.offset, building.size}, id_of(number), building.value);
    building.written = true;
    return;
  }
  if (building.dropped || world_.one_in(4)) return abort(number);
  const Building sealed = building_.extract(found).mapped();
  protocol::SealRequestT seal;
  seal.id = protocol::to_wire_pointer(id_of(number));
  seal.hold = world_.one_in(3);
  Asked sealing = asked(number, Kind::seal, sealed.value);
  sealing.offset = sealed.offset;
  ask(std::move(sealing), std::move(seal));
}

void Client::abort(Number number) {
  const Building building = building_.extract(number).mapped();
  protocol::AbortRequestT abort;
  abort.id = protocol::to_wire_pointer(id_of(number));
  abort.abandoned = building.dropped;
  abort.offset = building.offset;
  Asked aborting = asked(number, Kind::abort, building.value);
  if (building.dropped) aborting.about = About::nothing;  // that object has had its end
  ask(std::move(aborting), std::move(abort));
}

/// To a server that knows of it from another. Without an offset: of what was never told where it is.
void Client::give_up_extent(const ObjectId& id, std::uint64_t offset) {
  protocol::AbortRequestT abort;
  abort.id = protocol::to_wire_pointer(id);
  abort.abandoned = true;
  abort.offset = offset;
  ask({kFiller, {}, About::nothing}, std::move(abort));
}

// ---- what is held ----

/// Without the daemon, if that is possible; else it is asked, and may be waited for.
void Client::get(Number number) {
  Operation operation{Kind::get, Outcome::done, 0, world_.tick(), 0};
  if (try_hold(number, operation, false)) return log(number, operation);
  protocol::GetRequestT get;
  get.ids.push_back(protocol::to_wire(id_of(number)));
  get.timeout_ns = world_.one_in(3) ? UINT64_MAX : world_.below(kLongestWait);
  ask(asked(number, Kind::get, 0, true), std::move(get));
}

void Client::take(Number number) {
  protocol::TakeRequestT take;
  take.id = protocol::to_wire_pointer(id_of(number));
  take.timeout_ns = world_.one_in(3) ? UINT64_MAX : world_.below(kLongestWait);
  ask(asked(number, Kind::take, 0, true), std::move(take));
}

bool Client::try_hold(Number number, Operation& operation, bool kept) {
  return keep(number, kept ? holder_->hold_kept(id_of(number)) : holder_->hold(id_of(number)), operation);
}

bool Client::keep(Number number, const shm::Holder::Attempt& attempt, Operation& operation) {
  if (attempt.release_wanted) tell_of_release();
  if (attempt.verdict != shm::Holder::Verdict::held) return false;
  const std::span<const std::byte> bytes(mapped_->arena.data() + attempt.object.offset, attempt.object.data_size);
  REQUIRE(e2e::is_payload(bytes, id_of(number)));
  std::memcpy(&operation.value, bytes.data(), sizeof(operation.value));
  held_[number].push_back({attempt.object, operation.value});
  holder_->table().record_hit(attempt.object.slot, now());
  return true;
}

/// What was held is still what was got.
void Client::release(Number number) {
  std::vector<Held>& held = held_[number];
  if (held.empty()) return;
  const Held last = held.back();
  held.pop_back();
  Operation operation{Kind::release, Outcome::done, last.value, world_.tick(), 0};
  const std::span<const std::byte> bytes(mapped_->arena.data() + last.where.offset, last.where.data_size);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  REQUIRE((value == last.value && e2e::is_payload(bytes, id_of(number))));
  if (holder_->release(last.where.slot)) tell_of_release();
  log(number, operation);
}

// ---- the rest ----

void Client::evict() {
  protocol::EvictRequestT evict;
  evict.bytes = world_.below(kMaxFiller);
  ask(asked(kFiller, Kind::evict, 0), std::move(evict));
}

void Client::cancel(bool gets) {
  for (auto& [number, asked] : asked_) {
    if (!asked.waits || asked.waits_for_object() != gets) continue;
    protocol::CancelRequestT cancel;
    cancel.request_id = number;
    asked.cancelled = true;
    wire_->send(encoder_.encode(++last_request_, cancel).value());  // has no reply
  }
}

/// Whatever comes of it: an object may be gone, or be written, or its user may have no quota left.
void Client::extend_grace(Number number) {
  protocol::ExtendGraceRequestT extend;
  extend.id = protocol::to_wire_pointer(id_of(number));
  extend.grace_ms = static_cast<std::uint32_t>(1 + world_.below(kLongestLifeMs));
  extend.readers = static_cast<std::uint32_t>(1 + world_.below(3));
  ask({kFiller, {}, About::nothing}, std::move(extend));
}

void Client::listen_or_not() {
  if (std::ranges::any_of(asked_, [](const auto& entry) { return entry.second.changes_subscription(); })) return;
  if (subscription_ == 0) {
    subscription_ = last_request_ + 1;
    subscriber_.begin();
    return ask({kFiller, {}, About::subscribing}, protocol::SubscribeRequestT());
  }
  protocol::UnsubscribeRequestT unsubscribe;
  unsubscribe.subscription = subscription_;
  ask({kFiller, {}, About::unsubscribing}, std::move(unsubscribe));
}

void Client::log(Number number, Operation operation) {
  operation.end = world_.tick();
  world_.note(static_cast<std::uint64_t>(operation.outcome) * 16 + static_cast<std::uint64_t>(operation.kind));
  world_.note(operation.value);
  log_[number].push_back(operation);
}

}  // namespace dolium::simulation
