//! A reference to a sealed object, and its bytes in place.

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use dolium_sys as sys;

use crate::ObjectId;
use crate::error::{Error, Result, check};

/// A sealed object: a reference to its bytes, in shared memory. While a reference exists, the memory is neither evicted
/// nor reused, even if the object is removed. The bytes stay readable after the store is dropped, and after the daemon's
/// end.
///
/// A clone is another reference to the same object, and copies no bytes.
///
/// The bytes of a sealed object never change: every client of the library keeps to that. A process that may write to
/// the store could break it on purpose; give only processes that you trust the right to write.
///
/// ```
/// use dolium::{InProcessStore, ObjectId, Timeout};
///
/// # fn main() -> dolium::Result<()> {
/// let store = InProcessStore::open(1 << 20)?;
/// let id = ObjectId::random();
/// store.put(&id, b"salve")?;
/// let object = store.get(&id, Timeout::NO_WAIT)?;
/// assert_eq!(&*object, b"salve");
/// # Ok(())
/// # }
/// ```
pub struct Object(sys::dolium_object);

// SAFETY: dolium_c.h: "Different threads may use different references, also to one object", and a release may happen in
// any thread. The bytes are read-only.
unsafe impl Send for Object {}
// SAFETY: a shared reference only reads the struct and the bytes; dolium_object_retain() takes it const.
unsafe impl Sync for Object {}

impl Object {
    /// Runs a call that fills the struct with a reference.
    #[inline]
    pub(crate) fn filled(
        call: impl FnOnce(*mut sys::dolium_object, *mut sys::dolium_error) -> sys::dolium_code,
    ) -> Result<Self> {
        let mut object = MaybeUninit::<sys::dolium_object>::uninit();
        let mut error = MaybeUninit::<sys::dolium_error>::uninit();
        match call(object.as_mut_ptr(), error.as_mut_ptr()) {
            // SAFETY: the call succeeded, so the struct is filled, and the reference is ours.
            sys::DOLIUM_OK => Ok(Self(unsafe { object.assume_init() })),
            // SAFETY: the call failed, so it filled the struct.
            code => Err(unsafe { Error::from_raw(code, error.as_ptr()) }),
        }
    }

    /// Takes a struct of the library. None if it holds nothing.
    ///
    /// # Safety
    /// The caller owns the reference, and does not release it.
    #[inline]
    pub(crate) unsafe fn owning(raw: sys::dolium_object) -> Option<Self> {
        // SAFETY: a pointer to a struct that the library has filled.
        unsafe { sys::dolium_object_holds(&raw) }.then_some(Self(raw))
    }

    /// The object's id.
    pub fn id(&self) -> ObjectId {
        ObjectId::from_raw(&self.0.id)
    }

    /// The bytes that the creator stored with the object.
    pub fn metadata(&self) -> &[u8] {
        // SAFETY: the library gave the pointer and the size; the memory is readable and constant while we hold it.
        unsafe { bytes(self.0.metadata.cast(), self.0.metadata_size) }
    }

    /// The tag of the object's type; 0: raw bytes. See [`codec`](crate::codec).
    pub fn type_tag(&self) -> u64 {
        self.0.type_tag
    }

