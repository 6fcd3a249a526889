//! The options of connect, open, create and put.

use std::ffi::c_char;
use std::time::Duration;

use dolium_sys as sys;

use crate::Timeout;
use crate::time::nanoseconds;

/// Text of an options struct: null is none.
fn text(of: &str) -> (*const c_char, usize) {
    if of.is_empty() { (std::ptr::null(), 0) } else { (of.as_ptr().cast(), of.len()) }
}

fn set<T: std::ops::BitOrAssign + std::ops::BitAndAssign + std::ops::Not<Output = T>>(flags: &mut T, bit: T, on: bool) {
    if on { *flags |= bit } else { *flags &= !bit }
}

/// How to connect to a daemon. All defaults are good ones.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    flags: u32,
    name: String,
    connect_timeout_ns: i64,
    busy_poll_ns: i64,
}

impl ConnectOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// A name that `dolium clients` shows; the default is that of the program.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Calls that change the store fail with [`Error::PermissionDenied`](crate::Error::PermissionDenied).
    pub fn read_only(mut self, on: bool) -> Self {
        set(&mut self.flags, sys::DOLIUM_CONNECT_READ_ONLY, on);
        self
    }

    /// After the end of the daemon, goes on with the next one at this socket. Calls that only read are repeated there.
    pub fn reconnect(mut self, on: bool) -> Self {
        set(&mut self.flags, sys::DOLIUM_CONNECT_RECONNECT, on);
        self
    }

    /// Whether messages go through shared memory (the default), or else through the socket.
    pub fn rings(mut self, on: bool) -> Self {
        set(&mut self.flags, sys::DOLIUM_CONNECT_NO_RINGS, !on);
        self
    }

    /// Whether children of fork() can use the store (the default).
    pub fn follow_fork(mut self, on: bool) -> Self {
        set(&mut self.flags, sys::DOLIUM_CONNECT_NO_FOLLOW_FORK, !on);
        self
    }

    /// How long to wait for a daemon that has not started yet; the default is 5 s. With [`Timeout::NO_WAIT`], one
    /// attempt is made.
    pub fn connect_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        let timeout = timeout.into().ns();
        self.connect_timeout_ns = if timeout == 0 { 1 } else { timeout }; // 0 means the default there
        self
    }

    /// Time to busy-poll for an answer before blocking; the default is 50 us. Zero blocks at once.
    pub fn busy_poll(mut self, time: Duration) -> Self {
        self.busy_poll_ns = if time.is_zero() { -1 } else { nanoseconds(time) };
        self
    }

    pub(crate) fn raw(&self) -> sys::dolium_connect_options {
        let mut raw = sys::dolium_connect_options::sized();
        raw.flags = self.flags;
        (raw.name, raw.name_size) = text(&self.name);
        raw.connect_timeout_ns = self.connect_timeout_ns;
        raw.busy_poll_ns = self.busy_poll_ns;
        raw
    }
}

/// Which object is evicted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EvictionPolicy {
    /// The least recently used. The default.
    #[default]
    Lru,
    /// The least frequently used.
    Lfu,
    /// The first sealed.
    Fifo,
    /// Follows the requests: good on popular sets, scans, loops larger than the store, and sets that change.
    Adaptive,
}

/// The configuration of an in-process store.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    flags: u32,
    policy: EvictionPolicy,
    capacity: u64,
    max_objects: u32,
    low_water_mark: f64,
    max_unsealed_bytes: u64,
    max_pinned_bytes: u64,
}

impl OpenOptions {
    /// The defaults: 1 GiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of the store, rounded up to pages of 4 KiB; the default, 0, is 1 GiB.
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// Maximum number of objects; the default, 0, is one per KiB of capacity, at least 1024.
    pub fn max_objects(mut self, count: u32) -> Self {
        self.max_objects = count;
        self
    }

    /// Which object is evicted first.
    pub fn eviction_policy(mut self, policy: EvictionPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// An eviction goes on until this share of the capacity is free: 0 to 0.5.
    pub fn low_water_mark(mut self, share: f64) -> Self {
        self.low_water_mark = share;
        self
    }

    /// Limit of bytes that are being written; the default, 0, is the capacity.
    pub fn max_unsealed_bytes(mut self, bytes: u64) -> Self {
        self.max_unsealed_bytes = bytes;
        self
    }

    /// Limit of bytes that are pinned or in a grace; the default, 0, is the capacity.
    pub fn max_pinned_bytes(mut self, bytes: u64) -> Self {
        self.max_pinned_bytes = bytes;
        self
    }

    /// Whether objects are moved to defragment the memory (the default).
    pub fn relocation(mut self, on: bool) -> Self {
        set(&mut self.flags, sys::DOLIUM_OPEN_NO_RELOCATION, !on);
        self
    }

    /// Allocates all memory at once.
    pub fn preallocate(mut self, on: bool) -> Self {
        set(&mut self.flags, sys::DOLIUM_OPEN_PREALLOCATE, on);
        self
    }

    /// Uses 2 MiB pages of the kernel's reserved pool. Opening fails if there are too few.
    pub fn huge_pages(mut self, on: bool) -> Self {
        set(&mut self.flags, sys::DOLIUM_OPEN_HUGE_PAGES, on);
        self
    }

    pub(crate) fn raw(&self) -> sys::dolium_open_options {
        let mut raw = sys::dolium_open_options::sized();
        raw.flags = self.flags;
        raw.eviction_policy = match self.policy {
            EvictionPolicy::Lru => sys::DOLIUM_EVICT_LRU,
            EvictionPolicy::Lfu => sys::DOLIUM_EVICT_LFU,
            EvictionPolicy::Fifo => sys::DOLIUM_EVICT_FIFO,
            EvictionPolicy::Adaptive => sys::DOLIUM_EVICT_ADAPTIVE,
        };
        raw.capacity = self.capacity;
        raw.max_objects = self.max_objects;
        raw.low_water_mark = self.low_water_mark;
        raw.max_unsealed_bytes_per_client = self.max_unsealed_bytes;
        raw.max_pinned_bytes_per_user = self.max_pinned_bytes;
        raw
    }
}

/// What an eviction does with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Retention {
    /// As the store's configuration says.
    #[default]
    Default,
    /// The object is gone.
    Cache,
    /// The object is on disk, and a get reads it back. Needs a spill tier: else, and in an in-process store,
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument).
    Keep,
}

