//! How the stores write values: the types that all languages share under those, all others with postcard.

use std::any::{Any, TypeId};
use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::Codec;
use crate::error::Result;
use crate::{Builder, Object, ObjectId, SerdeType, serde_values};

/// Runs the statement with each of the types that are stored under a name that all languages share.
macro_rules! each_plain {
    ($type:ident => $run:expr) => {
        each_plain!(@ $type, $run, bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 String);
    };
    (@ $type:ident, $run:expr, $($each:ty)*) => {
        $({ type $type = $each; $run })*
        $({ type $type = Vec<$each>; $run })*
    };
}

/// A value that all languages read.
pub(super) trait Plain: Send {
    fn kind(&self) -> (u64, Cow<'static, str>);
    fn size(&self) -> usize;
    fn write(&self, out: &mut [u8]);
}

impl<T: Codec + Send> Plain for T {
    fn kind(&self) -> (u64, Cow<'static, str>) {
        (T::OBJECT_TAG, T::name())
    }

    fn size(&self) -> usize {
        self.encoded_size()
    }

    fn write(&self, out: &mut [u8]) {
        self.encode(out);
    }
}

/// A value that is about to be written.
pub(super) enum Planned {
    Shared(Box<dyn Plain>),
    Postcard(Vec<u8>, SerdeType),
}

impl Planned {
    pub(super) fn new<T: Serialize + Send + 'static>(id: &ObjectId, value: T) -> Result<Self> {
        if name_of_plain::<T>().is_some() {
            return Ok(Self::Shared(boxed(value)));
        }
        Ok(Self::Postcard(serde_values::encode(id, &value)?, SerdeType::of::<T>()))
    }

    pub(super) fn tag(&self) -> u64 {
        match self {
            Self::Shared(value) => value.kind().0,
            Self::Postcard(_, kind) => kind.tag(),
        }
    }

    pub(super) fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Shared(value) => value.kind().1,
            Self::Postcard(_, kind) => Cow::Owned(kind.name().to_owned()),
        }
    }

    pub(super) fn size(&self) -> usize {
        match self {
            Self::Shared(value) => value.size(),
            Self::Postcard(bytes, _) => bytes.len(),
        }
    }

    /// Fills the builder, and seals it.
    pub(super) fn write(&self, mut builder: Builder) -> Result<()> {
        match self {
            Self::Shared(value) => value.write(&mut builder),
            Self::Postcard(bytes, _) => builder.copy_from_slice(bytes),
        }
        builder.seal()
    }
}

/// A value whose type is one of those that all languages share.
fn boxed<T: Send + 'static>(value: T) -> Box<dyn Plain> {
    let mut value: Box<dyn Any + Send> = Box::new(value);
    each_plain!(Each => value = match value.downcast::<Each>() {
        Ok(value) => return value,
        Err(other) => other,
    });
    unreachable!("a type that has the name of a plain one: {:?}", (*value).type_id())
}

fn name_of_plain<T: 'static>() -> Option<Cow<'static, str>> {
    each_plain!(Each => if TypeId::of::<T>() == TypeId::of::<Each>() {
        return Some(Each::name());
    });
    None
}

/// The name of the type under which values of `T` are stored.
pub(super) fn name_of<T: 'static>() -> Cow<'static, str> {
    name_of_plain::<T>().unwrap_or_else(|| Cow::Owned(SerdeType::of::<T>().name().to_owned()))
}

/// The value of an object.
pub(super) fn decode<T: DeserializeOwned + 'static>(object: &Object) -> Result<T> {
    each_plain!(Each => if TypeId::of::<T>() == TypeId::of::<Each>() {
        let value: Box<dyn Any> = Box::new(object.decode::<Each>()?);
        return Ok(*value.downcast::<T>().expect("it is the same type"));
    });
    object.decode_serde(&SerdeType::of::<T>())
}