    /// The name that the object's creator gave its type; empty for raw bytes.
    pub fn type_name(&self) -> Result<std::borrow::Cow<'_, str>> {
        let (mut name, mut size) = (std::ptr::null(), 0);
        // SAFETY: the object is ours; the other pointers belong to this frame.
        check(|error| unsafe { sys::dolium_object_type_name(&self.0, &mut name, &mut size, error) })?;
        // SAFETY: the library gave the pointer and the size; the text lives as long as we hold the object.
        let name = unsafe { bytes(name.cast(), size as u64) };
        Ok(String::from_utf8_lossy(name))
    }

    /// [`Error::TypeMismatch`] if the object is no value of the type with this name, such as `"f64[]"`. The text names
    /// both types. Every object is a value of `"bytes"`; an array of numpy with one dimension is one of its elements.
    pub fn check_type(&self, name: &str) -> Result<()> {
        // SAFETY: the object is ours, and `name` has so many bytes.
        check(|error| unsafe { sys::dolium_object_check_type(&self.0, name.as_ptr().cast(), name.len(), error) })
    }

    /// A writable copy of the bytes for this process alone. It costs memory only for pages that are written.
    pub fn private_copy(&self) -> Result<PrivateCopy> {
        let mut copy = std::ptr::null_mut();
        // SAFETY: the object is ours; the other pointers belong to this frame.
        check(|error| unsafe { sys::dolium_object_private_copy(&self.0, &mut copy, error) })?;
        Ok(PrivateCopy { raw: NonNull::new(copy).expect("a call that succeeds"), size: self.len() })
    }

    /// The bytes as numbers, or as other plain data. Does not look at the object's type.
    ///
    /// [`Error::TypeMismatch`] if the size is no multiple of an element's.
    #[cfg(feature = "bytemuck")]
    pub fn view<T: bytemuck::AnyBitPattern>(&self) -> Result<&[T]> {
        bytemuck::try_cast_slice(self).map_err(|why| {
            let (size, name) = (self.len(), std::any::type_name::<T>());
            Error::TypeMismatch(format!("object {}: its {size} bytes are no [{name}]: {why}", self.id()))
        })
    }

    /// The elements of an array that any language has put, in place: those of an object of the type `f64[]`, for
    /// `view_array::<f64>()`.
    ///
    /// [`Error::TypeMismatch`] if the object has another type.
    #[cfg(feature = "bytemuck")]
    pub fn view_array<T: crate::codec::Codec + bytemuck::AnyBitPattern>(&self) -> Result<&[T]> {
        self.require::<Vec<T>>()?;
        self.view()
    }

    /// Fails unless the object holds a value of this type.
    pub(crate) fn require<T: crate::codec::Codec>(&self) -> Result<()> {
        if self.type_tag() == T::OBJECT_TAG { Ok(()) } else { self.check_type(&T::name()) }
    }

    /// The value, decoded.
    ///
    /// [`Error::TypeMismatch`] if the object has another type, or if its bytes are no value of the type.
    pub fn decode<T: crate::codec::Codec>(&self) -> Result<T> {
        self.require::<T>()?;
        T::decode(self)
            .map_err(|why| Error::TypeMismatch(format!("object {} is no valid {}: {why}", self.id(), T::name())))
    }
}

/// The bytes at `data`. A null pointer is none.
///
/// # Safety
/// So many bytes are readable and constant as long as the result is used.
#[inline]
unsafe fn bytes<'a>(data: *const u8, size: u64) -> &'a [u8] {
    if data.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise. An object that is mapped has at most isize::MAX bytes.
    unsafe { std::slice::from_raw_parts(data, size as usize) }
}

impl Deref for Object {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the library gave the pointer and the size; the memory is readable and constant while we hold it.
        unsafe { bytes(self.0.data.cast(), self.0.size) }
    }
}

impl AsRef<[u8]> for Object {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Clone for Object {
    fn clone(&self) -> Self {
        // SAFETY: the object is ours, so it can be retained.
        Self::filled(|other, error| unsafe { sys::dolium_object_retain(&self.0, other, error) })
            .expect("a held object can be retained")
    }
}

impl Drop for Object {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and ends here, once; the struct is not used again.
        unsafe { sys::dolium_object_drop(&self.0) }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = format_args!("{:#018x}", self.type_tag()).to_string();
        out.debug_struct("Object").field("id", &self.id()).field("size", &self.len()).field("type_tag", &tag).finish()
    }
}

/// The bytes, without a copy. The object is released when the last `Bytes` of it is dropped.
#[cfg(feature = "bytes")]
impl From<Object> for bytes::Bytes {
    fn from(object: Object) -> Self {
        Self::from_owner(object)
    }
}

/// A writable copy of an object's bytes for this process alone. It keeps the object.
pub struct PrivateCopy {
    raw: NonNull<sys::dolium_private_copy>,
    size: usize,
}

// SAFETY: the copy belongs to one owner; it may change threads, as every handle of the library.
unsafe impl Send for PrivateCopy {}
// SAFETY: a shared reference only reads the bytes.
unsafe impl Sync for PrivateCopy {}

impl PrivateCopy {
    fn data(&self) -> *mut u8 {
        // SAFETY: the handle is ours.
        let data = unsafe { sys::dolium_private_copy_data(self.raw.as_ptr()) };
        if self.size == 0 { NonNull::dangling().as_ptr() } else { data.cast() }
    }
}

impl Deref for PrivateCopy {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the copy has so many bytes, and lives as long as we do.
        unsafe { std::slice::from_raw_parts(self.data(), self.size) }
    }
}

impl DerefMut for PrivateCopy {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and nobody else has the bytes.
        unsafe { std::slice::from_raw_parts_mut(self.data(), self.size) }
    }
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and ends here, once.
        unsafe { sys::dolium_private_copy_free(self.raw.as_ptr()) }
    }
}

impl fmt::Debug for PrivateCopy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PrivateCopy").field("size", &self.size).finish()
    }
}
