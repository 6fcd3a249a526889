#include "shm/store/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "shm/os/milliseconds.h"
#include "shm/os/monotonic_clock.h"
#include "shm/store/store_parts.h"

namespace dolium::shm {
namespace {

std::chrono::system_clock::time_point to_wall(TimeNs time, const Moment& now) {
  if (time == 0) return {};
  const auto ago = std::chrono::nanoseconds(static_cast<std::int64_t>(now.monotonic - time));
  return now.wall - std::chrono::duration_cast<std::chrono::system_clock::duration>(ago);
}

/// A ClientUse or a ClientInfo with the client's names.
template <class Named>
Named identified(const AttachedClient& client) {
  Named named;
  named.session_id = client.id;
  named.pid = client.identity.pid;
  named.command = client.identity.command;
  named.name = client.identity.name;
  named.origin = client.identity.origin;
  return named;
}

}  // namespace

// ---- objects ----

Result<ObjectMetadata> Report::metadata(const ObjectId& id, const Moment& now) const {
  const UnsealedObject* unsealed = parts_.writing.find(id);
  const SlotIndex slot = unsealed != nullptr ? unsealed->slot : parts_.rows.find(id);
  if (slot == kNoSlot) return no_such_object(id);
  ObjectMetadata out = describe(slot, now);
  out.holders = holders_of(slot);
  if (out.creator_pid == 0) return out;  // its PID namespace is not visible here, and there may be several such clients
  parts_.clients.for_each([&out](const AttachedClient& client) {
    if (out.creator_command.empty() && client.identity.pid == out.creator_pid)
      out.creator_command = client.identity.command;
  });
  return out;
}

std::uint32_t Report::list(std::uint32_t cursor, const Moment& now, std::vector<ObjectMetadata>& out,
                           const ObjectFilter& filter) const {
  const Rows& rows = parts_.rows;
  const std::uint32_t begin = std::min(cursor, rows.index.slots_touched());
  const std::uint32_t end = begin + std::min(rows.index.slots_touched() - begin, Rows::kPage);
  for (SlotIndex slot = begin; slot < end; ++slot) {
    const SlotState state = rows.margin(slot).state;
    if ((state == SlotState::sealed || state == SlotState::unsealed) && passes(slot, filter))
      out.push_back(describe(slot, now));
  }
  return end < rows.index.slots_touched() ? end : 0;
}

/// Precondition: the slot's object is sealed or unsealed.
bool Report::passes(SlotIndex slot, const ObjectFilter& filter) const {
  const SlotMargin& margin = parts_.rows.margin(slot);
  const ObjectState state = margin.state == SlotState::unsealed ? ObjectState::unsealed : ObjectState::sealed;
  if (filter.state && *filter.state != state) return false;
  if (filter.creator_pid != 0 && static_cast<std::int64_t>(margin.creator_pid) != filter.creator_pid) return false;
  if (margin.label_size < filter.label_prefix.size() ||
      (!filter.label_prefix.empty() && !parts_.rows.label(slot).starts_with(filter.label_prefix)))
    return false;
  if (filter.type_name.empty()) return true;
  const std::string name = parts_.rows.type_name(slot);
  const std::uint64_t tag = parts_.rows.fields(slot).type_tag;
  return name == filter.type_name || (name.empty() && tag != 0 && fmt::format("{:016x}", tag) == filter.type_name);
}

ObjectMetadata Report::describe(SlotIndex slot, const Moment& now) const {
  const LedgerRow& row = parts_.rows.row(slot);
  const SlotMargin& margin = parts_.rows.margin(slot);
  const SlotFields fields = parts_.rows.fields(slot);
  ObjectMetadata out;
  out.id = fields.id;
  out.data_size = fields.data_size;
  out.metadata_size = fields.metadata_size;
  out.state = margin.state == SlotState::unsealed ? ObjectState::unsealed : ObjectState::sealed;
  if (margin.state != SlotState::unsealed) {
    out.seal_stamp = row.sealed;
    out.sealed_at = to_wall(row.sealed, now);
    out.last_accessed = to_wall(parts_.usage.last_access(slot, now.monotonic), now);
  }
  parts_.clients.for_each([&](const AttachedClient& client) { out.ref_count += client.table.references(slot); });
  out.type_tag = fields.type_tag;
  out.type_name = parts_.rows.type_name(slot);
  out.is_pinned = margin.pinned;
  const UnsealedObject* unsealed = margin.state == SlotState::unsealed ? parts_.writing.find(fields.id) : nullptr;
  out.created_at = to_wall(unsealed != nullptr ? unsealed->created : row.sealed - kNsPerMs * margin.writing_ms, now);
  out.time_to_live = parts_.rows.lifetimes(slot).to_live;
  out.time_to_idle = parts_.rows.lifetimes(slot).to_idle;
  out.creator_pid = static_cast<std::int32_t>(margin.creator_pid);
  out.label = parts_.rows.label(slot);
  if (margin.kept) {
    out.retention = Retention::keep;
    out.place = place_of(slot);
  }
  if (parts_.graces.keeps(slot)) {
    out.grace_left = parts_.graces.left(slot, now.monotonic);
    if (out.grace_left.count() > 0) out.grace_readers_left = parts_.graces.readers_left(slot);
  }
  return out;
}

/// Precondition: the object is kept.
ObjectPlace Report::place_of(SlotIndex slot) const {
  if (parts_.rows.margin(slot).state == SlotState::unsealed) return ObjectPlace::memory;
  if (parts_.rows.is_spilled(slot))
    return parts_.spill.is_reading(slot) ? ObjectPlace::reading_back : ObjectPlace::disk;
  return parts_.spill.is_dirty(slot) ? ObjectPlace::memory : ObjectPlace::memory_and_disk;
}

std::vector<ClientUse> Report::holders_of(SlotIndex slot) const {
  std::vector<ClientUse> holders;
  if (parts_.rows.margin(slot).state != SlotState::sealed) return holders;  // a reference to anything else is a lie
  parts_.clients.for_each([&](const AttachedClient& client) {
    const std::uint32_t references = client.table.references(slot);
    if (references == 0) return;
    ClientUse& use = holders.emplace_back(client_use(client.id));
    use.references = references;
    use.bytes_held = parts_.rows.extent_bytes(slot);
  });
  std::ranges::stable_sort(holders, std::greater(), &ClientUse::references);
  if (holders.size() > ObjectMetadata::kMaxUses) holders.resize(ObjectMetadata::kMaxUses);
  return holders;
}

// ---- clients ----

ClientUse Report::client_use(ClientId id) const {
  return identified<ClientUse>(parts_.clients.at(id));
}

ClientInfo Report::client_info(ClientId id, TimeNs now) const {
  const AttachedClient& client = parts_.clients.at(id);
  ClientInfo info = identified<ClientInfo>(client);
  info.uid = client.identity.uid;
  client.table.for_each_touched(0, parts_.rows.index.slots_touched(), [&](SlotIndex slot) {
    const std::uint32_t references = client.table.references(slot);
    const SlotState state = parts_.rows.margin(slot).state;
    if (references == 0 || (state != SlotState::sealed && state != SlotState::retired)) return;
    info.references += references;
    ++info.objects_held;
    info.bytes_held += parts_.rows.extent_bytes(slot);
    // A child of fork() did not get what it holds at a time before it was attached; a time after now is a lie.
    const TimeNs since = std::max(client.table.last_access(slot), client.attached);
    info.longest_held = std::max(info.longest_held, to_ms(now - std::min(now, since)));
  });
  if (!client.unsealed.empty()) info.oldest_unsealed = to_ms(now - std::min(now, client.unsealed.front().created));
  info.unsealed_count = client.unsealed_count;
  info.unsealed_bytes = client.unsealed_bytes;
  const Tally graced = parts_.graces.given_by(id);
  info.graced_count = graced.count;
  info.graced_bytes = graced.bytes;
  const AccessCounts counts = client.table.access_counts();
  info.hits = counts.hits;
  info.misses = counts.misses;
  info.connected_for = to_ms(now - client.attached);
  return info;
}

std::uint64_t Report::looks_at(ClientId id) const {
  return std::uint64_t{parts_.clients.at(id).table.touched_pages()} * PinTableGeometry::kEntriesPerPage +
         parts_.graces.looks();
}

std::vector<ClientUse> Report::top_holders() const {
  std::vector<ClientUse> holders;
  parts_.clients.for_each([&](const AttachedClient& client) {
    const ClientInfo info = client_info(client.id, parts_.rows.now);
    if (info.bytes_held + info.unsealed_bytes == 0) return;
    ClientUse& use = holders.emplace_back(client_use(client.id));
    use.references = info.references;
    use.bytes_held = info.bytes_held;
    use.unsealed_bytes = info.unsealed_bytes;
    use.leased_bytes = client.leased_bytes;
  });
  std::ranges::stable_sort(holders, std::greater(),
                           [](const ClientUse& use) { return use.bytes_held + use.unsealed_bytes; });
  if (holders.size() > Refusal::kMaxHolders) holders.resize(Refusal::kMaxHolders);
  return holders;
}

}  // namespace dolium::shm
