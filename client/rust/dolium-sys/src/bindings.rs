// Written by `generate` from the headers in client/c/include/dolium/c. Do not edit.

use std::ffi::{c_char, c_int, c_void};

// ---- dolium/c/base.h
/// The version of this interface: of its functions and structs. It grows with every addition.
pub const DOLIUM_ABI_VERSION: u32 = 5;
/// The outcome of a call: one of the values below. A later version can have more.
pub type dolium_code = i32;
/// Ok.
pub const DOLIUM_OK: i32 = 0;
/// no sealed object has this id; or a listing is at its end
pub const DOLIUM_NOT_FOUND: i32 = 1;
/// an object with this id exists, sealed or not
pub const DOLIUM_ALREADY_EXISTS: i32 = 2;
/// the object exists, but is still being written
pub const DOLIUM_NOT_SEALED: i32 = 3;
/// the builder was sealed or aborted before
pub const DOLIUM_ALREADY_SEALED: i32 = 4;
/// the store has no room, and nothing more can be evicted
pub const DOLIUM_OUT_OF_MEMORY: i32 = 5;
/// larger than the store, a limit or a quota allows
pub const DOLIUM_TOO_LARGE: i32 = 6;
/// the deadline passed first
pub const DOLIUM_TIMED_OUT: i32 = 7;
/// the object holds another type than the one asked for
pub const DOLIUM_TYPE_MISMATCH: i32 = 8;
/// an argument is not valid
pub const DOLIUM_INVALID_ARGUMENT: i32 = 9;
/// not allowed for this client or this user
pub const DOLIUM_PERMISSION_DENIED: i32 = 10;
/// the daemon is gone, or the handle belongs to another process
pub const DOLIUM_DISCONNECTED: i32 = 11;
/// the other side speaks another version, or sent an invalid message
pub const DOLIUM_PROTOCOL_ERROR: i32 = 12;
/// the operating system reported an error; `error_number` has its errno, or 0. Also
/// if this process has no memory (ENOMEM)
pub const DOLIUM_SYSTEM_ERROR: i32 = 13;
/// the object is on disk, and the disk does not answer, or failed
pub const DOLIUM_TIER_UNAVAILABLE: i32 = 14;
/// Why a create or a put failed with `DOLIUM_OUT_OF_MEMORY`, `DOLIUM_TOO_LARGE` or `DOLIUM_TIMED_OUT`.
pub type dolium_cause = i32;
/// the error has another reason
pub const DOLIUM_CAUSE_NONE: i32 = 0;
/// no contiguous free memory, and none could be made free
pub const DOLIUM_CAUSE_ROOM: i32 = 1;
/// max_objects objects exist, and none could be evicted
pub const DOLIUM_CAUSE_OBJECTS: i32 = 2;
/// the user's quota of bytes that are pinned or in a grace
pub const DOLIUM_CAUSE_PINS: i32 = 3;
/// the client's quota of unsealed objects
pub const DOLIUM_CAUSE_WRITING: i32 = 4;
/// larger than the whole store
pub const DOLIUM_CAUSE_CAPACITY: i32 = 5;
/// the metadata or the type name is too long
pub const DOLIUM_CAUSE_DESCRIPTION: i32 = 6;
/// the machine, or its cgroup, has no memory for the store
pub const DOLIUM_CAUSE_MEMORY: i32 = 7;
/// too many bytes of retention `keep` are not on disk yet
pub const DOLIUM_CAUSE_DISK: i32 = 8;
/// Bytes of an error's text, with its terminating zero. A longer text is cut.
pub const DOLIUM_ERROR_TEXT_SIZE: usize = 1008;
/// Memory of the caller, which a call fills when it fails. It needs no initialisation and no end. A success leaves it
/// as it is.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_error {
    /// Code.
    pub code: dolium_code,
    /// Cause.
    pub cause: dolium_cause,
    /// errno of a `DOLIUM_SYSTEM_ERROR`; 0: none
    pub error_number: i32,
    /// bytes of the text, without the terminating zero
    pub message_size: u32,
    /// what happened, to which object, why, what to do; always terminated
    pub message: [c_char; DOLIUM_ERROR_TEXT_SIZE],
}
zeroed!(dolium_error);

// ---- dolium/c/id.h
/// See `dolium/c/id.h`.
pub const DOLIUM_ID_SIZE: usize = 20;
/// Bytes of an id as text: 40 hexadecimal digits and a terminating zero.
pub const DOLIUM_ID_TEXT_SIZE: usize = 41;
/// All zero is a valid id, too.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_id {
    /// Bytes.
    pub bytes: [u8; DOLIUM_ID_SIZE],
}
zeroed!(dolium_id);

// ---- dolium/c/object.h
/// Passed by value, and filled by the library. All zeros: it holds nothing. It is one reference, which must be released
/// once. An assignment copies the struct, not the reference: release only one of the copies, or make another reference
/// with `dolium_object_retain()`. Different threads may use different references, also to one object. They may also pass
/// the same one at the same time to functions that take it const: `dolium_object_retain()` among them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_object {
    /// read-only memory, aligned to 64 bytes, shared with other processes. A write raises SIGSEGV
    pub data: *const c_void,
    /// of the data, in bytes
    pub size: u64,
    /// stored with the object by its creator
    pub metadata: *const c_void,
    /// bytes
    pub metadata_size: u64,
    /// 0: raw bytes; see types.h
    pub type_tag: u64,
    /// Id.
    pub id: dolium_id,
    /// the library's own
    pub opaque: u32,
    /// the library's own
    pub opaque2: [u64; 4],
}
zeroed!(dolium_object);
opaque!(
    /// A writable copy of an object's data for this process alone. It costs memory only for pages that are written.
    dolium_private_copy
);

