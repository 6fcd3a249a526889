#include "client/cli/json_text.h"

#include <fmt/format.h>

#include <cstdio>

#include "client/cli/tier_report.h"
#include "client/cli/time_text.h"

namespace dolium::cli {
namespace {

Json time_or_null(std::chrono::system_clock::time_point moment) {
  return moment.time_since_epoch().count() == 0 ? Json() : Json(format_utc(moment));
}

}  // namespace

Json to_json(const ObjectMetadata& object) {
  return {{"id", object.id.hex()},
          {"data_size", object.data_size},
          {"metadata_size", object.metadata_size},
          {"state", object.state == ObjectState::sealed ? "sealed" : "unsealed"},
          {"created_at", time_or_null(object.created_at)},
          {"sealed_at", time_or_null(object.sealed_at)},
          {"last_accessed", time_or_null(object.last_accessed)},
          {"ref_count", object.ref_count},
          {"type_tag", fmt::format("{:016x}", object.type_tag)},
          {"type_name", object.type_name},
          {"is_pinned", object.is_pinned},
          {"time_to_live_ms", object.time_to_live.count()},
          {"time_to_idle_ms", object.time_to_idle.count()},
          {"creator_pid", object.creator_pid},
          {"label", object.label},
          {"grace_left_ms", object.grace_left.count()},
          {"grace_readers_left", object.grace_readers_left},
          {"retention", to_string(object.retention)},
          {"where", to_string(object.place)}};
}

Json to_json(const ClientOrigin& origin) {
  return {{"pid", origin.pid}, {"host", origin.host}, {"pod", origin.pod}};
}

Json to_json(const ClientUse& use) {
  return {{"session_id", use.session_id},
          {"pid", use.pid},
          {"command", use.command},
          {"name", use.name},
          {"references", use.references},
          {"bytes_held", use.bytes_held},
          {"unsealed_bytes", use.unsealed_bytes},
          {"leased_bytes", use.leased_bytes},
          {"origin", to_json(use.origin)}};
}

Json to_json(std::span<const ClientUse> uses) {
  Json array = Json::array();
  for (const ClientUse& use : uses) array.push_back(to_json(use));
  return array;
}

Json to_json(const Obstacles& obstacles) {
  return {{"count", obstacles.count},
          {"bytes", obstacles.bytes()},
          {"held_bytes", obstacles.held_bytes},
          {"writing_bytes", obstacles.writing_bytes},
          {"leased_bytes", obstacles.leased_bytes},
          {"abandoned_bytes", obstacles.abandoned_bytes},
          {"pinned_bytes", obstacles.pinned_bytes},
          {"graced_bytes", obstacles.graced_bytes},
          {"movable_bytes", obstacles.movable_bytes},
          {"largest_run", obstacles.largest_run}};
}

Json to_json(const Refusal& refusal) {
  return {{"ago_ms", refusal.ago.count()},
          {"id", refusal.id.hex()},
          {"size", refusal.size},
          {"code", to_string(refusal.code)},
          {"cause", to_string(refusal.cause)},
          {"reason", refusal.reason},
          {"by", to_json(refusal.by)},
          {"free_bytes", refusal.free_bytes},
          {"largest_free_extent", refusal.largest_free_extent},
          {"obstacles", to_json(refusal.obstacles)},
          {"holders", to_json(refusal.holders)}};
}

Json to_json(const ClientInfo& client) {
  return {{"session_id", client.session_id},
          {"pid", client.pid},
          {"uid", client.uid},
          {"command", client.command},
          {"user", client.user},
          {"name", client.name},
          {"access", client.access == Access::read_only ? "read_only" : "read_write"},
          {"references", client.references},
          {"objects_held", client.objects_held},
          {"bytes_held", client.bytes_held},
          {"unsealed_count", client.unsealed_count},
          {"unsealed_bytes", client.unsealed_bytes},
          {"hits", client.hits},
          {"misses", client.misses},
          {"waiting_gets", client.waiting_gets},
          {"waiting_creates", client.waiting_creates},
          {"connected_ms", client.connected_for.count()},
          {"quarantined", client.quarantined},
          {"left", client.left},
          {"orphaned", client.orphaned},
          {"unread_bytes", client.unread_bytes},
          {"oldest_unsealed_ms", client.oldest_unsealed.count()},
          {"longest_held_ms", client.longest_held.count()},
          {"graced_count", client.graced_count},
          {"graced_bytes", client.graced_bytes},
          {"origin", to_json(client.origin)}};
}

Json to_json(const StoreStats& stats) {
  Json histogram = Json::array();
  for (const auto& [bucket, count] : stats.size_histogram) histogram.push_back({{"up_to", bucket}, {"count", count}});
  return {{"total_objects", stats.total_objects},
          {"total_size", stats.total_size},
          {"size_histogram", histogram},
          {"capacity", stats.capacity},
          {"used_bytes", stats.used_bytes},
          {"free_bytes", stats.free_bytes},
          {"largest_free_extent", stats.largest_free_extent},
          {"padding_bytes", stats.padding_bytes},
          {"reserved_bytes", stats.reserved_bytes},
          {"max_objects", stats.max_objects},
          {"pinned_count", stats.pinned_count},
          {"pinned_bytes", stats.pinned_bytes},
          {"graced_count", stats.graced_count},
          {"graced_bytes", stats.graced_bytes},
          {"dirty_count", stats.dirty_count},
          {"dirty_bytes", stats.dirty_bytes},
          {"clean_count", stats.clean_count},
          {"clean_bytes", stats.clean_bytes},
          {"spilled_count", stats.spilled_count},
          {"spilled_bytes", stats.spilled_bytes},
          {"reading_count", stats.reading_count},
          {"spill_count", stats.spill_count},
          {"read_back_count", stats.read_back_count},
          {"in_use_count", stats.in_use_count},
          {"in_use_bytes", stats.in_use_bytes},
          {"unsealed_count", stats.unsealed_count},
          {"unsealed_bytes", stats.unsealed_bytes},
          {"retired_count", stats.retired_count},
          {"retired_bytes", stats.retired_bytes},
          {"quarantined_count", stats.quarantined_count},
          {"quarantined_bytes", stats.quarantined_bytes},
          {"evictable_bytes", stats.evictable_bytes},
          {"obstacles", to_json(stats.obstacles)},
          {"get_count", stats.get_count},
          {"hit_count", stats.hit_count},
          {"miss_count", stats.miss_count},
          {"put_count", stats.put_count},
          {"eviction_count", stats.eviction_count},
          {"evicted_bytes", stats.evicted_bytes},
          {"relocation_count", stats.relocation_count},
          {"relocated_bytes", stats.relocated_bytes},
          {"expired_count", stats.expired_count},
          {"removed_count", stats.removed_count},
          {"aborted_count", stats.aborted_count},
          {"out_of_memory_count", stats.out_of_memory_count},
          {"client_count", stats.client_count},
          {"waiting_gets", stats.waiting_gets},
          {"waiting_creates", stats.waiting_creates},
          {"uptime_ms", stats.uptime.count()},
          {"last_refusal", stats.last_refusal ? to_json(*stats.last_refusal) : Json()},
          {"server_pid", stats.server_pid},
          {"server_version", stats.server_version},
          {"pid_namespace", stats.pid_namespace},
          {"tier", stats.tier ? to_json(*stats.tier) : Json()},
          {"eviction_policy", to_string(stats.eviction_policy)}};
}

void print_json(const Json& json) {
  fmt::print("{}\n", json.dump(2));
}

void print_json_line(const Json& json) {
  fmt::print("{}\n", json.dump(-1));
  std::fflush(stdout);
}

}  // namespace dolium::cli
