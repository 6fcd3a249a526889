// Prints what a binding relies on: the size of each struct and where its members are, and the value of each constant.
// The checked-in list is tests/c/abi.txt.

#include <dolium/dolium_c.h>

#include <inttypes.h>
#include <stdio.h>

#define STRUCT(type) printf("struct " #type " %zu\n", sizeof(type))
#define MEMBER(type, member) printf("  " #member " %zu\n", offsetof(type, member))
#define VALUE(name) printf(#name " %" PRId64 "\n", (int64_t)(name))

static void print_error(void) {
  STRUCT(dolium_error);
  MEMBER(dolium_error, code);
  MEMBER(dolium_error, cause);
  MEMBER(dolium_error, error_number);
  MEMBER(dolium_error, message_size);
  MEMBER(dolium_error, message);
}

static void print_id(void) {
  STRUCT(dolium_id);
  MEMBER(dolium_id, bytes);
}

static void print_object(void) {
  STRUCT(dolium_object);
  MEMBER(dolium_object, data);
  MEMBER(dolium_object, size);
  MEMBER(dolium_object, metadata);
  MEMBER(dolium_object, metadata_size);
  MEMBER(dolium_object, type_tag);
  MEMBER(dolium_object, id);
  MEMBER(dolium_object, opaque);
  MEMBER(dolium_object, opaque2);
}

static void print_connect_options(void) {
  STRUCT(dolium_connect_options);
  MEMBER(dolium_connect_options, struct_size);
  MEMBER(dolium_connect_options, flags);
  MEMBER(dolium_connect_options, reserved);
  MEMBER(dolium_connect_options, name);
  MEMBER(dolium_connect_options, name_size);
  MEMBER(dolium_connect_options, connect_timeout_ns);
  MEMBER(dolium_connect_options, busy_poll_ns);
}

static void print_open_options(void) {
  STRUCT(dolium_open_options);
  MEMBER(dolium_open_options, struct_size);
  MEMBER(dolium_open_options, flags);
  MEMBER(dolium_open_options, eviction_policy);
  MEMBER(dolium_open_options, capacity);
  MEMBER(dolium_open_options, max_objects);
  MEMBER(dolium_open_options, reserved);
  MEMBER(dolium_open_options, low_water_mark);
  MEMBER(dolium_open_options, max_unsealed_bytes_per_client);
  MEMBER(dolium_open_options, max_pinned_bytes_per_user);
}

static void print_create_options(void) {
  STRUCT(dolium_create_options);
  MEMBER(dolium_create_options, struct_size);
  MEMBER(dolium_create_options, flags);
  MEMBER(dolium_create_options, grace_readers);
  MEMBER(dolium_create_options, metadata);
  MEMBER(dolium_create_options, metadata_size);
  MEMBER(dolium_create_options, type_tag);
  MEMBER(dolium_create_options, type_name);
  MEMBER(dolium_create_options, type_name_size);
  MEMBER(dolium_create_options, label);
  MEMBER(dolium_create_options, label_size);
  MEMBER(dolium_create_options, time_to_live_ns);
  MEMBER(dolium_create_options, time_to_idle_ns);
  MEMBER(dolium_create_options, grace_ns);
  MEMBER(dolium_create_options, timeout_ns);
  MEMBER(dolium_create_options, copy_threads);
  MEMBER(dolium_create_options, retention);
}

static void print_put_item(void) {
  STRUCT(dolium_put_item);
  MEMBER(dolium_put_item, id);
  MEMBER(dolium_put_item, reserved);
  MEMBER(dolium_put_item, data);
  MEMBER(dolium_put_item, size);
  MEMBER(dolium_put_item, options);
  MEMBER(dolium_put_item, reserved2);
}

static void print_failure(void) {
  STRUCT(dolium_failure);
  MEMBER(dolium_failure, struct_size);
  MEMBER(dolium_failure, id);
  MEMBER(dolium_failure, code);
  MEMBER(dolium_failure, cause);
  MEMBER(dolium_failure, error_number);
  MEMBER(dolium_failure, index);
  MEMBER(dolium_failure, message);
}

