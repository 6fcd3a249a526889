//! Values of any type that serde knows, written with postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::type_tag;
use crate::error::{Error, Result};
use crate::{CreateOptions, Object, ObjectId, Store, Timeout};

/// The type under which a value is stored: a tag, which readers compare, and a name for display.
///
/// By default the name is `postcard.` and the path of the Rust type (`postcard.my_crate::Point`). That fits processes
/// that run the same program. Programs that are built apart agree on a name: `acme.Point`, or with a version of the
/// schema, `acme.Point@2`.
///
/// ```
/// use dolium::{InProcessStore, ObjectId, SerdeType, Timeout};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct Point {
///     x: f64,
///     y: f64,
/// }
///
/// # fn main() -> dolium::Result<()> {
/// let store = InProcessStore::open(1 << 20)?;
/// let id = ObjectId::random();
/// let kind = SerdeType::named("acme.Point@1");
/// store.put_serde_as(&id, &Point { x: 1.0, y: 2.0 }, &kind, &Default::default())?;
/// let point: Point = store.get_serde_as(&id, &kind, Timeout::NO_WAIT)?;
/// assert_eq!(point, Point { x: 1.0, y: 2.0 });
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerdeType {
    name: String,
    tag: u64,
}

impl SerdeType {
    /// A name that the readers know, too. It has a dot, or begins with an upper-case letter: other names are those of
    /// the types that all languages share.
    ///
    /// # Panics
    /// If the name is empty.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { tag: type_tag(&name), name }
    }

    /// The default of a Rust type.
    pub fn of<T: ?Sized>() -> Self {
        Self::named(format!("postcard.{}", std::any::type_name::<T>()))
    }

    /// The name, of which at most [`MAX_NAME`](crate::MAX_NAME) bytes are stored with the object.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tag.
    pub fn tag(&self) -> u64 {
        self.tag
    }
}

impl Store {
    /// Puts a value under the default type of `T`.
    pub fn put_serde<T: Serialize>(&self, id: &ObjectId, value: &T, options: &CreateOptions<'_>) -> Result<()> {
        self.put_serde_as(id, value, &SerdeType::of::<T>(), options)
    }

    /// Puts a value under a type that the programs agree on. The other options are the caller's.
    ///
    /// [`Error::InvalidArgument`] if the value cannot be written with postcard.
    pub fn put_serde_as<T: Serialize>(
        &self,
        id: &ObjectId,
        value: &T,
        kind: &SerdeType,
        options: &CreateOptions<'_>,
    ) -> Result<()> {
        let bytes = encode(id, value)?;
        self.put_with(id, &bytes, &options.type_of(kind.tag, crate::codec::shown(&kind.name)))
    }

    /// Gets a value of the default type of `T`. Waits as [`get`](Store::get).
    ///
    /// [`Error::TypeMismatch`] if the object has another type.
    pub fn get_serde<T: DeserializeOwned>(&self, id: &ObjectId, timeout: impl Into<Timeout>) -> Result<T> {
        self.get_serde_as(id, &SerdeType::of::<T>(), timeout)
    }

    /// Gets a value of a type that the programs agree on.
    pub fn get_serde_as<T: DeserializeOwned>(
        &self,
        id: &ObjectId,
        kind: &SerdeType,
        timeout: impl Into<Timeout>,
    ) -> Result<T> {
        self.get(id, timeout)?.decode_serde(kind)
    }
}

impl Object {
    /// The value of an object of this type.
    ///
    /// [`Error::TypeMismatch`] if the object has another type, or if its bytes are no value of it.
    pub fn decode_serde<T: DeserializeOwned>(&self, kind: &SerdeType) -> Result<T> {
        if self.type_tag() != kind.tag {
            self.check_type(&kind.name)?;
        }
        decode(&self.id(), self, &kind.name)
    }
}

pub(crate) fn encode<T: Serialize>(id: &ObjectId, value: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(value).map_err(|why| {
        let name = std::any::type_name::<T>();
        Error::InvalidArgument(format!("object {id}: postcard cannot write this {name}: {why}"))
    })
}

pub(crate) fn decode<T: DeserializeOwned>(id: &ObjectId, bytes: &[u8], name: &str) -> Result<T> {
    let mismatch = |why: String| Error::TypeMismatch(format!("object {id} is no valid {name}: {why}"));
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(mismatch(format!("there are {} bytes behind the value", rest.len()))),
        Err(why) => Err(mismatch(why.to_string())),
    }
}