// ---- dolium/c/options.h
/// Maximum length of a type name, and of a label, in bytes.
pub const DOLIUM_MAX_NAME: usize = 255;
/// Maximum size of an object's metadata, in bytes.
pub const DOLIUM_MAX_METADATA: usize = 65536;
/// Maximum size of a deferred put, in bytes.
pub const DOLIUM_MAX_DEFERRED: usize = 65536;
/// Maximum number of ids of one `dolium_wait()`, and of one `dolium_get_many()` with an `enough`.
pub const DOLIUM_MAX_WAIT_IDS: usize = 65536;
/// Maximum duration of a grace.
pub const DOLIUM_MAX_GRACE_NS: i64 = 3600000000000;
/// calls that change the store fail with `DOLIUM_PERMISSION_DENIED`
pub const DOLIUM_CONNECT_READ_ONLY: u32 = 1 << 0;
/// exchange messages through the socket, not through shared memory
pub const DOLIUM_CONNECT_NO_RINGS: u32 = 1 << 1;
/// children of fork() cannot use the store: they connect by themselves
pub const DOLIUM_CONNECT_NO_FOLLOW_FORK: u32 = 1 << 2;
/// after the end of the daemon, go on with the next one at this socket:
/// a ReconnectingStore of C++. Calls that only read are repeated there
pub const DOLIUM_CONNECT_RECONNECT: u32 = 1 << 3;
/// See `dolium/c/options.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_connect_options {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// `DOLIUM_CONNECT_`...
    pub flags: u32,
    /// 0
    pub reserved: u32,
    /// shown by `dolium clients`; NULL: the name of the program
    pub name: *const c_char,
    /// 0: the name ends at its first zero byte
    pub name_size: usize,
    /// how long to wait for a daemon that has not started yet; 0: 5 s; negative: for ever
    pub connect_timeout_ns: i64,
    /// time to busy-poll for an answer before blocking; 0: 50 us; negative: block at once
    pub busy_poll_ns: i64,
}
zeroed!(dolium_connect_options, struct_size);
/// do not move objects to defragment the memory
pub const DOLIUM_OPEN_NO_RELOCATION: u32 = 1 << 0;
/// allocate all memory in `dolium_open()`
pub const DOLIUM_OPEN_PREALLOCATE: u32 = 1 << 1;
/// use 2 MiB pages of the kernel's reserved pool; fails if there are too few
pub const DOLIUM_OPEN_HUGE_PAGES: u32 = 1 << 2;
/// least recently used first
pub const DOLIUM_EVICT_LRU: i32 = 0;
/// least frequently used first
pub const DOLIUM_EVICT_LFU: i32 = 1;
/// first sealed first
pub const DOLIUM_EVICT_FIFO: i32 = 2;
/// follows the requests: good on popular sets, scans, loops, and sets that change
pub const DOLIUM_EVICT_ADAPTIVE: i32 = 3;
/// The configuration of an in-process store.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_open_options {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// `DOLIUM_OPEN_`...
    pub flags: u32,
    /// `DOLIUM_EVICT_`...
    pub eviction_policy: i32,
    /// bytes, rounded up to pages of 4 KiB; 0: 1 GiB
    pub capacity: u64,
    /// 0: one per KiB of capacity, at least 1024
    pub max_objects: u32,
    /// 0
    pub reserved: u32,
    /// an eviction goes on until this share is free: 0 to 0.5
    pub low_water_mark: f64,
    /// 0: only the capacity limits them
    pub max_unsealed_bytes_per_client: u64,
    /// 0: only the capacity limits them
    pub max_pinned_bytes_per_user: u64,
}
zeroed!(dolium_open_options, struct_size);
/// pin the object at its seal, so that it can never be evicted before a pin
pub const DOLIUM_CREATE_PINNED: u32 = 1 << 0;
/// as the store's configuration says
pub const DOLIUM_RETENTION_DEFAULT: i32 = 0;
/// evicted: the object is gone
pub const DOLIUM_RETENTION_CACHE: i32 = 1;
/// evicted: the object is on disk, and a get reads it back. Needs a spill tier: else, and
/// in an in-process store, `DOLIUM_INVALID_ARGUMENT`
pub const DOLIUM_RETENTION_KEEP: i32 = 2;
/// See `dolium/c/options.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_create_options {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// `DOLIUM_CREATE_`...
    pub flags: u32,
    /// number of other sessions whose gets end the grace; 0: 1
    pub grace_readers: u32,
    /// stored with the object; copied by the call
    pub metadata: *const c_void,
    /// bytes, at most `DOLIUM_MAX_METADATA`
    pub metadata_size: usize,
    /// for readers that check it; 0: raw bytes; see types.h
    pub type_tag: u64,
    /// for display; NULL: none, but if `type_tag` is one of types.h: its name
    pub type_name: *const c_char,
    /// 0: the name ends at its first zero byte
    pub type_name_size: usize,
    /// a name for people and for filters; NULL: none
    pub label: *const c_char,
    /// 0: the label ends at its first zero byte
    pub label_size: usize,
    /// the object expires this long after its seal; 0: never. Rounded up to milliseconds
    pub time_to_live_ns: i64,
    /// the object expires after this long without a get; 0: never
    pub time_to_idle_ns: i64,
    /// how long to keep it for readers that are about to come, at most `DOLIUM_MAX_GRACE_NS`;
    /// see `dolium_extend_grace()`
    pub grace_ns: i64,
    /// how long to wait for room when nothing more can be evicted; 0: do not wait
    pub timeout_ns: i64,
    /// number of threads that copy a large put; 0: one per core, at most 4
    pub copy_threads: u32,
    /// `DOLIUM_RETENTION_`...
    pub retention: i32,
}
zeroed!(dolium_create_options, struct_size);
/// One object of a `dolium_put_many()`. Clear it before you fill it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_put_item {
    /// Id.
    pub id: dolium_id,
    /// 0
    pub reserved: u32,
    /// may be NULL if `size` is 0
    pub data: *const c_void,
    /// bytes
    pub size: usize,
    /// NULL: the default. Items may share one
    pub options: *const dolium_create_options,
    /// 0
    pub reserved2: [u64; 2],
}
zeroed!(dolium_put_item);

// ---- dolium/c/store.h
opaque!(
    /// A handle.
    dolium_store
);

// ---- dolium/c/write.h
opaque!(
    /// An object that is being written, in the store's memory.
    dolium_builder
);
opaque!(
    /// The puts that failed, of a `dolium_put_many()` or since the last `dolium_flush()`, in order.
    dolium_failures
);
/// See `dolium/c/write.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_failure {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// Id.
    pub id: dolium_id,
    /// Code.
    pub code: dolium_code,
    /// Cause.
    pub cause: dolium_cause,
    /// Error number.
    pub error_number: i32,
    /// of `dolium_put_many()`: the number of the item, from 0 on
    pub index: u64,
    /// belongs to the `dolium_failures`; terminated
    pub message: *const c_char,
}
zeroed!(dolium_failure, struct_size);

// ---- dolium/c/read.h

// ---- dolium/c/tier.h
/// the store has no spill tier
pub const DOLIUM_TIER_NONE: i32 = 0;
/// no process of the tier is connected
pub const DOLIUM_TIER_ABSENT: i32 = 1;
/// it tells what is on the disk; nothing is written or read back
pub const DOLIUM_TIER_CATALOGUE: i32 = 2;
/// Tier ready.
pub const DOLIUM_TIER_READY: i32 = 3;
/// objects are read back, none are written: the disk, or the quota, is full
pub const DOLIUM_TIER_FULL: i32 = 4;
/// objects are read back, none are written: the file system refuses
pub const DOLIUM_TIER_READ_ONLY: i32 = 5;
/// neither
pub const DOLIUM_TIER_FAILED: i32 = 6;
/// neither: the disk has not answered for 30 s
pub const DOLIUM_TIER_STALLED: i32 = 7;
/// Bytes of a directory's path in a report, with its terminating zero. A longer path is cut.
pub const DOLIUM_PATH_SIZE: usize = 1024;
/// The spill tier: doliumd-spill and its directory. Its own figures are a second old. Never changes its size.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_spill_tier {
    /// `DOLIUM_TIER_`...; a later version can have more
    pub state: i32,
    /// of doliumd-spill, in the daemon's PID namespace; 0: not connected
    pub pid: i32,
    /// age of the connection
    pub connected_for_ns: i64,
    /// how long the process has owed an answer to a write or a read
    pub oldest_work_ns: i64,
    /// being written
    pub writing_count: u64,
    /// being written
    pub writing_bytes: u64,
    /// being read back: `dolium_store_stats.reading_count` objects
    pub reading_bytes: u64,
    /// the quota; the largest number if there is none
    pub capacity_bytes: u64,
    /// allocated on the disk
    pub used_bytes: u64,
    /// of objects that are there; the rest of used_bytes is freed by compaction
    pub live_bytes: u64,
    /// objects on the disk
    pub records: u64,
    /// Files.
    pub files: u64,
    /// these, and those below, since the process started
    pub written_bytes: u64,
    /// these, and those below, since the process started
    pub read_bytes: u64,
    /// these, and those below, since the process started
    pub compacted_bytes: u64,
    /// Write errors.
    pub write_errors: u64,
    /// Read errors.
    pub read_errors: u64,
    /// records found with a wrong checksum
    pub damaged_count: u64,
    /// reads that the disk refused
    pub unreadable_count: u64,
    /// records whose files were removed or cut by others
    pub lost_records: u64,
    /// duration of the last sync
    pub last_sync_ns: i64,
    /// Reserved.
    pub reserved: [u64; 8],
    /// "io_uring" or "threads"
    pub io: [c_char; 16],
    /// empty until the process has told it
    pub directory: [c_char; DOLIUM_PATH_SIZE],
    /// why it is not ready, as the process says; may be empty
    pub reason: [c_char; DOLIUM_ERROR_TEXT_SIZE],
}
zeroed!(dolium_spill_tier);

