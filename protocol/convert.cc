#include "protocol/convert.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dolium::protocol {
namespace {

// The wire's enums are the public ones, number for number.
static_assert(static_cast<int>(ErrorCode::not_found) == static_cast<int>(Errc::not_found));
static_assert(static_cast<int>(ErrorCode::already_exists) == static_cast<int>(Errc::already_exists));
static_assert(static_cast<int>(ErrorCode::not_sealed) == static_cast<int>(Errc::not_sealed));
static_assert(static_cast<int>(ErrorCode::already_sealed) == static_cast<int>(Errc::already_sealed));
static_assert(static_cast<int>(ErrorCode::out_of_memory) == static_cast<int>(Errc::out_of_memory));
static_assert(static_cast<int>(ErrorCode::too_large) == static_cast<int>(Errc::too_large));
static_assert(static_cast<int>(ErrorCode::timed_out) == static_cast<int>(Errc::timed_out));
static_assert(static_cast<int>(ErrorCode::type_mismatch) == static_cast<int>(Errc::type_mismatch));
static_assert(static_cast<int>(ErrorCode::invalid_argument) == static_cast<int>(Errc::invalid_argument));
static_assert(static_cast<int>(ErrorCode::permission_denied) == static_cast<int>(Errc::permission_denied));
static_assert(static_cast<int>(ErrorCode::disconnected) == static_cast<int>(Errc::disconnected));
static_assert(static_cast<int>(ErrorCode::protocol_error) == static_cast<int>(Errc::protocol_error));
static_assert(static_cast<int>(ErrorCode::system_error) == static_cast<int>(Errc::system_error));
static_assert(static_cast<int>(AccessMode::read_only) == static_cast<int>(Access::read_only));
static_assert(static_cast<int>(ObjectPhase::sealed) == static_cast<int>(ObjectState::sealed));
static_assert(static_cast<int>(EventKind::removed) == static_cast<int>(Event::Kind::removed));
static_assert(static_cast<int>(EventKind::overflow) == static_cast<int>(Event::Kind::overflow));
static_assert(static_cast<int>(RemovalCause::evicted) == static_cast<int>(dolium::RemovalCause::evicted));
static_assert(static_cast<int>(RemovalCause::expired) == static_cast<int>(dolium::RemovalCause::expired));
static_assert(static_cast<int>(RemovalCause::cleared) == static_cast<int>(dolium::RemovalCause::cleared));
static_assert(static_cast<int>(RefusalCause::room) == static_cast<int>(dolium::RefusalCause::room));
static_assert(static_cast<int>(RefusalCause::objects) == static_cast<int>(dolium::RefusalCause::objects));
static_assert(static_cast<int>(RefusalCause::pins) == static_cast<int>(dolium::RefusalCause::pins));
static_assert(static_cast<int>(RefusalCause::writing) == static_cast<int>(dolium::RefusalCause::writing));
static_assert(static_cast<int>(RefusalCause::capacity) == static_cast<int>(dolium::RefusalCause::capacity));
static_assert(static_cast<int>(RefusalCause::description) == static_cast<int>(dolium::RefusalCause::description));
static_assert(static_cast<int>(RefusalCause::memory) == static_cast<int>(dolium::RefusalCause::memory));
static_assert(static_cast<int>(RefusalCause::MAX) == static_cast<int>(dolium::RefusalCause::memory));

std::int64_t to_ns(ObjectMetadata::Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

ObjectMetadata::Clock::time_point from_ns(std::int64_t nanoseconds) {
  using Duration = ObjectMetadata::Clock::duration;
  return ObjectMetadata::Clock::time_point(std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(nanoseconds)));
}

std::uint64_t to_ms(std::chrono::milliseconds duration) {
  return static_cast<std::uint64_t>(duration.count());
}

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

Obstacles from_wire(const ObstacleInfo& info) {
  return {.count = info.count(),
          .held_bytes = info.held_bytes(),
          .writing_bytes = info.writing_bytes(),
          .leased_bytes = info.leased_bytes(),
          .abandoned_bytes = info.abandoned_bytes(),
          .pinned_bytes = info.pinned_bytes(),
          .movable_bytes = info.movable_bytes(),
          .largest_run = info.largest_run()};
}

std::unique_ptr<ObstacleInfo> to_wire(const Obstacles& obstacles) {
  return std::make_unique<ObstacleInfo>(obstacles.count, obstacles.held_bytes, obstacles.writing_bytes,
                                        obstacles.leased_bytes, obstacles.abandoned_bytes, obstacles.pinned_bytes,
                                        obstacles.movable_bytes, obstacles.largest_run);
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
  refusal.holders = from_wire(info.holders());
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
  info->holders = to_wire(refusal.holders);
  info->cause = static_cast<RefusalCause>(refusal.cause);
  info->obstacles = to_wire(refusal.obstacles);
  return info;
}

}  // namespace

