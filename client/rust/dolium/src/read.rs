//! Reading: gets, waits, takes.

use dolium_sys as sys;

use crate::error::{Result, check};
use crate::{Object, ObjectId, Store, Timeout};

impl Store {
    /// The object, in place. Makes no system call if it is there.
    ///
    /// With [`Timeout::NO_WAIT`], [`Error::NotFound`](crate::Error::NotFound) if it is not there. Otherwise waits until
    /// it is sealed; [`Error::TimedOut`](crate::Error::TimedOut) at the deadline.
    #[inline]
    pub fn get(&self, id: &ObjectId, timeout: impl Into<Timeout>) -> Result<Object> {
        let timeout = timeout.into().ns();
        // SAFETY: the handle is ours; the library fills the struct.
        Object::filled(|object, error| unsafe { sys::dolium_get(self.raw(), id.raw(), timeout, object, error) })
    }

    /// A local lookup that never blocks: no system call, no message. Can miss an object that [`get`](Store::get) would
    /// find.
    #[inline]
    pub fn try_get(&self, id: &ObjectId) -> Option<Object> {
        let mut object = sys::dolium_object::zeroed();
        // SAFETY: the handle is ours; after a failure the struct holds nothing, and otherwise the reference is ours.
        unsafe {
            sys::dolium_try_get(self.raw(), id.raw(), &mut object);
            Object::owning(object)
        }
    }

    /// Gets many objects: waits until all are there, or until the deadline. The result has the order of `ids`, and
    /// `None` for each object that is not there.
    pub fn get_many(&self, ids: &[ObjectId], timeout: impl Into<Timeout>) -> Result<Vec<Option<Object>>> {
        self.get_enough(ids, 0, timeout)
    }

    /// The same, but waits only until `enough` of the objects (0: all) are there.
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) if `enough` is more than the number of ids, or given for
    /// more than [`MAX_WAIT_IDS`](crate::MAX_WAIT_IDS) ids.
    pub fn get_enough(
        &self,
        ids: &[ObjectId],
        enough: usize,
        timeout: impl Into<Timeout>,
    ) -> Result<Vec<Option<Object>>> {
        let timeout = timeout.into().ns();
        let mut raw = vec![sys::dolium_object::zeroed(); ids.len()];
        // SAFETY: both arrays have so many elements; `found` may be null.
        check(|error| unsafe {
            sys::dolium_get_many(
                self.raw(),
                ids.as_ptr().cast(),
                ids.len(),
                enough,
                timeout,
                raw.as_mut_ptr(),
                std::ptr::null_mut(),
                error,
            )
        })?;
        // SAFETY: the library filled each struct, and the references are ours.
        Ok(raw.into_iter().map(|object| unsafe { Object::owning(object) }).collect())
    }

    /// Waits until `enough` of the objects (0: all) are there, or until the deadline. The result says which objects were
    /// there at some moment of the call. Takes no references: an object can be evicted or removed again before a get.
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) if an id occurs twice, if there are none or more than
    /// [`MAX_WAIT_IDS`](crate::MAX_WAIT_IDS), or if `enough` is more than their number.
    pub fn wait(&self, ids: &[ObjectId], enough: usize, timeout: impl Into<Timeout>) -> Result<Vec<bool>> {
        let timeout = timeout.into().ns();
        let mut there = vec![false; ids.len()];
        // SAFETY: both arrays have so many elements; `found` may be null.
        check(|error| unsafe {
            sys::dolium_wait(
                self.raw(),
                ids.as_ptr().cast(),
                ids.len(),
                enough,
                timeout,
                there.as_mut_ptr(),
                std::ptr::null_mut(),
                error,
            )
        })?;
        Ok(there)
    }

    /// Whether a get would find the object now. Does not count as hit, miss or access.
    pub fn exists(&self, id: &ObjectId) -> Result<bool> {
        let mut exists = false;
        // SAFETY: the handle is ours; the other pointers belong to this frame.
        check(|error| unsafe { sys::dolium_exists(self.raw(), id.raw(), &mut exists, error) })?;
        Ok(exists)
    }

    /// The same for each id, in the order of `ids`.
    pub fn exists_many(&self, ids: &[ObjectId]) -> Result<Vec<bool>> {
        let mut exist = vec![false; ids.len()];
        // SAFETY: both arrays have so many elements.
        check(|error| unsafe {
            sys::dolium_exists_many(self.raw(), ids.as_ptr().cast(), ids.len(), exist.as_mut_ptr(), error)
        })?;
        Ok(exist)
    }

    /// Gets an object and removes it, in one step: of several takes of one object exactly one succeeds. Gets that wait
    /// for the object are served first. Waits as [`get`](Store::get).
    ///
    /// At most once: if this process, or the daemon's server, dies in the middle, the object can be lost; then the call
    /// fails with [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn take(&self, id: &ObjectId, timeout: impl Into<Timeout>) -> Result<Object> {
        let timeout = timeout.into().ns();
        // SAFETY: the handle is ours; the library fills the struct.
        Object::filled(|object, error| unsafe { sys::dolium_take(self.raw(), id.raw(), timeout, object, error) })
    }

    /// The same for an object whose type has this tag (0: any).
    ///
    /// [`Error::TypeMismatch`](crate::Error::TypeMismatch) if its tag is another one: then it stays in the store.
    pub fn take_tagged(&self, id: &ObjectId, type_tag: u64, timeout: impl Into<Timeout>) -> Result<Object> {
        let timeout = timeout.into().ns();
        // SAFETY: the handle is ours; the library fills the struct.
        Object::filled(|object, error| unsafe {
            sys::dolium_take_typed(self.raw(), id.raw(), type_tag, timeout, object, error)
        })
    }
}
