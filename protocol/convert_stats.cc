// Statistics, and what they contain: clients, obstacles, refusals.

#include <memory>
#include <utility>

#include "protocol/convert.h"

namespace dolium::protocol {
namespace {

ClientUse from_wire(const UseRow& row) {
  ClientUse use;
  use.session_id = row.session_id();
  use.pid = row.pid();
  use.command = protocol::from_wire(row.command());
  use.name = protocol::from_wire(row.name());
  use.references = row.references();
  use.bytes_held = row.bytes_held();
  use.unsealed_bytes = row.unsealed_bytes();
  use.leased_bytes = row.leased_bytes();
  use.origin = protocol::from_wire(row.origin());
  return use;
}

std::unique_ptr<UseRowT> to_wire(const ClientUse& use) {
  auto row = std::make_unique<UseRowT>();
  row->session_id = use.session_id;
  row->pid = use.pid;
  row->command = use.command;
  row->name = use.name;
  row->references = use.references;
  row->bytes_held = use.bytes_held;
  row->unsealed_bytes = use.unsealed_bytes;
  row->leased_bytes = use.leased_bytes;
  row->origin = protocol::to_wire(use.origin);
  return row;
}

}  // namespace

std::vector<ClientUse> from_wire(const flatbuffers::Vector<flatbuffers::Offset<UseRow>>* rows) {
  std::vector<ClientUse> uses;
  if (rows != nullptr)
    for (const UseRow* row : *rows) uses.push_back(from_wire(*row));
  return uses;
}

std::vector<std::unique_ptr<UseRowT>> to_wire(const std::vector<ClientUse>& uses) {
  std::vector<std::unique_ptr<UseRowT>> rows;
  for (const ClientUse& use : uses) rows.push_back(to_wire(use));
  return rows;
}

namespace {

Obstacles from_wire(const ObstacleInfo& info) {
  return {.count = info.count(),
          .held_bytes = info.held_bytes(),
          .writing_bytes = info.writing_bytes(),
          .leased_bytes = info.leased_bytes(),
          .abandoned_bytes = info.abandoned_bytes(),
          .pinned_bytes = info.pinned_bytes(),
          .graced_bytes = info.graced_bytes(),
          .movable_bytes = info.movable_bytes(),
          .largest_run = info.largest_run()};
}

std::unique_ptr<ObstacleInfo> to_wire(const Obstacles& obstacles) {
  return std::make_unique<ObstacleInfo>(obstacles.count, obstacles.held_bytes, obstacles.writing_bytes,
                                        obstacles.leased_bytes, obstacles.abandoned_bytes, obstacles.pinned_bytes,
                                        obstacles.movable_bytes, obstacles.largest_run, obstacles.graced_bytes);
}

Refusal from_wire(const RefusalInfo& info) {
  Refusal refusal;
  refusal.ago = from_ms(info.ago_ms());
  if (info.id() != nullptr) refusal.id = protocol::from_wire(*info.id());
  refusal.size = info.size();
  if (info.code() <= ErrorCode::MAX) refusal.code = static_cast<Errc>(info.code());
  refusal.reason = protocol::from_wire(info.reason());
  if (info.by() != nullptr) refusal.by = from_wire(*info.by());
  refusal.free_bytes = info.free_bytes();
  refusal.largest_free_extent = info.largest_free_extent();
  refusal.holders = protocol::from_wire(info.holders());
  refusal.cause = protocol::from_wire(info.cause());
  if (info.obstacles() != nullptr) refusal.obstacles = from_wire(*info.obstacles());
  return refusal;
}

std::unique_ptr<RefusalInfoT> to_wire(const Refusal& refusal) {
  auto info = std::make_unique<RefusalInfoT>();
  info->ago_ms = to_ms(refusal.ago);
  info->id = to_wire_pointer(refusal.id);
  info->size = refusal.size;
  info->code = static_cast<ErrorCode>(refusal.code);
  info->reason = refusal.reason;
  info->by = to_wire(refusal.by);
  info->free_bytes = refusal.free_bytes;
  info->largest_free_extent = refusal.largest_free_extent;
  info->holders = protocol::to_wire(refusal.holders);
  info->cause = static_cast<RefusalCause>(refusal.cause);
  info->obstacles = to_wire(refusal.obstacles);
  return info;
}

// The members of SpillTierStats that are plain numbers, for both directions.
#define DOLIUM_TIER_MEMBERS(member)                                                                              \
  member(pid) member(writing_count) member(writing_bytes) member(reading_bytes) member(damaged_count)            \
      member(unreadable_count) member(lost_records) member(capacity_bytes) member(used_bytes) member(live_bytes) \
          member(records) member(files) member(written_bytes) member(read_bytes) member(compacted_bytes)         \
              member(write_errors) member(read_errors)

SpillTierStats from_wire(const TierInfo& info) {
  SpillTierStats tier;
#define DOLIUM_COPY(name) tier.name = info.name();
  DOLIUM_TIER_MEMBERS(DOLIUM_COPY)
#undef DOLIUM_COPY
  tier.state = info.state() <= TierStateKind::MAX ? static_cast<SpillTierState>(info.state()) : SpillTierState::failed;
  tier.reason = protocol::from_wire(info.reason());
  tier.directory = protocol::from_wire(info.directory());
  tier.io = protocol::from_wire(info.io());
  tier.connected_for = from_ms(info.connected_ms());
  tier.oldest_work = from_ms(info.oldest_work_ms());
  tier.last_sync = std::chrono::nanoseconds(static_cast<std::int64_t>(info.last_sync_ns()));
  return tier;
}

std::unique_ptr<TierInfoT> to_wire(const SpillTierStats& tier) {
  auto info = std::make_unique<TierInfoT>();
#define DOLIUM_COPY(name) info->name = tier.name;
  DOLIUM_TIER_MEMBERS(DOLIUM_COPY)
#undef DOLIUM_COPY
  info->state = static_cast<TierStateKind>(tier.state);
  info->reason = tier.reason;
  info->directory = tier.directory;
  info->io = tier.io;
  info->connected_ms = to_ms(tier.connected_for);
  info->oldest_work_ms = to_ms(tier.oldest_work);
  info->last_sync_ns = static_cast<std::uint64_t>(tier.last_sync.count());
  return info;
}

}  // namespace

// The members of StoreStats that are plain numbers, for both directions.
#define DOLIUM_STATS_MEMBERS(member)                                                                                   \
  member(total_objects) member(total_size) member(capacity) member(used_bytes) member(free_bytes)                      \
      member(largest_free_extent) member(padding_bytes) member(reserved_bytes) member(max_objects)                     \
          member(pinned_count) member(pinned_bytes) member(in_use_count) member(in_use_bytes) member(unsealed_count)   \
              member(unsealed_bytes) member(retired_count) member(retired_bytes) member(quarantined_count)             \
                  member(quarantined_bytes) member(evictable_bytes) member(get_count) member(hit_count)                \
                      member(miss_count) member(put_count) member(eviction_count) member(evicted_bytes)                \
                          member(relocation_count) member(relocated_bytes) member(expired_count) member(removed_count) \
                              member(aborted_count) member(out_of_memory_count) member(client_count)                   \
                                  member(waiting_gets) member(waiting_creates) member(server_pid)                      \
                                      member(pid_namespace) member(graced_count) member(graced_bytes)                  \
                                          member(dirty_count) member(dirty_bytes) member(clean_count)                  \
                                              member(clean_bytes) member(spilled_count) member(spilled_bytes)          \
                                                  member(reading_count) member(spill_count) member(read_back_count)

StoreStats from_wire(const StatsReply& reply) {
  StoreStats stats;
#define DOLIUM_COPY(name) stats.name = reply.name();
  DOLIUM_STATS_MEMBERS(DOLIUM_COPY)
#undef DOLIUM_COPY
  stats.uptime = from_ms(reply.uptime_ms());
  stats.server_version = from_wire(reply.server_version());
  if (reply.eviction_policy() <= EvictionPolicyKind::MAX)
    stats.eviction_policy = static_cast<EvictionPolicy>(reply.eviction_policy());
  if (reply.obstacles() != nullptr) stats.obstacles = from_wire(*reply.obstacles());
  if (reply.last_refusal() != nullptr) stats.last_refusal = from_wire(*reply.last_refusal());
  if (reply.tier() != nullptr) stats.tier = from_wire(*reply.tier());
  if (const auto* rows = reply.size_histogram())
    for (const HistogramRow* row : *rows) stats.size_histogram.emplace_back(row->bucket(), row->count());
  return stats;
}

StatsReplyT to_wire(const StoreStats& stats) {
  StatsReplyT reply;
#define DOLIUM_COPY(name) reply.name = stats.name;
  DOLIUM_STATS_MEMBERS(DOLIUM_COPY)
#undef DOLIUM_COPY
  reply.uptime_ms = to_ms(stats.uptime);
  reply.server_version = stats.server_version;
  reply.eviction_policy = static_cast<EvictionPolicyKind>(stats.eviction_policy);
  reply.obstacles = to_wire(stats.obstacles);
  if (stats.last_refusal) reply.last_refusal = to_wire(*stats.last_refusal);
  if (stats.tier) reply.tier = to_wire(*stats.tier);
  for (const auto& [bucket, count] : stats.size_histogram) {
    auto row = std::make_unique<HistogramRowT>();
    row->bucket = bucket;
    row->count = count;
    reply.size_histogram.push_back(std::move(row));
  }
  return reply;
}

#define DOLIUM_CLIENT_MEMBERS(member)                                                                    \
  member(session_id) member(pid) member(uid) member(references) member(objects_held) member(bytes_held)  \
      member(unsealed_count) member(unsealed_bytes) member(hits) member(misses) member(waiting_gets)     \
          member(waiting_creates) member(quarantined) member(left) member(orphaned) member(unread_bytes) \
              member(graced_count) member(graced_bytes)

ClientInfo from_wire(const ClientRow& row) {
  ClientInfo client;
#define DOLIUM_COPY(name) client.name = row.name();
  DOLIUM_CLIENT_MEMBERS(DOLIUM_COPY)
#undef DOLIUM_COPY
  client.command = from_wire(row.command());
  client.user = from_wire(row.user());
  client.name = from_wire(row.name());
  client.access = row.access() == AccessMode::read_only ? Access::read_only : Access::read_write;
  client.connected_for = from_ms(row.connected_ms());
  client.oldest_unsealed = from_ms(row.oldest_unsealed_ms());
  client.longest_held = from_ms(row.longest_held_ms());
  client.origin = from_wire(row.origin());
  return client;
}

std::unique_ptr<ClientRowT> to_wire(const ClientInfo& client) {
  auto row = std::make_unique<ClientRowT>();
#define DOLIUM_COPY(name) row->name = client.name;
  DOLIUM_CLIENT_MEMBERS(DOLIUM_COPY)
#undef DOLIUM_COPY
  row->command = client.command;
  row->user = client.user;
  row->name = client.name;
  row->access = static_cast<AccessMode>(client.access);
  row->connected_ms = to_ms(client.connected_for);
  row->oldest_unsealed_ms = to_ms(client.oldest_unsealed);
  row->longest_held_ms = to_ms(client.longest_held);
  row->origin = to_wire(client.origin);
  return row;
}

}  // namespace dolium::protocol
