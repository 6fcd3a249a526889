package io.dolium;

import java.util.List;

/** The structs of the C interface, with their members as the headers declare them. */
final class Structs {
  /** dolium_error. */
  static final CStruct ERROR =
      CStruct.of(
          "dolium_error",
          "dolium_code code; dolium_cause cause; int32_t error_number; uint32_t message_size; char message[1008];");

  /** dolium_id. */
  static final CStruct ID = CStruct.of("dolium_id", "uint8_t bytes[20];");

  /** dolium_object. */
  static final CStruct OBJECT =
      CStruct.of(
          "dolium_object",
          """
          const void* data; uint64_t size; const void* metadata; uint64_t metadata_size; uint64_t type_tag; dolium_id id;
          uint32_t opaque; uint64_t opaque2[4];
          """);

  /** dolium_connect_options. */
  static final CStruct CONNECT_OPTIONS =
      CStruct.of(
          "dolium_connect_options",
          """
          size_t struct_size; uint32_t flags; uint32_t reserved; const char* name; size_t name_size;
          int64_t connect_timeout_ns; int64_t busy_poll_ns;
          """);

  /** dolium_open_options. */
  static final CStruct OPEN_OPTIONS =
      CStruct.of(
          "dolium_open_options",
          """
          size_t struct_size; uint32_t flags; int32_t eviction_policy; uint64_t capacity; uint32_t max_objects;
          uint32_t reserved; double low_water_mark; uint64_t max_unsealed_bytes_per_client;
          uint64_t max_pinned_bytes_per_user;
          """);

  /** dolium_create_options. */
  static final CStruct CREATE_OPTIONS =
      CStruct.of(
          "dolium_create_options",
          """
          size_t struct_size; uint32_t flags; uint32_t grace_readers; const void* metadata; size_t metadata_size;
          uint64_t type_tag; const char* type_name; size_t type_name_size; const char* label; size_t label_size;
          int64_t time_to_live_ns; int64_t time_to_idle_ns; int64_t grace_ns; int64_t timeout_ns; uint32_t copy_threads;
          int32_t retention;
          """);

  /** dolium_put_item. */
  static final CStruct PUT_ITEM =
      CStruct.of(
          "dolium_put_item",
          """
          dolium_id id; uint32_t reserved; const void* data; size_t size; const dolium_create_options* options;
          uint64_t reserved2[2];
          """);

  /** dolium_failure. */
  static final CStruct FAILURE =
      CStruct.of(
          "dolium_failure",
          """
          size_t struct_size; dolium_id id; dolium_code code; dolium_cause cause; int32_t error_number; uint64_t index;
          const char* message;
          """);

  /** dolium_ticket_info. */
  static final CStruct TICKET_INFO =
      CStruct.of(
          "dolium_ticket_info",
          "size_t struct_size; dolium_id id; uint32_t type_name_size; uint64_t store_number; char type_name[256];");

  /** dolium_event. */
  static final CStruct EVENT =
      CStruct.of(
          "dolium_event",
          """
          size_t struct_size; int32_t kind; int32_t removal; dolium_id id; uint32_t label_size; uint64_t data_size;
          uint64_t metadata_size; char label[256];
          """);

  /** dolium_object_info. */
  static final CStruct OBJECT_INFO =
      CStruct.of(
          "dolium_object_info",
          """
          size_t struct_size; dolium_id id; int32_t state; uint64_t data_size; uint64_t metadata_size;
          int64_t created_at_ns; int64_t sealed_at_ns; int64_t last_accessed_at_ns; uint64_t ref_count; uint64_t type_tag;
          int64_t time_to_live_ns; int64_t time_to_idle_ns; int64_t grace_left_ns; uint32_t grace_readers_left;
          int32_t creator_pid; uint32_t pinned; uint32_t type_name_size; uint32_t label_size; uint32_t reserved;
          char type_name[256]; char label[256]; char creator_command[256]; uint64_t seal_stamp; int32_t retention;
          int32_t place;
          """);

  /** dolium_use. */
  static final CStruct USE =
      CStruct.of(
          "dolium_use",
          """
          size_t struct_size; uint64_t session_id; int32_t pid; int32_t role; uint64_t references; uint64_t bytes_held;
          uint64_t unsealed_bytes; uint64_t leased_bytes; int32_t origin_pid; uint32_t reserved; char command[256];
          char name[256]; char host[256]; char pod[256];
          """);

  /** dolium_filter. */
  static final CStruct FILTER =
      CStruct.of(
          "dolium_filter",
          """
          size_t struct_size; const char* label_prefix; size_t label_prefix_size; const char* type_name;
          size_t type_name_size; int32_t state; int32_t creator_pid;
          """);