static void print_object_info(void) {
  STRUCT(dolium_object_info);
  MEMBER(dolium_object_info, struct_size);
  MEMBER(dolium_object_info, id);
  MEMBER(dolium_object_info, state);
  MEMBER(dolium_object_info, data_size);
  MEMBER(dolium_object_info, metadata_size);
  MEMBER(dolium_object_info, created_at_ns);
  MEMBER(dolium_object_info, sealed_at_ns);
  MEMBER(dolium_object_info, last_accessed_at_ns);
  MEMBER(dolium_object_info, ref_count);
  MEMBER(dolium_object_info, type_tag);
  MEMBER(dolium_object_info, time_to_live_ns);
  MEMBER(dolium_object_info, time_to_idle_ns);
  MEMBER(dolium_object_info, grace_left_ns);
  MEMBER(dolium_object_info, grace_readers_left);
  MEMBER(dolium_object_info, creator_pid);
  MEMBER(dolium_object_info, pinned);
  MEMBER(dolium_object_info, type_name_size);
  MEMBER(dolium_object_info, label_size);
  MEMBER(dolium_object_info, reserved);
  MEMBER(dolium_object_info, type_name);
  MEMBER(dolium_object_info, label);
  MEMBER(dolium_object_info, creator_command);
  MEMBER(dolium_object_info, seal_stamp);
  MEMBER(dolium_object_info, retention);
  MEMBER(dolium_object_info, place);
}

static void print_use(void) {
  STRUCT(dolium_use);
  MEMBER(dolium_use, struct_size);
  MEMBER(dolium_use, session_id);
  MEMBER(dolium_use, pid);
  MEMBER(dolium_use, role);
  MEMBER(dolium_use, references);
  MEMBER(dolium_use, bytes_held);
  MEMBER(dolium_use, unsealed_bytes);
  MEMBER(dolium_use, leased_bytes);
  MEMBER(dolium_use, origin_pid);
  MEMBER(dolium_use, reserved);
  MEMBER(dolium_use, command);
  MEMBER(dolium_use, name);
  MEMBER(dolium_use, host);
  MEMBER(dolium_use, pod);
}

static void print_filter(void) {
  STRUCT(dolium_filter);
  MEMBER(dolium_filter, struct_size);
  MEMBER(dolium_filter, label_prefix);
  MEMBER(dolium_filter, label_prefix_size);
  MEMBER(dolium_filter, type_name);
  MEMBER(dolium_filter, type_name_size);
  MEMBER(dolium_filter, state);
  MEMBER(dolium_filter, creator_pid);
}

static void print_client_info(void) {
  STRUCT(dolium_client_info);
  MEMBER(dolium_client_info, struct_size);
  MEMBER(dolium_client_info, session_id);
  MEMBER(dolium_client_info, pid);
  MEMBER(dolium_client_info, uid);
  MEMBER(dolium_client_info, flags);
  MEMBER(dolium_client_info, origin_pid);
  MEMBER(dolium_client_info, references);
  MEMBER(dolium_client_info, objects_held);
  MEMBER(dolium_client_info, bytes_held);
  MEMBER(dolium_client_info, unsealed_count);
  MEMBER(dolium_client_info, unsealed_bytes);
  MEMBER(dolium_client_info, hits);
  MEMBER(dolium_client_info, misses);
  MEMBER(dolium_client_info, waiting_gets);
  MEMBER(dolium_client_info, waiting_creates);
  MEMBER(dolium_client_info, unread_bytes);
  MEMBER(dolium_client_info, graced_count);
  MEMBER(dolium_client_info, graced_bytes);
  MEMBER(dolium_client_info, connected_for_ns);
  MEMBER(dolium_client_info, oldest_unsealed_ns);
  MEMBER(dolium_client_info, longest_held_ns);
  MEMBER(dolium_client_info, command);
  MEMBER(dolium_client_info, user);
  MEMBER(dolium_client_info, name);
  MEMBER(dolium_client_info, host);
  MEMBER(dolium_client_info, pod);
}

static void print_obstacles(void) {
  STRUCT(dolium_obstacles);
  MEMBER(dolium_obstacles, count);
  MEMBER(dolium_obstacles, held_bytes);
  MEMBER(dolium_obstacles, writing_bytes);
  MEMBER(dolium_obstacles, leased_bytes);
  MEMBER(dolium_obstacles, abandoned_bytes);
  MEMBER(dolium_obstacles, pinned_bytes);
  MEMBER(dolium_obstacles, graced_bytes);
  MEMBER(dolium_obstacles, movable_bytes);
  MEMBER(dolium_obstacles, largest_run);
  MEMBER(dolium_obstacles, reserved);
}

static void print_histogram_row(void) {
  STRUCT(dolium_histogram_row);
  MEMBER(dolium_histogram_row, bytes);
  MEMBER(dolium_histogram_row, count);
}

