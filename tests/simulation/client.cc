#include "tests/simulation/client.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "protocol/convert.h"
#include "protocol/version.h"
#include "tests/e2e/payload.h"
#include "tests/simulation/virtual_clock.h"

namespace dolium::simulation {
namespace {

using history::Operation;
using shm::Mapping;

constexpr std::size_t kMaxSize = 14'000;
constexpr std::size_t kMaxFiller = 20'000;
constexpr shm::TimeNs kLongestWait = 30'000'000;

ObjectId id_of(Number number) {
  return ObjectId::from_name("simulated " + std::to_string(number));
}

Operation::Outcome outcome_of(const protocol::ReplyFrame& frame, Operation::Kind kind) {
  using Outcome = Operation::Outcome;
  if (const auto* removed = frame.body_as_RemoveReply()) return removed->removed() ? Outcome::done : Outcome::absent;
  if (const auto* got = frame.body_as_GetReply()) return got->found()->Get(0) != 0 ? Outcome::done : Outcome::absent;
  const auto* error = frame.body_as_ErrorReply();
  if (error == nullptr) return Outcome::done;
  const bool writes = kind == Operation::Kind::put || kind == Operation::Kind::create;
  switch (static_cast<Errc>(error->code())) {
    case Errc::not_found: return Outcome::absent;
    case Errc::already_exists: return Outcome::taken;
    case Errc::not_sealed: return Outcome::unsealed;
    case Errc::out_of_memory: return Outcome::no_room;
    case Errc::timed_out: return writes ? Outcome::no_room : Outcome::absent;
    default: FAIL("the daemon says: " << error->message()->str());
  }
  return Outcome::done;
}

}  // namespace

Client::Client(World& world, fuzz::MiniServer& server) : world_(world), socket_(server.connect()) {
  protocol::HelloRequestT hello;
  hello.protocol_version = protocol::kProtocolVersion;
  hello.rings = world_.below(4) != 0;
  ask(kFiller, Kind::get, 0, std::move(hello));
}

// ---- what it does ----

template <class Message>
void Client::ask(Number number, Kind kind, std::uint64_t value, Message message, bool waits) {
  asked_[++last_request_] = {number, {kind, Outcome::done, value, world_.tick(), 0}, number != kFiller, waits};
  if (number != kFiller) busy_.insert(number);
  send(encoder_.encode(last_request_, std::move(message)).value());
}

template <class Message>
void Client::ask_about(Number number, Kind kind, std::uint64_t value) {
  Message message;
  message.id = protocol::to_wire_pointer(id_of(number));
  ask(number, kind, value, std::move(message));
}

void Client::act() {
  if (!connected()) return;
  const Number number = world_.below(kObjects);
  const std::size_t what = world_.below(16);
  if (what == 0) return cancel(world_.below(2) == 0);
  if (what == 1) return evict();
  if (what == 2) return put(kFiller);
  if (busy_.contains(number)) return;
  switch (what) {
    case 3:
    case 4: return put(number);
    case 5: return create(number);
    case 6:
    case 7: return go_on_building(number);
    case 8:
    case 9:
    case 10: return get(number);
    case 11:
    case 12: return release(number);
    case 13: return ask_about<protocol::RemoveRequestT>(number, Kind::remove, 0);
    case 14: return ask_about<protocol::PinRequestT>(number, Kind::pin, 0);
    default: return ask_about<protocol::UnpinRequestT>(number, Kind::unpin, 0);
  }
}

void Client::put(Number number) {
  const bool filler = number == kFiller;
  const ObjectId id = filler ? ObjectId::from_name("filler " + std::to_string(world_.tick())) : id_of(number);
  const std::uint64_t value = ++world_.last_value;
  protocol::PutRequestT put;
  put.data.resize(8 + world_.below(filler ? kMaxFiller : kMaxSize));
  e2e::fill_payload(std::as_writable_bytes(std::span(put.data)), id, value);
  put.object = std::make_unique<protocol::NewObjectT>();
  put.object->id = protocol::to_wire_pointer(id);
  put.object->data_size = put.data.size();
  put.timeout_ns = world_.below(3) == 0 ? world_.below(kLongestWait) : 0;
  const bool waits = put.timeout_ns != 0;
  ask(number, Kind::put, value, std::move(put), waits);
}

void Client::create(Number number) {
  if (building_.contains(number)) return;
  const std::uint64_t value = ++world_.last_value;
  protocol::CreateRequestT create;
  create.object = std::make_unique<protocol::NewObjectT>();
  create.object->id = protocol::to_wire_pointer(id_of(number));
  create.object->data_size = 8 + world_.below(kMaxSize);
  create.timeout_ns = world_.below(3) == 0 ? UINT64_MAX : world_.below(kLongestWait);
  building_[number] = {value, create.object->data_size, 0, false};
  ask(number, Kind::create, value, std::move(create), true);
}

/// Writes, or seals or aborts what is written.
void Client::go_on_building(Number number) {
  const auto found = building_.find(number);
  if (found == building_.end()) return;
  Building& building = found->second;
  if (!building.written) {
    e2e::fill_payload({writable_.data() + building.offset, building.size}, id_of(number), building.value);
    building.written = true;
    return;
  }
  const std::uint64_t value = building.value;
  building_.erase(found);
  if (world_.below(4) == 0) return ask_about<protocol::AbortRequestT>(number, Kind::abort, value);
  ask_about<protocol::SealRequestT>(number, Kind::seal, value);
}

/// Without the daemon, if that is possible; else it is asked, and may be waited for.
void Client::get(Number number) {
  Operation operation{Kind::get, Outcome::done, 0, world_.tick(), 0};
  if (try_hold(number, operation, false)) return log(number, operation);
  protocol::GetRequestT get;
  get.ids.push_back(protocol::to_wire(id_of(number)));
  get.timeout_ns = world_.below(3) == 0 ? UINT64_MAX : world_.below(kLongestWait);
  ask(number, Kind::get, 0, std::move(get), true);
}

bool Client::try_hold(Number number, Operation& operation, bool kept) {
  const shm::Holder::Attempt attempt = kept ? holder_->hold_kept(id_of(number)) : holder_->hold(id_of(number));
  if (attempt.release_wanted) static_cast<void>(::eventfd_write(release_event_.get(), 1));
  if (attempt.verdict != shm::Holder::Verdict::held) return false;
  const std::span<const std::byte> bytes(arena_.data() + attempt.object.offset, attempt.object.data_size);
  REQUIRE(e2e::is_payload(bytes, id_of(number)));
  std::memcpy(&operation.value, bytes.data(), sizeof(operation.value));
  held_[number].push_back({attempt.object, operation.value});
  return true;
}

void Client::release(Number number) {
  std::vector<Held>& held = held_[number];
  if (held.empty()) return;
  const Held last = held.back();
  held.pop_back();
  Operation operation{Kind::release, Outcome::done, last.value, world_.tick(), 0};
  drop(last);
  log(number, operation);
}

/// What was held is still what was got.
void Client::drop(const Held& held) {
  const std::span<const std::byte> bytes(arena_.data() + held.where.offset, held.where.data_size);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  REQUIRE(value == held.value);
  if (holder_->release(held.where.slot)) static_cast<void>(::eventfd_write(release_event_.get(), 1));
}

void Client::evict() {
  protocol::EvictRequestT evict;
  evict.bytes = world_.below(kMaxFiller);
  ask(kFiller, Kind::get, 0, std::move(evict));
}

void Client::cancel(bool gets) {
  for (const auto& [number, asked] : asked_) {
    if (!asked.waits || (asked.operation.kind == Kind::get) != gets) continue;
    protocol::CancelRequestT cancel;
    cancel.request_id = number;
    send(encoder_.encode(last_request_ + 1, std::move(cancel)).value());  // has no reply
    ++last_request_;
  }
}

void Client::release_all() {
  for (Number number = 0; number < kObjects; ++number)
    while (!held_[number].empty()) release(number);
}

void Client::abort_all() {
  for (Number number = 0; number < kObjects; ++number) {
    if (!building_.contains(number) || busy_.contains(number)) continue;
    const std::uint64_t value = building_.extract(number).mapped().value;
    ask_about<protocol::AbortRequestT>(number, Kind::abort, value);
  }
}

void Client::log(Number number, Operation operation) {
  operation.end = world_.tick();
  world_.note(static_cast<std::uint64_t>(operation.outcome) * 16 + static_cast<std::uint64_t>(operation.kind));
  world_.note(operation.value);
  log_[number].push_back(operation);
}

// ---- what it sends and hears ----

void Client::push(std::size_t most) {
  while (most != 0 && !outbox_.empty()) {
    std::array<std::byte, 4096> piece;
    const std::size_t size = std::min({most, outbox_.size(), piece.size()});
    std::copy_n(outbox_.begin(), size, piece.begin());
    std::size_t sent = 0;
    if (rings_ != nullptr) {
      sent = rings_->out.write({piece.data(), size}).value();
      if (rings_->out.take_bell()) REQUIRE(::send(socket_.get(), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1);
    } else {
      sent = static_cast<std::size_t>(
          std::max<ssize_t>(0, ::send(socket_.get(), piece.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL)));
    }
    if (sent == 0) return;
    outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(sent));
    most -= sent;
  }
}

void Client::read() {
  while (read_some()) {
    while (const auto payload = reader_.next()) hear(*protocol::decode<protocol::ReplyFrame>(*payload).value());
  }
}

bool Client::read_some() {
  if (rings_ == nullptr) return reader_.read_from(socket_.get()).value() == protocol::ReadState::progress;
  std::array<std::byte, 64> bells;
  static_cast<void>(::recv(socket_.get(), bells.data(), bells.size(), MSG_DONTWAIT));
  const bool more = reader_.read_from(rings_->in).value() == protocol::ReadState::progress;
  if (more && rings_->in.take_bell()) REQUIRE(::send(socket_.get(), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1);
  return more;
}

void Client::hear(const protocol::ReplyFrame& frame) {
  auto found = asked_.extract(frame.request_id());
  REQUIRE_FALSE(found.empty());  // one answer each
  if (const auto* hello = frame.body_as_HelloReply()) return welcome(*hello);
  answered(std::move(found.mapped()), frame);
}

void Client::welcome(const protocol::HelloReply& hello) {
  std::vector<shm::UniqueFd> fds = reader_.take_descriptors();
  REQUIRE(fds.size() == (hello.ring_bytes() != 0 ? 6 : 5));
  using Mode = Mapping::Mode;
  index_ = Mapping::map(fds[0], hello.index_bytes(), Mode::read_only, "index").value();
  arena_ = Mapping::map(fds[1], hello.arena_bytes(), Mode::read_only, "arena").value();
  Mapping pins = Mapping::map(fds[2], hello.pin_table_bytes(), Mode::read_write, "pins").value();
  release_event_ = std::move(fds[3]);
  writable_ = Mapping::map(fds[4], hello.arena_bytes(), Mode::read_write, "writable").value();
  if (hello.ring_bytes() != 0)
    rings_ = std::make_unique<protocol::RingPair>(
        Mapping::map(fds[5], hello.ring_bytes(), Mode::read_write, "rings").value(), protocol::RingPair::Side::client);
  const shm::IndexReader reader = shm::IndexReader::open(index_.data(), index_.size()).value();
  holder_.emplace(reader, shm::PinTable(std::move(pins), reader.slot_count()));
}

void Client::answered(Asked asked, const protocol::ReplyFrame& frame) {
  if (!asked.has_answer_of_its_own) return;
  Operation& operation = asked.operation;
  busy_.erase(asked.number);
  operation.outcome = outcome_of(frame, operation.kind);
  if (operation.kind == Kind::create) {
    if (const auto* placed = frame.body_as_CreateReply())
      building_[asked.number].offset = placed->offset();
    else
      building_.erase(asked.number);
  }
  if (const auto* got = frame.body_as_GetReply(); got != nullptr && operation.outcome == Outcome::done) {
    // It is kept for us from being evicted; only a removal can have made it absent meanwhile.
    if (!try_hold(asked.number, operation, true)) operation.outcome = Outcome::absent;
    if (holder_->take_up_grants(got->grant())) static_cast<void>(::eventfd_write(release_event_.get(), 1));
  }
  log(asked.number, operation);
}

// ---- what may still be open ----

Client::Open Client::open() const {
  Open open;
  for (const auto& [number, asked] : asked_) {
    if (!asked.waits)
      ++open.others;
    else
      ++(asked.operation.kind == Kind::get ? open.gets : open.creates);
  }
  return open;
}

bool Client::is_forgotten() const {
  return std::ranges::any_of(asked_, [this](const auto& entry) {
    const Asked& asked = entry.second;
    return asked.waits && asked.operation.kind == Kind::get &&
           holder_->find(id_of(asked.number)).verdict == shm::IndexReader::Verdict::found;
  });
}

}  // namespace dolium::simulation
