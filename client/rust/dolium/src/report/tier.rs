//! The spill tier of a store.

use std::time::Duration;

use dolium_sys as sys;

use super::{FromC, report};

/// How a spill tier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpillTierState {
    /// No process of the tier is connected.
    Absent,
    /// It tells what is on the disk; nothing is written or read back.
    Catalogue,
    /// Objects are written and read back.
    Ready,
    /// Objects are read back, none are written: the disk, or the quota, is full.
    Full,
    /// Objects are read back, none are written: the file system refuses.
    ReadOnly,
    /// Neither.
    Failed,
    /// Neither: the disk has not answered for 30 s.
    Stalled,
    /// A state that this version of the crate does not know.
    Unknown(i32),
}

impl FromC<i32> for SpillTierState {
    fn from_c(state: &i32) -> Self {
        match *state {
            sys::DOLIUM_TIER_ABSENT => Self::Absent,
            sys::DOLIUM_TIER_CATALOGUE => Self::Catalogue,
            sys::DOLIUM_TIER_READY => Self::Ready,
            sys::DOLIUM_TIER_FULL => Self::Full,
            sys::DOLIUM_TIER_READ_ONLY => Self::ReadOnly,
            sys::DOLIUM_TIER_FAILED => Self::Failed,
            sys::DOLIUM_TIER_STALLED => Self::Stalled,
            other => Self::Unknown(other),
        }
    }
}

report! {
    /// The spill tier: doliumd-spill and its directory. Its own figures are a second old.
    SpillTier: dolium_spill_tier {
        /// How it is.
        state: SpillTierState = state,
        /// Why it is not ready, as the process says; may be empty.
        reason: String = reason,
        /// Of doliumd-spill, in the daemon's PID namespace; 0: not connected.
        pid: i32 = pid,
        /// Empty until the process has told it.
        directory: String = directory,
        /// `io_uring` or `threads`.
        io: String = io,
        /// Age of the connection.
        connected_for: Duration = connected_for_ns,
        /// How long the process has owed an answer to a write or a read.
        oldest_work: Duration = oldest_work_ns,
        /// Objects that are being written.
        writing_count: u64 = writing_count,
        /// Their bytes.
        writing_bytes: u64 = writing_bytes,
        /// Bytes of the objects that are being read back.
        reading_bytes: u64 = reading_bytes,
        /// The quota; the largest number if there is none.
        capacity_bytes: u64 = capacity_bytes,
        /// Allocated on the disk.
        used_bytes: u64 = used_bytes,
        /// Of objects that are there; compaction frees the rest of the used ones.
        live_bytes: u64 = live_bytes,
        /// Objects on the disk.
        records: u64 = records,
        /// Files.
        files: u64 = files,
        /// Bytes written since the process started, as all below.
        written_bytes: u64 = written_bytes,
        /// Bytes read.
        read_bytes: u64 = read_bytes,
        /// Bytes that compaction has rewritten.
        compacted_bytes: u64 = compacted_bytes,
        /// Writes that failed.
        write_errors: u64 = write_errors,
        /// Reads that failed.
        read_errors: u64 = read_errors,
        /// Records found with a wrong checksum.
        damaged_count: u64 = damaged_count,
        /// Reads that the disk refused.
        unreadable_count: u64 = unreadable_count,
        /// Records whose files were removed or cut by others.
        lost_records: u64 = lost_records,
        /// Duration of the last sync.
        last_sync: Duration = last_sync_ns,
    }
}

impl FromC<sys::dolium_spill_tier> for Option<SpillTier> {
    fn from_c(raw: &sys::dolium_spill_tier) -> Self {
        (raw.state != sys::DOLIUM_TIER_NONE).then(|| SpillTier::from_c(raw))
    }
}