// ---- dolium/c/report.h
/// Bytes of a text in a report, with its terminating zero.
pub const DOLIUM_TEXT_SIZE: usize = 256;
/// of a filter only
pub const DOLIUM_ANY_STATE: i32 = 0;
/// being written
pub const DOLIUM_UNSEALED: i32 = 1;
/// Sealed.
pub const DOLIUM_SEALED: i32 = 2;
/// in memory only
pub const DOLIUM_PLACE_MEMORY: i32 = 1;
/// in both: its memory can be given up at once
pub const DOLIUM_PLACE_MEMORY_AND_DISK: i32 = 2;
/// on disk only: a get reads it back
pub const DOLIUM_PLACE_DISK: i32 = 3;
/// on disk, and being read back
pub const DOLIUM_PLACE_READING_BACK: i32 = 4;
/// See `dolium/c/report.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_object_info {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// Id.
    pub id: dolium_id,
    /// `DOLIUM_UNSEALED`, `DOLIUM_SEALED`; a later version can have more
    pub state: i32,
    /// Data size.
    pub data_size: u64,
    /// Metadata size.
    pub metadata_size: u64,
    /// Created at ns.
    pub created_at_ns: i64,
    /// 0 while unsealed
    pub sealed_at_ns: i64,
    /// time of the last get, or of the seal before the first get
    pub last_accessed_at_ns: i64,
    /// references held by all clients together
    pub ref_count: u64,
    /// Type tag.
    pub type_tag: u64,
    /// as given at create; 0: none
    pub time_to_live_ns: i64,
    /// Time to idle ns.
    pub time_to_idle_ns: i64,
    /// how long a grace still keeps it; 0: no grace, or it is over
    pub grace_left_ns: i64,
    /// number of sessions whose gets end the grace
    pub grace_readers_left: u32,
    /// Creator pid.
    pub creator_pid: i32,
    /// 1: pinned
    pub pinned: u32,
    /// Type name size.
    pub type_name_size: u32,
    /// Label size.
    pub label_size: u32,
    /// Reserved.
    pub reserved: u32,
    /// Type name.
    pub type_name: [c_char; DOLIUM_TEXT_SIZE],
    /// Label.
    pub label: [c_char; DOLIUM_TEXT_SIZE],
    /// of `dolium_metadata()` only, while the creator is connected
    pub creator_command: [c_char; DOLIUM_TEXT_SIZE],
    /// different for each object that was ever sealed, also under the same id; 0 while unsealed.
    /// This, and those below: since version 3
    pub seal_stamp: u64,
    /// `DOLIUM_RETENTION_CACHE` or `DOLIUM_RETENTION_KEEP`, also if its creator gave the default
    pub retention: i32,
    /// `DOLIUM_PLACE_`...; on disk, its type name and label are not known, and empty
    pub place: i32,
}
zeroed!(dolium_object_info, struct_size);
/// holds references
pub const DOLIUM_HOLDER: i32 = 1;
/// its gets wait for the seal
pub const DOLIUM_WAITER: i32 = 2;
/// One client's use of an object, or of the whole store.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_use {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// Session id.
    pub session_id: u64,
    /// Pid.
    pub pid: i32,
    /// `DOLIUM_HOLDER`, `DOLIUM_WAITER`
    pub role: i32,
    /// References.
    pub references: u64,
    /// in the arena, each object once
    pub bytes_held: u64,
    /// being written
    pub unsealed_bytes: u64,
    /// part of unsealed_bytes: leased for deferred puts
    pub leased_bytes: u64,
    /// in its own PID namespace, as the client stated it; 0: not stated
    pub origin_pid: i32,
    /// Reserved.
    pub reserved: u32,
    /// the program's name when the client connected
    pub command: [c_char; DOLIUM_TEXT_SIZE],
    /// `dolium_connect_options.name`
    pub name: [c_char; DOLIUM_TEXT_SIZE],
    /// its own host name, as the client stated it
    pub host: [c_char; DOLIUM_TEXT_SIZE],
    /// its environment variable POD_NAME
    pub pod: [c_char; DOLIUM_TEXT_SIZE],
}
zeroed!(dolium_use, struct_size);
opaque!(
    /// A listing of uses, read from its first to its last.
    dolium_use_list
);
/// Which objects `dolium_list()` returns: those that have all these properties.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_filter {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// how the label begins; NULL: any label, or none
    pub label_prefix: *const c_char,
    /// 0: the prefix ends at its first zero byte
    pub label_prefix_size: usize,
    /// the whole name, or the 16 digits of the tag of an unnamed type; NULL: any
    pub type_name: *const c_char,
    /// 0: the name ends at its first zero byte
    pub type_name_size: usize,
    /// `DOLIUM_ANY_STATE`, `DOLIUM_UNSEALED`, `DOLIUM_SEALED`
    pub state: i32,
    /// 0: any
    pub creator_pid: i32,
}
zeroed!(dolium_filter, struct_size);
opaque!(
    /// A listing of objects, read from its first to its last.
    dolium_object_list
);
/// Client read only.
pub const DOLIUM_CLIENT_READ_ONLY: u32 = 1 << 0;
/// the daemon ended this session because it broke the protocol
pub const DOLIUM_CLIENT_QUARANTINED: u32 = 1 << 1;
/// closed, but still holds objects
pub const DOLIUM_CLIENT_LEFT: u32 = 1 << 2;
/// was connected to a server that crashed, and has not resumed yet
pub const DOLIUM_CLIENT_ORPHANED: u32 = 1 << 3;
/// See `dolium/c/report.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_client_info {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// Session id.
    pub session_id: u64,
    /// in the daemon's PID namespace; 0: not visible there
    pub pid: i32,
    /// Uid.
    pub uid: u32,
    /// `DOLIUM_CLIENT_`...
    pub flags: u32,
    /// in its own PID namespace, as the client stated it; 0: not stated
    pub origin_pid: i32,
    /// two of one object count twice
    pub references: u64,
    /// different objects
    pub objects_held: u64,
    /// their bytes in the arena, each object once
    pub bytes_held: u64,
    /// Unsealed count.
    pub unsealed_count: u64,
    /// Unsealed bytes.
    pub unsealed_bytes: u64,
    /// Hits.
    pub hits: u64,
    /// Misses.
    pub misses: u64,
    /// Waiting gets.
    pub waiting_gets: u64,
    /// Waiting creates.
    pub waiting_creates: u64,
    /// of replies and events that it has not read yet
    pub unread_bytes: u64,
    /// objects that are kept by graces that it gave
    pub graced_count: u64,
    /// Graced bytes.
    pub graced_bytes: u64,
    /// Connected for ns.
    pub connected_for_ns: i64,
    /// age of its oldest unsealed object
    pub oldest_unsealed_ns: i64,
    /// age of its oldest reference
    pub longest_held_ns: i64,
    /// the program's name
    pub command: [c_char; DOLIUM_TEXT_SIZE],
    /// the user's name, or the number if there is no name
    pub user: [c_char; DOLIUM_TEXT_SIZE],
    /// `dolium_connect_options.name`
    pub name: [c_char; DOLIUM_TEXT_SIZE],
    /// its own host name, as the client stated it
    pub host: [c_char; DOLIUM_TEXT_SIZE],
    /// its environment variable POD_NAME
    pub pod: [c_char; DOLIUM_TEXT_SIZE],
}
zeroed!(dolium_client_info, struct_size);
opaque!(
    /// A listing of clients, read from its first to its last.
    dolium_client_list
);
/// Memory that can neither be evicted nor moved at the moment, and so causes fragmentation. Never changes its size.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_obstacles {
    /// pieces
    pub count: u64,
    /// in use by clients, including removed objects
    pub held_bytes: u64,
    /// unsealed objects of connected clients
    pub writing_bytes: u64,
    /// leases that are in use, or cannot be given back
    pub leased_bytes: u64,
    /// unsealed objects of a client or of a server that died
    pub abandoned_bytes: u64,
    /// pinned, not in use, and too large to be moved
    pub pinned_bytes: u64,
    /// in a grace, not in use, and too large to be moved
    pub graced_bytes: u64,
    /// no obstacle: pinned or in a grace, and not in use; can only be moved
    pub movable_bytes: u64,
    /// the largest contiguous free memory if everything else were evicted or moved
    pub largest_run: u64,
    /// Reserved.
    pub reserved: [u64; 3],
}
zeroed!(dolium_obstacles);
/// `count` objects have at most `bytes` bytes of data, and more than the row before. Never changes its size.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_histogram_row {
    /// Bytes.
    pub bytes: u64,
    /// Count.
    pub count: u64,
}
zeroed!(dolium_histogram_row);
/// Bytes are arena bytes: they include padding and metadata. capacity = used_bytes + free_bytes, always.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_store_stats {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// sealed and visible
    pub total_objects: u64,
    /// bytes of their data and metadata, without padding
    pub total_size: u64,
    /// Capacity.
    pub capacity: u64,
    /// Used bytes.
    pub used_bytes: u64,
    /// Free bytes.
    pub free_bytes: u64,
    /// the largest object that fits without an eviction
    pub largest_free_extent: u64,
    /// Padding bytes.
    pub padding_bytes: u64,
    /// part of the capacity that the kernel has allocated
    pub reserved_bytes: u64,
    /// Max objects.
    pub max_objects: u64,
    /// Pinned count.
    pub pinned_count: u64,
    /// Pinned bytes.
    pub pinned_bytes: u64,
    /// kept by a grace alone: neither pinned nor in use
    pub graced_count: u64,
    /// kept by a grace alone: neither pinned nor in use
    pub graced_bytes: u64,
    /// held by a client, including removed objects
    pub in_use_count: u64,
    /// held by a client, including removed objects
    pub in_use_bytes: u64,
    /// being written
    pub unsealed_count: u64,
    /// being written
    pub unsealed_bytes: u64,
    /// removed, still held: free at the last release
    pub retired_count: u64,
    /// removed, still held: free at the last release
    pub retired_bytes: u64,
    /// Quarantined count.
    pub quarantined_count: u64,
    /// Quarantined bytes.
    pub quarantined_bytes: u64,
    /// Evictable bytes.
    pub evictable_bytes: u64,
    /// these, and those below, since the start of the store
    pub get_count: u64,
    /// these, and those below, since the start of the store
    pub hit_count: u64,
    /// these, and those below, since the start of the store
    pub miss_count: u64,
    /// objects sealed
    pub put_count: u64,
    /// Eviction count.
    pub eviction_count: u64,
    /// Evicted bytes.
    pub evicted_bytes: u64,
    /// Relocation count.
    pub relocation_count: u64,
    /// Relocated bytes.
    pub relocated_bytes: u64,
    /// Expired count.
    pub expired_count: u64,
    /// Removed count.
    pub removed_count: u64,
    /// Aborted count.
    pub aborted_count: u64,
    /// creates that found no room, also after waiting
    pub out_of_memory_count: u64,
    /// Client count.
    pub client_count: u64,
    /// Waiting gets.
    pub waiting_gets: u64,
    /// Waiting creates.
    pub waiting_creates: u64,
    /// Uptime ns.
    pub uptime_ns: i64,
    /// of the daemon's process ids; 0: unknown
    pub pid_namespace: u64,
    /// 0 in an in-process store, and no version
    pub server_pid: i32,
    /// Histogram rows.
    pub histogram_rows: u32,
    /// Obstacles.
    pub obstacles: dolium_obstacles,
    /// by the size of objects; the first `histogram_rows` of them
    pub histogram: [dolium_histogram_row; 64],
    /// Server version.
    pub server_version: [c_char; DOLIUM_TEXT_SIZE],
    /// of `DOLIUM_RETENTION_KEEP`, in memory, not on disk yet (since version 2)
    pub dirty_count: u64,
    /// of `DOLIUM_RETENTION_KEEP`, in memory, not on disk yet (since version 2)
    pub dirty_bytes: u64,
    /// likewise, in memory and on disk
    pub clean_count: u64,
    /// likewise, in memory and on disk
    pub clean_bytes: u64,
    /// on disk only: not part of used_bytes
    pub spilled_count: u64,
    /// on disk only: not part of used_bytes
    pub spilled_bytes: u64,
    /// of these: being read back
    pub reading_count: u64,
    /// objects whose memory was given up; that came back
    pub spill_count: u64,
    /// objects whose memory was given up; that came back
    pub read_back_count: u64,
    /// of a store that has one (since version 3)
    pub tier: dolium_spill_tier,
}
zeroed!(dolium_store_stats, struct_size);
/// A create or a put that failed because there was no room or no quota, also after waiting.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_refusal {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// Id.
    pub id: dolium_id,
    /// Code.
    pub code: dolium_code,
    /// Cause.
    pub cause: dolium_cause,
    /// Reserved.
    pub reserved: u32,
    /// contiguous bytes that it needed
    pub size: u64,
    /// Ago ns.
    pub ago_ns: i64,
    /// of the client; 0 in an in-process store
    pub session_id: u64,
    /// of the client
    pub pid: i32,
    /// Reserved2.
    pub reserved2: u32,
    /// this, and those below, at that moment
    pub free_bytes: u64,
    /// Largest free extent.
    pub largest_free_extent: u64,
    /// Obstacles.
    pub obstacles: dolium_obstacles,
    /// of the client
    pub command: [c_char; DOLIUM_TEXT_SIZE],
    /// of the client
    pub name: [c_char; DOLIUM_TEXT_SIZE],
    /// the text of its error
    pub reason: [c_char; DOLIUM_ERROR_TEXT_SIZE],
}
zeroed!(dolium_refusal, struct_size);

