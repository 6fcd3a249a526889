// How a client begins, goes on when its server has died, forks, and ends. See client.h.

#include <algorithm>
#include <catch2/catch.hpp>

#include "protocol/convert.h"
#include "protocol/version.h"
#include "tests/simulation/client.h"

namespace dolium::simulation {

using history::Operation;
using shm::Mapping;

Client::Client(World& world, fuzz::MiniServer& server)
    : world_(world), server_(server), wire_(std::make_unique<Wire>(server.connect())) {
  greet();
}

/// For a session of its own, or to go on with the one that it has.
void Client::greet() {
  protocol::HelloRequestT hello;
  hello.protocol_version = protocol::kProtocolVersion;
  hello.rings = !world_.one_in(4);
  if (holder_) {
    hello.resume_of = session_;
    hello.fork_token = token_;
  }
  greeting_ = ++last_request_;
  wire_->send(encoder_.encode(greeting_, hello).value());
}

// ---- after a server's death ----

void Client::lost() {
  if (holder_) before_.push_back(std::move(wire_));
  wire_ = std::make_unique<Wire>(server_.connect());
  greet();
}

void Client::resumed(const protocol::HelloReply& hello) {
  REQUIRE(hello.session_id() == session_);
  const std::vector<shm::UniqueFd> fds = wire_->take_descriptors();
  if (hello.ring_bytes() != 0)
    wire_->use_rings(Mapping::map(fds.at(0), hello.ring_bytes(), Mapping::Mode::read_write, "rings").value());
  before_.clear();
  ask_again();
}

void Client::ask_again() {
  const std::uint64_t end = world_.tick();
  for (auto& [number, building] : building_) building.dropped = true;
  for (const auto& [number, position] : std::exchange(deferred_, {})) forget_outcome(log_[number][position], end);
  subscriber_.begin();
  std::map<std::uint64_t, Asked> before = std::exchange(asked_, {});
  const auto changes = [](const auto& entry) { return entry.second.changes_subscription(); };
  if (subscription_ != 0 && std::ranges::none_of(before, changes)) {
    Asked& asked = before[subscription_];
    asked.about = About::subscribing;
    asked.again = [this](std::uint64_t request) {
      wire_->send(encoder_.encode(request, protocol::SubscribeRequestT()).value());
    };
  }
  for (auto& [request, asked] : before) {
    if (!asked.again) {
      give_up(asked, end);
      continue;
    }
    // To do it again is no harm; but it may have been done twice.
    if (asked.operation.kind == Kind::pin || asked.operation.kind == Kind::unpin) {
      log_[asked.number].push_back(asked.operation);
      forget_outcome(log_[asked.number].back(), end);
    }
    asked.twice = true;
    asked.again(request);
    asked_.emplace(request, std::move(asked));
  }
  if (lease_) lose_lease();
}

/// Of a request whose outcome nobody knows.
void Client::give_up(const Asked& asked, std::uint64_t end) {
  if (asked.about == About::unsubscribing) subscription_ = 0;
  if (asked.about == About::leasing) forget_lease_of(asked);
  for (const Part& part : asked.parts) {
    if (part.number == kFiller) continue;
    busy_.erase(part.number);
    log_[part.number].push_back(part.operation);
    forget_outcome(log_[part.number].back(), end);
  }
  if (asked.about != About::history) return;
  busy_.erase(asked.number);
  log_[asked.number].push_back(asked.operation);
  forget_outcome(log_[asked.number].back(), end);
  // If it is not sealed, nobody will write there any more.
  if (asked.operation.kind == Kind::seal) give_up_extent(id_of(asked.number), asked.offset);
  if (asked.operation.kind != Kind::create) return;
  building_.erase(asked.number);
  give_up_extent(id_of(asked.number), UINT64_MAX);
}

void Client::forget_outcome(Operation& operation, std::uint64_t end) {
  operation.outcome = Outcome::unknown;
  operation.end = end;
  world_.note(operation.value);
}

// ---- fork() ----

/// The parent asks for its child's session, and does nothing until it has it.
void Client::begin_fork() {
  protocol::HelloRequestT hello;
  hello.protocol_version = protocol::kProtocolVersion;
  hello.fork_of = session_;
  hello.fork_token = token_;
  --world_.children;
  fork_begun_ = world_.tick();
  heir_ = std::make_unique<Wire>(server_.connect());
  heir_->send(encoder_.encode(1, hello).value());
  heir_->push(SIZE_MAX);
}

void Client::await_heir() {
  static_cast<void>(heir_->take_in());
  if (const auto payload = heir_->next()) {
    const auto* frame = protocol::decode<protocol::ReplyFrame>(*payload).value();
    if (const auto* error = frame->body_as_ErrorReply()) FAIL("a child is refused: " << error->message()->str());
    const protocol::HelloReply& hello = *frame->body_as_HelloReply();
    child_.reset(new Client(*this, hello));
  } else if (heir_->has_ended()) {
    heir_.reset();  // the server died: the child, if there is one, goes without
  }
}

Client::Client(Client& parent, const protocol::HelloReply& hello)
    : world_(parent.world_),
      server_(parent.server_),
      wire_(std::move(parent.heir_)),
      session_(hello.session_id()),
      token_(hello.fork_token()),
      mapped_(parent.mapped_),
      held_(parent.held_) {
  std::vector<shm::UniqueFd> fds = wire_->take_descriptors();
  REQUIRE(fds.size() == 2);
  release_event_ = std::move(fds[1]);
  const shm::IndexReader reader = shm::IndexReader::open(mapped_->index.data(), mapped_->index.size()).value();
  holder_.emplace(
      reader,
      shm::PinTable(Mapping::map(fds[0], hello.pin_table_bytes(), Mapping::Mode::read_write, "child's pins").value(),
                    reader.slot_count()));
  for (const auto& [number, held] : held_)
    for (const Held& each : held) log(number, {Kind::inherit, Outcome::done, each.value, parent.fork_begun_, 0});
  wire_->send(encoder_.encode(++last_request_, protocol::AdoptRequestT()).value());  // has no reply
}

// ---- the end of an episode ----

bool Client::release_all() {
  bool any = false;
  for (Number number = 0; number < kObjects; ++number)
    for (; !held_[number].empty(); any = true) release(number);
  return any;
}

bool Client::abort_all() {
  bool any = false;
  for (Number number = 0; number < kObjects; ++number) {
    if (!building_.contains(number) || busy_.contains(number)) continue;
    abort(number);
    any = true;
  }
  if (lease_ && lease_->placed) give_back_lease(), any = true;
  return any;
}

Client::Open Client::open(std::uint64_t through) const {
  Open open;
  for (const auto& [number, asked] : asked_) {
    if (number > through) break;
    if (!asked.waits)
      ++open.others;
    else
      ++(asked.waits_for_object() ? open.gets : open.creates);
  }
  return open;
}

bool Client::is_forgotten(std::uint64_t through) const {
  return std::ranges::any_of(asked_, [&](const auto& entry) {
    const Asked& asked = entry.second;
    if (entry.first > through || !asked.waits_for_object()) return false;
    const shm::SlotIndex slot = server_.store().rows().find(id_of(asked.number));
    // On disk alone it may stay for want of room: that is what waits_for_disk() tells.
    return slot != shm::kNoSlot && !server_.store().rows().is_spilled(slot);
  });
}

bool Client::waits_for_disk() const {
  return std::ranges::any_of(asked_, [this](const auto& entry) {
    const shm::SlotIndex slot = server_.store().rows().find(id_of(entry.second.number));
    return entry.second.waits_for_object() && slot != shm::kNoSlot && server_.store().rows().is_spilled(slot);
  });
}

Client::Holdings Client::holdings() const {
  Holdings all;
  for (const auto& [number, held] : held_) all.references += held.size();
  for (const auto& [number, building] : building_) all.unsealed += building.placed ? 1 : 0;
  if (lease_ && lease_->placed && (lease_->dropped || lease_->left != 0) && !lease_was_taken_back()) ++all.unsealed;
  return all;
}

// ---- death ----

/// What it asked may be carried out for as long as nobody has noticed, what it wrote is dropped then, and what it held
/// let go of.
void Client::leave_history() {
  const std::uint64_t now = world_.tick();
  for (const auto& [request, asked] : asked_) {
    for (const Part& part : asked.parts) {
      if (part.number == kFiller) continue;
      log_[part.number].push_back(part.operation);
      forget_outcome(log_[part.number].back(), history::kNever);
    }
    if (asked.about != About::history || asked.operation.kind == Kind::get) continue;
    log_[asked.number].push_back(asked.operation);
    forget_outcome(log_[asked.number].back(), history::kNever);
    // A seal that the server has not heard: the object ends with its creator.
    if (asked.operation.kind == Kind::seal)
      log_[asked.number].push_back({Kind::abort, Outcome::unknown, asked.operation.value, now, history::kNever});
  }
  for (const auto& [number, position] : deferred_) forget_outcome(log_[number][position], history::kNever);
  for (const auto& [number, building] : building_)
    log_[number].push_back({Kind::abort, Outcome::unknown, building.value, now, history::kNever});
  for (const auto& [number, held] : held_)
    for (const Held& each : held)
      log_[number].push_back({Kind::release, Outcome::done, each.value, now, history::kNever});
}

}  // namespace dolium::simulation
