// What the store says of itself. Reports walk; nothing on the way of an object does. See store.h.

#include <algorithm>

#include "shm/os/check.h"
#include "shm/os/milliseconds.h"
#include "shm/os/monotonic_clock.h"
#include "shm/store/store.h"

namespace dolium::shm {
namespace {

std::chrono::system_clock::time_point to_wall(TimeNs time, const Moment& now) {
  if (time == 0) return {};
  const auto ago = std::chrono::nanoseconds(static_cast<std::int64_t>(now.monotonic - time));
  return now.wall - std::chrono::duration_cast<std::chrono::system_clock::duration>(ago);
}

}  // namespace

Result<ObjectMetadata> Store::metadata(const ObjectId& id, const Moment& now) {
  advance(now.monotonic);
  const UnsealedObject* unsealed = find_unsealed(id);
  const SlotIndex slot = unsealed != nullptr ? unsealed->slot : find(id);
  if (slot == kNoSlot) return Error{Errc::not_found, "there is no object " + id.hex()};
  ObjectMetadata out = describe(slot, now);
  out.holders = holders_of(slot);
  const auto creator =
      std::ranges::find(clients_, out.creator_pid, [](const auto& client) { return client->identity.pid; });
  // 0: of a process that the daemon's PID namespace does not see, of which there may be several.
  if (out.creator_pid != 0 && creator != clients_.end()) out.creator_command = (*creator)->identity.command;
  return out;
}

std::uint32_t Store::list(std::uint32_t cursor, const Moment& now, std::vector<ObjectMetadata>& out) {
  advance(now.monotonic);
  const std::uint32_t begin = std::min(cursor, index_.slots_touched());
  const std::uint32_t end = begin + std::min(index_.slots_touched() - begin, kListPage);
  for (SlotIndex slot = begin; slot < end; ++slot) {
    const SlotState state = margin(slot).state;
    if (state == SlotState::sealed || state == SlotState::unsealed) out.push_back(describe(slot, now));
  }
  return end < index_.slots_touched() ? end : 0;
}

ObjectMetadata Store::describe(SlotIndex slot, const Moment& now) const {
  const LedgerRow& ledger = row(slot);
  const SlotMargin& margin = index_.margin(slot);
  const SlotFields fields = index_.read(slot);
  ObjectMetadata out;
  out.id = fields.id;
  out.data_size = fields.data_size;
  out.metadata_size = fields.metadata_size;
  out.state = margin.state == SlotState::unsealed ? ObjectState::unsealed : ObjectState::sealed;
  if (margin.state != SlotState::unsealed) out.sealed_at = to_wall(ledger.sealed, now);
  if (margin.state != SlotState::unsealed) out.last_accessed = to_wall(last_access(slot), now);
  for (const auto& client : clients_) out.ref_count += client->table.references(slot);
  out.type_tag = fields.type_tag;
  out.type_name = type_name(slot, fields);
  out.is_pinned = margin.pinned;
  const UnsealedObject* unsealed = margin.state == SlotState::unsealed ? find_unsealed(fields.id) : nullptr;
  out.created_at = to_wall(unsealed != nullptr ? unsealed->created : ledger.sealed - kNsPerMs * margin.writing_ms, now);
  out.time_to_live = lifetimes(slot).to_live;
  out.time_to_idle = lifetimes(slot).to_idle;
  out.creator_pid = margin.creator_pid;
  return out;
}

std::vector<ClientUse> Store::holders_of(SlotIndex slot) const {
  std::vector<ClientUse> holders;
  if (margin(slot).state != SlotState::sealed) return holders;  // a claim on what is being written is a lie
  for (const auto& client : clients_) {
    const std::uint32_t references = client->table.references(slot);
    if (references == 0) continue;
    ClientUse& use = holders.emplace_back(client_use(client->id));
    use.references = references;
    use.bytes_held = taken_bytes(slot);
  }
  std::ranges::stable_sort(holders, std::greater(), &ClientUse::references);
  if (holders.size() > ObjectMetadata::kMaxUses) holders.resize(ObjectMetadata::kMaxUses);
  return holders;
}

std::string Store::type_name(SlotIndex slot, const SlotFields& fields) const {
  if (margin(slot).leased) return "dolium::lease";
  const auto bytes =
      memory_.bytes(fields.offset + fields.data_size + fields.metadata_size, margin(slot).type_name_size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// ---- why there was no room ----

void Store::note_refusal(ClientId client, const NewObject& object, const Error& error, TimeNs now) {
  if (error.code != Errc::out_of_memory && error.code != Errc::too_large && error.code != Errc::timed_out) return;
  advance(now);
  Refusal refusal;
  refusal.id = object.id;
  refusal.size = total_size(object);
  refusal.code = error.code;
  refusal.cause = error.cause;
  refusal.reason = error.message;
  refusal.by = client_use(client);
  refusal.free_bytes = arena_.free_bytes();
  refusal.largest_free_extent = arena_.largest_free_extent();
  look_for_obstacles();
  refusal.obstacles = obstacles_;
  refusal.holders = holders_;
  last_refusal_ = std::move(refusal);
  last_refused_ = now_;
}

std::vector<ClientUse> Store::top_holders() const {
  std::vector<ClientUse> holders;
  for (const auto& client : clients_) {
    const ClientInfo info = client_info(client->id, now_);
    if (info.bytes_held + info.unsealed_bytes == 0) continue;
    ClientUse& use = holders.emplace_back(client_use(client->id));
    use.references = info.references;
    use.bytes_held = info.bytes_held;
    use.unsealed_bytes = info.unsealed_bytes;
    use.leased_bytes = client->leased_bytes;
  }
  std::ranges::stable_sort(holders, std::greater(),
                           [](const ClientUse& use) { return use.bytes_held + use.unsealed_bytes; });
  if (holders.size() > Refusal::kMaxHolders) holders.resize(Refusal::kMaxHolders);
  return holders;
}

// ---- clients ----

ClientUse Store::client_use(ClientId id) const {
  const Client* client = find_client(id);
  DOLIUM_CHECK(client != nullptr, "a report on a client that is not attached");
  ClientUse use;
  use.session_id = client->id;
  use.pid = client->identity.pid;
  use.command = client->identity.command;
  use.name = client->identity.name;
  use.origin = client->identity.origin;
  return use;
}

ClientInfo Store::client_info(ClientId id, TimeNs now) const {
  const Client* client = find_client(id);
  DOLIUM_CHECK(client != nullptr, "a report on a client that is not attached");
  ClientInfo info;
  info.session_id = client->id;
  info.pid = client->identity.pid;
  info.uid = client->identity.uid;
  info.command = client->identity.command;
  info.name = client->identity.name;
  info.origin = client->identity.origin;
  client->table.for_each_touched(0, index_.slots_touched(), [&](SlotIndex slot) {
    const std::uint32_t references = client->table.references(slot);
    const SlotState state = margin(slot).state;
    if (references == 0 || (state != SlotState::sealed && state != SlotState::retired)) return;
    info.references += references;
    ++info.objects_held;
    info.bytes_held += taken_bytes(slot);
    // A child of fork() has not got what it holds, and a clock that is ahead is a lie.
    const TimeNs since = std::max(client->table.last_access(slot), client->attached);
    info.longest_held = std::max(info.longest_held, to_ms(now - std::min(now, since)));
  });
  if (!client->unsealed.empty()) info.oldest_unsealed = to_ms(now - std::min(now, client->unsealed.front().created));
  info.unsealed_count = client->unsealed_count;
  info.unsealed_bytes = client->unsealed_bytes;
  const AccessCounts counts = client->table.access_counts();
  info.hits = counts.hits;
  info.misses = counts.misses;
  info.connected_for = to_ms(now - client->attached);
  return info;
}

std::uint64_t Store::looks_at(ClientId id) const {
  const Client* client = find_client(id);
  DOLIUM_CHECK(client != nullptr, "a report on a client that is not attached");
  return std::uint64_t{client->table.touched_pages()} * PinTableGeometry::kEntriesPerPage;
}

std::uint64_t Store::bookkeeping_bytes() const {
  std::uint64_t bytes = index_.bookkeeping_bytes() + arena_.bookkeeping_bytes() + eviction_.bookkeeping_bytes() +
                        ledger_.bookkeeping_bytes(index_.slots_touched());
  for (const auto& client : clients_) bytes += client->table.bookkeeping_bytes();
  return bytes;
}

void Store::check_invariants() const {
  arena_.check_invariants();
  eviction_.check_invariants();
  index_.check_invariants();
  Tally unsealed, retired, pinned, sealed, quarantined;
  std::uint64_t used = 0;
  std::uint64_t leased = 0;
  for (SlotIndex slot = 0; slot < index_.slots_touched(); ++slot) {
    const SlotMargin& margin = index_.margin(slot);
    DOLIUM_CHECK(arena_.owns(slot) == (margin.state != SlotState::free), "an extent without an object, or the reverse");
    DOLIUM_CHECK(index_.is_live(slot) == (margin.state == SlotState::sealed), "index and ledger disagree");
    DOLIUM_CHECK(eviction_.contains(slot) == (margin.state == SlotState::sealed && !margin.pinned),
                 "eviction does not know what it may evict");
    const bool writer_gone = margin.state == SlotState::abandoned && find_client(row(slot).accessed) == nullptr;
    DOLIUM_CHECK(margin.operation == (writer_gone ? Operation::resting : Operation::none),
                 "an operation was left half done");
    if (margin.state == SlotState::free) continue;
    used += taken_bytes(slot);
    if (writer_gone) quarantined.add(taken_bytes(slot));
    if (margin.state == SlotState::unsealed || (margin.state == SlotState::abandoned && !writer_gone)) {
      unsealed.add(taken_bytes(slot));
      if (margin.leased) leased += taken_bytes(slot);
    }
    if (margin.state == SlotState::retired) retired.add(taken_bytes(slot));
    if (margin.state == SlotState::sealed) sealed.add(taken_bytes(slot));
    if (margin.pinned) pinned.add(taken_bytes(slot));
  }
  DOLIUM_CHECK(used == arena_.used_bytes(), "the arena's bytes are not those of the objects");
  DOLIUM_CHECK(unsealed == unsealed_tally_ && unsealed.count == unsealed_.size() + abandoned_.size(),
               "unsealed objects are miscounted");
  DOLIUM_CHECK(retired == retired_tally_ && retired.count == retired_.size(), "retired objects are miscounted");
  DOLIUM_CHECK(quarantined == quarantined_tally_ && quarantined.count == quarantine_.size(),
               "extents in quarantine are miscounted");
  DOLIUM_CHECK(pinned == pinned_tally_, "pinned objects are miscounted");
  DOLIUM_CHECK(sealed == sealed_tally_, "sealed objects are miscounted");
  std::uint64_t by_clients = 0;
  std::uint64_t leased_by_clients = 0;
  for (const auto& client : clients_) {
    by_clients += client->unsealed_bytes;
    leased_by_clients += client->leased_bytes;
  }
  DOLIUM_CHECK(by_clients == unsealed.bytes, "clients' unsealed bytes do not add up");
  DOLIUM_CHECK(leased == leased_bytes_ && leased_by_clients == leased, "leases are miscounted");
  std::uint64_t by_users = 0;
  for (const auto& [uid, bytes] : pinned_by_user_) by_users += bytes;
  DOLIUM_CHECK(by_users == pinned.bytes, "users' pinned bytes do not add up");
}

}  // namespace dolium::shm