// ---- dolium/c/types.h
/// The tag of `raw bytes: no type`.
pub const DOLIUM_TAG_BYTES: u64 = 0;
/// The tag of `bool`.
pub const DOLIUM_TAG_BOOL: u64 = 0x0bc60e911959a7fc;
/// The tag of `i8`.
pub const DOLIUM_TAG_I8: u64 = 0x08ba9007b55f171d;
/// The tag of `u8`.
pub const DOLIUM_TAG_U8: u64 = 0x08c80807b56a6d61;
/// The tag of `i16`.
pub const DOLIUM_TAG_I16: u64 = 0x3d18811935c4cfb5;
/// The tag of `u16`.
pub const DOLIUM_TAG_U16: u64 = 0x5f51a519490857a9;
/// The tag of `i32`.
pub const DOLIUM_TAG_I32: u64 = 0x08b9871917fdfbb9;
/// The tag of `u32`.
pub const DOLIUM_TAG_U32: u64 = 0x6fd18b195224b4bd;
/// The tag of `i64`.
pub const DOLIUM_TAG_I64: u64 = 0xe66f771904ac228e;
/// The tag of `u64`.
pub const DOLIUM_TAG_U64: u64 = 0x93c82b1966e2f86a;
/// The tag of `i128`.
pub const DOLIUM_TAG_I128: u64 = 0x3f71034a76e9a8bd;
/// The tag of `u128`.
pub const DOLIUM_TAG_U128: u64 = 0xd5a2b261a665e681;
/// The tag of `f16`.
pub const DOLIUM_TAG_F16: u64 = 0xcb2fea18f4e16a30;
/// The tag of `f32`.
pub const DOLIUM_TAG_F32: u64 = 0xff9c5c1912b39470;
/// The tag of `f64`.
pub const DOLIUM_TAG_F64: u64 = 0x21e6841926059663;
/// The tag of `c64`.
pub const DOLIUM_TAG_C64: u64 = 0x3d1b7d1935c6fec0;
/// The tag of `c128`.
pub const DOLIUM_TAG_C128: u64 = 0x6adc5317d50ffcdb;
/// The tag of `utf8`.
pub const DOLIUM_TAG_UTF8: u64 = 0x844cf3e406933252;
/// The tag of `bool[]`.
pub const DOLIUM_TAG_BOOL_ARRAY: u64 = 0x4f869b71c84b35c1;
/// The tag of `i8[]`.
pub const DOLIUM_TAG_I8_ARRAY: u64 = 0xc3c6853f5b4775ec;
/// The tag of `u8[]`.
pub const DOLIUM_TAG_U8_ARRAY: u64 = 0x19ab4ca69e1871d0;
/// The tag of `i16[]`.
pub const DOLIUM_TAG_I16_ARRAY: u64 = 0x28cbc32f1b897844;
/// The tag of `u16[]`.
pub const DOLIUM_TAG_U16_ARRAY: u64 = 0x479e4de76b14d898;
/// The tag of `i32[]`.
pub const DOLIUM_TAG_I32_ARRAY: u64 = 0xd3891a7bdda0b9e8;
/// The tag of `u32[]`.
pub const DOLIUM_TAG_U32_ARRAY: u64 = 0xffa0f57c4f25a6cc;
/// The tag of `i64[]`.
pub const DOLIUM_TAG_I64_ARRAY: u64 = 0xc91cf2b38655ad97;
/// The tag of `u64[]`.
pub const DOLIUM_TAG_U64_ARRAY: u64 = 0x0b0efa3c094d3793;
/// The tag of `i128[]`.
pub const DOLIUM_TAG_I128_ARRAY: u64 = 0xdc02f6e6770cbacc;
/// The tag of `u128[]`.
pub const DOLIUM_TAG_U128_ARRAY: u64 = 0x3c022247ae0d6b30;
/// The tag of `f16[]`.
pub const DOLIUM_TAG_F16_ARRAY: u64 = 0x1d1228f1cbe36a55;
/// The tag of `f32[]`.
pub const DOLIUM_TAG_F32_ARRAY: u64 = 0x50f25343c0c36495;
/// The tag of `f64[]`.
pub const DOLIUM_TAG_F64_ARRAY: u64 = 0x72dc8cb7982e6c2e;
/// The tag of `c64[]`.
pub const DOLIUM_TAG_C64_ARRAY: u64 = 0x7c67eb2929c27065;
/// The tag of `c128[]`.
pub const DOLIUM_TAG_C128_ARRAY: u64 = 0xd8d5124f6cf18266;
/// Bytes of the longest ticket, with its terminating zero.
pub const DOLIUM_TICKET_TEXT_SIZE: usize = 848;
/// See `dolium/c/types.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_ticket_info {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// Id.
    pub id: dolium_id,
    /// bytes, without the terminating zero
    pub type_name_size: u32,
    /// a number of the store in which it was made; 0: unknown
    pub store_number: u64,
    /// "bytes" for raw bytes
    pub type_name: [c_char; 256],
}
zeroed!(dolium_ticket_info, struct_size);

