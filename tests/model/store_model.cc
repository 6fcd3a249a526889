// The model: clients that come and go, and what they leave. See store_model.h.

#include <algorithm>

#include "tests/model/store_model.h"

namespace dolium::shm::test {

void Model::act() {
  const std::uint64_t dice = below(1000);
  if (dice < 5) return attach();
  if (dice < 8) return detach();
  if (dice < 250) return create(false);
  if (dice < 290) return create(true);
  if (dice < 340) return lease();
  if (dice < 500) return seal();
  if (dice < 520) return abort();
  if (dice < 690) return get();
  if (dice < 700) return take();
  if (dice < 720) return wait_for();
  if (dice < 900) return release();
  if (dice < 930) return remove();
  if (dice < 950) return pin();
  if (dice < 975) return unpin();
  if (dice < 982) return extend_grace();
  if (dice < 997) return evict();
  if (dice < 998) {
    clearing_ = true;
    store_.clear(now_);
    follow();
    clearing_ = false;
    REQUIRE(sealed_.empty());
    return;
  }
  now_ += below(300) * 1'000'000;  // a pause, in which things expire
}

void Model::attach() {
  if (clients_.size() == kMaxClients) return;
  if (!clients_.empty() && below(2) == 0) return attach_copy();
  const ClientId id = store_.attach({.pid = 1, .uid = 1000 + static_cast<std::uint32_t>(below(2))}, now_).value();
  clients_[id] = std::make_unique<ClientModel>(store_, id);
}

/// A child of fork(): holds what its parent holds, from the first moment on.
void Model::attach_copy() {
  const ClientModel& original = any_client();
  const ClientId id = store_.attach_copy(original.side.id(), now_).value();
  clients_[id] = std::make_unique<ClientModel>(store_, id);
  clients_[id]->references = original.references;
  std::map<SlotIndex, std::uint32_t> expected;
  for (const Reference& reference : original.references) ++expected[reference.held.slot];
  for (const auto& [slot, count] : expected) REQUIRE(clients_[id]->side.table().references(slot) == count);
  REQUIRE(store_.report().client_info(id, now_).references == original.references.size());
  REQUIRE(store_.report().client_info(id, now_).unsealed_count == 0);
  ++copies_;
}

void Model::detach() {
  if (clients_.size() == 1) return;
  const ClientId id = any(clients_).first;
  for (const auto& [number, known] : unsealed_)
    if (known.creator == id && known.lent) leave(known.slot, known.taken);
  if (const auto& lease = clients_[id]->lease) leave(lease->slot, lease->bytes.size());
  clients_.erase(id);  // its references with it
  std::erase_if(unsealed_, [id](const auto& entry) { return entry.second.creator == id; });
  std::erase_if(waiting_creates_, [id](const auto& entry) { return entry.client == id; });
  std::erase_if(waiting_gets_, [id](const auto& entry) { return entry.first.client == id; });
  std::erase_if(waiting_takes_, [id](const auto& entry) { return entry.first.client == id; });
  engine_.drop_client(id, now_);
}

void Model::leave(SlotIndex slot, std::uint64_t bytes) {
  const std::uint64_t offset = store_.rows().fields(slot).offset;
  left_.push_back({offset, offset + bytes, now_ + kSecond});
  ++left_count_;
}

/// Of what clients have left, that is due; sometimes there is no memory for it.
void Model::renew() {
  const auto piece = store_.quarantine().next_to_renew();
  if (!piece) return;
  if (below(8) == 0)
    return store_.quarantine().renewed({.replaced = true, .reserved = Error{Errc::out_of_memory, {}}}, now_);
  // The arena is smaller than what is renewed at once.
  const auto found = std::ranges::find_if(left_, [&](const Left& left) {
    return !left.renewed && left.pages_begin() == piece->begin && left.pages_end() == piece->end;
  });
  REQUIRE(found != left_.end());
  store_.quarantine().renewed(store_.rows().memory.renew(*piece), now_);
  found->renewed = true;
  follow();  // a row may have been needed
}

/// The first that waits for it and may have it; those before it that may not are refused.
void Model::give_to_taker(const Known& known) {
  std::vector<std::pair<std::uint64_t, Taking*>> takers;
  for (auto& [key, taking] : waiting_takes_)
    if (taking.number == known.number && taking.life == 0 && !taking.refused) takers.emplace_back(key.number, &taking);
  std::ranges::sort(takers);  // keys are numbered in the order of the takes, whoever takes
  for (const auto& [number, taking] : takers) {
    taking->refused = taking->type_tag != 0 && taking->type_tag != known.number;
    if (taking->refused) continue;
    taking->life = known.life;
    return;
  }
}

/// Everybody lets go of everything: nothing may be left.
void Model::finish() {
  while (clients_.size() > 1) detach();
  ClientModel& last = *clients_.begin()->second;
  for (const Reference& reference : last.references) {
    check_bytes(last, reference);
    last.side.release(reference.held);
  }
  last.references.clear();
  if (last.lease) REQUIRE(outcome(store_.abort(last.side.id(), last.lease->id)) == "ok");
  last.lease.reset();
  engine_.silence_client(last.side.id());
  waiting_gets_.clear();
  waiting_takes_.clear();
  waiting_creates_.clear();
  while (!unsealed_.empty()) {
    const Known known = unsealed_.begin()->second;
    REQUIRE(outcome(store_.abort(known.creator, id_of(known.number))) == "ok");
    unsealed_.erase(known.number);
  }
  clearing_ = true;
  store_.clear(now_);
  follow();
  now_ += Quarantine::kRetry;
  engine_.tick(now_);
  while (store_.quarantine().next_to_renew()) {
    renew();
    now_ += Quarantine::kRetry;
    engine_.tick(now_);
  }
  left_.clear();
  check();
  const StoreStats stats = store_.stats(now_);
  REQUIRE(stats.used_bytes == 0);
  REQUIRE(stats.largest_free_extent == stats.capacity);
  REQUIRE(stats.in_use_count == 0);
}

}  // namespace dolium::shm::test