static void print_spill_tier(void) {
  STRUCT(dolium_spill_tier);
  MEMBER(dolium_spill_tier, state);
  MEMBER(dolium_spill_tier, pid);
  MEMBER(dolium_spill_tier, connected_for_ns);
  MEMBER(dolium_spill_tier, oldest_work_ns);
  MEMBER(dolium_spill_tier, writing_count);
  MEMBER(dolium_spill_tier, writing_bytes);
  MEMBER(dolium_spill_tier, reading_bytes);
  MEMBER(dolium_spill_tier, capacity_bytes);
  MEMBER(dolium_spill_tier, used_bytes);
  MEMBER(dolium_spill_tier, live_bytes);
  MEMBER(dolium_spill_tier, records);
  MEMBER(dolium_spill_tier, files);
  MEMBER(dolium_spill_tier, written_bytes);
  MEMBER(dolium_spill_tier, read_bytes);
  MEMBER(dolium_spill_tier, compacted_bytes);
  MEMBER(dolium_spill_tier, write_errors);
  MEMBER(dolium_spill_tier, read_errors);
  MEMBER(dolium_spill_tier, damaged_count);
  MEMBER(dolium_spill_tier, unreadable_count);
  MEMBER(dolium_spill_tier, lost_records);
  MEMBER(dolium_spill_tier, last_sync_ns);
  MEMBER(dolium_spill_tier, reserved);
  MEMBER(dolium_spill_tier, io);
  MEMBER(dolium_spill_tier, directory);
  MEMBER(dolium_spill_tier, reason);
}

static void print_store_stats(void) {
  STRUCT(dolium_store_stats);
  MEMBER(dolium_store_stats, struct_size);
  MEMBER(dolium_store_stats, total_objects);
  MEMBER(dolium_store_stats, total_size);
  MEMBER(dolium_store_stats, capacity);
  MEMBER(dolium_store_stats, used_bytes);
  MEMBER(dolium_store_stats, free_bytes);
  MEMBER(dolium_store_stats, largest_free_extent);
  MEMBER(dolium_store_stats, padding_bytes);
  MEMBER(dolium_store_stats, reserved_bytes);
  MEMBER(dolium_store_stats, max_objects);
  MEMBER(dolium_store_stats, pinned_count);
  MEMBER(dolium_store_stats, pinned_bytes);
  MEMBER(dolium_store_stats, graced_count);
  MEMBER(dolium_store_stats, graced_bytes);
  MEMBER(dolium_store_stats, in_use_count);
  MEMBER(dolium_store_stats, in_use_bytes);
  MEMBER(dolium_store_stats, unsealed_count);
  MEMBER(dolium_store_stats, unsealed_bytes);
  MEMBER(dolium_store_stats, retired_count);
  MEMBER(dolium_store_stats, retired_bytes);
  MEMBER(dolium_store_stats, quarantined_count);
  MEMBER(dolium_store_stats, quarantined_bytes);
  MEMBER(dolium_store_stats, evictable_bytes);
  MEMBER(dolium_store_stats, get_count);
  MEMBER(dolium_store_stats, hit_count);
  MEMBER(dolium_store_stats, miss_count);
  MEMBER(dolium_store_stats, put_count);
  MEMBER(dolium_store_stats, eviction_count);
  MEMBER(dolium_store_stats, evicted_bytes);
  MEMBER(dolium_store_stats, relocation_count);
  MEMBER(dolium_store_stats, relocated_bytes);
  MEMBER(dolium_store_stats, expired_count);
  MEMBER(dolium_store_stats, removed_count);
  MEMBER(dolium_store_stats, aborted_count);
  MEMBER(dolium_store_stats, out_of_memory_count);
  MEMBER(dolium_store_stats, client_count);
  MEMBER(dolium_store_stats, waiting_gets);
  MEMBER(dolium_store_stats, waiting_creates);
  MEMBER(dolium_store_stats, uptime_ns);
  MEMBER(dolium_store_stats, pid_namespace);
  MEMBER(dolium_store_stats, server_pid);
  MEMBER(dolium_store_stats, histogram_rows);
  MEMBER(dolium_store_stats, obstacles);
  MEMBER(dolium_store_stats, histogram);
  MEMBER(dolium_store_stats, server_version);
  MEMBER(dolium_store_stats, dirty_count);
  MEMBER(dolium_store_stats, dirty_bytes);
  MEMBER(dolium_store_stats, clean_count);
  MEMBER(dolium_store_stats, clean_bytes);
  MEMBER(dolium_store_stats, spilled_count);
  MEMBER(dolium_store_stats, spilled_bytes);
  MEMBER(dolium_store_stats, reading_count);
  MEMBER(dolium_store_stats, spill_count);
  MEMBER(dolium_store_stats, read_back_count);
  MEMBER(dolium_store_stats, tier);
}