std::chrono::milliseconds from_ms(std::uint64_t ms) noexcept {
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(ms, INT64_MAX)));
}

ObjectId from_wire(const Id& id) noexcept {
  std::array<unsigned char, ObjectId::kSize> bytes;
  std::memcpy(bytes.data(), id.bytes()->Data(), bytes.size());
  return std::bit_cast<ObjectId>(bytes);
}

Id to_wire(const ObjectId& id) noexcept {
  return std::bit_cast<Id>(id.bytes());
}

std::unique_ptr<Id> to_wire_pointer(const ObjectId& id) {
  return std::make_unique<Id>(to_wire(id));
}

std::string from_wire(const flatbuffers::String* text) {
  return text == nullptr ? std::string() : text->str();
}

std::span<const std::byte> from_wire(const flatbuffers::Vector<std::uint8_t>* bytes) noexcept {
  if (bytes == nullptr) return {};
  return std::as_bytes(std::span(bytes->data(), bytes->size()));
}

std::vector<std::uint8_t> to_wire(std::span<const std::byte> bytes) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {begin, begin + bytes.size()};
}

Error from_wire(const ErrorReply& reply) {
  if (reply.code() > ErrorCode::MAX)
    return {Errc::protocol_error, "the daemon sent an error of an unknown kind: " + from_wire(reply.message())};
  return {static_cast<Errc>(reply.code()), from_wire(reply.message()), from_wire(reply.cause())};
}

dolium::RefusalCause from_wire(RefusalCause cause) noexcept {
  return cause <= RefusalCause::MAX ? static_cast<dolium::RefusalCause>(cause) : dolium::RefusalCause::none;
}

ErrorReplyT to_wire(const Error& error) {
  ErrorReplyT reply;
  reply.code = static_cast<ErrorCode>(error.code);
  reply.message = error.message;
  reply.cause = static_cast<RefusalCause>(error.cause);
  return reply;
}

ClientOrigin from_wire(const Origin* origin) {
  if (origin == nullptr) return {};
  return {origin->pid(), from_wire(origin->host()), from_wire(origin->pod())};
}

std::unique_ptr<OriginT> to_wire(const ClientOrigin& origin) {
  auto out = std::make_unique<OriginT>();
  out->pid = origin.pid;
  out->host = origin.host;
  out->pod = origin.pod;
  return out;
}

ObjectMetadata from_wire(const ObjectInfo& info) {
  ObjectMetadata out;
  out.id = from_wire(*info.id());
  out.data_size = info.data_size();
  out.metadata_size = info.metadata_size();
  out.state = info.phase() == ObjectPhase::sealed ? ObjectState::sealed : ObjectState::unsealed;
  out.created_at = from_ns(info.created_at_ns());
  out.sealed_at = from_ns(info.sealed_at_ns());
  out.last_accessed = from_ns(info.last_accessed_ns());
  out.ref_count = info.ref_count();
  out.type_tag = info.type_tag();
  out.type_name = from_wire(info.type_name());
  out.is_pinned = info.is_pinned();
  out.time_to_live = from_ms(info.time_to_live_ms());
  out.time_to_idle = from_ms(info.time_to_idle_ms());
  out.creator_pid = info.creator_pid();
  out.creator_command = from_wire(info.creator_command());
  out.holders = from_wire(info.holders());
  out.waiters = from_wire(info.waiters());
  return out;
}

