//! An object that is being written.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use dolium_sys as sys;

use crate::error::{Result, check};
use crate::{Object, ObjectId};

/// An object that is being written, in the store's memory. Others see it after [`seal`](Builder::seal). A builder that
/// is dropped is aborted: the id and the memory are free at once.
///
/// Write to its bytes in any order, or through [`std::io::Write`], which appends. Bytes that were not written are
/// unspecified: the memory may hold those of an older object.
///
/// ```
/// use dolium::{CreateOptions, InProcessStore, ObjectId, Timeout};
/// use std::io::Write;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = InProcessStore::open(1 << 20)?;
/// let id = ObjectId::random();
/// let mut builder = store.create(&id, 10, &CreateOptions::new())?;
/// builder.write_all(b"salve")?;
/// builder[5..].copy_from_slice(b" mund");
/// builder.seal()?;
/// assert_eq!(&*store.get(&id, Timeout::NO_WAIT)?, b"salve mund");
/// # Ok(())
/// # }
/// ```
pub struct Builder {
    raw: NonNull<sys::dolium_builder>,
    data: NonNull<u8>,
    size: usize,
    id: ObjectId,
}

// SAFETY: a builder belongs to one owner, which may be in any thread.
unsafe impl Send for Builder {}
// SAFETY: a shared reference only reads the bytes and the number of written ones.
unsafe impl Sync for Builder {}

impl Builder {
    /// Takes a handle of the library.
    ///
    /// # Safety
    /// The caller owns the handle, and does not end it.
    pub(crate) unsafe fn owning(raw: *mut sys::dolium_builder, id: ObjectId) -> Self {
        let raw = NonNull::new(raw).expect("a create that succeeded");
        // SAFETY: the handle is ours.
        let (data, size) =
            unsafe { (sys::dolium_builder_data(raw.as_ptr()), sys::dolium_builder_size(raw.as_ptr()) as usize) };
        Self { raw, data: NonNull::new(data.cast()).unwrap_or(NonNull::dangling()), size, id }
    }

    /// The object's id.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// Number of bytes that were appended.
    pub fn written(&self) -> usize {
        // SAFETY: the handle is ours.
        unsafe { sys::dolium_builder_written(self.raw.as_ptr()) as usize }
    }

    /// Appends to what was written before; large pieces with several threads.
    ///
    /// [`Error::TooLarge`](crate::Error::TooLarge) if the bytes do not fit; then nothing is written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        // SAFETY: the handle is ours; `bytes` has so many bytes.
        check(|error| unsafe {
            sys::dolium_builder_write(self.raw.as_ptr(), bytes.as_ptr().cast(), bytes.len(), error)
        })
    }

    /// Makes the object immutable and visible, and wakes gets that wait for it.
    ///
    /// [`Error::Disconnected`](crate::Error::Disconnected) after the daemon's end.
    pub fn seal(self) -> Result<()> {
        let raw = self.into_raw();
        // SAFETY: the handle was ours, and the call ends it in every case.
        check(|error| unsafe { sys::dolium_builder_seal(raw, std::ptr::null_mut(), error) })
    }

    /// The same, and returns a reference, which is taken before the object can be evicted or removed.
    pub fn seal_and_hold(self) -> Result<Object> {
        let raw = self.into_raw();
        // SAFETY: as above; the library fills the struct.
        Object::filled(|held, error| unsafe { sys::dolium_builder_seal(raw, held, error) })
    }

    /// Discards the object, as a drop does, and says whether that failed.
    pub fn abort(self) -> Result<()> {
        let raw = self.into_raw();
        // SAFETY: the handle was ours, and the call ends it in every case.
        check(|error| unsafe { sys::dolium_builder_abort(raw, error) })
    }

    fn into_raw(self) -> *mut sys::dolium_builder {
        std::mem::ManuallyDrop::new(self).raw.as_ptr()
    }
}

impl Deref for Builder {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the builder's memory has so many bytes, which are initialised: a mapping begins as zeros.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.size) }
    }
}

impl DerefMut for Builder {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above. Until the seal, no other process has the bytes.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.size) }
    }
}

/// Appends as much as fits.
impl io::Write for Builder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = bytes.len().min(self.size - self.written());
        self.append(&bytes[..size])?;
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and ends here, once. A failure means that the daemon is gone, and the object too.
        unsafe { sys::dolium_builder_abort(self.raw.as_ptr(), std::ptr::null_mut()) };
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Builder").field("id", &self.id).field("size", &self.size).finish()
    }
}