static void print_refusal(void) {
  STRUCT(dolium_refusal);
  MEMBER(dolium_refusal, struct_size);
  MEMBER(dolium_refusal, id);
  MEMBER(dolium_refusal, code);
  MEMBER(dolium_refusal, cause);
  MEMBER(dolium_refusal, reserved);
  MEMBER(dolium_refusal, size);
  MEMBER(dolium_refusal, ago_ns);
  MEMBER(dolium_refusal, session_id);
  MEMBER(dolium_refusal, pid);
  MEMBER(dolium_refusal, reserved2);
  MEMBER(dolium_refusal, free_bytes);
  MEMBER(dolium_refusal, largest_free_extent);
  MEMBER(dolium_refusal, obstacles);
  MEMBER(dolium_refusal, command);
  MEMBER(dolium_refusal, name);
  MEMBER(dolium_refusal, reason);
}

static void print_ticket_info(void) {
  STRUCT(dolium_ticket_info);
  MEMBER(dolium_ticket_info, struct_size);
  MEMBER(dolium_ticket_info, id);
  MEMBER(dolium_ticket_info, type_name_size);
  MEMBER(dolium_ticket_info, store_number);
  MEMBER(dolium_ticket_info, type_name);
}

static void print_event(void) {
  STRUCT(dolium_event);
  MEMBER(dolium_event, struct_size);
  MEMBER(dolium_event, kind);
  MEMBER(dolium_event, removal);
  MEMBER(dolium_event, id);
  MEMBER(dolium_event, label_size);
  MEMBER(dolium_event, data_size);
  MEMBER(dolium_event, metadata_size);
  MEMBER(dolium_event, label);
}

static void print_values(void) {
  VALUE(DOLIUM_OK); VALUE(DOLIUM_NOT_FOUND); VALUE(DOLIUM_ALREADY_EXISTS); VALUE(DOLIUM_NOT_SEALED);
  VALUE(DOLIUM_ALREADY_SEALED); VALUE(DOLIUM_OUT_OF_MEMORY); VALUE(DOLIUM_TOO_LARGE); VALUE(DOLIUM_TIMED_OUT);
  VALUE(DOLIUM_TYPE_MISMATCH); VALUE(DOLIUM_INVALID_ARGUMENT); VALUE(DOLIUM_PERMISSION_DENIED);
  VALUE(DOLIUM_DISCONNECTED); VALUE(DOLIUM_PROTOCOL_ERROR); VALUE(DOLIUM_SYSTEM_ERROR); VALUE(DOLIUM_TIER_UNAVAILABLE); VALUE(DOLIUM_CAUSE_NONE);
  VALUE(DOLIUM_CAUSE_ROOM); VALUE(DOLIUM_CAUSE_OBJECTS); VALUE(DOLIUM_CAUSE_PINS); VALUE(DOLIUM_CAUSE_WRITING);
  VALUE(DOLIUM_CAUSE_CAPACITY); VALUE(DOLIUM_CAUSE_DESCRIPTION); VALUE(DOLIUM_CAUSE_MEMORY); VALUE(DOLIUM_CAUSE_DISK);
  VALUE(DOLIUM_CONNECT_READ_ONLY); VALUE(DOLIUM_CONNECT_NO_RINGS); VALUE(DOLIUM_CONNECT_NO_FOLLOW_FORK);
  VALUE(DOLIUM_CONNECT_RECONNECT); VALUE(DOLIUM_OPEN_NO_RELOCATION); VALUE(DOLIUM_OPEN_PREALLOCATE);
  VALUE(DOLIUM_OPEN_HUGE_PAGES); VALUE(DOLIUM_EVICT_LRU); VALUE(DOLIUM_EVICT_LFU); VALUE(DOLIUM_EVICT_FIFO);
  VALUE(DOLIUM_EVICT_ADAPTIVE);
  VALUE(DOLIUM_CREATE_PINNED); VALUE(DOLIUM_ANY_STATE); VALUE(DOLIUM_UNSEALED); VALUE(DOLIUM_SEALED);
  VALUE(DOLIUM_HOLDER); VALUE(DOLIUM_WAITER); VALUE(DOLIUM_CLIENT_READ_ONLY); VALUE(DOLIUM_CLIENT_QUARANTINED);
  VALUE(DOLIUM_CLIENT_LEFT); VALUE(DOLIUM_CLIENT_ORPHANED); VALUE(DOLIUM_EVENT_SEALED); VALUE(DOLIUM_EVENT_REMOVED);
  VALUE(DOLIUM_EVENT_OVERFLOW); VALUE(DOLIUM_REMOVAL_REMOVED); VALUE(DOLIUM_REMOVAL_EVICTED);
  VALUE(DOLIUM_REMOVAL_EXPIRED); VALUE(DOLIUM_REMOVAL_CLEARED); VALUE(DOLIUM_REMOVAL_LOST);
  VALUE(DOLIUM_RETENTION_DEFAULT); VALUE(DOLIUM_RETENTION_CACHE); VALUE(DOLIUM_RETENTION_KEEP); VALUE(DOLIUM_ABI_VERSION);
  VALUE(DOLIUM_ERROR_TEXT_SIZE); VALUE(DOLIUM_ID_SIZE); VALUE(DOLIUM_ID_TEXT_SIZE); VALUE(DOLIUM_MAX_NAME);
  VALUE(DOLIUM_MAX_METADATA); VALUE(DOLIUM_MAX_DEFERRED); VALUE(DOLIUM_MAX_WAIT_IDS); VALUE(DOLIUM_MAX_GRACE_NS);
  VALUE(DOLIUM_TEXT_SIZE); VALUE(DOLIUM_TICKET_TEXT_SIZE); VALUE(DOLIUM_PATH_SIZE); VALUE(DOLIUM_PLACE_MEMORY);
  VALUE(DOLIUM_PLACE_MEMORY_AND_DISK); VALUE(DOLIUM_PLACE_DISK); VALUE(DOLIUM_PLACE_READING_BACK);
  VALUE(DOLIUM_TIER_NONE); VALUE(DOLIUM_TIER_ABSENT); VALUE(DOLIUM_TIER_CATALOGUE); VALUE(DOLIUM_TIER_READY);
  VALUE(DOLIUM_TIER_FULL); VALUE(DOLIUM_TIER_READ_ONLY); VALUE(DOLIUM_TIER_FAILED); VALUE(DOLIUM_TIER_STALLED);
}

