// Snapshots, as dicts of plain values. dolium/records.py turns them into dataclasses. Times are nanoseconds since the
// epoch. Durations are milliseconds.

#include <limits>

#include "arguments.h"
#include "bindings.h"
#include "errors.h"
#include "object_id_type.h"
#include "store_type.h"

namespace dolium::python {
namespace {

using StorePtr = std::shared_ptr<ObjectStore>;
using namespace py::literals;

std::int64_t nanoseconds(ObjectMetadata::Clock::time_point at) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}

template <class Row>
py::list rows(const std::vector<Row>& all);

py::dict row(const ClientOrigin& of) {
  return py::dict("pid"_a = of.pid, "host"_a = text(of.host), "pod"_a = text(of.pod));
}

py::dict row(const ClientUse& of) {
  return py::dict("session_id"_a = of.session_id, "pid"_a = of.pid, "command"_a = text(of.command),
                  "name"_a = text(of.name), "references"_a = of.references, "bytes_held"_a = of.bytes_held,
                  "unsealed_bytes"_a = of.unsealed_bytes, "leased_bytes"_a = of.leased_bytes,
                  "origin"_a = row(of.origin));
}

py::dict row(const Obstacles& of) {
  return py::dict("count"_a = of.count, "held_bytes"_a = of.held_bytes, "writing_bytes"_a = of.writing_bytes,
                  "leased_bytes"_a = of.leased_bytes, "abandoned_bytes"_a = of.abandoned_bytes,
                  "pinned_bytes"_a = of.pinned_bytes, "graced_bytes"_a = of.graced_bytes,
                  "movable_bytes"_a = of.movable_bytes, "largest_run"_a = of.largest_run);
}

py::dict row(const Refusal& of) {
  return py::dict("ago"_a = of.ago.count(), "id"_a = of.id, "size"_a = of.size,
                  "code"_a = std::string(to_string(of.code)), "cause"_a = std::string(to_string(of.cause)),
                  "reason"_a = text(of.reason), "by"_a = row(of.by), "free_bytes"_a = of.free_bytes,
                  "largest_free_extent"_a = of.largest_free_extent, "obstacles"_a = row(of.obstacles),
                  "holders"_a = rows(of.holders));
}

py::dict row(const ObjectMetadata& of) {
  return py::dict("id"_a = of.id, "data_size"_a = of.data_size, "metadata_size"_a = of.metadata_size,
                  "state"_a = of.state == ObjectState::sealed ? "sealed" : "unsealed",
                  "created_at"_a = nanoseconds(of.created_at), "sealed_at"_a = nanoseconds(of.sealed_at),
                  "last_accessed"_a = nanoseconds(of.last_accessed), "ref_count"_a = of.ref_count,
                  "type_tag"_a = of.type_tag, "type_name"_a = text(of.type_name), "is_pinned"_a = of.is_pinned,
                  "time_to_live"_a = of.time_to_live.count(), "time_to_idle"_a = of.time_to_idle.count(),
                  "creator_pid"_a = of.creator_pid, "label"_a = text(of.label),
                  "creator_command"_a = text(of.creator_command), "holders"_a = rows(of.holders),
                  "waiters"_a = rows(of.waiters), "grace_left"_a = of.grace_left.count(),
                  "grace_readers_left"_a = of.grace_readers_left, "seal_stamp"_a = of.seal_stamp,
                  "retention"_a = std::string(to_string(of.retention)), "where"_a = std::string(to_string(of.place)));
}

py::dict row(const ClientInfo& of) {
  return py::dict("session_id"_a = of.session_id, "pid"_a = of.pid, "uid"_a = of.uid, "command"_a = text(of.command),
                  "user"_a = text(of.user), "name"_a = text(of.name),
                  "access"_a = of.access == Access::read_only ? "read_only" : "read_write",
                  "references"_a = of.references, "objects_held"_a = of.objects_held, "bytes_held"_a = of.bytes_held,
                  "unsealed_count"_a = of.unsealed_count, "unsealed_bytes"_a = of.unsealed_bytes, "hits"_a = of.hits,
                  "misses"_a = of.misses, "waiting_gets"_a = of.waiting_gets, "waiting_creates"_a = of.waiting_creates,
                  "connected_for"_a = of.connected_for.count(), "quarantined"_a = of.quarantined, "left"_a = of.left,
                  "orphaned"_a = of.orphaned, "unread_bytes"_a = of.unread_bytes,
                  "oldest_unsealed"_a = of.oldest_unsealed.count(), "longest_held"_a = of.longest_held.count(),
                  "origin"_a = row(of.origin), "graced_count"_a = of.graced_count, "graced_bytes"_a = of.graced_bytes);
}

py::dict row(const SpillTierStats& of) {
  return py::dict("state"_a = std::string(to_string(of.state)), "reason"_a = text(of.reason), "pid"_a = of.pid,
                  "directory"_a = text(of.directory), "io"_a = text(of.io),
                  "connected_for"_a = of.connected_for.count(), "oldest_work"_a = of.oldest_work.count(),
                  "writing_count"_a = of.writing_count, "writing_bytes"_a = of.writing_bytes,
                  "reading_bytes"_a = of.reading_bytes, "capacity_bytes"_a = of.capacity_bytes,
                  "used_bytes"_a = of.used_bytes, "live_bytes"_a = of.live_bytes, "records"_a = of.records,
                  "files"_a = of.files, "written_bytes"_a = of.written_bytes, "read_bytes"_a = of.read_bytes,
                  "compacted_bytes"_a = of.compacted_bytes, "write_errors"_a = of.write_errors,
                  "read_errors"_a = of.read_errors, "damaged_count"_a = of.damaged_count,
                  "unreadable_count"_a = of.unreadable_count, "lost_records"_a = of.lost_records,
                  "last_sync"_a = std::chrono::duration<double>(of.last_sync).count());
}

py::dict row(const StoreStats& of) {
  py::dict out("total_objects"_a = of.total_objects, "total_size"_a = of.total_size,
               "size_histogram"_a = of.size_histogram, "capacity"_a = of.capacity, "used_bytes"_a = of.used_bytes,
               "free_bytes"_a = of.free_bytes, "largest_free_extent"_a = of.largest_free_extent,
               "padding_bytes"_a = of.padding_bytes, "reserved_bytes"_a = of.reserved_bytes,
               "max_objects"_a = of.max_objects, "pinned_count"_a = of.pinned_count, "pinned_bytes"_a = of.pinned_bytes,
               "in_use_count"_a = of.in_use_count, "in_use_bytes"_a = of.in_use_bytes,
               "unsealed_count"_a = of.unsealed_count, "unsealed_bytes"_a = of.unsealed_bytes);
  const py::dict rest(
      "retired_count"_a = of.retired_count, "retired_bytes"_a = of.retired_bytes,
      "quarantined_count"_a = of.quarantined_count, "quarantined_bytes"_a = of.quarantined_bytes,
      "evictable_bytes"_a = of.evictable_bytes, "get_count"_a = of.get_count, "hit_count"_a = of.hit_count,
      "miss_count"_a = of.miss_count, "put_count"_a = of.put_count, "eviction_count"_a = of.eviction_count,
      "evicted_bytes"_a = of.evicted_bytes, "relocation_count"_a = of.relocation_count,
      "relocated_bytes"_a = of.relocated_bytes, "expired_count"_a = of.expired_count,
      "removed_count"_a = of.removed_count, "aborted_count"_a = of.aborted_count,
      "out_of_memory_count"_a = of.out_of_memory_count, "client_count"_a = of.client_count,
      "waiting_gets"_a = of.waiting_gets, "waiting_creates"_a = of.waiting_creates, "uptime"_a = of.uptime.count(),
      "server_pid"_a = of.server_pid, "server_version"_a = of.server_version, "pid_namespace"_a = of.pid_namespace,
      "graced_count"_a = of.graced_count, "graced_bytes"_a = of.graced_bytes, "dirty_count"_a = of.dirty_count,
      "dirty_bytes"_a = of.dirty_bytes, "clean_count"_a = of.clean_count, "clean_bytes"_a = of.clean_bytes,
      "spilled_count"_a = of.spilled_count, "spilled_bytes"_a = of.spilled_bytes, "reading_count"_a = of.reading_count,
      "spill_count"_a = of.spill_count, "read_back_count"_a = of.read_back_count);
  out.attr("update")(rest);
  out["eviction_policy"] = std::string(to_string(of.eviction_policy));
  out["obstacles"] = row(of.obstacles);
  out["tier"] = of.tier ? py::object(row(*of.tier)) : py::none();
  out["last_refusal"] = of.last_refusal ? py::object(row(*of.last_refusal)) : py::none();
  return out;
}

template <class Row>
py::list rows(const std::vector<Row>& all) {
  py::list out;
  for (const Row& each : all) out.append(row(each));
  return out;
}

template <class Call>
auto ask(Call&& call) {
  auto result = [&] {
    const WithoutGil others_run;
    return call();
  }();
  return value_or_throw(std::move(result));
}

/// `state`: "sealed", "unsealed", or "" for both.
py::list list(const StorePtr& store, Text<"label_prefix"> label_prefix, Text<"type_name"> type_name,
              Text<"state"> state, Number<"creator_pid"> creator_pid) {
  ObjectFilter filter{.label_prefix = label_prefix.value, .type_name = type_name.value};
  if (!state.value.empty()) filter.state = state.value == "sealed" ? ObjectState::sealed : ObjectState::unsealed;
  constexpr std::uint64_t kNone = std::numeric_limits<std::int32_t>::max();  // no process has this number
  filter.creator_pid = static_cast<std::int32_t>(std::min(creator_pid.value, kNone));
  return rows(ask([&] { return store->list(filter); }));
}

}  // namespace

void bind_reports(py::module_& module) {
  module.def("metadata",
             [](const StorePtr& store, const ObjectId& id) { return row(ask([&] { return store->metadata(id); })); });
  module.def("stats", [](const StorePtr& store) { return row(ask([&] { return store->stats(); })); });
  module.def("list", list);
  module.def("clients", [](const StorePtr& store) { return rows(ask([&] { return store->clients(); })); });
}

}  // namespace dolium::python