std::unique_ptr<ObjectInfoT> to_wire(const ObjectMetadata& metadata) {
  auto info = std::make_unique<ObjectInfoT>();
  info->id = to_wire_pointer(metadata.id);
  info->data_size = metadata.data_size;
  info->metadata_size = metadata.metadata_size;
  info->phase = static_cast<ObjectPhase>(metadata.state);
  info->created_at_ns = to_ns(metadata.created_at);
  info->sealed_at_ns = to_ns(metadata.sealed_at);
  info->last_accessed_ns = to_ns(metadata.last_accessed);
  info->ref_count = metadata.ref_count;
  info->type_tag = metadata.type_tag;
  info->type_name = metadata.type_name;
  info->is_pinned = metadata.is_pinned;
  info->time_to_live_ms = to_ms(metadata.time_to_live);
  info->time_to_idle_ms = to_ms(metadata.time_to_idle);
  info->creator_pid = metadata.creator_pid;
  info->creator_command = metadata.creator_command;
  info->holders = to_wire(metadata.holders);
  info->waiters = to_wire(metadata.waiters);
  return info;
}

// Both directions of StoreStats walk this one list of the members that are plain numbers.
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
                                      member(pid_namespace)

StoreStats from_wire(const StatsReply& reply) {
  StoreStats stats;
#define DOLIUM_COPY(name) stats.name = reply.name();
  DOLIUM_STATS_MEMBERS(DOLIUM_COPY)
#undef DOLIUM_COPY
  stats.uptime = from_ms(reply.uptime_ms());
  stats.server_version = from_wire(reply.server_version());
  if (reply.obstacles() != nullptr) stats.obstacles = from_wire(*reply.obstacles());
  if (reply.last_refusal() != nullptr) stats.last_refusal = from_wire(*reply.last_refusal());
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
  reply.obstacles = to_wire(stats.obstacles);
  if (stats.last_refusal) reply.last_refusal = to_wire(*stats.last_refusal);
  for (const auto& [bucket, count] : stats.size_histogram) {
    auto row = std::make_unique<HistogramRowT>();
    row->bucket = bucket;
    row->count = count;
    reply.size_histogram.push_back(std::move(row));
  }
  return reply;
}

#define DOLIUM_CLIENT_MEMBERS(member)                                                                   \
  member(session_id) member(pid) member(uid) member(references) member(objects_held) member(bytes_held) \
      member(unsealed_count) member(unsealed_bytes) member(hits) member(misses) member(waiting_gets)    \
          member(waiting_creates) member(quarantined) member(left) member(orphaned) member(unread_bytes)

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

Event from_wire(const EventRow& row) {
  Event event;
  if (row.kind() <= EventKind::MAX) event.kind = static_cast<Event::Kind>(row.kind());
  if (row.cause() <= RemovalCause::MAX) event.cause = static_cast<dolium::RemovalCause>(row.cause());
  if (row.id() != nullptr) event.id = from_wire(*row.id());
  event.data_size = row.data_size();
  event.metadata_size = row.metadata_size();
  return event;
}

std::unique_ptr<EventRowT> to_wire(const Event& event) {
  auto row = std::make_unique<EventRowT>();
  row->kind = static_cast<EventKind>(event.kind);
  row->cause = static_cast<RemovalCause>(event.cause);
  if (event.kind != Event::Kind::overflow) row->id = to_wire_pointer(event.id);
  row->data_size = event.data_size;
  row->metadata_size = event.metadata_size;
  return row;
}

}  // namespace dolium::protocol
