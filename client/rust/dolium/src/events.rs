//! Events of the store, and its descriptor, for an event loop of the program's own. With tokio, see the module `aio`.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use dolium_sys as sys;

use crate::error::{Result, check};
use crate::operations::resume_contained_panic;
use crate::report::FromC;
use crate::{ObjectId, Store, Timeout};

/// Why an object is no longer visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Removal {
    /// By [`Store::remove`].
    Removed,
    /// To free memory, or by [`Store::evict`].
    Evicted,
    /// Its time to live or time to idle ended.
    Expired,
    /// By [`Store::clear`].
    Cleared,
    /// Its bytes on disk were damaged.
    Lost,
    /// A cause that this version of the crate does not know.
    Unknown(i32),
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// The object is visible. Also one for each object that was there at the beginning.
    Sealed,
    /// The object is no longer visible.
    Removed(Removal),
    /// Events were lost here: the subscriber was too slow, or the server was restarted. The id is zero.
    Overflow,
    /// An event that this version of the crate does not know: skip it.
    Unknown(i32),
}

/// An event of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which object.
    pub id: ObjectId,
    /// Bytes of its data.
    pub data_size: u64,
    /// Bytes of its metadata.
    pub metadata_size: u64,
    /// Its label.
    pub label: String,
}

impl FromC<sys::dolium_event> for Event {
    fn from_c(raw: &sys::dolium_event) -> Self {
        let kind = match (raw.kind, raw.removal) {
            (sys::DOLIUM_EVENT_SEALED, _) => EventKind::Sealed,
            (sys::DOLIUM_EVENT_OVERFLOW, _) => EventKind::Overflow,
            (sys::DOLIUM_EVENT_REMOVED, sys::DOLIUM_REMOVAL_REMOVED) => EventKind::Removed(Removal::Removed),
            (sys::DOLIUM_EVENT_REMOVED, sys::DOLIUM_REMOVAL_EVICTED) => EventKind::Removed(Removal::Evicted),
            (sys::DOLIUM_EVENT_REMOVED, sys::DOLIUM_REMOVAL_EXPIRED) => EventKind::Removed(Removal::Expired),
            (sys::DOLIUM_EVENT_REMOVED, sys::DOLIUM_REMOVAL_CLEARED) => EventKind::Removed(Removal::Cleared),
            (sys::DOLIUM_EVENT_REMOVED, sys::DOLIUM_REMOVAL_LOST) => EventKind::Removed(Removal::Lost),
            (sys::DOLIUM_EVENT_REMOVED, other) => EventKind::Removed(Removal::Unknown(other)),
            (other, _) => EventKind::Unknown(other),
        };
        Self {
            kind,
            id: ObjectId::from_raw(&raw.id),
            data_size: raw.data_size,
            metadata_size: raw.metadata_size,
            label: String::from_c(&raw.label),
        }
    }
}

/// A stream of events. It outlives the store's handle.
///
/// ```
/// use dolium::{EventKind, InProcessStore, ObjectId, Timeout};
///
/// # fn main() -> dolium::Result<()> {
/// let store = InProcessStore::open(1 << 20)?;
/// let mut events = store.subscribe()?;
/// store.put(&ObjectId::from_name("a"), b"salve")?;
/// let event = events.next(Timeout::NO_WAIT)?;
/// assert_eq!((event.kind, event.data_size), (EventKind::Sealed, 5));
/// # Ok(())
/// # }
/// ```
pub struct Subscription(NonNull<sys::dolium_subscription>);

// SAFETY: a subscription belongs to one owner, which may be in any thread.
unsafe impl Send for Subscription {}
// SAFETY: there is nothing to do with a shared reference.
unsafe impl Sync for Subscription {}

impl Subscription {
    /// The next event.
    ///
    /// [`Error::TimedOut`](crate::Error::TimedOut) if none comes in time;
    /// [`Error::Disconnected`](crate::Error::Disconnected) after the daemon's end, when all its events
    /// have been read.
    pub fn next(&mut self, timeout: impl Into<Timeout>) -> Result<Event> {
        let (timeout, mut raw) = (timeout.into().ns(), sys::dolium_event::sized());
        // SAFETY: the handle is ours, and the struct has its size.
        check(|error| unsafe { sys::dolium_subscription_next(self.0.as_ptr(), timeout, &mut raw, error) })?;
        Ok(Event::from_c(&raw))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and ends here, once.
        unsafe { sys::dolium_subscription_free(self.0.as_ptr()) }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Subscription")
    }
}

impl Store {
    /// A descriptor for poll, epoll and the like; level-triggered. It is readable when
    /// [`process_events`](Store::process_events) has something to do, or a subscription has events; sometimes without a
    /// reason. It stays readable after the connection is lost. Do not read or write it.
    pub fn event_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor belongs to the store, which lives at least as long as this borrow.
        unsafe { BorrowedFd::borrow_raw(sys::dolium_event_fd(self.raw())) }
    }

    /// Calls the closures that are due, in this thread. Never blocks.
    ///
    /// [`Error::Disconnected`](crate::Error::Disconnected) after the daemon's end: then every pending closure was called
    /// with that error.
    ///
    /// # Panics
    /// If one of the closures does. The others that are due were called.
    pub fn process_events(&self) -> Result<()> {
        // SAFETY: the handle is ours.
        let outcome = check(|error| unsafe { sys::dolium_process_events(self.raw(), error) });
        resume_contained_panic();
        outcome
    }

    /// Events from now on. First comes [`EventKind::Sealed`] for each object that is there already.
    pub fn subscribe(&self) -> Result<Subscription> {
        let mut subscription = std::ptr::null_mut();
        // SAFETY: the handle is ours.
        check(|error| unsafe { sys::dolium_subscribe(self.raw(), &mut subscription, error) })?;
        Ok(Subscription(NonNull::new(subscription).expect("a call that succeeds")))
    }
}
