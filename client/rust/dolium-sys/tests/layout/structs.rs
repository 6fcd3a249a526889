// Written by `generate` from the headers in client/c/include/dolium/c. Do not edit.

layouts! {
    dolium_error { code, cause, error_number, message_size, message }
    dolium_id { bytes }
    dolium_object { data, size, metadata, metadata_size, type_tag, id, opaque, opaque2 }
    dolium_connect_options { struct_size, flags, reserved, name, name_size, connect_timeout_ns, busy_poll_ns }
    dolium_open_options { struct_size, flags, eviction_policy, capacity, max_objects, reserved, low_water_mark, max_unsealed_bytes_per_client, max_pinned_bytes_per_user }
    dolium_create_options { struct_size, flags, grace_readers, metadata, metadata_size, type_tag, type_name, type_name_size, label, label_size, time_to_live_ns, time_to_idle_ns, grace_ns, timeout_ns, copy_threads, retention }
    dolium_put_item { id, reserved, data, size, options, reserved2 }
    dolium_failure { struct_size, id, code, cause, error_number, index, message }
    dolium_spill_tier { state, pid, connected_for_ns, oldest_work_ns, writing_count, writing_bytes, reading_bytes, capacity_bytes, used_bytes, live_bytes, records, files, written_bytes, read_bytes, compacted_bytes, write_errors, read_errors, damaged_count, unreadable_count, lost_records, last_sync_ns, reserved, io, directory, reason }
    dolium_object_info { struct_size, id, state, data_size, metadata_size, created_at_ns, sealed_at_ns, last_accessed_at_ns, ref_count, type_tag, time_to_live_ns, time_to_idle_ns, grace_left_ns, grace_readers_left, creator_pid, pinned, type_name_size, label_size, reserved, type_name, label, creator_command, seal_stamp, retention, place }
    dolium_use { struct_size, session_id, pid, role, references, bytes_held, unsealed_bytes, leased_bytes, origin_pid, reserved, command, name, host, pod }
    dolium_filter { struct_size, label_prefix, label_prefix_size, type_name, type_name_size, state, creator_pid }
    dolium_client_info { struct_size, session_id, pid, uid, flags, origin_pid, references, objects_held, bytes_held, unsealed_count, unsealed_bytes, hits, misses, waiting_gets, waiting_creates, unread_bytes, graced_count, graced_bytes, connected_for_ns, oldest_unsealed_ns, longest_held_ns, command, user, name, host, pod }
    dolium_obstacles { count, held_bytes, writing_bytes, leased_bytes, abandoned_bytes, pinned_bytes, graced_bytes, movable_bytes, largest_run, reserved }
    dolium_histogram_row { bytes, count }
    dolium_store_stats { struct_size, total_objects, total_size, capacity, used_bytes, free_bytes, largest_free_extent, padding_bytes, reserved_bytes, max_objects, pinned_count, pinned_bytes, graced_count, graced_bytes, in_use_count, in_use_bytes, unsealed_count, unsealed_bytes, retired_count, retired_bytes, quarantined_count, quarantined_bytes, evictable_bytes, get_count, hit_count, miss_count, put_count, eviction_count, evicted_bytes, relocation_count, relocated_bytes, expired_count, removed_count, aborted_count, out_of_memory_count, client_count, waiting_gets, waiting_creates, uptime_ns, pid_namespace, server_pid, histogram_rows, obstacles, histogram, server_version, dirty_count, dirty_bytes, clean_count, clean_bytes, spilled_count, spilled_bytes, reading_count, spill_count, read_back_count, tier }
    dolium_refusal { struct_size, id, code, cause, reserved, size, ago_ns, session_id, pid, reserved2, free_bytes, largest_free_extent, obstacles, command, name, reason }
    dolium_ticket_info { struct_size, id, type_name_size, store_number, type_name }
    dolium_event { struct_size, kind, removal, id, label_size, data_size, metadata_size, label }
}
