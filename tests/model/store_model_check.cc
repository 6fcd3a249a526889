// The model: what must be true after each step. See store_model.h.

#include <algorithm>

#include "tests/model/store_model.h"

namespace dolium::shm::test {

void Model::check_place(SlotIndex slot, std::uint64_t taken) const {
  const std::uint64_t offset = store_.rows().fields(slot).offset;
  REQUIRE(std::ranges::none_of(left_, [&](const Left& left) { return left.forbids(offset, offset + taken, now_); }));
}

/// Brings the oracle up to what the store says has happened.
void Model::follow() {
  for (const Event& event : engine_.take_events(kWatch, 100'000)) {
    REQUIRE(event.kind != Event::Kind::overflow);
    if (event.kind == Event::Kind::removed) gone(event);
  }
}

void Model::gone(const Event& event) {
  const auto found = std::ranges::find_if(sealed_, [&](const auto& entry) { return id_of(entry.first) == event.id; });
  REQUIRE(found != sealed_.end());
  const Known known = found->second;
  const bool held = is_held(known.life);
  switch (event.cause) {
    case RemovalCause::evicted: {
      REQUIRE_FALSE(known.pinned);
      REQUIRE_FALSE(held);
      REQUIRE_FALSE(known.is_kept(now_));
      ++evictions_;
      break;
    }
    case RemovalCause::expired: {
      REQUIRE_FALSE(known.pinned);
      const bool over = known.lifetimes.to_live.count() > 0 && known.lifetimes.due(known.sealed, kNever) <= now_;
      const bool idle = known.lifetimes.to_idle.count() > 0 && !held;
      REQUIRE((over || idle));
      REQUIRE(known.lifetimes.due(known.sealed, known.sealed) <= now_);
      break;
    }
    case RemovalCause::cleared: REQUIRE(clearing_); break;
    case RemovalCause::lost: FAIL("nothing is on disk");
    case RemovalCause::removed: break;
  }
  sealed_.erase(found);
  if (held) retired_[known.life] = known;
}

/// Somebody has a reference to it, or it is held for a get that waits for more.
bool Model::is_held(std::uint64_t life) const {
  return std::ranges::any_of(clients_,
                             [life](const auto& client) {
                               return std::ranges::find(client.second->references, life, &Reference::life) !=
                                      client.second->references.end();
                             }) ||
         std::ranges::any_of(waiting_gets_,
                             [life](const auto& wait) {
                               return std::ranges::find(wait.second, life, &Wanted::life) != wait.second.end();
                             }) ||
         std::ranges::any_of(waiting_takes_, [life](const auto& take) { return take.second.life == life; });
}

void Model::check_bytes(const ClientModel& client, const Reference& reference) const {
  const auto bytes = client.side.bytes(reference.held);
  for (std::uint64_t at = 0; at < bytes.size(); at += 61)
    REQUIRE(bytes[at] == mark(reference.number, reference.life, at));
  if (!bytes.empty()) REQUIRE(bytes.back() == mark(reference.number, reference.life, bytes.size() - 1));
}

void Model::check() {
  store_.check_invariants();
  const StoreStats stats = engine_.stats(now_);  // sweeps
  std::erase_if(retired_, [this](const auto& entry) { return !is_held(entry.first); });
  std::uint64_t unsealed = 0;
  for (const auto& [number, known] : unsealed_) unsealed += known.taken;
  std::uint64_t leases = 0;
  for (const auto& [id, client] : clients_) {
    if (!client->lease) continue;
    ++leases;
    unsealed += client->lease->bytes.size();
  }
  std::uint64_t sealed = 0;
  std::uint64_t total = 0;
  std::uint64_t pinned = 0;
  std::uint64_t graced = 0;
  for (const auto& [number, known] : sealed_) {
    sealed += known.taken;
    total += known.size;
    if (!left_.empty()) check_place(known.slot, known.taken);
    if (known.pinned) pinned += known.taken;
    if (!known.pinned && known.is_kept(now_) && !is_held(known.life)) graced += known.taken;
  }
  kept_ += graced != 0 ? 1 : 0;
  for (const auto& [number, known] : unsealed_)
    if (known.pinned) pinned += known.taken;
  std::uint64_t retired = 0;
  for (const auto& [life, known] : retired_) retired += known.taken;
  REQUIRE(stats.total_objects == sealed_.size());
  REQUIRE(stats.total_size == total);
  REQUIRE(stats.unsealed_count == unsealed_.size() + leases);
  REQUIRE(stats.unsealed_bytes == unsealed);
  REQUIRE(stats.pinned_bytes == pinned);
  REQUIRE(stats.graced_bytes == graced);
  REQUIRE(stats.retired_bytes == retired);
  REQUIRE(stats.used_bytes == unsealed + sealed + retired + stats.quarantined_bytes);
  std::uint64_t left = 0;
  for (const Left& each : left_) left += each.end - each.begin;
  REQUIRE(stats.quarantined_bytes <= left);
  REQUIRE(stats.used_bytes + stats.free_bytes == stats.capacity);
  REQUIRE(stats.waiting_gets == waiting_gets_.size() + waiting_takes_.size());
  REQUIRE(stats.waiting_creates == waiting_creates_.size());
  REQUIRE(stats.client_count == clients_.size());
}

}  // namespace dolium::shm::test
