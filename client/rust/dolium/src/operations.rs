//! Calls whose outcome goes to a closure, in an event loop of the program's own.

use std::any::Any;
use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

use dolium_sys as sys;

use crate::error::{Error, Result, check};
use crate::{Builder, CreateOptions, Object, ObjectId, Store, Timeout};

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

thread_local! {
    static PANIC: Cell<Option<Box<dyn Any + Send>>> = const { Cell::new(None) };
}

/// Runs a closure inside of a call of the library, which a panic must not unwind.
fn contain_panic(run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        PANIC.set(Some(panic));
    }
}

/// After a call of the library: goes on with the panic of a closure that it has called. Of several, with the last one.
pub(crate) fn resume_contained_panic() {
    if let Some(panic) = PANIC.take() {
        resume_unwind(panic);
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
            let outcome = outcome(this.id);
            contain_panic(|| done(outcome));
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

unsafe extern "C" fn got_many(
    user: *mut c_void,
    code: sys::dolium_code,
    objects: *const sys::dolium_object,
    count: usize,
    error: *const sys::dolium_error,
) {
    // SAFETY: `user` is a callback of get_enough_then(). After a success the references are ours, and each struct is
    // copied once; after a failure the error is filled.
    unsafe {
        Callback::<Vec<Option<Object>>>::call(user, |_| match code {
            sys::DOLIUM_OK => Ok((0..count).map(|at| Object::owning(*objects.add(at))).collect()),
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
    /// [`get`](Store::get) without blocking. `done` gets the outcome inside [`process_events`](Store::process_events),
    /// never inside this call.
    pub fn get_then(
        &self,
        id: &ObjectId,
        timeout: impl Into<Timeout>,
        done: impl FnOnce(Result<Object>) + Send + 'static,
    ) -> Result<Operation> {
        let timeout = timeout.into().ns();
        self.begin(id, done, |user, free, operation, error| {
            // SAFETY: the handle is ours. `user` belongs to the library from here on, which frees it in every case.
            unsafe { sys::dolium_get_async(self.raw(), id.raw(), timeout, Some(got), user, free, operation, error) }
        })
    }

    /// [`get_enough`](Store::get_enough) without blocking. Of a store that spills, several objects are got with this, not
    /// with several [`get_then`](Store::get_then): each of those holds its object while the others still wait for room.
    pub fn get_enough_then(
        &self,
        ids: &[ObjectId],
        enough: usize,
        timeout: impl Into<Timeout>,
        done: impl FnOnce(Result<Vec<Option<Object>>>) + Send + 'static,
    ) -> Result<Operation> {
        let timeout = timeout.into().ns();
        self.begin(&ObjectId::default(), done, |user, free, operation, error| {
            let (first, count) = (ids.as_ptr().cast(), ids.len());
            // SAFETY: as above; the library copies the ids.
            unsafe {
                sys::dolium_get_many_async(
                    self.raw(),
                    first,
                    count,
                    enough,
                    timeout,
                    Some(got_many),
                    user,
                    free,
                    operation,
                    error,
                )
            }
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
        self.begin(id, done, |user, free, operation, error| {
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
        self.begin(id, done, |user, free, operation, error| {
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

    /// `call` gets the closure as the library's `user`, and the function that frees it.
    fn begin<T>(
        &self,
        id: &ObjectId,
        done: impl FnOnce(Result<T>) + Send + 'static,
        call: impl FnOnce(
            *mut c_void,
            sys::dolium_drop_callback,
            *mut *mut sys::dolium_async,
            *mut sys::dolium_error,
        ) -> sys::dolium_code,
    ) -> Result<Operation> {
        let user = Callback::into_user(id, done);
        let mut operation = std::ptr::null_mut();
        check(|error| call(user, Some(Callback::<T>::free), &mut operation, error))?;
        Ok(Operation(NonNull::new(operation).expect("a call that succeeds")))
    }
}
