#include "tests/simulation/spiller.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>

#include "tests/simulation/virtual_clock.h"

namespace dolium::simulation {

using daemon::test::Packed;
using protocol::TierReadOutcome;
using protocol::TierWriteOutcome;

namespace {

constexpr std::uint64_t kDirectory = 77;
constexpr std::size_t kStepKinds = 6;
/// A disk that hangs does so for longer than the server's patience.
constexpr shm::TimeNs kHang = 31'000'000'000;

}  // namespace

Spiller::Spiller(World& world, fuzz::MiniServer& server, Flaw flaw, Disk disk)
    : world_(world), server_(server), flaw_(flaw), disk_(std::move(disk)) {
  if (!disk_.empty()) last_location_ = disk_.rbegin()->first;
  server_.set_spill_process([this](shm::ClientId client, std::uint64_t, protocol::TierWorkNoticeT work) {
    if (session_ != nullptr && session_->side.id() == client) session_->inbox.push_back(std::move(work));
  });
  connect();
}

shm::Moment Spiller::moment() const {
  return {now(), std::chrono::system_clock::now()};
}

void Spiller::act() {
  if (session_ == nullptr) return connect();
  if (world_.one_in(32)) return change_fortune();
  if (session_->lost && world_.one_in(3)) return end_session();
  if (hangs_) return;
  const std::size_t first = world_.below(kStepKinds);  // of those that there are
  for (std::size_t n = 0; n < kStepKinds; ++n)
    if (step((first + n) % kStepKinds)) return;
}

void Spiller::heal() {
  healed_ = true;
  full_ = hangs_ = unreadable_ = false;
  if (session_ == nullptr) connect();
  if (session_->lost) end_session(), connect();
  tell_phase();
}

bool Spiller::go_on() {
  if (!healed_) return false;
  if (session_ == nullptr) connect();
  if (session_->lost) end_session(), connect();
  bool any = false;
  for (std::size_t what = 0; what < kStepKinds; ++what)
    while (step(what)) any = true;
  return any;
}

// ---- sessions ----

void Spiller::connect() {
  session_ = std::make_unique<Session>(server_.store(), server_.attach_spill_process());
  protocol::TierHelloRequestT hello;
  hello.directory = std::make_unique<protocol::TierIncarnation>(kDirectory, 1);
  const auto welcome = server_.tier().hello(session_->side.id(), 1, *Packed<protocol::TierHelloRequest>(hello));
  REQUIRE(welcome);
  incarnation_ = *welcome->incarnation;
  tell_catalogue();
  tell_phase();
  world_.note(disk_.size());
}

/// Of each object the youngest record; the earlier ones are dead.
void Spiller::tell_catalogue() {
  std::map<ObjectId, std::uint64_t> youngest;
  for (const auto& [location, record] : disk_) youngest[protocol::from_wire(record.head.id())] = location;
  std::erase_if(disk_, [&](const auto& entry) {
    return youngest.at(protocol::from_wire(entry.second.head.id())) != entry.first;
  });
  protocol::TierCatalogueRequestT all;
  std::vector<std::uint64_t> locations;
  for (const auto& [location, record] : disk_) all.records.push_back(record.head), locations.push_back(location);
  all.last = true;
  const auto answer =
      server_.tier().catalogue(session_->side.id(), 2, *Packed<protocol::TierCatalogueRequest>(all), moment());
  REQUIRE(answer);
  for (const std::uint32_t position : answer->value().dropped) session_->drops.push_back(locations[position]);
}

/// The server sees that the connection is closed. What was not answered is void.
void Spiller::end_session() {
  const shm::ClientId gone = session_->side.id();
  session_.reset();
  server_.drop_spill_process(gone);
}

/// What it was writing is on the disk, or is not.
void Spiller::die() {
  for (Write& each : session_->writes)
    if (each.copied && world_.one_in(2)) put_on_disk(each);
  end_session();
  ++deaths_;
}

void Spiller::lose_server() {
  if (session_ != nullptr) session_->lost = true;
}

void Spiller::tell_phase() {
  if (session_ == nullptr || session_->lost) return;
  protocol::TierStateRequestT state;
  state.phase = full_ ? protocol::TierPhase::full : protocol::TierPhase::ready;
  state.reason = "the seed says so";
  REQUIRE(server_.tier().told(session_->side.id(), *Packed<protocol::TierStateRequest>(state)));
}

void Spiller::change_fortune() {
  switch (world_.below(5)) {
    case 0: full_ = !full_; return tell_phase();
    case 1: unreadable_ = !unreadable_; return;
    case 2:
      hangs_ = !hangs_;
      if (hangs_ && world_.one_in(4)) let_pass(kHang);
      return;
    default: return die();
  }
}

// ---- steps ----

bool Spiller::step(std::size_t what) {
  const bool done = what == 0   ? receive()
                    : what == 1 ? copy()
                    : what == 2 ? write()
                    : what == 3 ? read()
                    : what == 4 ? drop()
                                : answer();
  if (done) world_.note(what);
  return done;
}

bool Spiller::receive() {
  if (session_->inbox.empty()) return false;
  const protocol::TierWorkNoticeT work = std::move(session_->inbox.front());
  session_->inbox.pop_front();
  for (const protocol::TierDrop& each : work.drops) session_->drops.push_back(each.location());
  if (work.clear) clear(work.clear_through);
  for (const protocol::TierWrite& each : work.writes) hold(each, work.succession);
  if (work.grant != 0) static_cast<void>(session_->side.holder().take_up_grants(work.grant));
  for (const protocol::TierRead& each : work.reads) session_->reads.push_back({each});
  return true;
}

/// Every record of another store is dead, too.
void Spiller::clear(shm::TimeNs through) {
  for (const auto& [location, record] : disk_) {
    const protocol::TierIncarnation& store = record.head.incarnation();
    const bool is_of_this_store = store.high() == incarnation_.high() && store.low() == incarnation_.low();
    if (!is_of_this_store || record.head.stamp() <= through) session_->drops.push_back(location);
  }
}

/// An order of a server that has died names a place where another object may be.
void Spiller::hold(const protocol::TierWrite& order, std::uint32_t succession) {
  const auto held = session_->side.holder().hold_granted(daemon::test::granted_by(order, succession));
  if (held.verdict != shm::Holder::Verdict::held)
    return session_->written.written.emplace_back(order.stamp(), 0, order.slot(), TierWriteOutcome::gone), void();
  session_->writes.push_back({order});
  if (flaw_ == Flaw::late_copy) static_cast<void>(session_->side.holder().release(order.slot()));
}

bool Spiller::copy() {
  const auto next = std::ranges::find(session_->writes, false, &Write::copied);
  if (next == session_->writes.end()) return false;
  copy_out(*next);
  return true;
}

void Spiller::copy_out(Write& write) {
  const auto bytes = server_.store().rows().memory.bytes(write.order.offset(), daemon::test::payload_of(write.order));
  write.bytes.assign(bytes.begin(), bytes.end());
  write.copied = true;
}

/// A write is durable, or has failed.
bool Spiller::write() {
  const auto next = std::ranges::find(session_->writes, true, &Write::copied);
  if (next == session_->writes.end()) return false;
  Write write = std::move(*next);
  session_->writes.erase(next);
  if (flaw_ != Flaw::late_copy) static_cast<void>(session_->side.holder().release(write.order.slot()));
  const bool fails = !healed_ && world_.one_in(16);
  if (full_ || fails) {
    session_->written.written.emplace_back(write.order.stamp(), 0, write.order.slot(),
                                           full_ ? TierWriteOutcome::full : TierWriteOutcome::failed);
    return true;
  }
  put_on_disk(write);
  session_->written.written.emplace_back(write.order.stamp(), last_location_, write.order.slot(),
                                         TierWriteOutcome::done);
  return true;
}

void Spiller::put_on_disk(Write& write) {
  ++last_location_;
  if (flaw_ == Flaw::forgets && last_location_ % 4 == 0) return;
  disk_[last_location_] = daemon::test::make_record(write.order, last_location_, incarnation_, write.bytes);
}

/// Half of the bytes, then the other half, then the answer.
bool Spiller::read() {
  if (session_->reads.empty()) return false;
  Read& read = session_->reads.front();
  const auto found = disk_.find(read.order.location());
  if (found == disk_.end() || unreadable_) {
    session_->read.read.emplace_back(read.order.number(),
                                     unreadable_ ? TierReadOutcome::failed : TierReadOutcome::gone);
    session_->reads.pop_front();
    return true;
  }
  const std::vector<std::byte>& bytes = found->second.bytes;
  REQUIRE(protocol::from_wire(found->second.head.id()) == protocol::from_wire(read.order.id()));
  const std::size_t end = read.done == 0 ? (bytes.size() + 1) / 2 : bytes.size();
  const auto into = server_.store().rows().memory.bytes(read.order.offset(), bytes.size());
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(read.done), bytes.begin() + static_cast<std::ptrdiff_t>(end),
            into.begin() + static_cast<std::ptrdiff_t>(read.done));
  read.done = end;
  if (end != bytes.size()) return true;
  session_->read.read.emplace_back(read.order.number(), TierReadOutcome::done);
  session_->reads.pop_front();
  ++read_back_;
  return true;
}