static void print_tags(void) {
  VALUE(DOLIUM_TAG_BYTES); VALUE(DOLIUM_TAG_BOOL); VALUE(DOLIUM_TAG_I8); VALUE(DOLIUM_TAG_U8); VALUE(DOLIUM_TAG_I16);
  VALUE(DOLIUM_TAG_U16); VALUE(DOLIUM_TAG_I32); VALUE(DOLIUM_TAG_U32); VALUE(DOLIUM_TAG_I64); VALUE(DOLIUM_TAG_U64);
  VALUE(DOLIUM_TAG_I128); VALUE(DOLIUM_TAG_U128); VALUE(DOLIUM_TAG_F16); VALUE(DOLIUM_TAG_F32);
  VALUE(DOLIUM_TAG_F64); VALUE(DOLIUM_TAG_C64); VALUE(DOLIUM_TAG_C128); VALUE(DOLIUM_TAG_UTF8);
  VALUE(DOLIUM_TAG_BOOL_ARRAY); VALUE(DOLIUM_TAG_I8_ARRAY); VALUE(DOLIUM_TAG_U8_ARRAY); VALUE(DOLIUM_TAG_I16_ARRAY);
  VALUE(DOLIUM_TAG_U16_ARRAY); VALUE(DOLIUM_TAG_I32_ARRAY); VALUE(DOLIUM_TAG_U32_ARRAY); VALUE(DOLIUM_TAG_I64_ARRAY);
  VALUE(DOLIUM_TAG_U64_ARRAY); VALUE(DOLIUM_TAG_I128_ARRAY); VALUE(DOLIUM_TAG_U128_ARRAY);
  VALUE(DOLIUM_TAG_F16_ARRAY); VALUE(DOLIUM_TAG_F32_ARRAY); VALUE(DOLIUM_TAG_F64_ARRAY); VALUE(DOLIUM_TAG_C64_ARRAY);
  VALUE(DOLIUM_TAG_C128_ARRAY);
}

int main(void) {
  print_error();
  print_id();
  print_object();
  print_connect_options();
  print_open_options();
  print_create_options();
  print_put_item();
  print_failure();
  print_object_info();
  print_use();
  print_filter();
  print_client_info();
  print_obstacles();
  print_histogram_row();
  print_spill_tier();
  print_store_stats();
  print_refusal();
  print_ticket_info();
  print_event();
  print_values();
  print_tags();
  return 0;
}
