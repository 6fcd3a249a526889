//! The clients of a store.

use std::time::Duration;

use dolium_sys as sys;

use super::report;

report! {
    /// One client of the store.
    ClientInfo: dolium_client_info {
        /// The daemon's number of the session.
        session_id: u64 = session_id,
        /// In the daemon's PID namespace; 0: not visible there.
        pid: i32 = pid,
        /// The user's number.
        uid: u32 = uid,
        /// See [`is_read_only`](ClientInfo::is_read_only) and the others.
        flags: u32 = flags,
        /// In its own PID namespace, as the client stated it; 0: not stated.
        origin_pid: i32 = origin_pid,
        /// References; two of one object count twice.
        references: u64 = references,
        /// Different objects.
        objects_held: u64 = objects_held,
        /// Their bytes in the store, each object once.
        bytes_held: u64 = bytes_held,
        /// Objects that it is writing.
        unsealed_count: u64 = unsealed_count,
        /// Their bytes.
        unsealed_bytes: u64 = unsealed_bytes,
        /// Gets that found their object.
        hits: u64 = hits,
        /// Gets that did not.
        misses: u64 = misses,
        /// Gets that wait.
        waiting_gets: u64 = waiting_gets,
        /// Creates that wait.
        waiting_creates: u64 = waiting_creates,
        /// Bytes of replies and events that it has not read yet.
        unread_bytes: u64 = unread_bytes,
        /// Objects that are kept by graces that it gave.
        graced_count: u64 = graced_count,
        /// Their bytes.
        graced_bytes: u64 = graced_bytes,
        /// How long it has been connected.
        connected_for: Duration = connected_for_ns,
        /// Age of its oldest unsealed object.
        oldest_unsealed: Duration = oldest_unsealed_ns,
        /// Age of its oldest reference.
        longest_held: Duration = longest_held_ns,
        /// The program's name.
        command: String = command,
        /// The user's name, or the number if there is no name.
        user: String = user,
        /// The name that it gave itself.
        name: String = name,
        /// Its own host name, as the client stated it.
        host: String = host,
        /// Its environment variable `POD_NAME`.
        pod: String = pod,
    }
}

impl ClientInfo {
    /// Whether it may only read.
    pub fn is_read_only(&self) -> bool {
        self.flags & sys::DOLIUM_CLIENT_READ_ONLY != 0
    }

    /// Whether the daemon ended this session because it broke the protocol.
    pub fn is_quarantined(&self) -> bool {
        self.flags & sys::DOLIUM_CLIENT_QUARANTINED != 0
    }

    /// Whether it closed, but still holds objects.
    pub fn has_left(&self) -> bool {
        self.flags & sys::DOLIUM_CLIENT_LEFT != 0
    }

    /// Whether it was connected to a server that crashed, and has not resumed yet.
    pub fn is_orphaned(&self) -> bool {
        self.flags & sys::DOLIUM_CLIENT_ORPHANED != 0
    }
}
