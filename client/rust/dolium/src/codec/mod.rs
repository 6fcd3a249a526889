//! The types that all languages share: `f64[]`, `utf8`, `map<utf8,tuple<i32,optional<f64>>>`. What is put here under
//! such a type is read by C++, Python and Java, and the other way round. `client/CODECS.md` defines names and bytes.
//!
//! | name | Rust |
//! |---|---|
//! | `bool`, `i8` ... `u128`, `f32`, `f64` | the same |
//! | `f16` | [`F16`] (its bits) |
//! | `c64`, `c128` | [`Complex<f32>`](Complex), [`Complex<f64>`](Complex) |
//! | `utf8` | `String`; text that is not UTF-8 is refused |
//! | `bytes` | [`Blob`] |
//! | `T[]` | `Vec<T>` |
//! | `optional<T>` | `Option<T>` |
//! | `tuple<T,U,...>` | `(T,)`, `(T, U)`, ... up to eight |
//! | `map<K,V>` | `BTreeMap<K, V>`, `HashMap<K, V>` |
//!
//! ```
//! use dolium::{CreateOptions, InProcessStore, ObjectId, Timeout};
//!
//! # fn main() -> dolium::Result<()> {
//! let store = InProcessStore::open(1 << 20)?;
//! let id = ObjectId::random();
//! store.put_value(&id, &vec![1.0, -2.0], &CreateOptions::new())?;
//! let back: Vec<f64> = store.get_value(&id, Timeout::NO_WAIT)?;
//! assert_eq!(back, [1.0, -2.0]);
//! assert!(store.get_value::<String>(&id, Timeout::NO_WAIT).is_err()); // a wrong type is an error
//! # Ok(())
//! # }
//! ```

mod containers;
mod maps;
mod scalars;
mod tag;
mod tuples;

use std::borrow::Cow;

pub use scalars::{Blob, Complex, F16};
#[cfg(feature = "serde")]
pub(crate) use tag::shown;
pub use tag::{type_name, type_tag};

use crate::error::Result;
use crate::{CreateOptions, Object, ObjectId, Store, Timeout};

/// Why bytes are no value of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(Cow<'static, str>);

impl Malformed {
    /// With this reason.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }
}

/// A type that is stored as bytes which all languages read.
///
/// A program implements it for a type of its own by a name with a dot (`acme.Graph`, or with a version of its schema
/// `acme.Graph@2`), whose tag is [`type_tag`]`(name)`.
pub trait Codec: Sized {
    /// The tag of the type.
    const TAG: u64;
    /// The tag of an object that is such a value: 0 for [`Blob`], else [`TAG`](Codec::TAG).
    const OBJECT_TAG: u64 = Self::TAG;
    /// The values begin at a multiple of this, at most 64.
    const ALIGNMENT: usize;
    /// Bytes of each value, if all have the same number.
    const FIXED_SIZE: Option<usize>;

    /// The name of the type.
    fn name() -> Cow<'static, str>;
    /// Bytes of this value.
    fn encoded_size(&self) -> usize;
    /// Writes the value to exactly [`encoded_size`](Codec::encoded_size) bytes, gaps as zeros.
    fn encode(&self, out: &mut [u8]);
    /// Reads a value, which has exactly these bytes. Any bytes may come: other programs may have written them.
    fn decode(bytes: &[u8]) -> Result<Self, Malformed>;
    /// Reads the items of an array whose items have this fixed size, without gaps.
    fn decode_items(bytes: &[u8], size: usize) -> Result<Vec<Self>, Malformed> {
        let mut items = Vec::with_capacity(bytes.len() / size);
        for item in bytes.chunks_exact(size) {
            items.push(Self::decode(item)?);
        }
        Ok(items)
    }
}

/// The bytes of a value.
///
/// ```
/// assert_eq!(dolium::codec::to_vec(&(true, -1_i32)), [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
/// ```
pub fn to_vec<T: Codec>(value: &T) -> Vec<u8> {
    let mut bytes = vec![0; value.encoded_size()];
    value.encode(&mut bytes);
    bytes
}

/// Rounds up to a multiple of the alignment. None if that overflows.
const fn aligned(at: usize, alignment: usize) -> Option<usize> {
    match at.checked_add(alignment - 1) {
        Some(sum) => Some(sum / alignment * alignment),
        None => None,
    }
}

/// The same for a position in memory that exists.
const fn align(at: usize, alignment: usize) -> usize {
    at.div_ceil(alignment) * alignment
}

impl Store {
    /// Puts a value with the tag and the name of its type, written in place. The other options are the caller's.
    pub fn put_value<T: Codec>(&self, id: &ObjectId, value: &T, options: &CreateOptions<'_>) -> Result<()> {
        let name = T::name();
        let shown = if T::OBJECT_TAG == 0 { "" } else { tag::shown(&name) };
        let mut builder = self.create(id, value.encoded_size(), &options.type_of(T::OBJECT_TAG, shown))?;
        value.encode(&mut builder);
        builder.seal()
    }

    /// Gets a value. Waits as [`get`](Store::get).
    ///
    /// [`Error::TypeMismatch`](crate::Error::TypeMismatch) if the object has another type.
    pub fn get_value<T: Codec>(&self, id: &ObjectId, timeout: impl Into<Timeout>) -> Result<T> {
        self.get(id, timeout)?.decode()
    }

    /// Gets a value and removes the object: see [`take`](Store::take). If it has another type, it stays in the store.
    pub fn take_value<T: Codec>(&self, id: &ObjectId, timeout: impl Into<Timeout>) -> Result<T> {
        let object: Object = self.take_tagged(id, T::OBJECT_TAG, timeout)?;
        object.decode()
    }
}
