#ifndef DOLIUM_C_REPORT_H
#define DOLIUM_C_REPORT_H
// What the store knows: about one object, all objects, the clients, itself. Snapshots of the moment of the call. The
// texts in these structs are copies, terminated, and cut at 255 bytes (labels and type names are never longer).

#include <dolium/c/base.h>
#include <dolium/c/id.h>
#include <dolium/c/store.h>
#include <dolium/c/tier.h>

DOLIUM_C_BEGIN

/// Bytes of a text in a report, with its terminating zero.
#define DOLIUM_TEXT_SIZE 256

// ---- objects ----

enum {
  DOLIUM_ANY_STATE = 0,  ///< of a filter only
  DOLIUM_UNSEALED = 1,   ///< being written
  DOLIUM_SEALED = 2
};

/// Where an object's bytes are. All but the first: only with DOLIUM_RETENTION_KEEP.
enum {
  DOLIUM_PLACE_MEMORY = 1,           ///< in memory only
  DOLIUM_PLACE_MEMORY_AND_DISK = 2,  ///< in both: its memory can be given up at once
  DOLIUM_PLACE_DISK = 3,             ///< on disk only: a get reads it back
  DOLIUM_PLACE_READING_BACK = 4      ///< on disk, and being read back
};

typedef struct dolium_object_info {
  size_t struct_size;
  dolium_id id;
  int32_t state;  ///< DOLIUM_UNSEALED, DOLIUM_SEALED; a later version can have more
  uint64_t data_size;
  uint64_t metadata_size;
  int64_t created_at_ns;
  int64_t sealed_at_ns;         ///< 0 while unsealed
  int64_t last_accessed_at_ns;  ///< time of the last get, or of the seal before the first get
  uint64_t ref_count;           ///< references held by all clients together
  uint64_t type_tag;
  int64_t time_to_live_ns;  ///< as given at create; 0: none
  int64_t time_to_idle_ns;
  int64_t grace_left_ns;        ///< how long a grace still keeps it; 0: no grace, or it is over
  uint32_t grace_readers_left;  ///< number of sessions whose gets end the grace
  int32_t creator_pid;
  uint32_t pinned;  ///< 1: pinned
  uint32_t type_name_size;
  uint32_t label_size;
  uint32_t reserved;
  char type_name[DOLIUM_TEXT_SIZE];
  char label[DOLIUM_TEXT_SIZE];
  char creator_command[DOLIUM_TEXT_SIZE];  ///< of dolium_metadata() only, while the creator is connected
  uint64_t seal_stamp;  ///< different for each object that was ever sealed, also under the same id; 0 while unsealed.
                        ///< This, and those below: since version 3
  int32_t retention;    ///< DOLIUM_RETENTION_CACHE or DOLIUM_RETENTION_KEEP, also if its creator gave the default
  int32_t place;        ///< DOLIUM_PLACE_...; on disk, its type name and label are not known, and empty
} dolium_object_info;

enum {
  DOLIUM_HOLDER = 1,  ///< holds references
  DOLIUM_WAITER = 2   ///< its gets wait for the seal
};

/// One client's use of an object, or of the whole store.
typedef struct dolium_use {
  size_t struct_size;
  uint64_t session_id;
  int32_t pid;
  int32_t role;  ///< DOLIUM_HOLDER, DOLIUM_WAITER
  uint64_t references;
  uint64_t bytes_held;      ///< in the arena, each object once
  uint64_t unsealed_bytes;  ///< being written
  uint64_t leased_bytes;    ///< part of unsealed_bytes: leased for deferred puts
  int32_t origin_pid;       ///< in its own PID namespace, as the client stated it; 0: not stated
  uint32_t reserved;
  char command[DOLIUM_TEXT_SIZE];  ///< the program's name when the client connected
  char name[DOLIUM_TEXT_SIZE];     ///< dolium_connect_options.name
  char host[DOLIUM_TEXT_SIZE];     ///< its own host name, as the client stated it
  char pod[DOLIUM_TEXT_SIZE];      ///< its environment variable POD_NAME
} dolium_use;

/// A listing of uses, read from its first to its last.
typedef struct dolium_use_list dolium_use_list;
DOLIUM_C_API size_t dolium_use_list_count(const dolium_use_list* list);
/// Fills `use`, whose struct_size must be set, with the next one. DOLIUM_NOT_FOUND at the end.
DOLIUM_C_API dolium_code dolium_use_list_next(dolium_use_list* list, dolium_use* use, dolium_error* error);
/// Accepts NULL.
DOLIUM_C_API void dolium_use_list_free(dolium_use_list* list);

/// Fills `info`, whose struct_size must be set. Finds sealed objects and those that are being written.
/// DOLIUM_NOT_FOUND if there is none. `uses` (may be NULL) gets at most 64 holders and 64 waiters, the most references
/// first; the caller frees it with dolium_use_list_free().
DOLIUM_C_API dolium_code dolium_metadata(dolium_store* store, const dolium_id* id, dolium_object_info* info,
                                         dolium_use_list** uses, dolium_error* error);

