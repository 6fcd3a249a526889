#include "shm/store/clients.h"

#include <algorithm>

#include "shm/os/check.h"

namespace dolium::shm {
namespace {

constexpr auto kIdOf = [](const auto& client) { return client->id; };

}  // namespace

Result<ClientId> Clients::attach(const ClientIdentity& identity) {
  const std::uint64_t bytes = PinTableGeometry::for_slots(rows_.index.slot_count()).total_bytes;
  Result<Segment> segment = Segment::create("pins", bytes);
  if (!segment) return std::move(segment).error();
  const ClientId id = ++rows_.ledger.state().last_client;
  if (auto admitted = admit(identity, *std::move(segment), id, rows_.now); !admitted)
    return std::move(admitted).error();
  return id;
}

Result<void> Clients::readmit(SurvivingClient session) {
  const std::uint64_t bytes = PinTableGeometry::for_slots(rows_.index.slot_count()).total_bytes;
  Result<Segment> table = Segment::adopt("pins", bytes, std::move(session.pin_table));
  if (!table) return std::move(table).error();
  Result<void> admitted = admit(session.identity, *std::move(table), session.id, session.attached);
  if (!admitted) return admitted;
  at(session.id).table.unsettle(rows_.index.slots_touched());
  rows_.ledger.state().last_client = std::max(rows_.ledger.state().last_client, session.id);
  return {};
}

Result<void> Clients::admit(const ClientIdentity& identity, Segment pin_table, ClientId id, TimeNs attached) {
  Result<Mapping> mapping = pin_table.map(Mapping::Mode::read_write);
  if (!mapping) return std::move(mapping).error();
  auto client = std::make_unique<AttachedClient>();
  client->id = id;
  client->identity = identity;
  client->attached = attached;
  client->segment = std::move(pin_table);
  client->table = PinTable(*std::move(mapping), rows_.index.slot_count());
  views_.reserve(clients_.size() + 1);
  const auto at = std::ranges::upper_bound(clients_, id, {}, kIdOf) - clients_.begin();
  const PinTable::View view = client->table.view();
  clients_.insert(clients_.begin() + at, std::move(client));
  views_.insert(views_.begin() + at, view);
  ++changes_;
  return {};
}

Result<void> Clients::copy_references(const AttachedClient& from, AttachedClient& to) const {
  const PinTableGeometry& geometry = to.table.geometry();
  // Memory is reserved before it is written. Otherwise a shortage would kill this process instead of being an error.
  Result<void> reserved = to.segment.reserve(0, geometry.entries_at);
  from.table.for_each_touched(0, rows_.index.slots_touched(), [&](SlotIndex slot) {
    // A reference to anything else is a lie, or belongs to a get that is about to notice that the object is gone.
    const SlotState state = rows_.margin(slot).state;
    if (!reserved || (state != SlotState::sealed && state != SlotState::retired)) return;
    const std::uint32_t references = from.table.references(slot);
    if (references == 0) return;
    if (!to.table.touched(slot))
      reserved = to.segment.reserve(geometry.page_at(slot), geometry.page_at(slot) + kPageBytes);
    if (reserved) to.table.set_references(slot, references);
  });
  return reserved;
}

std::unique_ptr<AttachedClient> Clients::remove(ClientId id) {
  const auto found = std::ranges::lower_bound(clients_, id, {}, kIdOf);
  DOLIUM_CHECK(found != clients_.end() && (*found)->id == id, "detach of a client that is not attached");
  std::unique_ptr<AttachedClient> client = std::move(*found);
  views_.erase(views_.begin() + (found - clients_.begin()));
  clients_.erase(found);
  ++changes_;
  return client;
}

AttachedClient* Clients::look_up(ClientId id) const noexcept {
  const auto found = std::ranges::lower_bound(clients_, id, {}, kIdOf);
  return found == clients_.end() || (*found)->id != id ? nullptr : found->get();
}

AttachedClient& Clients::attached(ClientId id) const noexcept {
  AttachedClient* const found = look_up(id);
  DOLIUM_CHECK(found != nullptr, "a call for a client that is not attached");
  return *found;
}

void Clients::set_origin(ClientId client, ClientOrigin origin) {
  at(client).identity.origin = std::move(origin);
}

void Clients::set_process(ClientId client, std::int32_t pid, std::string command) {
  ClientIdentity& identity = at(client).identity;
  identity.pid = pid;
  identity.command = std::move(command);
}

std::uint64_t Clients::unsealed_bytes(ClientId client) const noexcept {
  const AttachedClient* const found = find(client);
  return found == nullptr ? 0 : found->unsealed_bytes - found->leased_bytes;
}

}  // namespace dolium::shm
