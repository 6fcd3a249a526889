// Clients, coming and going. See store.h.

#include <algorithm>

#include "shm/os/check.h"
#include "shm/store/store.h"

namespace dolium::shm {
namespace {

constexpr auto kIdOf = [](const auto& client) { return client->id; };

}  // namespace

Result<ClientId> Store::attach(const ClientIdentity& identity, TimeNs now) {
  advance(now);
  const std::uint64_t bytes = PinTableGeometry::for_slots(index_.slot_count()).total_bytes;
  Result<Segment> segment = Segment::create("pins", bytes);
  if (!segment) return std::move(segment).error();
  return admit(identity, *std::move(segment), ++ledger_.state().last_client, now_);
}

Result<ClientId> Store::admit(const ClientIdentity& identity, Segment pin_table, ClientId id, TimeNs attached) {
  Result<Mapping> mapping = pin_table.map(Mapping::Mode::read_write);
  if (!mapping) return std::move(mapping).error();
  auto client = std::make_unique<Client>();
  client->id = id;
  client->identity = identity;
  client->attached = attached;
  client->segment = std::move(pin_table);
  client->table = PinTable(*std::move(mapping), index_.slot_count());
  clients_.insert(std::ranges::upper_bound(clients_, id, {}, kIdOf), std::move(client));
  return id;
}

// No client can see the copy before it is complete, and no retire() runs meanwhile: whatever the original's table
// counts when it is looked at is counted in both from then on, whichever of the two lets go first.
Result<ClientId> Store::attach_copy(ClientId original, TimeNs now) {
  const Client* from = find_client(original);
  DOLIUM_CHECK(from != nullptr, "a copy of a client that is not attached");
  const Result<ClientId> copy = attach(from->identity, now);
  if (!copy) return copy;
  if (auto copied = copy_references(*from, *find_client(*copy)); !copied) {
    detach(*copy, now);
    return std::move(copied).error();
  }
  return copy;
}

Result<void> Store::copy_references(const Client& from, Client& to) const {
  const PinTableGeometry& geometry = to.table.geometry();
  // Reserved before it is written: where memory is short that is an error here, and not this process's end.
  Result<void> reserved = to.segment.reserve(0, geometry.entries_at);
  from.table.for_each_touched(0, index_.slots_touched(), [&](SlotIndex slot) {
    // References to anything else are lies, or of a get that is about to notice that it came too late.
    const SlotState state = margin(slot).state;
    if (!reserved || (state != SlotState::sealed && state != SlotState::retired)) return;
    const std::uint32_t references = from.table.references(slot);
    if (references == 0) return;
    if (!to.table.touched(slot))
      reserved = to.segment.reserve(geometry.page_at(slot), geometry.page_at(slot) + kPageBytes);
    if (reserved) to.table.set_references(slot, references);
  });
  return reserved;
}

void Store::set_origin(ClientId id, ClientOrigin origin) {
  Client* client = find_client(id);
  DOLIUM_CHECK(client != nullptr, "the origin of a client that is not attached");
  client->identity.origin = std::move(origin);
}

void Store::set_process(ClientId id, std::int32_t pid, std::string command) {
  Client* client = find_client(id);
  DOLIUM_CHECK(client != nullptr, "the process of a client that is not attached");
  client->identity.pid = pid;
  client->identity.command = std::move(command);
}

std::uint64_t Store::unsealed_bytes(ClientId client) const noexcept {
  const Client* found = find_client(client);
  return found == nullptr ? 0 : found->unsealed_bytes - found->leased_bytes;
}

const Segment& Store::pin_table_segment(ClientId client) const {
  const Client* found = find_client(client);
  DOLIUM_CHECK(found != nullptr, "the pin table of a client that is not attached");
  return found->segment;
}

Store::Client* Store::find_client(ClientId client) const noexcept {
  const auto found = std::ranges::lower_bound(clients_, client, {}, kIdOf);
  return found == clients_.end() || (*found)->id != client ? nullptr : found->get();
}

Store::Client& Store::client_of(ClientId client) const noexcept {
  Client* const found = find_client(client);
  DOLIUM_CHECK(found != nullptr, "a word of a client that is not attached");
  return *found;
}

// ---- going ----

void Store::detach(ClientId id, TimeNs now) {
  advance(now);
  drop_grants(id);
  const auto found = std::ranges::lower_bound(clients_, id, {}, kIdOf);
  DOLIUM_CHECK(found != clients_.end() && (*found)->id == id, "detach of a client that is not attached");
  const std::unique_ptr<Client> client = std::move(*found);
  clients_.erase(found);
  while (!client->unsealed.empty()) {
    const UnsealedObject& object = client->unsealed.front();
    const SlotIndex slot = forget_unsealed(object, index_.read(object.slot).id);
    margin(slot).lent ? quarantine(slot) : free_slot(slot);
  }
  for (std::size_t i = abandoned_.size(); i-- > 0;)
    if (row(abandoned_[i]).accessed == id) quarantine(forget_abandoned(i));
  const AccessCounts counts = client->table.access_counts();
  counters().of_the_dead.hits += counts.hits;
  counters().of_the_dead.misses += counts.misses;
  departed_.push_back({std::move(client->table), 0});
  unswept_ = retired_.size();
  room_made_ = true;  // what it held may be evicted now
  for (int piece = 0; piece < kPiecesAtOnce && wants_tidying(); ++piece) tidy();
}

void Store::tidy() {
  if (unswept_ != 0) {
    const std::size_t looks = std::min(unswept_, kSweepForRoom);
    unswept_ -= looks;
    sweep_some(looks);
  } else if (!departed_.empty() && fold(departed_.front())) {
    departed_.pop_front();
  }
}

/// A piece of it; true: that was the last.
bool Store::fold(Departed& departed) {
  constexpr std::uint32_t kStep = PinTableGeometry::kEntriesPerPage;
  const SlotIndex end = index_.slots_touched();
  for (std::uint32_t pages = 0; departed.folded < end && pages < kPagesPerPiece; departed.folded += kStep) {
    if (!departed.table.touched(departed.folded)) continue;
    for (SlotIndex slot = departed.folded; slot < std::min(end, departed.folded + kStep); ++slot)
      fold_access(departed.table, slot);
    ++pages;
  }
  return departed.folded >= end;
}

/// From a table that counts no longer into what is known of the slot without it.
void Store::fold_access(const PinTable& table, SlotIndex slot) {
  LedgerRow& ledger = row(slot);
  const SlotMargin& margin = index_.margin(slot);
  if (margin.state != SlotState::sealed) return;
  if (ledger_.counts_hits()) ledger_.hit_row(slot).base -= table.hits(slot);
  const TimeNs accessed = std::min(table.last_access(slot), now_);
  if (accessed <= ledger.accessed) return;
  // A key must not change under the queue that is ordered by it.
  if (!margin.pinned) eviction_.erase(slot);
  ledger.accessed = accessed;
  if (!margin.pinned) eviction_.put_back(slot);
}

}  // namespace dolium::shm