// ---- dolium/c/async.h
opaque!(
    /// An operation that is under way. Its end has no effect on the operation.
    dolium_async
);
/// The outcome of a get or take. Runs inside `dolium_process_events()`, never inside the call that began the operation,
/// and may call the store. `DOLIUM_OK`: the reference in `object` belongs to the callback; copy the struct, and release
/// it once. Else `object` is NULL. `error` belongs to the caller; NULL after a success.
pub type dolium_get_callback = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        code: dolium_code,
        object: *const dolium_object,
        error: *const dolium_error,
    ),
>;
/// The outcome of a create. `DOLIUM_OK`: `builder` belongs to the callback, which seals or aborts it, then or later. Else
/// it is NULL. `error` belongs to the caller; NULL after a success.
pub type dolium_create_callback = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        code: dolium_code,
        builder: *mut dolium_builder,
        error: *const dolium_error,
    ),
>;
/// The outcome of a get of many. `DOLIUM_OK`: `objects` has `count` of them, in the order of the ids; those that are not
/// there hold nothing. The references belong to the callback; copy the structs, and release each once. Else `objects`
/// is NULL, and `count` 0. `error` belongs to the caller; NULL after a success.
pub type dolium_get_many_callback = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        code: dolium_code,
        objects: *const dolium_object,
        count: usize,
        error: *const dolium_error,
    ),
>;
/// Ends `user`: called exactly once, when `done` has returned, or will never be called (after a cancel, after
/// `dolium_close()`, or if the operation could not begin). In any thread that uses the store; it must not call the store.
pub type dolium_drop_callback = Option<unsafe extern "C" fn(user: *mut c_void)>;
opaque!(
    /// A stream of events.
    dolium_subscription
);
/// the object is visible; also one for each object that was there at the beginning
pub const DOLIUM_EVENT_SEALED: i32 = 1;
/// the object is no longer visible
pub const DOLIUM_EVENT_REMOVED: i32 = 2;
/// events were lost here: the subscriber was too slow, or the server was restarted
pub const DOLIUM_EVENT_OVERFLOW: i32 = 3;
/// by `dolium_remove()`
pub const DOLIUM_REMOVAL_REMOVED: i32 = 1;
/// to free memory, or by `dolium_evict()`
pub const DOLIUM_REMOVAL_EVICTED: i32 = 2;
/// its time to live or time to idle ended
pub const DOLIUM_REMOVAL_EXPIRED: i32 = 3;
/// by `dolium_clear()`
pub const DOLIUM_REMOVAL_CLEARED: i32 = 4;
/// its bytes on disk were damaged
pub const DOLIUM_REMOVAL_LOST: i32 = 5;
/// See `dolium/c/async.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct dolium_event {
    /// The size of this struct, in bytes.
    pub struct_size: usize,
    /// `DOLIUM_EVENT_`...; a later version can have more: skip those that are unknown
    pub kind: i32,
    /// `DOLIUM_REMOVAL_`... of `DOLIUM_EVENT_REMOVED`; else 0
    pub removal: i32,
    /// zero for `DOLIUM_EVENT_OVERFLOW`
    pub id: dolium_id,
    /// Label size.
    pub label_size: u32,
    /// Data size.
    pub data_size: u64,
    /// Metadata size.
    pub metadata_size: u64,
    /// terminated
    pub label: [c_char; DOLIUM_TEXT_SIZE],
}
zeroed!(dolium_event, struct_size);

