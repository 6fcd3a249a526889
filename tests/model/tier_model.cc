#include "tests/model/tier_model.h"

#include <algorithm>
#include <cstring>

namespace dolium::shm::test {
namespace {

constexpr std::uint64_t kMaxSize = 20 * 1024;
constexpr std::uint32_t kSpillUid = 4;

StoreConfig small_store() {
  return {.capacity = 128 * 1024, .max_objects = 48, .spill = true};
}

}  // namespace

TierModel::TierModel(std::uint64_t seed, TierFigures& figures, Sabotage sabotage)
    : random_(seed),
      figures_(figures),
      sabotage_(sabotage),
      config_(small_store()),
      engine_(std::in_place, Store::create(config_, now_).value()),
      spiller_(*engine_) {
  make_tier();
  connect();
  client_ = engine_->store().attach({.pid = 1, .uid = 9}, now_).value();
  side_ = std::make_unique<TestClient>(engine_->store(), client_);
}

std::vector<std::byte> TierModel::bytes_of(std::uint64_t number, const Known& known) {
  std::vector<std::byte> bytes(known.size, static_cast<std::byte>(number * 131 + known.life * 31));
  std::memcpy(bytes.data(), &known.life, std::min(sizeof(known.life), bytes.size()));
  return bytes;
}

bool TierModel::are_of(std::span<const std::byte> bytes, std::uint64_t number, const Known& known) {
  const std::vector<std::byte> expected = bytes_of(number, known);
  return bytes.size() == expected.size() && std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0;
}

Moment TierModel::moment() const {
  return {now_, std::chrono::system_clock::time_point(std::chrono::nanoseconds(now_))};
}

void TierModel::make_tier() {
  const double ahead = below(2) == 0 ? 0.25 : 0.5;
  tier_.emplace(*engine_, daemon::TierOptions{.token = {1, 2}, .ahead = ahead},
                daemon::TierLine{.send =
                                     [this](ClientId client, std::uint64_t, protocol::TierWorkNoticeT work) {
                                       if (client == spiller_.client()) spiller_.take(std::move(work));
                                     },
                                 .end_catalogue = {},  // at once, for so few objects
                                 .is_behind = [] { return false; }});
}

void TierModel::run() {
  for (std::uint64_t step = 0; step < kSteps; ++step) {
    now_ += below(3'000'000);
    act();
    turn();
    check();
  }
  finish();
}

void TierModel::act() {
  const std::uint64_t dice = below(100);
  if (dice < 28) return put();
  if (dice < 34) return put_waiting();
  if (dice < 50) return get();
  if (dice < 53) return take();
  if (dice < 60) return release();
  if (dice < 66) return remove();
  if (dice < 68) return pin();
  if (dice < 84) return work();
  if (dice < 87) return spiller_.client() == 0 ? connect() : kill_spiller();
  if (dice < 90) return change_disk();
  if (dice < 92) return kill_server();
  if (dice < 94) return void(engine_->store().room().evict(below(kMaxSize * 3), now_));
  if (dice < 95) return sabotage();
  now_ += below(400) * 1'000'000;
}

void TierModel::turn() {
  if (engine_->next_deadline() <= now_) engine_->tick(now_);
  engine_->settle(now_);
  tier_->work(moment());
  follow();
}

void TierModel::work() {
  if (spiller_.client() != 0 && !lost_server_) spiller_.work(*tier_, now_);
}

// ---- what clients do ----

void TierModel::put() {
  const std::uint64_t number = below(kIds);
  follow();
  const bool exists = known_.contains(number);
  Known known = {++last_life_, 1 + below(kMaxSize), below(4) != 0};
  NewObject object = {
      .id = id_of(number), .data_size = known.size, .retention = known.kept ? Retention::keep : Retention::cache};
  if (below(6) == 0) object.lifetimes.to_live = std::chrono::milliseconds(1 + below(300));
  if (object.lifetimes.to_live.count() != 0)
    known.expires = now_ + static_cast<TimeNs>(object.lifetimes.to_live.count()) * 1'000'000;
  const std::vector<std::byte> bytes = bytes_of(number, known);
  if (!exists) become_known(number, known);  // a get that waits for it sees it at once
  const auto put = engine_->store().put_object(client_, object, bytes, {}, now_);
  if (exists) REQUIRE(outcome(put) == "already_exists");
  if (exists || put) return;
  REQUIRE(outcome(put) == "out_of_memory");
  known_.erase(number);
}

/// For room, which the disk may make.
void TierModel::put_waiting() {
  const std::uint64_t number = below(kIds);
  const Known known = {++last_life_, 1 + below(kMaxSize), true};
  const NewObject object = {.id = id_of(number), .data_size = known.size, .retention = Retention::keep};
  ++open_;
  engine_->creates().add({client_, ++last_key_}, object, now_ + below(2'000'000'000), now_,
                         [this, number, known](const Result<Placement>& placed) {
                           --open_;
                           if (!placed) return;
                           const std::vector<std::byte> bytes = bytes_of(number, known);
                           std::ranges::copy(bytes, engine_->store().rows().bytes(placed->slot).begin());
                           follow();  // what had to go
                           REQUIRE_FALSE(known_.contains(number));
                           become_known(number, known);
                           REQUIRE(engine_->store().seal(client_, id_of(number), now_));
                           ++figures_.waited;
                         });
}

void TierModel::get() {
  const std::uint64_t number = below(kIds);
  follow();
  const auto known = known_.find(number);
  const Holder::Attempt attempt = side_->holder().hold(id_of(number));
  if (known == known_.end()) REQUIRE(attempt.verdict == Holder::Verdict::absent);
  if (known == known_.end()) return;
  if (attempt.verdict != Holder::Verdict::held)
    return get_slowly(number, below(2) == 0 ? now_ : now_ + below(3'000'000'000));
  side_->table().record_hit(attempt.object.slot, now_);
  const auto bytes = side_->bytes(attempt.object);
  REQUIRE(are_of(bytes, number, known->second));
  references_.push_back({attempt.object, number, known->second});
}

/// It is on disk alone.
void TierModel::get_slowly(std::uint64_t number, TimeNs deadline) {
  REQUIRE(engine_->store().rows().is_spilled(engine_->store().rows().find(id_of(number))));
  ++open_;
  const ObjectId id = id_of(number);
  engine_->gets().add(
      {client_, ++last_key_}, {&id, 1}, 1, deadline, now_,
      [this, number](const std::vector<SlotIndex>& held) {
        --open_;
        if (held.front() == kNoSlot) return;
        REQUIRE(are_of(engine_->store().rows().bytes(held.front()), number, known_.at(number)));
        engine_->store().usage().drop_hold(held.front());
        ++figures_.read_back;
      },
      [this](const Error& error) {
        --open_;
        REQUIRE((error.code == Errc::tier_unavailable || error.code == Errc::out_of_memory));
        REQUIRE_FALSE(error.message.empty());
        ++figures_.refused;
      });
}

void TierModel::take() {
  const std::uint64_t number = below(kIds);
  follow();
  if (!known_.contains(number)) return;
  ++open_;
  engine_->gets().add_take({client_, ++last_key_}, id_of(number), 0, now_, now_,
                           [this, number](const Result<SlotIndex>& taken) {
                             --open_;
                             if (!taken || *taken == kNoSlot) return;
                             const auto known = known_.extract(number);
                             REQUIRE_FALSE(known.empty());
                             REQUIRE(are_of(engine_->store().rows().bytes(*taken), number, known.mapped()));
                             engine_->store().usage().drop_hold(*taken);
                             ++figures_.taken;
                           });
}

/// What is held keeps its bytes, whatever became of the object.
void TierModel::release() {
  if (references_.empty()) return;
  const Reference reference = references_[below(references_.size())];
  REQUIRE(are_of(side_->bytes(reference.held), reference.number, reference.known));
  side_->release(reference.held);
  std::erase_if(references_, [&](const Reference& each) {
    return each.held.slot == reference.held.slot && each.known.life == reference.known.life;
  });
  const auto again = [&] { return side_->table().references(reference.held.slot) != 0; };
  while (again()) side_->release(reference.held);
  engine_->on_release(now_);
}

void TierModel::remove() {
  const std::uint64_t number = below(kIds);
  follow();
  const bool there = known_.erase(number) != 0;
  const Result<bool> removed = engine_->store().remove(id_of(number), now_);
  REQUIRE((removed && *removed == there));
}

void TierModel::pin() {
  const ObjectId id = id_of(below(kIds));
  const SlotIndex slot = engine_->store().rows().find(id);
  if (slot == kNoSlot || engine_->store().rows().is_spilled(slot)) return;
  REQUIRE(engine_->store().pin(client_, id, now_));
  REQUIRE(engine_->store().unpin(id, now_));
}

// ---- what happens to the processes and the disk ----

void TierModel::connect() {
  REQUIRE(spiller_.connect(*tier_, moment()));
  spiller_.tell_phase(*tier_, spiller_.full ? protocol::TierPhase::full : protocol::TierPhase::ready);
}

void TierModel::kill_spiller() {
  spiller_.end(*tier_, moment());
  lost_server_ = false;
  ++figures_.spiller_deaths;
}

/// Another one recovers the memory. The spill process notices it later: until then its client is there.
void TierModel::kill_server() {
  std::vector<UniqueFd> memory;
  Store& store = engine_->store();
  for (const Segment* segment : store.rows().segments()) memory.push_back(segment->duplicate().value());
  std::vector<SurvivingClient> survivors;
  const auto survives = [&](ClientId client, std::uint32_t uid) {
    survivors.push_back(
        {client, {.pid = 1, .uid = uid}, now_, store.clients().pin_table_segment(client).duplicate().value()});
  };
  survives(client_, 9);
  if (spiller_.client() != 0) survives(spiller_.client(), kSpillUid);
  tier_.reset();
  engine_.reset();
  engine_.emplace(Store::recover(config_, std::move(memory), std::move(survivors), now_).value());
  REQUIRE(engine_->store().recovery().damaged == 0);
  make_tier();
  open_ = 0;
  lost_server_ = spiller_.client() != 0;
  if (lost_server_ && below(2) == 0) kill_spiller(), connect();
  ++figures_.server_deaths;
}

void TierModel::change_disk() {
  switch (below(4)) {
    case 0: spiller_.full = !spiller_.full; break;
    case 1: spiller_.broken = !spiller_.broken; break;
    case 2: now_ += daemon::Tier::kStalledAfter; break;  // nothing was answered
    default: break;
  }
  if (spiller_.client() != 0 && !lost_server_)
    spiller_.tell_phase(*tier_, spiller_.full ? protocol::TierPhase::full : protocol::TierPhase::ready);
}

void TierModel::sabotage() {
  if (sabotage_ == Sabotage::none || ends_) return;
  const Rows& rows = engine_->store().rows();
  for (const auto& [number, known] : known_) {
    const SlotIndex slot = rows.find(id_of(number));
    if (!known.kept || known.expires != kNever || slot == kNoSlot) continue;
    const std::uint64_t location = rows.margin(slot).clean ? rows.ledger.spill(slot).location : 0;
    if (sabotage_ == Sabotage::object_lost) return void(engine_->store().remove(id_of(number), now_));
    if (sabotage_ == Sabotage::bytes_changed && !rows.is_spilled(slot)) {
      engine_->store().rows().bytes(slot).back() ^= std::byte{1};
      return;
    }
    if (location == 0) continue;
    if (sabotage_ == Sabotage::record_lost) return void(spiller_.disk.erase(location));
    if (sabotage_ == Sabotage::record_changed) return void(spiller_.disk.at(location).bytes.back() ^= std::byte{1});
  }
}

}  // namespace dolium::shm::test
