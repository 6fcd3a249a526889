#include "client/c/report_structs.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string_view>

#include "client/c/handles.h"

namespace dolium::c {
namespace {

template <std::size_t kSize>
std::uint32_t copy(std::string_view text, char (&out)[kSize]) noexcept {
  return static_cast<std::uint32_t>(copy_text(text, out, kSize));
}

std::int64_t since_1970(ObjectMetadata::Clock::time_point time) noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

dolium_obstacles to_c(const Obstacles& from) noexcept {
  dolium_obstacles out{};
  out.count = from.count;
  out.held_bytes = from.held_bytes;
  out.writing_bytes = from.writing_bytes;
  out.leased_bytes = from.leased_bytes;
  out.abandoned_bytes = from.abandoned_bytes;
  out.pinned_bytes = from.pinned_bytes;
  out.graced_bytes = from.graced_bytes;
  out.movable_bytes = from.movable_bytes;
  out.largest_run = from.largest_run;
  return out;
}

void copy_fill_level(const StoreStats& from, dolium_store_stats& out) noexcept {
  out.total_objects = from.total_objects;
  out.total_size = from.total_size;
  out.capacity = from.capacity;
  out.used_bytes = from.used_bytes;
  out.free_bytes = from.free_bytes;
  out.largest_free_extent = from.largest_free_extent;
  out.padding_bytes = from.padding_bytes;
  out.reserved_bytes = from.reserved_bytes;
  out.max_objects = from.max_objects;
  out.evictable_bytes = from.evictable_bytes;
  out.obstacles = to_c(from.obstacles);
  const std::size_t rows = std::min(from.size_histogram.size(), std::size(out.histogram));
  out.histogram_rows = static_cast<std::uint32_t>(rows);
  for (std::size_t i = 0; i < rows; ++i)
    out.histogram[i] = {from.size_histogram[i].first, from.size_histogram[i].second};
}

void copy_unevictable(const StoreStats& from, dolium_store_stats& out) noexcept {
  out.pinned_count = from.pinned_count, out.pinned_bytes = from.pinned_bytes;
  out.graced_count = from.graced_count, out.graced_bytes = from.graced_bytes;
  out.in_use_count = from.in_use_count, out.in_use_bytes = from.in_use_bytes;
  out.unsealed_count = from.unsealed_count, out.unsealed_bytes = from.unsealed_bytes;
  out.retired_count = from.retired_count, out.retired_bytes = from.retired_bytes;
  out.quarantined_count = from.quarantined_count, out.quarantined_bytes = from.quarantined_bytes;
}

void copy_counters(const StoreStats& from, dolium_store_stats& out) noexcept {
  out.get_count = from.get_count, out.hit_count = from.hit_count, out.miss_count = from.miss_count;
  out.put_count = from.put_count;
  out.eviction_count = from.eviction_count, out.evicted_bytes = from.evicted_bytes;
  out.relocation_count = from.relocation_count, out.relocated_bytes = from.relocated_bytes;
  out.expired_count = from.expired_count, out.removed_count = from.removed_count;
  out.aborted_count = from.aborted_count;
  out.out_of_memory_count = from.out_of_memory_count;
}

void copy_kept(const StoreStats& from, dolium_store_stats& out) noexcept {
  out.dirty_count = from.dirty_count, out.dirty_bytes = from.dirty_bytes;
  out.clean_count = from.clean_count, out.clean_bytes = from.clean_bytes;
  out.spilled_count = from.spilled_count, out.spilled_bytes = from.spilled_bytes;
  out.reading_count = from.reading_count;
  out.spill_count = from.spill_count, out.read_back_count = from.read_back_count;
}

void copy_tier(const SpillTierStats& from, dolium_spill_tier& out) noexcept {
  out.state = static_cast<std::int32_t>(from.state) + DOLIUM_TIER_ABSENT;
  out.pid = from.pid;
  out.connected_for_ns = nanoseconds(from.connected_for);
  out.oldest_work_ns = nanoseconds(from.oldest_work);
  out.writing_count = from.writing_count, out.writing_bytes = from.writing_bytes;
  out.reading_bytes = from.reading_bytes;
  out.capacity_bytes = from.capacity_bytes;
  out.used_bytes = from.used_bytes, out.live_bytes = from.live_bytes;
  out.records = from.records, out.files = from.files;
  out.written_bytes = from.written_bytes, out.read_bytes = from.read_bytes;
  out.compacted_bytes = from.compacted_bytes;
  out.write_errors = from.write_errors, out.read_errors = from.read_errors;
  out.damaged_count = from.damaged_count;
  out.unreadable_count = from.unreadable_count;
  out.lost_records = from.lost_records;
  out.last_sync_ns = from.last_sync.count();
  copy(from.io, out.io);
  copy(from.directory, out.directory);
  copy(from.reason, out.reason);
}

}  // namespace

dolium_use to_c(const ClientUse& from, std::int32_t role) noexcept {
  dolium_use out{};
  out.session_id = from.session_id;
  out.pid = from.pid;
  out.role = role;
  out.references = from.references;
  out.bytes_held = from.bytes_held;
  out.unsealed_bytes = from.unsealed_bytes;
  out.leased_bytes = from.leased_bytes;
  out.origin_pid = from.origin.pid;
  copy(from.command, out.command);
  copy(from.name, out.name);
  copy(from.origin.host, out.host);
  copy(from.origin.pod, out.pod);
  return out;
}

dolium_object_info to_c(const ObjectMetadata& from) noexcept {
  dolium_object_info out{};
  out.id = to_c(from.id);
  out.state = from.state == ObjectState::sealed ? DOLIUM_SEALED : DOLIUM_UNSEALED;
  out.data_size = from.data_size;
  out.metadata_size = from.metadata_size;
  out.created_at_ns = since_1970(from.created_at);
  out.sealed_at_ns = since_1970(from.sealed_at);
  out.last_accessed_at_ns = since_1970(from.last_accessed);
  out.ref_count = from.ref_count;
  out.type_tag = from.type_tag;
  out.time_to_live_ns = nanoseconds(from.time_to_live);
  out.time_to_idle_ns = nanoseconds(from.time_to_idle);
  out.grace_left_ns = nanoseconds(from.grace_left);
  out.grace_readers_left = from.grace_readers_left;
  out.creator_pid = from.creator_pid;
  out.pinned = from.is_pinned ? 1 : 0;
  out.type_name_size = copy(from.type_name, out.type_name);
  out.label_size = copy(from.label, out.label);
  copy(from.creator_command, out.creator_command);
  out.seal_stamp = from.seal_stamp;
  out.retention = static_cast<std::int32_t>(from.retention);
  out.place = static_cast<std::int32_t>(from.place) + DOLIUM_PLACE_MEMORY;
  return out;
}

dolium_client_info to_c(const ClientInfo& from) noexcept {
  dolium_client_info out{};
  out.session_id = from.session_id;
  out.pid = from.pid;
  out.uid = from.uid;
  if (from.access == Access::read_only) out.flags |= DOLIUM_CLIENT_READ_ONLY;
  if (from.quarantined) out.flags |= DOLIUM_CLIENT_QUARANTINED;
  if (from.left) out.flags |= DOLIUM_CLIENT_LEFT;
  if (from.orphaned) out.flags |= DOLIUM_CLIENT_ORPHANED;
  out.origin_pid = from.origin.pid;
  out.references = from.references;
  out.objects_held = from.objects_held, out.bytes_held = from.bytes_held;
  out.unsealed_count = from.unsealed_count, out.unsealed_bytes = from.unsealed_bytes;
  out.hits = from.hits, out.misses = from.misses;
  out.waiting_gets = from.waiting_gets, out.waiting_creates = from.waiting_creates;
  out.unread_bytes = from.unread_bytes;
  out.graced_count = from.graced_count, out.graced_bytes = from.graced_bytes;
  out.connected_for_ns = nanoseconds(from.connected_for);
  out.oldest_unsealed_ns = nanoseconds(from.oldest_unsealed);
  out.longest_held_ns = nanoseconds(from.longest_held);
  copy(from.command, out.command);
  copy(from.user, out.user);
  copy(from.name, out.name);
  copy(from.origin.host, out.host);
  copy(from.origin.pod, out.pod);
  return out;
}

dolium_store_stats to_c(const StoreStats& from) noexcept {
  dolium_store_stats out{};
  copy_fill_level(from, out);
  copy_unevictable(from, out);
  copy_counters(from, out);
  out.client_count = from.client_count;
  out.waiting_gets = from.waiting_gets, out.waiting_creates = from.waiting_creates;
  out.uptime_ns = nanoseconds(from.uptime);
  out.pid_namespace = from.pid_namespace;
  out.server_pid = from.server_pid;
  copy_kept(from, out);
  if (from.tier) copy_tier(*from.tier, out.tier);
  copy(from.server_version, out.server_version);
  return out;
}

dolium_refusal to_c(const Refusal& from) noexcept {
  dolium_refusal out{};
  out.id = to_c(from.id);
  out.code = code_of(from.code);
  out.cause = static_cast<dolium_cause>(from.cause);
  out.size = from.size;
  out.ago_ns = nanoseconds(from.ago);
  out.session_id = from.by.session_id;
  out.pid = from.by.pid;
  out.free_bytes = from.free_bytes;
  out.largest_free_extent = from.largest_free_extent;
  out.obstacles = to_c(from.obstacles);
  copy(from.by.command, out.command);
  copy(from.by.name, out.name);
  copy(from.reason, out.reason);
  return out;
}

dolium_event to_c(const Event& from) noexcept {
  dolium_event out{};
  out.kind = static_cast<std::int32_t>(from.kind) + DOLIUM_EVENT_SEALED;
  if (from.kind == Event::removed) out.removal = static_cast<std::int32_t>(from.cause) + DOLIUM_REMOVAL_REMOVED;
  if (from.kind != Event::overflow) out.id = to_c(from.id);
  out.data_size = from.data_size;
  out.metadata_size = from.metadata_size;
  out.label_size = copy(from.label, out.label);
  return out;
}

static_assert(static_cast<std::int32_t>(Event::Kind::overflow) + DOLIUM_EVENT_SEALED == DOLIUM_EVENT_OVERFLOW);
static_assert(static_cast<std::int32_t>(SpillTierState::stalled) + DOLIUM_TIER_ABSENT == DOLIUM_TIER_STALLED);
static_assert(static_cast<std::int32_t>(ObjectPlace::reading_back) + DOLIUM_PLACE_MEMORY == DOLIUM_PLACE_READING_BACK);
static_assert(static_cast<std::int32_t>(Retention::cache) == DOLIUM_RETENTION_CACHE);
static_assert(static_cast<std::int32_t>(Retention::keep) == DOLIUM_RETENTION_KEEP);
static_assert(static_cast<std::int32_t>(RemovalCause::lost) + DOLIUM_REMOVAL_REMOVED == DOLIUM_REMOVAL_LOST);

}  // namespace dolium::c