/// Which objects dolium_list() returns: those that have all these properties.
typedef struct dolium_filter {
  size_t struct_size;
  const char* label_prefix;  ///< how the label begins; NULL: any label, or none
  size_t label_prefix_size;  ///< 0: the prefix ends at its first zero byte
  const char* type_name;     ///< the whole name, or the 16 digits of the tag of an unnamed type; NULL: any
  size_t type_name_size;     ///< 0: the name ends at its first zero byte
  int32_t state;             ///< DOLIUM_ANY_STATE, DOLIUM_UNSEALED, DOLIUM_SEALED
  int32_t creator_pid;       ///< 0: any
} dolium_filter;
#define DOLIUM_FILTER_INIT \
  { sizeof(dolium_filter), NULL, 0, NULL, 0, DOLIUM_ANY_STATE, 0 }

/// A listing of objects, read from its first to its last.
typedef struct dolium_object_list dolium_object_list;
/// All objects, sealed or not, that pass the filter; NULL: all. The caller frees the list with
/// dolium_object_list_free().
DOLIUM_C_API dolium_code dolium_list(dolium_store* store, const dolium_filter* filter, dolium_object_list** list,
                                     dolium_error* error);
DOLIUM_C_API size_t dolium_object_list_count(const dolium_object_list* list);
/// Fills `info`, whose struct_size must be set, with the next object. DOLIUM_NOT_FOUND at the end.
DOLIUM_C_API dolium_code dolium_object_list_next(dolium_object_list* list, dolium_object_info* info,
                                                 dolium_error* error);
/// Accepts NULL.
DOLIUM_C_API void dolium_object_list_free(dolium_object_list* list);

/// Removes an object that a listing or dolium_metadata() has described, and no other that was put under its id since.
/// Reads the id and the seal_stamp of `object`. `removed` (may be NULL): false if it was gone already.
/// DOLIUM_NOT_SEALED if it was not sealed when it was described.
DOLIUM_C_API dolium_code dolium_remove_described(dolium_store* store, const dolium_object_info* object, bool* removed,
                                                 dolium_error* error);

// ---- clients ----

enum {
  DOLIUM_CLIENT_READ_ONLY = 1 << 0,
  DOLIUM_CLIENT_QUARANTINED = 1 << 1,  ///< the daemon ended this session because it broke the protocol
  DOLIUM_CLIENT_LEFT = 1 << 2,         ///< closed, but still holds objects
  DOLIUM_CLIENT_ORPHANED = 1 << 3      ///< was connected to a server that crashed, and has not resumed yet
};

typedef struct dolium_client_info {
  size_t struct_size;
  uint64_t session_id;
  int32_t pid;  ///< in the daemon's PID namespace; 0: not visible there
  uint32_t uid;
  uint32_t flags;         ///< DOLIUM_CLIENT_...
  int32_t origin_pid;     ///< in its own PID namespace, as the client stated it; 0: not stated
  uint64_t references;    ///< two of one object count twice
  uint64_t objects_held;  ///< different objects
  uint64_t bytes_held;    ///< their bytes in the arena, each object once
  uint64_t unsealed_count;
  uint64_t unsealed_bytes;
  uint64_t hits;
  uint64_t misses;
  uint64_t waiting_gets;
  uint64_t waiting_creates;
  uint64_t unread_bytes;  ///< of replies and events that it has not read yet
  uint64_t graced_count;  ///< objects that are kept by graces that it gave
  uint64_t graced_bytes;
  int64_t connected_for_ns;
  int64_t oldest_unsealed_ns;      ///< age of its oldest unsealed object
  int64_t longest_held_ns;         ///< age of its oldest reference
  char command[DOLIUM_TEXT_SIZE];  ///< the program's name
  char user[DOLIUM_TEXT_SIZE];     ///< the user's name, or the number if there is no name
  char name[DOLIUM_TEXT_SIZE];     ///< dolium_connect_options.name
  char host[DOLIUM_TEXT_SIZE];     ///< its own host name, as the client stated it
  char pod[DOLIUM_TEXT_SIZE];      ///< its environment variable POD_NAME
} dolium_client_info;

/// A listing of clients, read from its first to its last.
typedef struct dolium_client_list dolium_client_list;
/// All clients of the store. The caller frees the list with dolium_client_list_free().
DOLIUM_C_API dolium_code dolium_clients(dolium_store* store, dolium_client_list** list, dolium_error* error);
DOLIUM_C_API size_t dolium_client_list_count(const dolium_client_list* list);
/// Fills `info`, whose struct_size must be set, with the next client. DOLIUM_NOT_FOUND at the end.
DOLIUM_C_API dolium_code dolium_client_list_next(dolium_client_list* list, dolium_client_info* info,
                                                 dolium_error* error);
/// Accepts NULL.
DOLIUM_C_API void dolium_client_list_free(dolium_client_list* list);

// ---- the store ----

