// The model of a store with a spill tier: what must be true after each step, and at the end. See tier_model.h.

#include <algorithm>

#include "tests/model/tier_model.h"

namespace dolium::shm::test {

/// What may go by itself: cached objects, and all that expires.
void TierModel::follow() {
  std::erase_if(known_, [this](const auto& entry) {
    return engine_->store().rows().find(id_of(entry.first)) == kNoSlot &&
           (!entry.second.kept || entry.second.expires <= now_);
  });
}

void TierModel::check() {
  engine_->store().check_invariants();
  follow();
  std::uint64_t dirty = 0;
  std::uint64_t clean = 0;
  std::uint64_t spilled = 0;
  const Rows& rows = engine_->store().rows();
  for (const auto& [number, known] : known_) {
    const SlotIndex slot = rows.find(id_of(number));
    CAPTURE(number, known.life, known.kept);
    REQUIRE(slot != kNoSlot);
    if (!rows.is_spilled(slot)) REQUIRE(are_of(rows.bytes(slot), number, known));
    if (!known.kept) continue;
    check_kept(number, known, slot);
    ++(rows.is_spilled(slot) ? spilled : rows.margin(slot).clean ? clean : dirty);
  }
  const StoreStats stats = engine_->stats(now_);
  REQUIRE(stats.dirty_count == dirty);
  REQUIRE(stats.clean_count == clean);
  REQUIRE(stats.spilled_count == spilled);
  REQUIRE(stats.total_objects == known_.size());
  figures_.spilled += spilled;
}

void TierModel::check_kept(std::uint64_t number, const Known& known, SlotIndex slot) {
  const Rows& rows = engine_->store().rows();
  REQUIRE((rows.margin(slot).clean || !rows.is_spilled(slot)));
  if (!rows.margin(slot).clean) return;
  const auto record = spiller_.disk.find(rows.ledger.spill(slot).location);
  REQUIRE(record != spiller_.disk.end());
  REQUIRE(are_of(record->second.bytes, number, known));
}

void TierModel::settle() {
  for (int turns = 0; turns < 60; ++turns) {
    now_ += daemon::Tier::kPlanPause;
    turn();
    work();
  }
}

void TierModel::finish() {
  ends_ = true;
  spiller_.full = spiller_.broken = false;
  while (!references_.empty()) release();
  if (spiller_.client() != 0) kill_spiller();
  connect();
  settle();
  check();
  now_ += 40 * kSecond;  // every get has its answer
  settle();
  REQUIRE(open_ == 0);
  follow();
  for (std::uint64_t number = 0; number < kIds; ++number) {
    const std::uint64_t before = figures_.read_back;
    if (!known_.contains(number) || !engine_->store().rows().is_spilled(engine_->store().rows().find(id_of(number))))
      continue;
    get_slowly(number, now_);
    settle();
    if (known_.contains(number)) REQUIRE((figures_.read_back == before + 1 || known_.at(number).expires <= now_));
  }
  check();
  const StoreStats stats = engine_->stats(now_);
  REQUIRE(spiller_.disk.size() == stats.clean_count + stats.spilled_count);
  engine_->store().clear(now_);
  known_.clear();
  settle();
  REQUIRE(spiller_.disk.empty());
  REQUIRE(engine_->stats(now_).used_bytes == 0);
}

}  // namespace dolium::shm::test
