//! Keeping objects and letting them go.

use std::time::Duration;

use dolium_sys as sys;

use crate::error::{Result, check};
use crate::time::nanoseconds;
use crate::{ObjectId, ObjectInfo, Store};

/// What [`Store::evict`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Evicted {
    /// Bytes of the store that became free.
    pub freed: u64,
    /// Data and metadata of the evicted objects.
    pub object_bytes: u64,
}

impl Store {
    /// A pinned object is not evicted and does not expire, until any client calls [`unpin`](Store::unpin).
    ///
    /// [`Error::NotFound`](crate::Error::NotFound); [`Error::NotSealed`](crate::Error::NotSealed) while it is being
    /// written; [`Error::OutOfMemory`](crate::Error::OutOfMemory) beyond the user's quota of pinned bytes.
    pub fn pin(&self, id: &ObjectId) -> Result<()> {
        // SAFETY: the handle is ours.
        check(|error| unsafe { sys::dolium_pin(self.raw(), id.raw(), error) })
    }

    /// Has no effect on an object that is not pinned. [`Error::NotFound`](crate::Error::NotFound).
    pub fn unpin(&self, id: &ObjectId) -> Result<()> {
        // SAFETY: the handle is ours.
        check(|error| unsafe { sys::dolium_unpin(self.raw(), id.raw(), error) })
    }

    /// Keeps the object for readers that are about to come: it is not evicted until `readers` (0: 1) other sessions
    /// have got it or `grace` has passed (at most [`MAX_GRACE`](crate::MAX_GRACE)), also if this client ends meanwhile.
    /// Never shortens a grace. In an in-process store any get ends it. Errors as [`pin`](Store::pin).
    pub fn extend_grace(&self, id: &ObjectId, grace: Duration, readers: u32) -> Result<()> {
        // SAFETY: the handle is ours.
        check(|error| unsafe { sys::dolium_extend_grace(self.raw(), id.raw(), nanoseconds(grace), readers, error) })
    }

    /// Makes the object invisible and its id free at once; its memory becomes free at the last release. Returns whether
    /// there was such an object. [`Error::NotSealed`](crate::Error::NotSealed) while it is being written.
    pub fn remove(&self, id: &ObjectId) -> Result<bool> {
        let mut removed = false;
        // SAFETY: the handle is ours; the other pointers belong to this frame.
        check(|error| unsafe { sys::dolium_remove(self.raw(), id.raw(), &mut removed, error) })?;
        Ok(removed)
    }

    /// Evicts the coldest objects until `bytes` are free or nothing more can be evicted.
    pub fn evict(&self, bytes: u64) -> Result<Evicted> {
        let mut evicted = Evicted::default();
        // SAFETY: the handle is ours; the other pointers belong to this frame.
        check(|error| unsafe {
            sys::dolium_evict(self.raw(), bytes, &mut evicted.freed, &mut evicted.object_bytes, error)
        })?;
        Ok(evicted)
    }

    /// Removes an object that [`list`](Store::list) or [`metadata`](Store::metadata) has described, and no other that was
    /// put under its id since. Returns false if it was gone already.
    ///
    /// [`Error::NotSealed`](crate::Error::NotSealed) if it was not sealed when it was described.
    pub fn remove_described(&self, object: &ObjectInfo) -> Result<bool> {
        let mut described = sys::dolium_object_info::sized();
        (described.id.bytes, described.seal_stamp) = (*object.id.as_bytes(), object.seal_stamp);
        let mut removed = false;
        // SAFETY: the handle is ours; the other pointers belong to this frame.
        check(|error| unsafe { sys::dolium_remove_described(self.raw(), &described, &mut removed, error) })?;
        Ok(removed)
    }

    /// Gives free memory of the store back to the system, and returns how many bytes. New objects take it again, which
    /// is slower than memory that is kept. [`evict`](Store::evict) first to give back more.
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a store that keeps its memory: with
    /// [`preallocate`](crate::OpenOptions::preallocate) or huge pages.
    pub fn trim(&self) -> Result<u64> {
        let mut bytes = 0;
        // SAFETY: the handle is ours; the other pointers belong to this frame.
        check(|error| unsafe { sys::dolium_trim(self.raw(), &mut bytes, error) })?;
        Ok(bytes)
    }

    /// Removes all sealed objects, also pinned ones. Objects that are held stay readable for their holders.
    pub fn clear(&self) -> Result<()> {
        // SAFETY: the handle is ours.
        check(|error| unsafe { sys::dolium_clear(self.raw(), error) })
    }
}