  /** dolium_client_info. */
  static final CStruct CLIENT_INFO =
      CStruct.of(
          "dolium_client_info",
          """
          size_t struct_size; uint64_t session_id; int32_t pid; uint32_t uid; uint32_t flags; int32_t origin_pid;
          uint64_t references; uint64_t objects_held; uint64_t bytes_held; uint64_t unsealed_count;
          uint64_t unsealed_bytes; uint64_t hits; uint64_t misses; uint64_t waiting_gets; uint64_t waiting_creates;
          uint64_t unread_bytes; uint64_t graced_count; uint64_t graced_bytes; int64_t connected_for_ns;
          int64_t oldest_unsealed_ns; int64_t longest_held_ns; char command[256]; char user[256]; char name[256];
          char host[256]; char pod[256];
          """);

  /** dolium_obstacles. */
  static final CStruct OBSTACLES =
      CStruct.of(
          "dolium_obstacles",
          """
          uint64_t count; uint64_t held_bytes; uint64_t writing_bytes; uint64_t leased_bytes; uint64_t abandoned_bytes;
          uint64_t pinned_bytes; uint64_t graced_bytes; uint64_t movable_bytes; uint64_t largest_run;
          uint64_t reserved[3];
          """);

  /** dolium_histogram_row. */
  static final CStruct HISTOGRAM_ROW =
      CStruct.of("dolium_histogram_row", "uint64_t bytes; uint64_t count;");

  /** dolium_spill_tier. */
  static final CStruct SPILL_TIER =
      CStruct.of(
          "dolium_spill_tier",
          """
          int32_t state; int32_t pid; int64_t connected_for_ns; int64_t oldest_work_ns;
          uint64_t writing_count, writing_bytes; uint64_t reading_bytes; uint64_t capacity_bytes; uint64_t used_bytes;
          uint64_t live_bytes; uint64_t records; uint64_t files; uint64_t written_bytes, read_bytes, compacted_bytes;
          uint64_t write_errors, read_errors; uint64_t damaged_count; uint64_t unreadable_count; uint64_t lost_records;
          int64_t last_sync_ns; uint64_t reserved[8]; char io[16]; char directory[1024]; char reason[1008];
          """);

  /** dolium_store_stats. */
  static final CStruct STORE_STATS =
      CStruct.of(
          "dolium_store_stats",
          """
          size_t struct_size; uint64_t total_objects; uint64_t total_size; uint64_t capacity; uint64_t used_bytes;
          uint64_t free_bytes; uint64_t largest_free_extent; uint64_t padding_bytes; uint64_t reserved_bytes;
          uint64_t max_objects; uint64_t pinned_count, pinned_bytes; uint64_t graced_count, graced_bytes;
          uint64_t in_use_count, in_use_bytes; uint64_t unsealed_count, unsealed_bytes;
          uint64_t retired_count, retired_bytes; uint64_t quarantined_count, quarantined_bytes; uint64_t evictable_bytes;
          uint64_t get_count, hit_count, miss_count; uint64_t put_count; uint64_t eviction_count, evicted_bytes;
          uint64_t relocation_count, relocated_bytes; uint64_t expired_count, removed_count, aborted_count;
          uint64_t out_of_memory_count; uint64_t client_count; uint64_t waiting_gets, waiting_creates; int64_t uptime_ns;
          uint64_t pid_namespace; int32_t server_pid; uint32_t histogram_rows; dolium_obstacles obstacles;
          dolium_histogram_row histogram[64]; char server_version[256]; uint64_t dirty_count, dirty_bytes;
          uint64_t clean_count, clean_bytes; uint64_t spilled_count, spilled_bytes; uint64_t reading_count;
          uint64_t spill_count, read_back_count; dolium_spill_tier tier;
          """);

  /** dolium_refusal. */
  static final CStruct REFUSAL =
      CStruct.of(
          "dolium_refusal",
          """
          size_t struct_size; dolium_id id; dolium_code code; dolium_cause cause; uint32_t reserved; uint64_t size;
          int64_t ago_ns; uint64_t session_id; int32_t pid; uint32_t reserved2; uint64_t free_bytes;
          uint64_t largest_free_extent; dolium_obstacles obstacles; char command[256]; char name[256]; char reason[1008];
          """);

  /** All of them. */
  static final List<CStruct> ALL =
      List.of(
          ERROR, ID, OBJECT, CONNECT_OPTIONS, OPEN_OPTIONS, CREATE_OPTIONS, PUT_ITEM, FAILURE, TICKET_INFO, EVENT,
          OBJECT_INFO, USE, FILTER, CLIENT_INFO, OBSTACLES, HISTOGRAM_ROW, SPILL_TIER, STORE_STATS,
          REFUSAL);

  private Structs() {}
}
