// The model: gets, releases, removals, pins, evictions. See store_model.h.

#include <algorithm>

#include "tests/model/store_model.h"

namespace dolium::shm::test {

void Model::get() {
  ClientModel& client = any_client();
  const std::uint64_t number = below(kIds);
  const Holder::Attempt attempt = client.side.holder().hold(id_of(number));
  const auto known = sealed_.find(number);
  REQUIRE(attempt.verdict == (known == sealed_.end() ? Holder::Verdict::absent : Holder::Verdict::held));
  if (known == sealed_.end()) return;
  REQUIRE(attempt.object.slot == known->second.slot);
  client.side.table().record_hit(attempt.object.slot, now_);
  Known& got = known->second;
  if (now_ > got.grace_since && (client.side.id() != got.giver || got.grace.own_gets))
    got.readers.insert(client.side.id());
  client.references.push_back({attempt.object, number, known->second.life});
  check_bytes(client, client.references.back());
}

/// Waits for up to three objects; what came is looked at and given back when the wait ends.
void Model::wait_for() {
  const WaitKey key = {any(clients_).first, ++last_key_};
  std::vector<Wanted> wanted;
  std::vector<ObjectId> ids;
  for (std::uint64_t n = 0, count = 1 + below(3); n < count; ++n) {
    const std::uint64_t number = below(kIds);
    ids.push_back(id_of(number));
    wanted.push_back({number, sealed_.contains(number) ? sealed_[number].life : 0});
  }
  waiting_gets_[key] = wanted;
  engine_.gets().add(key, ids, now_ + below(100'000'000), now_, [this, key, ids](const std::vector<SlotIndex>& held) {
    const std::vector<Wanted> expected = waiting_gets_.extract(key).mapped();
    REQUIRE(held.size() == expected.size());
    for (std::size_t i = 0; i < held.size(); ++i) {
      REQUIRE((held[i] == kNoSlot) == (expected[i].life == 0));
      if (held[i] == kNoSlot) continue;
      REQUIRE(store_.rows().fields(held[i]).id == ids[i]);
      store_.usage().drop_hold(held[i]);
    }
  });
}

/// What came is held by a reference of the client's own, as a grant's receiver does it; the index knows it no more.
void Model::take() {
  ClientModel& client = any_client();
  const WaitKey key = {client.side.id(), ++last_key_};
  const std::uint64_t number = below(kIds);
  Taking& taking = waiting_takes_[key] = {number, below(3) == 0 ? number + below(2) : 0};
  if (const auto there = sealed_.find(number); there != sealed_.end()) give_to_taker(there->second);
  const TimeNs deadline = now_ + below(100'000'000);
  engine_.gets().add_take(key, id_of(number), taking.type_tag, deadline, now_, [this, key](const auto& taken) {
    const Taking expected = waiting_takes_.extract(key).mapped();
    REQUIRE(outcome(taken) == (expected.refused ? "type_mismatch" : "ok"));
    if (expected.refused) return;
    REQUIRE((*taken == kNoSlot) == (expected.life == 0));
    if (*taken == kNoSlot) return;
    ClientModel& taker = *clients_.at(key.client);
    const SlotFields fields = store_.rows().fields(*taken);
    REQUIRE(fields.id == id_of(expected.number));
    const Held where{*taken, fields.offset, fields.data_size, fields.metadata_size, fields.type_tag};
    REQUIRE(taker.side.holder().hold_granted({where, 0}).verdict == Holder::Verdict::held);
    store_.usage().drop_hold(*taken);
    taker.references.push_back({where, expected.number, expected.life});
    check_bytes(taker, taker.references.back());
    ++taken_;
  });
}

void Model::release() {
  ClientModel& client = any_client();
  if (client.references.empty()) return;
  Reference& reference = any(client.references);
  check_bytes(client, reference);
  const bool wanted = client.side.holder().release(reference.held.slot);
  std::swap(reference, client.references.back());
  client.references.pop_back();
  if (!wanted) return;
  REQUIRE(engine_.creates().count() > 0);
  engine_.on_release(now_);
}

void Model::remove() {
  const std::uint64_t number = below(kIds);
  const bool there = sealed_.contains(number);
  const Result<bool> removed = store_.remove(id_of(number), now_);
  if (unsealed_.contains(number))
    REQUIRE(outcome(removed) == "not_sealed");
  else
    REQUIRE(removed.value() == there);
}

void Model::pin() {
  const std::uint64_t number = below(kIds);
  const Result<void> pinned = store_.pin(any(clients_).first, id_of(number), now_);
  if (unsealed_.contains(number))
    REQUIRE(outcome(pinned) == "not_sealed");
  else
    REQUIRE(outcome(pinned) == (sealed_.contains(number) ? "ok" : "not_found"));
  if (pinned) sealed_[number].pinned = true;
}

/// Rather often of what is pinned, so that pins do not pile up.
void Model::unpin() {
  std::uint64_t number = below(kIds);
  for (const auto& [each, known] : sealed_)
    if (known.pinned && below(2) == 0) number = each;
  const Result<void> unpinned = store_.unpin(id_of(number), now_);
  if (unsealed_.contains(number))
    REQUIRE(outcome(unpinned) == "not_sealed");
  else
    REQUIRE(outcome(unpinned) == (sealed_.contains(number) ? "ok" : "not_found"));
  if (unpinned) sealed_[number].pinned = false;
}

/// It was just sealed. The store's time of the seal is unique, and so can be later than now.
void Model::grace_begins(std::uint64_t number) {
  const auto found = sealed_.find(number);
  if (found == sealed_.end()) return;  // it was taken at once
  Known& known = found->second;
  known.grace_since = store_.rows().sealed_at(known.slot);
  known.grace_end = known.grace_since + static_cast<TimeNs>(known.grace.duration.count()) * 1'000'000;
}

void Model::extend_grace() {
  const std::uint64_t number = below(kIds);
  const ClientId giver = any(clients_).first;
  const Grace grace = any_grace();
  const Result<void> extended = store_.extend_grace(giver, id_of(number), grace, now_);
  if (unsealed_.contains(number))
    REQUIRE(outcome(extended) == "not_sealed");
  else
    REQUIRE(outcome(extended) == (sealed_.contains(number) ? "ok" : "not_found"));
  if (!extended) return;
  Known& known = sealed_[number];
  const bool kept = known.is_kept(now_);
  const TimeNs end = now_ + static_cast<TimeNs>(grace.duration.count()) * 1'000'000;
  known.grace_end = kept ? std::max(known.grace_end, end) : end;
  if (kept && grace.readers <= known.grace.readers - known.readers.size()) return;
  known.grace = grace;
  known.grace_since = now_;
  known.giver = giver;
  known.readers.clear();
}

void Model::evict() {
  const std::uint64_t wanted = below(200'000);
  const std::uint64_t evicted_before = store_.stats(now_).evicted_bytes;
  follow();
  std::uint64_t evictable = 0;
  for (const auto& [number, known] : sealed_)
    if (!known.pinned && !is_held(known.life) && !known.is_kept(now_)) evictable += known.taken;
  const std::uint64_t freed = store_.room().evict(wanted, now_);
  REQUIRE(store_.stats(now_).evicted_bytes - evicted_before == freed);
  REQUIRE(freed >= std::min(wanted, evictable));  // all that may go, when it must
  REQUIRE(freed <= evictable);
}

}  // namespace dolium::shm::test
