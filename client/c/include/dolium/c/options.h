#ifndef DOLIUM_C_OPTIONS_H
#define DOLIUM_C_OPTIONS_H
// The options of connect, open, create and put. In each, a zero means the default. A NULL pointer to options means that
// all are the default.

#include <dolium/c/base.h>
#include <dolium/c/id.h>

DOLIUM_C_BEGIN

// ---- limits ----

/// Maximum length of a type name, and of a label, in bytes.
#define DOLIUM_MAX_NAME 255
/// Maximum size of an object's metadata, in bytes.
#define DOLIUM_MAX_METADATA 65536
/// Maximum size of a deferred put, in bytes.
#define DOLIUM_MAX_DEFERRED 65536
/// Maximum number of ids of one dolium_wait(), and of one dolium_get_many() with an `enough`.
#define DOLIUM_MAX_WAIT_IDS 65536
/// Maximum duration of a grace.
#define DOLIUM_MAX_GRACE_NS INT64_C(3600000000000)

// ---- connect ----

enum {
  DOLIUM_CONNECT_READ_ONLY = 1 << 0,       ///< calls that change the store fail with DOLIUM_PERMISSION_DENIED
  DOLIUM_CONNECT_NO_RINGS = 1 << 1,        ///< exchange messages through the socket, not through shared memory
  DOLIUM_CONNECT_NO_FOLLOW_FORK = 1 << 2,  ///< children of fork() cannot use the store: they connect by themselves
  DOLIUM_CONNECT_RECONNECT = 1 << 3        ///< after the end of the daemon, go on with the next one at this socket:
                                           ///< a ReconnectingStore of C++. Calls that only read are repeated there
};

typedef struct dolium_connect_options {
  size_t struct_size;
  uint32_t flags;              ///< DOLIUM_CONNECT_...
  uint32_t reserved;           ///< 0
  const char* name;            ///< shown by `dolium clients`; NULL: the name of the program
  size_t name_size;            ///< 0: the name ends at its first zero byte
  int64_t connect_timeout_ns;  ///< how long to wait for a daemon that has not started yet; 0: 5 s; negative: for ever
  int64_t busy_poll_ns;        ///< time to busy-poll for an answer before blocking; 0: 50 us; negative: block at once
} dolium_connect_options;
#define DOLIUM_CONNECT_OPTIONS_INIT \
  { sizeof(dolium_connect_options), 0, 0, NULL, 0, 0, 0 }

// ---- open ----

enum {
  DOLIUM_OPEN_NO_RELOCATION = 1 << 0,  ///< do not move objects to defragment the memory
  DOLIUM_OPEN_PREALLOCATE = 1 << 1,    ///< allocate all memory in dolium_open()
  DOLIUM_OPEN_HUGE_PAGES = 1 << 2      ///< use 2 MiB pages of the kernel's reserved pool; fails if there are too few
};
enum {
  DOLIUM_EVICT_LRU = 0,      ///< least recently used first
  DOLIUM_EVICT_LFU = 1,      ///< least frequently used first
  DOLIUM_EVICT_FIFO = 2,     ///< first sealed first
  DOLIUM_EVICT_ADAPTIVE = 3  ///< follows the requests: good on popular sets, scans, loops, and sets that change
};

/// The configuration of an in-process store.
typedef struct dolium_open_options {
  size_t struct_size;
  uint32_t flags;                          ///< DOLIUM_OPEN_...
  int32_t eviction_policy;                 ///< DOLIUM_EVICT_...
  uint64_t capacity;                       ///< bytes, rounded up to pages of 4 KiB; 0: 1 GiB
  uint32_t max_objects;                    ///< 0: one per KiB of capacity, at least 1024
  uint32_t reserved;                       ///< 0
  double low_water_mark;                   ///< an eviction goes on until this share is free: 0 to 0.5
  uint64_t max_unsealed_bytes_per_client;  ///< 0: only the capacity limits them
  uint64_t max_pinned_bytes_per_user;      ///< 0: only the capacity limits them
} dolium_open_options;
#define DOLIUM_OPEN_OPTIONS_INIT \
  { sizeof(dolium_open_options), 0, 0, 0, 0, 0, 0.0, 0, 0 }

// ---- create and put ----

enum {
  DOLIUM_CREATE_PINNED = 1 << 0  ///< pin the object at its seal, so that it can never be evicted before a pin
};

/// What happens to the object when its memory is needed.
enum {
  DOLIUM_RETENTION_DEFAULT = 0,  ///< as the store's configuration says
  DOLIUM_RETENTION_CACHE = 1,    ///< evicted: the object is gone
  DOLIUM_RETENTION_KEEP = 2  ///< evicted: the object is on disk, and a get reads it back. Needs a spill tier: else, and
                             ///< in an in-process store, DOLIUM_INVALID_ARGUMENT
};

typedef struct dolium_create_options {
  size_t struct_size;
  uint32_t flags;           ///< DOLIUM_CREATE_...
  uint32_t grace_readers;   ///< number of other sessions whose gets end the grace; 0: 1
  const void* metadata;     ///< stored with the object; copied by the call
  size_t metadata_size;     ///< bytes, at most DOLIUM_MAX_METADATA
  uint64_t type_tag;        ///< for readers that check it; 0: raw bytes; see types.h
  const char* type_name;    ///< for display; NULL: none, but if `type_tag` is one of types.h: its name
  size_t type_name_size;    ///< 0: the name ends at its first zero byte
  const char* label;        ///< a name for people and for filters; NULL: none
  size_t label_size;        ///< 0: the label ends at its first zero byte
  int64_t time_to_live_ns;  ///< the object expires this long after its seal; 0: never. Rounded up to milliseconds
  int64_t time_to_idle_ns;  ///< the object expires after this long without a get; 0: never
  int64_t grace_ns;         ///< how long to keep it for readers that are about to come, at most DOLIUM_MAX_GRACE_NS;
                            ///< see dolium_extend_grace()
  int64_t timeout_ns;       ///< how long to wait for room when nothing more can be evicted; 0: do not wait
  uint32_t copy_threads;    ///< number of threads that copy a large put; 0: one per core, at most 4
  int32_t retention;        ///< DOLIUM_RETENTION_...
} dolium_create_options;
#define DOLIUM_CREATE_OPTIONS_INIT \
  { sizeof(dolium_create_options), 0, 0, NULL, 0, 0, NULL, 0, NULL, 0, 0, 0, 0, 0, 0, 0 }

/// One object of a dolium_put_many(). Clear it before you fill it.
typedef struct dolium_put_item {
  dolium_id id;
  uint32_t reserved;                     ///< 0
  const void* data;                      ///< may be NULL if `size` is 0
  size_t size;                           ///< bytes
  const dolium_create_options* options;  ///< NULL: the default. Items may share one
  uint64_t reserved2[2];                 ///< 0
} dolium_put_item;

DOLIUM_C_END

#endif