/// Memory that can neither be evicted nor moved at the moment, and so causes fragmentation. Never changes its size.
typedef struct dolium_obstacles {
  uint64_t count;            ///< pieces
  uint64_t held_bytes;       ///< in use by clients, including removed objects
  uint64_t writing_bytes;    ///< unsealed objects of connected clients
  uint64_t leased_bytes;     ///< leases that are in use, or cannot be given back
  uint64_t abandoned_bytes;  ///< unsealed objects of a client or of a server that died
  uint64_t pinned_bytes;     ///< pinned, not in use, and too large to be moved
  uint64_t graced_bytes;     ///< in a grace, not in use, and too large to be moved
  uint64_t movable_bytes;    ///< no obstacle: pinned or in a grace, and not in use; can only be moved
  uint64_t largest_run;      ///< the largest contiguous free memory if everything else were evicted or moved
  uint64_t reserved[3];
} dolium_obstacles;

/// `count` objects have at most `bytes` bytes of data, and more than the row before. Never changes its size.
typedef struct dolium_histogram_row {
  uint64_t bytes;
  uint64_t count;
} dolium_histogram_row;

/// Bytes are arena bytes: they include padding and metadata. capacity = used_bytes + free_bytes, always.
typedef struct dolium_store_stats {
  size_t struct_size;
  uint64_t total_objects;  ///< sealed and visible
  uint64_t total_size;     ///< bytes of their data and metadata, without padding
  uint64_t capacity;
  uint64_t used_bytes;
  uint64_t free_bytes;
  uint64_t largest_free_extent;  ///< the largest object that fits without an eviction
  uint64_t padding_bytes;
  uint64_t reserved_bytes;  ///< part of the capacity that the kernel has allocated
  uint64_t max_objects;
  uint64_t pinned_count, pinned_bytes;
  uint64_t graced_count, graced_bytes;      ///< kept by a grace alone: neither pinned nor in use
  uint64_t in_use_count, in_use_bytes;      ///< held by a client, including removed objects
  uint64_t unsealed_count, unsealed_bytes;  ///< being written
  uint64_t retired_count, retired_bytes;    ///< removed, still held: free at the last release
  uint64_t quarantined_count, quarantined_bytes;
  uint64_t evictable_bytes;
  uint64_t get_count, hit_count, miss_count;  ///< these, and those below, since the start of the store
  uint64_t put_count;                         ///< objects sealed
  uint64_t eviction_count, evicted_bytes;
  uint64_t relocation_count, relocated_bytes;
  uint64_t expired_count, removed_count, aborted_count;
  uint64_t out_of_memory_count;  ///< creates that found no room, also after waiting
  uint64_t client_count;
  uint64_t waiting_gets, waiting_creates;
  int64_t uptime_ns;
  uint64_t pid_namespace;  ///< of the daemon's process ids; 0: unknown
  int32_t server_pid;      ///< 0 in an in-process store, and no version
  uint32_t histogram_rows;
  dolium_obstacles obstacles;
  dolium_histogram_row histogram[64];  ///< by the size of objects; the first `histogram_rows` of them
  char server_version[DOLIUM_TEXT_SIZE];
  uint64_t dirty_count, dirty_bytes;      ///< of DOLIUM_RETENTION_KEEP, in memory, not on disk yet (since version 2)
  uint64_t clean_count, clean_bytes;      ///< likewise, in memory and on disk
  uint64_t spilled_count, spilled_bytes;  ///< on disk only: not part of used_bytes
  uint64_t reading_count;                 ///< of these: being read back
  uint64_t spill_count, read_back_count;  ///< objects whose memory was given up; that came back
  dolium_spill_tier tier;                 ///< of a store that has one (since version 3)
} dolium_store_stats;

/// Fills `stats`, whose struct_size must be set.
DOLIUM_C_API dolium_code dolium_stats(dolium_store* store, dolium_store_stats* stats, dolium_error* error);

/// A create or a put that failed because there was no room or no quota, also after waiting.
typedef struct dolium_refusal {
  size_t struct_size;
  dolium_id id;
  dolium_code code;
  dolium_cause cause;
  uint32_t reserved;
  uint64_t size;  ///< contiguous bytes that it needed
  int64_t ago_ns;
  uint64_t session_id;  ///< of the client; 0 in an in-process store
  int32_t pid;          ///< of the client
  uint32_t reserved2;
  uint64_t free_bytes;  ///< this, and those below, at that moment
  uint64_t largest_free_extent;
  dolium_obstacles obstacles;
  char command[DOLIUM_TEXT_SIZE];       ///< of the client
  char name[DOLIUM_TEXT_SIZE];          ///< of the client
  char reason[DOLIUM_ERROR_TEXT_SIZE];  ///< the text of its error
} dolium_refusal;

/// The last refusal. Fills `refusal`, whose struct_size must be set. DOLIUM_NOT_FOUND if there was none since the start
/// of the server. `holders` (may be NULL) gets at most 8 clients that held or wrote most then, the largest first; the
/// caller frees it with dolium_use_list_free().
DOLIUM_C_API dolium_code dolium_last_refusal(dolium_store* store, dolium_refusal* refusal, dolium_use_list** holders,
                                             dolium_error* error);

DOLIUM_C_END

#endif
