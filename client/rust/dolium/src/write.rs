//! Writing: create, put, and puts in bulk.

use std::ffi::{CStr, c_void};

use dolium_sys as sys;

use crate::error::{Cause, Error, Result, check};
use crate::{Builder, CreateOptions, Object, ObjectId, Store};

/// An object of [`Store::put_many`].
#[derive(Debug, Clone, Copy)]
pub struct PutItem<'a> {
    /// The object's id.
    pub id: ObjectId,
    /// The object's bytes.
    pub data: &'a [u8],
    /// Its options. A timeout has no effect: no put of many waits for memory.
    pub options: CreateOptions<'a>,
}

/// A put that failed, of [`Store::put_many`] or since the last [`Store::flush`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutFailure {
    /// The object that was not put.
    pub id: ObjectId,
    /// Of [`Store::put_many`]: the index of the item.
    pub index: usize,
    /// Why.
    pub error: Error,
}

/// Ends a list of failures, also when reading it fails.
struct Failures(*mut sys::dolium_failures);

impl Drop for Failures {
    fn drop(&mut self) {
        // SAFETY: the list is ours; null is accepted.
        unsafe { sys::dolium_failures_free(self.0) }
    }
}

impl Failures {
    fn read(self) -> Result<Vec<PutFailure>> {
        // SAFETY: the list is ours; null has none.
        let count = unsafe { sys::dolium_failures_count(self.0) };
        (0..count).map(|at| self.at(at)).collect()
    }

    fn at(&self, at: usize) -> Result<PutFailure> {
        let mut raw = sys::dolium_failure::sized();
        // SAFETY: the list is ours, and has more than `at` members.
        check(|error| unsafe { sys::dolium_failures_at(self.0, at, &mut raw, error) })?;
        // SAFETY: the text is terminated, and lives as long as the list.
        let message = unsafe { CStr::from_ptr(raw.message) }.to_string_lossy().into_owned();
        Ok(PutFailure {
            id: ObjectId::from_raw(&raw.id),
            index: raw.index as usize,
            error: Error::new(raw.code, Cause::from_raw(raw.cause), raw.error_number, message),
        })
    }
}

impl Store {
    /// Reserves memory for an object of `size` bytes, which the caller writes and seals.
    ///
    /// [`Error::AlreadyExists`] if the id is in use, sealed or not; [`Error::TooLarge`] if the object can never fit;
    /// [`Error::OutOfMemory`] if nothing more can be evicted, or [`Error::TimedOut`] if that is still so at the timeout
    /// of the options.
    pub fn create(&self, id: &ObjectId, size: usize, options: &CreateOptions<'_>) -> Result<Builder> {
        let (mut builder, options) = (std::ptr::null_mut(), options.raw());
        // SAFETY: the handle is ours; the options borrow from the caller's.
        check(|error| unsafe { sys::dolium_create(self.raw(), id.raw(), size as u64, &options, &mut builder, error) })?;
        // SAFETY: the call succeeded, so the builder is ours.
        Ok(unsafe { Builder::owning(builder, *id) })
    }

    /// Creates, copies and seals. Errors as [`create`](Store::create).
    pub fn put(&self, id: &ObjectId, data: &[u8]) -> Result<()> {
        self.put_with(id, data, &CreateOptions::new())
    }

    /// The same, with options.
    pub fn put_with(&self, id: &ObjectId, data: &[u8], options: &CreateOptions<'_>) -> Result<()> {
        let options = options.raw();
        // SAFETY: the handle is ours; the options and the data are the caller's.
        check(|error| unsafe {
            let bytes = data.as_ptr().cast::<c_void>();
            sys::dolium_put(self.raw(), id.raw(), bytes, data.len(), &options, std::ptr::null_mut(), error)
        })
    }

    /// The same, and returns a reference, which is taken before the object can be evicted or removed.
    pub fn put_and_hold(&self, id: &ObjectId, data: &[u8], options: &CreateOptions<'_>) -> Result<Object> {
        let options = options.raw();
        // SAFETY: as above; the library fills the struct.
        Object::filled(|held, error| unsafe {
            let bytes = data.as_ptr().cast::<c_void>();
            sys::dolium_put(self.raw(), id.raw(), bytes, data.len(), &options, held, error)
        })
    }

    /// Many puts with few messages, carried out in order. No put waits for other clients. Returns those that failed.
    pub fn put_many(&self, items: &[PutItem<'_>]) -> Result<Vec<PutFailure>> {
        let options: Vec<_> = items.iter().map(|item| item.options.raw()).collect();
        let raw: Vec<_> = items.iter().zip(&options).map(|(item, options)| put_item(item, options)).collect();
        let mut failures = Failures(std::ptr::null_mut());
        // SAFETY: the handle is ours; the items borrow from the caller's and from `options`.
        check(|error| unsafe { sys::dolium_put_many(self.raw(), raw.as_ptr(), raw.len(), &mut failures.0, error) })?;
        failures.read()
    }

    /// A put that does not wait for its outcome, for many small objects in a row. The bytes are copied before it
    /// returns; at most [`MAX_DEFERRED`](crate::MAX_DEFERRED). The next [`flush`](Store::flush) reports what failed.
    /// Later calls through this store see the object; other clients see it after a moment. Blocks while the send queue
    /// is full.
    ///
    /// [`Error::OutOfMemory`] when 4096 failures wait for a flush.
    pub fn put_deferred(&self, id: &ObjectId, data: &[u8], options: &CreateOptions<'_>) -> Result<()> {
        let options = options.raw();
        // SAFETY: the handle is ours; the options and the data are the caller's.
        check(|error| unsafe {
            let bytes = data.as_ptr().cast::<c_void>();
            sys::dolium_put_deferred(self.raw(), id.raw(), bytes, data.len(), &options, error)
        })
    }

    /// Waits until all earlier deferred puts are done. Returns those that failed since the last call.
    ///
    /// [`Error::Disconnected`]: the outcome of the deferred puts is unknown.
    pub fn flush(&self) -> Result<Vec<PutFailure>> {
        let mut failures = Failures(std::ptr::null_mut());
        // SAFETY: the handle is ours; the other pointers belong to this frame.
        check(|error| unsafe { sys::dolium_flush(self.raw(), &mut failures.0, error) })?;
        failures.read()
    }
}

fn put_item(item: &PutItem<'_>, options: &sys::dolium_create_options) -> sys::dolium_put_item {
    let mut raw = sys::dolium_put_item::zeroed();
    raw.id.bytes = *item.id.as_bytes();
    (raw.data, raw.size) = (item.data.as_ptr().cast(), item.data.len());
    raw.options = options;
    raw
}