/// The options of a create or a put. It borrows its texts and its metadata.
///
/// ```
/// use dolium::CreateOptions;
/// use std::time::Duration;
///
/// let options = CreateOptions::new().label("batch 7").metadata(b"rows=100").time_to_live(Duration::from_secs(60));
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CreateOptions<'a> {
    flags: u32,
    grace_readers: u32,
    copy_threads: u32,
    metadata: &'a [u8],
    type_tag: u64,
    type_name: &'a str,
    label: &'a str,
    time_to_live_ns: i64,
    time_to_idle_ns: i64,
    grace_ns: i64,
    timeout_ns: i64,
    retention: i32,
}

impl<'a> CreateOptions<'a> {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            flags: 0,
            grace_readers: 0,
            copy_threads: 0,
            metadata: &[],
            type_tag: 0,
            type_name: "",
            label: "",
            time_to_live_ns: 0,
            time_to_idle_ns: 0,
            grace_ns: 0,
            timeout_ns: 0,
            retention: sys::DOLIUM_RETENTION_DEFAULT,
        }
    }

    /// Pins the object at its seal, so that it can never be evicted before a pin.
    pub fn pinned(mut self, on: bool) -> Self {
        set(&mut self.flags, sys::DOLIUM_CREATE_PINNED, on);
        self
    }

    /// Bytes that are stored with the object, at most [`MAX_METADATA`](crate::MAX_METADATA).
    pub fn metadata(mut self, metadata: &'a [u8]) -> Self {
        self.metadata = metadata;
        self
    }

    /// The type of the object: a tag, which readers compare, and a name for display, which may be empty. See
    /// [`type_tag()`](crate::codec::type_tag). Calls that put typed values set it themselves.
    pub fn type_of(mut self, tag: u64, name: &'a str) -> Self {
        (self.type_tag, self.type_name) = (tag, name);
        self
    }

    /// A name for people and for filters.
    pub fn label(mut self, label: &'a str) -> Self {
        self.label = label;
        self
    }

    /// The object expires this long after its seal.
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live_ns = nanoseconds(time);
        self
    }

    /// The object expires after this long without a get.
    pub fn time_to_idle(mut self, time: Duration) -> Self {
        self.time_to_idle_ns = nanoseconds(time);
        self
    }

    /// Keeps the object for readers that are about to come: see [`Store::extend_grace`](crate::Store::extend_grace).
    pub fn grace(mut self, time: Duration, readers: u32) -> Self {
        (self.grace_ns, self.grace_readers) = (nanoseconds(time), readers);
        self
    }

    /// How long to wait for room when nothing more can be evicted. The default does not wait.
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout_ns = timeout.into().ns();
        self
    }

    /// What an eviction does with the object.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = match retention {
            Retention::Default => sys::DOLIUM_RETENTION_DEFAULT,
            Retention::Cache => sys::DOLIUM_RETENTION_CACHE,
            Retention::Keep => sys::DOLIUM_RETENTION_KEEP,
        };
        self
    }

    /// Number of threads that copy a large put; the default, 0, is one per core, at most 4.
    pub fn copy_threads(mut self, count: u32) -> Self {
        self.copy_threads = count;
        self
    }

    pub(crate) fn raw(&self) -> sys::dolium_create_options {
        let mut raw = sys::dolium_create_options::sized();
        raw.flags = self.flags;
        raw.grace_readers = self.grace_readers;
        raw.copy_threads = self.copy_threads;
        (raw.metadata, raw.metadata_size) = (self.metadata.as_ptr().cast(), self.metadata.len());
        raw.type_tag = self.type_tag;
        (raw.type_name, raw.type_name_size) = text(self.type_name);
        (raw.label, raw.label_size) = text(self.label);
        raw.time_to_live_ns = self.time_to_live_ns;
        raw.time_to_idle_ns = self.time_to_idle_ns;
        raw.grace_ns = self.grace_ns;
        raw.timeout_ns = self.timeout_ns;
        raw.retention = self.retention;
        raw
    }
}
