//! Ids of objects.

use std::fmt;
use std::str::FromStr;

use dolium_sys as sys;

use crate::error::{Result, check};

/// The 20 bytes that identify an object. All zero is a valid id, too.
///
/// ```
/// use dolium::ObjectId;
///
/// let id = ObjectId::from_name("features/2026-11-30");
/// assert_eq!(id.to_string().len(), 40);
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(transparent)] // arrays of ids are passed to the library
pub struct ObjectId([u8; ObjectId::SIZE]);

impl ObjectId {
    /// Number of bytes of an id.
    pub const SIZE: usize = sys::DOLIUM_ID_SIZE;

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// 160 bits from the operating system's generator; never repeats in practice.
    ///
    /// # Panics
    /// If the operating system has no generator.
    pub fn random() -> Self {
        // SAFETY: the pointers belong to this frame.
        Self::made(|id, error| unsafe { sys::dolium_id_random(id, error) })
            .expect("the operating system's generator of random numbers")
    }

    /// The same id for the same name, on every host and in every release and language. The name may contain any bytes.
    /// The hash is not cryptographic: do not use it for names that an attacker chooses.
    pub fn from_name(name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        // SAFETY: `name` has so many bytes; the other pointers belong to this frame.
        Self::made(|id, error| unsafe { sys::dolium_id_from_name(name.as_ptr().cast(), name.len(), id, error) })
            .expect("every name has an id")
    }

    fn made(call: impl FnOnce(*mut sys::dolium_id, *mut sys::dolium_error) -> sys::dolium_code) -> Result<Self> {
        let mut id = sys::dolium_id::zeroed();
        check(|error| call(&mut id, error))?;
        Ok(Self(id.bytes))
    }

    #[inline]
    pub(crate) fn raw(&self) -> *const sys::dolium_id {
        std::ptr::from_ref(self).cast() // a #[repr(C)] struct of these bytes alone, of alignment 1
    }

    pub(crate) fn from_raw(id: &sys::dolium_id) -> Self {
        Self(id.bytes)
    }
}

/// Exactly 40 hexadecimal digits of either case.
impl FromStr for ObjectId {
    type Err = crate::Error;

    fn from_str(digits: &str) -> Result<Self> {
        // SAFETY: `digits` has so many bytes; the other pointers belong to this frame.
        Self::made(|id, error| unsafe { sys::dolium_id_from_hex(digits.as_ptr().cast(), digits.len(), id, error) })
    }
}

/// The id of a number: that of the name that its 8 bytes are, lowest first.
impl From<u64> for ObjectId {
    fn from(number: u64) -> Self {
        Self::from_name(number.to_le_bytes())
    }
}

/// 40 hexadecimal digits.
impl fmt::Display for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ObjectId({self})")
    }
}
