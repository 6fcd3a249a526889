//! What the stores tell.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{ObjectInfo, ObjectState};

/// The type of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectType {
    /// The tag, which readers compare; 0: raw bytes.
    pub tag: u64,
    /// The name.
    pub name: String,
}

/// A snapshot of what the store knows about an object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectMetadata {
    /// Bytes of its data.
    pub size: usize,
    /// When it was created.
    pub created_at: SystemTime,
    /// Time of the last get, or of the seal before the first get.
    pub last_accessed: SystemTime,
    /// References held by all clients together.
    pub ref_count: usize,
    /// Its type.
    pub object_type: ObjectType,
    /// Whether it is pinned.
    pub is_pinned: bool,
}

impl ObjectMetadata {
    /// None for an object that is being written.
    pub(super) fn of_sealed(info: &ObjectInfo) -> Option<Self> {
        (info.state == ObjectState::Sealed).then(|| Self {
            size: info.data_size as usize,
            created_at: info.created_at.unwrap_or(UNIX_EPOCH),
            last_accessed: info.last_accessed_at.unwrap_or(UNIX_EPOCH),
            ref_count: info.ref_count as usize,
            object_type: ObjectType { tag: info.type_tag, name: info.type_name.clone() },
            is_pinned: info.pinned,
        })
    }
}

/// The statistics of a store. [`Store::stats`](crate::Store::stats) has more.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreStats {
    /// Sealed and visible objects.
    pub total_objects: usize,
    /// Bytes of their data and metadata.
    pub total_size: usize,
    /// Gets that found their object, since the start of the store, as all counts below.
    pub hit_count: u64,
    /// Gets that did not.
    pub miss_count: u64,
    /// Evicted objects.
    pub eviction_count: u64,
    /// Objects that were sealed.
    pub put_count: u64,
    /// Gets.
    pub get_count: u64,
    /// (bytes, count): so many objects have at most so many bytes, and more than the row before.
    pub size_histogram: Vec<(usize, usize)>,
}

impl From<&crate::StoreStats> for StoreStats {
    fn from(stats: &crate::StoreStats) -> Self {
        Self {
            total_objects: stats.total_objects as usize,
            total_size: stats.total_size as usize,
            hit_count: stats.hit_count,
            miss_count: stats.miss_count,
            eviction_count: stats.eviction_count,
            put_count: stats.put_count,
            get_count: stats.get_count,
            size_histogram: stats.histogram.iter().map(|row| (row.bytes as usize, row.count as usize)).collect(),
        }
    }
}
