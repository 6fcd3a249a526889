//! One object, and its users.

use std::time::{Duration, SystemTime};

use dolium_sys as sys;

use super::{FromC, report};
use crate::{ObjectId, Retention};

/// Whether an object is written, or readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectState {
    /// Being written.
    Unsealed,
    /// Visible and immutable.
    Sealed,
    /// A state that this version of the crate does not know.
    Unknown(i32),
}

impl FromC<i32> for ObjectState {
    fn from_c(state: &i32) -> Self {
        match *state {
            sys::DOLIUM_UNSEALED => Self::Unsealed,
            sys::DOLIUM_SEALED => Self::Sealed,
            other => Self::Unknown(other),
        }
    }
}

/// Where an object's bytes are. All but the first: only with [`Retention::Keep`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectPlace {
    /// In memory only.
    Memory,
    /// In both: its memory can be given up at once.
    MemoryAndDisk,
    /// On disk only: a get reads it back.
    Disk,
    /// On disk, and being read back.
    ReadingBack,
    /// A place that this version of the crate does not know.
    Unknown(i32),
}

impl FromC<i32> for ObjectPlace {
    fn from_c(place: &i32) -> Self {
        match *place {
            sys::DOLIUM_PLACE_MEMORY => Self::Memory,
            sys::DOLIUM_PLACE_MEMORY_AND_DISK => Self::MemoryAndDisk,
            sys::DOLIUM_PLACE_DISK => Self::Disk,
            sys::DOLIUM_PLACE_READING_BACK => Self::ReadingBack,
            other => Self::Unknown(other),
        }
    }
}

impl FromC<i32> for Retention {
    fn from_c(retention: &i32) -> Self {
        match *retention {
            sys::DOLIUM_RETENTION_CACHE => Self::Cache,
            sys::DOLIUM_RETENTION_KEEP => Self::Keep,
            _ => Self::Default,
        }
    }
}

report! {
    /// What the store knows about one object.
    ObjectInfo: dolium_object_info {
        /// Its id.
        id: ObjectId = id,
        /// Whether it is sealed.
        state: ObjectState = state,
        /// Bytes of its data.
        data_size: u64 = data_size,
        /// Bytes of its metadata.
        metadata_size: u64 = metadata_size,
        /// When it was created.
        created_at: Option<SystemTime> = created_at_ns,
        /// When it was sealed; none while it is being written.
        sealed_at: Option<SystemTime> = sealed_at_ns,
        /// Time of the last get, or of the seal before the first get.
        last_accessed_at: Option<SystemTime> = last_accessed_at_ns,
        /// References held by all clients together.
        ref_count: u64 = ref_count,
        /// The tag of its type; 0: raw bytes.
        type_tag: u64 = type_tag,
        /// The name of its type.
        type_name: String = type_name,
        /// Its label.
        label: String = label,
        /// As given at create.
        time_to_live: Option<Duration> = time_to_live_ns,
        /// As given at create.
        time_to_idle: Option<Duration> = time_to_idle_ns,
        /// How long a grace still keeps it.
        grace_left: Option<Duration> = grace_left_ns,
        /// Number of sessions whose gets end the grace.
        grace_readers_left: u32 = grace_readers_left,
        /// The process that created it.
        creator_pid: i32 = creator_pid,
        /// The program that created it; empty in a listing, and when it is no longer connected.
        creator_command: String = creator_command,
        /// Whether it is pinned.
        pinned: bool = pinned,
        /// Different for each object that was ever sealed, also under the same id; 0 while unsealed.
        seal_stamp: u64 = seal_stamp,
        /// Whether an eviction keeps it on disk: [`Retention::Default`] has become one of the others.
        retention: Retention = retention,
        /// Where its bytes are. On disk, its type name and its label are not known, and empty.
        place: ObjectPlace = place,
    }
}

/// What a client has to do with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UseRole {
    /// Holds references.
    Holder,
    /// Its gets wait for the seal.
    Waiter,
    /// A role that this version of the crate does not know.
    Unknown(i32),
}

impl FromC<i32> for UseRole {
    fn from_c(role: &i32) -> Self {
        match *role {
            sys::DOLIUM_HOLDER => Self::Holder,
            sys::DOLIUM_WAITER => Self::Waiter,
            other => Self::Unknown(other),
        }
    }
}

report! {
    /// One client's use of an object, or of the whole store.
    Use: dolium_use {
        /// The daemon's number of the session.
        session_id: u64 = session_id,
        /// The client's process.
        pid: i32 = pid,
        /// Whether it holds, or waits.
        role: UseRole = role,
        /// Number of its references.
        references: u64 = references,
        /// Bytes of the store, each object once.
        bytes_held: u64 = bytes_held,
        /// Bytes that it is writing.
        unsealed_bytes: u64 = unsealed_bytes,
        /// The part of them that is leased for deferred puts.
        leased_bytes: u64 = leased_bytes,
        /// The process in its own PID namespace, as the client stated it; 0: not stated.
        origin_pid: i32 = origin_pid,
        /// The program's name when the client connected.
        command: String = command,
        /// The name that it gave itself.
        name: String = name,
        /// Its own host name, as the client stated it.
        host: String = host,
        /// Its environment variable `POD_NAME`.
        pod: String = pod,
    }
}
