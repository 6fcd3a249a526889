//! The statistics of a store.

use std::time::Duration;

use dolium_sys as sys;

use super::{FromC, SpillTier, report};

report! {
    /// Memory that can neither be evicted nor moved at the moment, and so causes fragmentation.
    Obstacles: dolium_obstacles {
        /// Pieces.
        count: u64 = count,
        /// In use by clients, including removed objects.
        held_bytes: u64 = held_bytes,
        /// Unsealed objects of connected clients.
        writing_bytes: u64 = writing_bytes,
        /// Leases that are in use, or cannot be given back.
        leased_bytes: u64 = leased_bytes,
        /// Unsealed objects of a client or of a server that died.
        abandoned_bytes: u64 = abandoned_bytes,
        /// Pinned, not in use, and too large to be moved.
        pinned_bytes: u64 = pinned_bytes,
        /// In a grace, not in use, and too large to be moved.
        graced_bytes: u64 = graced_bytes,
        /// No obstacle: pinned or in a grace, and not in use; can only be moved.
        movable_bytes: u64 = movable_bytes,
        /// The largest contiguous free memory if everything else were evicted or moved.
        largest_run: u64 = largest_run,
    }
}

report! {
    /// `count` objects have at most `bytes` bytes of data, and more than the row before.
    HistogramRow: dolium_histogram_row {
        /// The upper bound.
        bytes: u64 = bytes,
        /// Number of objects.
        count: u64 = count,
    }
}

report! {
    /// The statistics of a store. Bytes are those of its memory: they include padding and metadata.
    StoreStats: dolium_store_stats {
        /// Sealed and visible objects.
        total_objects: u64 = total_objects,
        /// Bytes of their data and metadata, without padding.
        total_size: u64 = total_size,
        /// Bytes of the store: `used_bytes` and `free_bytes` together.
        capacity: u64 = capacity,
        /// Used bytes, with padding and metadata.
        used_bytes: u64 = used_bytes,
        /// Free bytes.
        free_bytes: u64 = free_bytes,
        /// The largest object that fits without an eviction.
        largest_free_extent: u64 = largest_free_extent,
        /// Part of the used bytes that holds nothing.
        padding_bytes: u64 = padding_bytes,
        /// Part of the capacity that the kernel has allocated.
        reserved_bytes: u64 = reserved_bytes,
        /// Maximum number of objects.
        max_objects: u64 = max_objects,
        /// Pinned objects.
        pinned_count: u64 = pinned_count,
        /// Their bytes.
        pinned_bytes: u64 = pinned_bytes,
        /// Objects that are kept by a grace alone: neither pinned nor in use.
        graced_count: u64 = graced_count,
        /// Their bytes.
        graced_bytes: u64 = graced_bytes,
        /// Objects that a client holds, including removed ones.
        in_use_count: u64 = in_use_count,
        /// Their bytes.
        in_use_bytes: u64 = in_use_bytes,
        /// Objects that are being written.
        unsealed_count: u64 = unsealed_count,
        /// Their bytes.
        unsealed_bytes: u64 = unsealed_bytes,
        /// Objects that are removed and still held: free at the last release.
        retired_count: u64 = retired_count,
        /// Their bytes.
        retired_bytes: u64 = retired_bytes,
        /// Objects whose memory rests after a client broke the protocol.
        quarantined_count: u64 = quarantined_count,
        /// Their bytes.
        quarantined_bytes: u64 = quarantined_bytes,
        /// Bytes that an eviction can free.
        evictable_bytes: u64 = evictable_bytes,
        /// Gets, since the start of the store, as all counts below.
        get_count: u64 = get_count,
        /// Gets that found their object.
        hit_count: u64 = hit_count,
        /// Gets that did not.
        miss_count: u64 = miss_count,
        /// Objects that were sealed.
        put_count: u64 = put_count,
        /// Evicted objects.
        eviction_count: u64 = eviction_count,
        /// Their bytes.
        evicted_bytes: u64 = evicted_bytes,
        /// Objects that were moved.
        relocation_count: u64 = relocation_count,
        /// Their bytes.
        relocated_bytes: u64 = relocated_bytes,
        /// Objects whose time ended.
        expired_count: u64 = expired_count,
        /// Removed objects.
        removed_count: u64 = removed_count,
        /// Objects that were never sealed.
        aborted_count: u64 = aborted_count,
        /// Creates that found no room, also after waiting.
        out_of_memory_count: u64 = out_of_memory_count,
        /// Clients.
        client_count: u64 = client_count,
        /// Gets that wait.
        waiting_gets: u64 = waiting_gets,
        /// Creates that wait.
        waiting_creates: u64 = waiting_creates,
        /// Age of the store.
        uptime: Duration = uptime_ns,
        /// Of the daemon's process ids; 0: unknown.
        pid_namespace: u64 = pid_namespace,
        /// The server; 0 in an in-process store.
        server_pid: i32 = server_pid,
        /// What causes fragmentation.
        obstacles: Obstacles = obstacles,
        /// The server's version; empty in an in-process store.
        server_version: String = server_version,
        /// Objects that are kept, in memory, not on disk yet.
        dirty_count: u64 = dirty_count,
        /// Their bytes.
        dirty_bytes: u64 = dirty_bytes,
        /// Objects that are kept, in memory and on disk.
        clean_count: u64 = clean_count,
        /// Their bytes.
        clean_bytes: u64 = clean_bytes,
        /// Objects on disk only.
        spilled_count: u64 = spilled_count,
        /// Their bytes: no part of the used ones.
        spilled_bytes: u64 = spilled_bytes,
        /// The part of them that is being read back.
        reading_count: u64 = reading_count,
        /// Objects whose memory was given up.
        spill_count: u64 = spill_count,
        /// Objects that came back from disk.
        read_back_count: u64 = read_back_count,
        /// Objects by size, smallest first. Rows behind the last object are left out.
        histogram: Vec<HistogramRow> = histogram,
        /// The spill tier; none: the store has none.
        tier: Option<SpillTier> = tier,
    }
}

impl FromC<[sys::dolium_histogram_row; 64]> for Vec<HistogramRow> {
    fn from_c(rows: &[sys::dolium_histogram_row; 64]) -> Self {
        let used = rows.iter().rposition(|row| row.count != 0).map_or(0, |last| last + 1);
        rows[..used].iter().map(HistogramRow::from_c).collect()
    }
}