unsafe extern "C" {
    /// The `DOLIUM_ABI_VERSION` that the loaded library was built with. A program works with every library of the same soname
    /// and the same or a higher version.
    pub fn dolium_abi_version() -> u32;
    /// The library's version, "0.1.0". The text lives as long as the library.
    pub fn dolium_version() -> *const c_char;
    /// The code's name, "not_found"; "ok" for `DOLIUM_OK`, "unknown" for another number. The text lives as long as the
    /// library.
    pub fn dolium_code_name(code: dolium_code) -> *const c_char;
    /// The cause's name, "room"; "unknown" for another number. The text lives as long as the library.
    pub fn dolium_cause_name(cause: dolium_cause) -> *const c_char;
    /// 160 bits from the operating system's generator; never repeats in practice.
    pub fn dolium_id_random(id: *mut dolium_id, error: *mut dolium_error) -> dolium_code;
    /// The same id for the same name, on every host and in every release. `name` has `size` bytes and may contain any. The
    /// hash is not cryptographic: do not use it for names that an attacker chooses.
    pub fn dolium_id_from_name(
        name: *const c_char,
        size: usize,
        id: *mut dolium_id,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Exactly 40 hexadecimal digits of either case, else `DOLIUM_INVALID_ARGUMENT`.
    pub fn dolium_id_from_hex(
        digits: *const c_char,
        size: usize,
        id: *mut dolium_id,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Writes 40 digits and a terminating zero. An empty text if `id` is NULL; does nothing if `text` is NULL.
    pub fn dolium_id_to_hex(id: *const dolium_id, text: *mut c_char);
    /// Whether it is a reference: false for NULL, for a struct of zeros, and after the release.
    pub fn dolium_object_holds(object: *const dolium_object) -> bool;
    /// Makes another reference to the same object in `other`, which the caller must release too. Costs about 10 ns; waits
    /// only while another thread is in fork(). `DOLIUM_INVALID_ARGUMENT` if `object` holds nothing or was released.
    pub fn dolium_object_retain(
        object: *const dolium_object,
        other: *mut dolium_object,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Ends the reference, and fills the struct with zeros: a second release of the same struct has no effect. Its pointers
    /// are invalid from now on. Callable from any thread and after `dolium_close()`. Makes no system call, unless a create
    /// waits for room.
    pub fn dolium_object_release(object: *mut dolium_object);
    /// Ends the reference as `dolium_object_release()` does, but leaves the struct as it is: do not use the struct again. For
    /// bindings whose objects end together with the struct: zeros in a struct cost a twentieth of a get.
    pub fn dolium_object_drop(object: *const dolium_object);
    /// The caller frees the copy with `dolium_private_copy_free()`. It holds a reference to the object of its own, so
    /// `object` may be released before. `DOLIUM_OUT_OF_MEMORY` names the limit of the kernel that refused it.
    pub fn dolium_object_private_copy(
        object: *const dolium_object,
        copy: *mut *mut dolium_private_copy,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// The bytes, writable, as many as the object has, aligned to 64 bytes. They belong to the copy. NULL if `copy` is
    /// NULL.
    pub fn dolium_private_copy_data(copy: *const dolium_private_copy) -> *mut c_void;
    /// Ends the copy: its bytes are gone.
    pub fn dolium_private_copy_free(copy: *mut dolium_private_copy);
    /// Connects to the daemon at this socket; NULL: the default path, see `dolium_default_socket_path()`. The path ends at
    /// its first zero byte. `options` may be NULL. The caller closes the store with `dolium_close()`. `DOLIUM_DISCONNECTED` if
    /// no daemon listens there in time; `DOLIUM_PERMISSION_DENIED` if this user may not connect; `DOLIUM_PROTOCOL_ERROR` if the
    /// daemon speaks another protocol version.
    pub fn dolium_connect(
        socket_path: *const c_char,
        options: *const dolium_connect_options,
        store: *mut *mut dolium_store,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Opens a store of this process alone, without a daemon. It has no thread: each call first expires the objects that
    /// are due. `options` may be NULL. The caller closes the store with `dolium_close()`.
    pub fn dolium_open(
        options: *const dolium_open_options,
        store: *mut *mut dolium_store,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Ends the handle. No other thread may be inside a call with it; a callback of this store may close it. Objects,
    /// builders and private copies stay valid: they keep the session until the last of them ends. Callbacks that were not
    /// called are dropped. Accepts NULL.
    pub fn dolium_close(store: *mut dolium_store);
    /// Whether the store is there, as far as this process knows. False after its end, and for NULL. No system call.
    pub fn dolium_connected(store: *const dolium_store) -> bool;
    /// Whether the daemon granted access for reading only. False for an in-process store, and for NULL.
    pub fn dolium_read_only(store: *const dolium_store) -> bool;
    /// The daemon's number of this session, as `dolium clients` shows it; 0 for an in-process store, and for NULL.
    pub fn dolium_session_id(store: *const dolium_store) -> u64;
    /// Number of times that a store with `DOLIUM_CONNECT_RECONNECT` has gone on with another daemon; 0 for all others.
    pub fn dolium_reconnections(store: *const dolium_store) -> u64;
    /// Succeeds while the store is there. Behind a daemon this takes one round trip.
    pub fn dolium_ping(store: *mut dolium_store, error: *mut dolium_error) -> dolium_code;
    /// The first of: $`DOLIUM_SOCKET`; $XDG_RUNTIME_DIR/dolium.sock; /run/dolium/dolium.sock for root;
    /// `/tmp/dolium-<uid>/dolium.sock`. Writes it with a terminating zero into `path`, which has `capacity` bytes;
    /// `DOLIUM_TOO_LARGE` if it does not fit. Reads the environment: no other thread may change it meanwhile.
    pub fn dolium_default_socket_path(path: *mut c_char, capacity: usize, error: *mut dolium_error) -> dolium_code;
    /// A pinned object is not evicted and does not expire, until any client calls `dolium_unpin()`. `DOLIUM_NOT_FOUND`;
    /// `DOLIUM_NOT_SEALED` while it is being written; `DOLIUM_OUT_OF_MEMORY` beyond the user's quota of pinned bytes.
    pub fn dolium_pin(store: *mut dolium_store, id: *const dolium_id, error: *mut dolium_error) -> dolium_code;
    /// Has no effect on an object that is not pinned. `DOLIUM_NOT_FOUND`.
    pub fn dolium_unpin(store: *mut dolium_store, id: *const dolium_id, error: *mut dolium_error) -> dolium_code;
    /// Keeps the object for readers that are about to come: it is not evicted until `readers` (0: 1) other sessions have
    /// got it or `grace_ns` has passed (at most `DOLIUM_MAX_GRACE_NS`), also if this client ends meanwhile. Never shortens a
    /// grace. In an in-process store any get ends it. Errors as `dolium_pin()`.
    pub fn dolium_extend_grace(
        store: *mut dolium_store,
        id: *const dolium_id,
        grace_ns: i64,
        readers: u32,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Makes the object invisible and its id free at once; its memory becomes free at the last release. `removed` (may be
    /// NULL) tells whether there was such an object: if not, that is no error. `DOLIUM_NOT_SEALED` while it is being written.
    pub fn dolium_remove(
        store: *mut dolium_store,
        id: *const dolium_id,
        removed: *mut bool,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Evicts the coldest objects until `bytes` are free or nothing more can be evicted. `freed` (may be NULL): bytes that
    /// became free. `object_bytes` (may be NULL): data and metadata of the evicted objects.
    pub fn dolium_evict(
        store: *mut dolium_store,
        bytes: u64,
        freed: *mut u64,
        object_bytes: *mut u64,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Gives free memory of the store back to the system. `bytes` (may be NULL): how many. New objects take it again, which
    /// is slower than memory that is kept, and can fail with `DOLIUM_OUT_OF_MEMORY` if the system has none by then. Evict
    /// first to give back more. `DOLIUM_INVALID_ARGUMENT` for a store that keeps its memory: with `preallocate` or huge
    /// pages.
    pub fn dolium_trim(store: *mut dolium_store, bytes: *mut u64, error: *mut dolium_error) -> dolium_code;
    /// Removes all sealed objects, also pinned ones. Objects that are held stay readable for their holders.
    pub fn dolium_clear(store: *mut dolium_store, error: *mut dolium_error) -> dolium_code;
    /// Reserves memory for an object of `size` bytes. `options` may be NULL. The caller ends the builder with
    /// `dolium_builder_seal()` or `dolium_builder_abort()`; it outlives `dolium_close()`.
    /// `DOLIUM_ALREADY_EXISTS` if the id is in use, sealed or not; `DOLIUM_TOO_LARGE` if the object can never fit;
    /// `DOLIUM_OUT_OF_MEMORY` if nothing more can be evicted; `DOLIUM_TIMED_OUT` if that is still so when options->timeout_ns
    /// is over.
    pub fn dolium_create(
        store: *mut dolium_store,
        id: *const dolium_id,
        size: u64,
        options: *const dolium_create_options,
        builder: *mut *mut dolium_builder,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// The object's bytes, writable, aligned to 64 bytes; their content is unspecified until written. They belong to the
    /// builder: do not write to them after its seal or abort, or another object changes. This holds for I/O into them, too:
    /// it must be complete before. NULL if `builder` is NULL, or after `dolium_builder_abort_and_keep()`.
    pub fn dolium_builder_data(builder: *const dolium_builder) -> *mut c_void;
    /// Number of bytes of the object; 0 if `builder` is NULL.
    pub fn dolium_builder_size(builder: *const dolium_builder) -> u64;
    /// Appends `size` bytes to those that this function has written. Uses several threads for large ones. `DOLIUM_TOO_LARGE`
    /// if they do not fit; then nothing is written.
    pub fn dolium_builder_write(
        builder: *mut dolium_builder,
        data: *const c_void,
        size: usize,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Number of bytes that `dolium_builder_write()` has written.
    pub fn dolium_builder_written(builder: *const dolium_builder) -> u64;
    /// Makes the object immutable and visible, and wakes gets that wait for it. Bytes that were not written stay
    /// unspecified. Ends the builder in every case, also when it fails. `held` (may be NULL) gets a reference that is taken
    /// before the object can be evicted or removed; the caller releases it. `DOLIUM_DISCONNECTED` after the daemon's end, and
    /// in a child of the process that made the builder.
    pub fn dolium_builder_seal(
        builder: *mut dolium_builder,
        held: *mut dolium_object,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Discards the object. Its id and its memory are free at once. Ends the builder in every case, also when it fails.
    /// Accepts NULL.
    pub fn dolium_builder_abort(builder: *mut dolium_builder, error: *mut dolium_error) -> dolium_code;
    /// Discards the object, and frees its id at once, but keeps the memory writable until `dolium_builder_abort()`, which
    /// must follow: for a caller that cannot take back pointers into it (I/O under way, views of an interpreter).
    pub fn dolium_builder_abort_and_keep(builder: *mut dolium_builder, error: *mut dolium_error) -> dolium_code;
    /// Creates, copies and seals: one message up to 32 KiB, two messages for more. `options` may be NULL; `data` may be
    /// NULL if `size` is 0. `held` (may be NULL) gets a reference that is taken before the object can be evicted or
    /// removed; the caller releases it. Errors as `dolium_create()`.
    pub fn dolium_put(
        store: *mut dolium_store,
        id: *const dolium_id,
        data: *const c_void,
        size: usize,
        options: *const dolium_create_options,
        held: *mut dolium_object,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Many puts with few messages, carried out in order. No put waits for other clients. `DOLIUM_OK` means that the store
    /// was asked: `failures` then has those that failed, or is NULL if none did. The caller frees it with
    /// `dolium_failures_free()`.
    pub fn dolium_put_many(
        store: *mut dolium_store,
        items: *const dolium_put_item,
        count: usize,
        failures: *mut *mut dolium_failures,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// A put that does not wait for its outcome, for many small objects in a row. The bytes are copied before it returns.
    /// At most `DOLIUM_MAX_DEFERRED` bytes; options->timeout_ns must be 0. Outcomes that only the store knows are reported by
    /// the next `dolium_flush()`. Later calls through this store see the object; other clients see it after a moment.
    /// `DOLIUM_OUT_OF_MEMORY` when 4096 failures wait for `dolium_flush()`. Blocks while the send queue is full.
    pub fn dolium_put_deferred(
        store: *mut dolium_store,
        id: *const dolium_id,
        data: *const c_void,
        size: usize,
        options: *const dolium_create_options,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Waits until all earlier deferred puts are done. `failures` gets those that failed since the last call, or NULL if
    /// none did. The caller frees it with `dolium_failures_free()`. `DOLIUM_DISCONNECTED`: the outcome of the deferred puts is
    /// unknown.
    pub fn dolium_flush(
        store: *mut dolium_store,
        failures: *mut *mut dolium_failures,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Number of failures; 0 for NULL.
    pub fn dolium_failures_count(failures: *const dolium_failures) -> usize;
    /// Fills `failure`, whose struct_size must be set. `DOLIUM_NOT_FOUND` if there are no more than `at`.
    pub fn dolium_failures_at(
        failures: *const dolium_failures,
        at: usize,
        failure: *mut dolium_failure,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Ends the texts that `dolium_failures_at()` gave. Accepts NULL.
    pub fn dolium_failures_free(failures: *mut dolium_failures);
    /// The object's bytes, in place. The caller releases `object` with `dolium_object_release()`. Makes no system call if the
    /// object is there. Otherwise fails with `DOLIUM_NOT_FOUND` (timeout 0), or waits until the object is sealed, and fails
    /// with `DOLIUM_TIMED_OUT` at the deadline. The deadline holds, some 100 ms late, even while the daemon is suspended.
    pub fn dolium_get(
        store: *mut dolium_store,
        id: *const dolium_id,
        timeout_ns: i64,
        object: *mut dolium_object,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// A local lookup that never blocks: no system call, no message. Can miss an object that `dolium_get()` would find. Fills
    /// `object`, which the caller releases, and returns `DOLIUM_OK`; or `DOLIUM_NOT_FOUND`. It makes no text.
    pub fn dolium_try_get(store: *mut dolium_store, id: *const dolium_id, object: *mut dolium_object) -> dolium_code;
    /// Gets `count` objects: waits until all are there, or until the deadline. If `enough` is not 0, until so many are
    /// there. Fills `objects[0]` to `objects[count - 1]`, in the order of `ids`; those that are not there hold nothing. The
    /// caller releases all the others. `found` (may be NULL): how many are there. Fewer than `enough` after the deadline:
    /// that is no error. `DOLIUM_INVALID_ARGUMENT` if `enough` is more than `count`, or if it is given for more than
    /// `DOLIUM_MAX_WAIT_IDS` ids.
    pub fn dolium_get_many(
        store: *mut dolium_store,
        ids: *const dolium_id,
        count: usize,
        enough: usize,
        timeout_ns: i64,
        objects: *mut dolium_object,
        found: *mut usize,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Waits until `enough` of the objects (0: all) are there, or until the deadline. Fills `there[0]` to `there[count -
    /// 1]`: which objects were there at some moment of the call. `found` (may be NULL): how many. Takes no references: an
    /// object can be evicted or removed again before it is got. `DOLIUM_INVALID_ARGUMENT` if an id occurs twice, if there are
    /// none or more than `DOLIUM_MAX_WAIT_IDS`, or if `enough` is more than `count`.
    pub fn dolium_wait(
        store: *mut dolium_store,
        ids: *const dolium_id,
        count: usize,
        enough: usize,
        timeout_ns: i64,
        there: *mut bool,
        found: *mut usize,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Whether a get would find the object now. Does not count as hit, miss or access.
    pub fn dolium_exists(
        store: *mut dolium_store,
        id: *const dolium_id,
        exists: *mut bool,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// The same for each id, in the order of `ids`. Fills `exist[0]` to `exist[count - 1]`.
    pub fn dolium_exists_many(
        store: *mut dolium_store,
        ids: *const dolium_id,
        count: usize,
        exist: *mut bool,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Gets an object and removes it, in one step: of several takes of one object exactly one succeeds. Gets that wait for
    /// the object are served first. Waits as `dolium_get()`. The caller releases `object`. At most once: if this process, or
    /// the daemon's server, dies in the middle, the object can be lost; then the call fails with `DOLIUM_DISCONNECTED`.
    pub fn dolium_take(
        store: *mut dolium_store,
        id: *const dolium_id,
        timeout_ns: i64,
        object: *mut dolium_object,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// The same for an object of this type. `DOLIUM_TYPE_MISMATCH` if its tag is another one: then it stays in the store.
    /// `type_tag` 0: any type.
    pub fn dolium_take_typed(
        store: *mut dolium_store,
        id: *const dolium_id,
        type_tag: u64,
        timeout_ns: i64,
        object: *mut dolium_object,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// See `dolium/c/report.h`.
    pub fn dolium_use_list_count(list: *const dolium_use_list) -> usize;
    /// Fills `use`, whose struct_size must be set, with the next one. `DOLIUM_NOT_FOUND` at the end.
    pub fn dolium_use_list_next(
        list: *mut dolium_use_list,
        r#use: *mut dolium_use,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Accepts NULL.
    pub fn dolium_use_list_free(list: *mut dolium_use_list);
    /// Fills `info`, whose struct_size must be set. Finds sealed objects and those that are being written.
    /// `DOLIUM_NOT_FOUND` if there is none. `uses` (may be NULL) gets at most 64 holders and 64 waiters, the most references
    /// first; the caller frees it with `dolium_use_list_free()`.
    pub fn dolium_metadata(
        store: *mut dolium_store,
        id: *const dolium_id,
        info: *mut dolium_object_info,
        uses: *mut *mut dolium_use_list,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// All objects, sealed or not, that pass the filter; NULL: all. The caller frees the list with
    /// `dolium_object_list_free()`.
    pub fn dolium_list(
        store: *mut dolium_store,
        filter: *const dolium_filter,
        list: *mut *mut dolium_object_list,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// See `dolium/c/report.h`.
    pub fn dolium_object_list_count(list: *const dolium_object_list) -> usize;
    /// Fills `info`, whose struct_size must be set, with the next object. `DOLIUM_NOT_FOUND` at the end.
    pub fn dolium_object_list_next(
        list: *mut dolium_object_list,
        info: *mut dolium_object_info,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Accepts NULL.
    pub fn dolium_object_list_free(list: *mut dolium_object_list);
    /// Removes an object that a listing or `dolium_metadata()` has described, and no other that was put under its id since.
    /// Reads the id and the seal_stamp of `object`. `removed` (may be NULL): false if it was gone already.
    /// `DOLIUM_NOT_SEALED` if it was not sealed when it was described.
    pub fn dolium_remove_described(
        store: *mut dolium_store,
        object: *const dolium_object_info,
        removed: *mut bool,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// All clients of the store. The caller frees the list with `dolium_client_list_free()`.
    pub fn dolium_clients(
        store: *mut dolium_store,
        list: *mut *mut dolium_client_list,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// See `dolium/c/report.h`.
    pub fn dolium_client_list_count(list: *const dolium_client_list) -> usize;
    /// Fills `info`, whose struct_size must be set, with the next client. `DOLIUM_NOT_FOUND` at the end.
    pub fn dolium_client_list_next(
        list: *mut dolium_client_list,
        info: *mut dolium_client_info,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Accepts NULL.
    pub fn dolium_client_list_free(list: *mut dolium_client_list);
    /// Fills `stats`, whose struct_size must be set.
    pub fn dolium_stats(
        store: *mut dolium_store,
        stats: *mut dolium_store_stats,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// The last refusal. Fills `refusal`, whose struct_size must be set. `DOLIUM_NOT_FOUND` if there was none since the start
    /// of the server. `holders` (may be NULL) gets at most 8 clients that held or wrote most then, the largest first; the
    /// caller frees it with `dolium_use_list_free()`.
    pub fn dolium_last_refusal(
        store: *mut dolium_store,
        refusal: *mut dolium_refusal,
        holders: *mut *mut dolium_use_list,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// The tag of the type with this name, which has `size` bytes: "`map<utf8,f64>`". Any name that is not of the table in
    /// CODECS.md is that of a program's own type. 0 for "bytes". `DOLIUM_INVALID_ARGUMENT` for an empty name.
    pub fn dolium_type_tag(name: *const c_char, size: usize, tag: *mut u64, error: *mut dolium_error) -> dolium_code;
    /// The name of a scalar, an array of scalars, or another type that the library knows; an empty text if the tag is
    /// unknown. "bytes" for 0. The text lives as long as the library.
    pub fn dolium_type_name(tag: u64) -> *const c_char;
    /// The name that the object's creator gave its type: `size` bytes, not terminated, which live as long as the reference.
    /// An empty one for raw bytes.
    pub fn dolium_object_type_name(
        object: *const dolium_object,
        name: *mut *const c_char,
        size: *mut usize,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Whether the object's data are a value of the type with this name, which has `size` bytes: `DOLIUM_OK`, or
    /// `DOLIUM_TYPE_MISMATCH`, whose text names both types. It compares tags; a numpy array of one dimension, or a scalar, is
    /// one of its elements' type, too. "bytes" fits every object.
    pub fn dolium_object_check_type(
        object: *const dolium_object,
        name: *const c_char,
        size: usize,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Writes the ticket of an object, with a terminating zero, into `text`, which has `capacity` bytes;
    /// `DOLIUM_TICKET_TEXT_SIZE` are always enough. `DOLIUM_TOO_LARGE` if they are not. `type_name` has `type_name_size` bytes,
    /// at most `DOLIUM_MAX_NAME`; NULL: "bytes". Does not look for the object.
    pub fn dolium_ticket(
        store: *mut dolium_store,
        id: *const dolium_id,
        type_name: *const c_char,
        type_name_size: usize,
        text: *mut c_char,
        capacity: usize,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Reads a ticket of `size` bytes. `DOLIUM_INVALID_ARGUMENT` if the text is no ticket.
    pub fn dolium_ticket_read(
        ticket: *const c_char,
        size: usize,
        info: *mut dolium_ticket_info,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// `dolium_get()` of the ticket's object, which the caller releases. If `type_name` is not NULL, the ticket must have
    /// this type, else `DOLIUM_TYPE_MISMATCH`. If the object is missing, the text says whether the ticket was made in another
    /// store.
    pub fn dolium_ticket_get(
        store: *mut dolium_store,
        ticket: *const c_char,
        size: usize,
        type_name: *const c_char,
        type_name_size: usize,
        timeout_ns: i64,
        object: *mut dolium_object,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// A descriptor for poll, epoll, libuv and the like; level-triggered. It is readable when `dolium_process_events()` has
    /// something to do, or a subscription has events; sometimes without a reason. It stays readable after the connection is
    /// lost: remove it from the loop when `dolium_process_events()` returns `DOLIUM_DISCONNECTED`. It belongs to the store: do
    /// not read, write or close it. -1 if `store` is NULL.
    pub fn dolium_event_fd(store: *const dolium_store) -> c_int;
    /// Runs the callbacks that are due, in this thread. Never blocks. Afterwards, read subscriptions with timeout 0 until
    /// they return `DOLIUM_TIMED_OUT`. `DOLIUM_DISCONNECTED` after the daemon's end: then every pending callback was called
    /// with that code.
    pub fn dolium_process_events(store: *mut dolium_store, error: *mut dolium_error) -> dolium_code;
    /// `dolium_get()` without blocking. `user` goes to `done`, then to `drop`, which may be NULL. `operation` (may be NULL)
    /// is for `dolium_async_cancel()`; the caller frees it with `dolium_async_free()`.
    pub fn dolium_get_async(
        store: *mut dolium_store,
        id: *const dolium_id,
        timeout_ns: i64,
        done: dolium_get_callback,
        user: *mut c_void,
        drop: dolium_drop_callback,
        operation: *mut *mut dolium_async,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// `dolium_get_many()` without blocking; `ids` are copied. Of a store that spills, several objects are got with this, not
    /// with several `dolium_get_async()`: each of those holds its object while the others still wait for room.
    pub fn dolium_get_many_async(
        store: *mut dolium_store,
        ids: *const dolium_id,
        count: usize,
        enough: usize,
        timeout_ns: i64,
        done: dolium_get_many_callback,
        user: *mut c_void,
        drop: dolium_drop_callback,
        operation: *mut *mut dolium_async,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// `dolium_take()` without blocking. A cancel in time can still remove the object, if it comes at the same moment.
    pub fn dolium_take_async(
        store: *mut dolium_store,
        id: *const dolium_id,
        timeout_ns: i64,
        done: dolium_get_callback,
        user: *mut c_void,
        drop: dolium_drop_callback,
        operation: *mut *mut dolium_async,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// `dolium_create()` without blocking: waits for room until options->timeout_ns. `options` are copied.
    pub fn dolium_create_async(
        store: *mut dolium_store,
        id: *const dolium_id,
        size: u64,
        options: *const dolium_create_options,
        done: dolium_create_callback,
        user: *mut c_void,
        drop: dolium_drop_callback,
        operation: *mut *mut dolium_async,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Cancels the operation, in the daemon too. True: `done` was not called and never will be. False: it was called, or is
    /// being called; or `operation` is NULL. The operation must still be freed.
    pub fn dolium_async_cancel(operation: *mut dolium_async) -> bool;
    /// Frees the handle; does not cancel the operation. Accepts NULL.
    pub fn dolium_async_free(operation: *mut dolium_async);
    /// Events from now on. First comes `DOLIUM_EVENT_SEALED` for each object that is there already. The caller ends the
    /// subscription with `dolium_subscription_free()`; it outlives `dolium_close()`.
    pub fn dolium_subscribe(
        store: *mut dolium_store,
        subscription: *mut *mut dolium_subscription,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Fills `event`, whose struct_size must be set, with the next event. `DOLIUM_TIMED_OUT` if none comes in time;
    /// `DOLIUM_DISCONNECTED` after the daemon's end, when all its events have been read.
    pub fn dolium_subscription_next(
        subscription: *mut dolium_subscription,
        timeout_ns: i64,
        event: *mut dolium_event,
        error: *mut dolium_error,
    ) -> dolium_code;
    /// Accepts NULL.
    pub fn dolium_subscription_free(subscription: *mut dolium_subscription);
}