bool Spiller::drop() {
  if (session_->drops.empty()) return false;
  if (flaw_ != Flaw::no_drops) disk_.erase(session_->drops.back());
  session_->drops.pop_back();
  return true;
}

/// To a server that has died, nothing.
bool Spiller::answer() {
  if (session_->written.written.empty() && session_->read.read.empty()) return false;
  const protocol::TierWriteDoneRequestT written = std::exchange(session_->written, {});
  const protocol::TierReadDoneRequestT read = std::exchange(session_->read, {});
  if (session_->lost) return true;
  const shm::ClientId id = session_->side.id();
  for (const protocol::TierWritten& each : written.written) believe(each);
  if (!written.written.empty())
    REQUIRE(server_.tier().written(id, *Packed<protocol::TierWriteDoneRequest>(written), now()));
  if (!read.read.empty()) REQUIRE(server_.tier().read(id, *Packed<protocol::TierReadDoneRequest>(read), now()));
  return true;
}

/// Counts answers for objects that are gone. With the flaw: the row's own stamp stands for the one that was told.
void Spiller::believe(const protocol::TierWritten& written) {
  const shm::Rows& rows = server_.store().rows();
  const bool same =
      rows.margin(written.slot()).state == shm::SlotState::sealed && rows.sealed_at(written.slot()) == written.stamp();
  if (same || written.outcome() != TierWriteOutcome::done) return;
  ++void_writes_;
  if (flaw_ != Flaw::any_stamp || !rows.margin(written.slot()).kept) return;
  static_cast<void>(
      server_.store().sealed().written(written.slot(), rows.sealed_at(written.slot()), written.location()));
}

}  // namespace dolium::simulation
