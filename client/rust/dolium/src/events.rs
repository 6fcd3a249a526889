//! Events of the store, and calls whose outcome goes to a closure: for an event loop of the program's own. With tokio,
//! see the module `aio`.

use std::ffi::c_void;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use dolium_sys as sys;

use crate::error::{Error, Result, check};
use crate::report::FromC;
use crate::{Builder, CreateOptions, Object, ObjectId, Store, Timeout};

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
    /// [`Error::TimedOut`] if none comes in time; [`Error::Disconnected`] after the daemon's end, when all its events
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

/// An operation that is under way. A drop does not cancel it.
#[derive(Debug)]
pub struct Operation(NonNull<sys::dolium_async>);

// SAFETY: an operation belongs to one owner, which may be in any thread.
unsafe impl Send for Operation {}
// SAFETY: there is nothing to do with a shared reference.
unsafe impl Sync for Operation {}

impl Operation {
    /// Cancels the operation, in the daemon too. True: the closure was not called, and never will be. False: it was
    /// called, or is being called.
    pub fn cancel(&mut self) -> bool {
        // SAFETY: the handle is ours.
        unsafe { sys::dolium_async_cancel(self.0.as_ptr()) }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and ends here, once.
        unsafe { sys::dolium_async_free(self.0.as_ptr()) }
    }
}

/// The closure of an operation, as the library's `user`: it is called at most once, and freed exactly once.
struct Callback<T> {
    done: Option<Box<dyn FnOnce(Result<T>) + Send>>,
    id: ObjectId,
}

impl<T> Callback<T> {
    fn into_user(id: &ObjectId, done: impl FnOnce(Result<T>) + Send + 'static) -> *mut c_void {
        Box::into_raw(Box::new(Self { done: Some(Box::new(done)), id: *id })).cast()
    }

    /// # Safety
    /// `user` comes from `into_user()` of the same type, and was not freed.
    unsafe fn call(user: *mut c_void, outcome: impl FnOnce(ObjectId) -> Result<T>) {
        // SAFETY: the caller's promise; the library calls from one thread at a time.
        let this = unsafe { &mut *user.cast::<Self>() };
        if let Some(done) = this.done.take() {
            done(outcome(this.id));
        }
    }

    /// # Safety
    /// `user` comes from `into_user()` of the same type; this is its end.
    unsafe extern "C" fn free(user: *mut c_void) {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(user.cast::<Self>()) });
    }
}

unsafe extern "C" fn got(
    user: *mut c_void,
    code: sys::dolium_code,
    object: *const sys::dolium_object,
    error: *const sys::dolium_error,
) {
    // SAFETY: `user` is a callback of get_then() or take_then(). After a success the reference is ours, and the struct
    // is copied once; after a failure the error is filled.
    unsafe {
        Callback::<Object>::call(user, |_| match code {
            sys::DOLIUM_OK => Ok(Object::owning(*object).expect("a get that succeeded")),
            code => Err(Error::from_raw(code, error)),
        });
    }
}

unsafe extern "C" fn created(
    user: *mut c_void,
    code: sys::dolium_code,
    builder: *mut sys::dolium_builder,
    error: *const sys::dolium_error,
) {
    // SAFETY: `user` is a callback of create_then(). After a success the builder is ours; after a failure the error is
    // filled.
    unsafe {
        Callback::<Builder>::call(user, |id| match code {
            sys::DOLIUM_OK => Ok(Builder::owning(builder, id)),
            code => Err(Error::from_raw(code, error)),
        });
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
    /// [`Error::Disconnected`] after the daemon's end: then every pending closure was called with that error.
    pub fn process_events(&self) -> Result<()> {
        // SAFETY: the handle is ours.
        check(|error| unsafe { sys::dolium_process_events(self.raw(), error) })
    }

    /// Events from now on. First comes [`EventKind::Sealed`] for each object that is there already.
    pub fn subscribe(&self) -> Result<Subscription> {
        let mut subscription = std::ptr::null_mut();
        // SAFETY: the handle is ours.
        check(|error| unsafe { sys::dolium_subscribe(self.raw(), &mut subscription, error) })?;
        Ok(Subscription(NonNull::new(subscription).expect("a call that succeeds")))
    }

    /// [`get`](Store::get) without blocking. `done` gets the outcome inside [`process_events`](Store::process_events),
    /// never inside this call.
    pub fn get_then(
        &self,
        id: &ObjectId,
        timeout: impl Into<Timeout>,
        done: impl FnOnce(Result<Object>) + Send + 'static,
    ) -> Result<Operation> {
        let timeout = timeout.into().ns();
        self.begin(Callback::into_user(id, done), |user, operation, error| {
            let free = Some(Callback::<Object>::free as unsafe extern "C" fn(*mut c_void));
            // SAFETY: the handle is ours. `user` belongs to the library from here on, which frees it in every case.
            unsafe { sys::dolium_get_async(self.raw(), id.raw(), timeout, Some(got), user, free, operation, error) }
        })
    }

    /// [`take`](Store::take) without blocking. A cancel in time can still remove the object, if it comes at the same
    /// moment.
    pub fn take_then(
        &self,
        id: &ObjectId,
        timeout: impl Into<Timeout>,
        done: impl FnOnce(Result<Object>) + Send + 'static,
    ) -> Result<Operation> {
        let timeout = timeout.into().ns();
        self.begin(Callback::into_user(id, done), |user, operation, error| {
            let free = Some(Callback::<Object>::free as unsafe extern "C" fn(*mut c_void));
            // SAFETY: as above.
            unsafe { sys::dolium_take_async(self.raw(), id.raw(), timeout, Some(got), user, free, operation, error) }
        })
    }

    /// [`create`](Store::create) without blocking: waits for room until the timeout of the options.
    pub fn create_then(
        &self,
        id: &ObjectId,
        size: usize,
        options: &CreateOptions<'_>,
        done: impl FnOnce(Result<Builder>) + Send + 'static,
    ) -> Result<Operation> {
        let options = options.raw();
        self.begin(Callback::into_user(id, done), |user, operation, error| {
            let free = Some(Callback::<Builder>::free as unsafe extern "C" fn(*mut c_void));
            let size = size as u64;
            // SAFETY: as above; the library copies the options.
            unsafe {
                sys::dolium_create_async(
                    self.raw(),
                    id.raw(),
                    size,
                    &options,
                    Some(created),
                    user,
                    free,
                    operation,
                    error,
                )
            }
        })
    }

    fn begin(
        &self,
        user: *mut c_void,
        call: impl FnOnce(*mut c_void, *mut *mut sys::dolium_async, *mut sys::dolium_error) -> sys::dolium_code,
    ) -> Result<Operation> {
        let mut operation = std::ptr::null_mut();
        check(|error| call(user, &mut operation, error))?;
        Ok(Operation(NonNull::new(operation).expect("a call that succeeds")))
    }
}
