//! Numbers, text and bytes.

use std::borrow::Cow;

use super::tag::hash;
use super::{Codec, Malformed};
use crate::error::Result;

macro_rules! numbers {
    ($($type:ty: $name:literal),* $(,)?) => { $(
        impl Codec for $type {
            const TAG: u64 = hash($name.as_bytes(), size_of::<$type>() as u64);
            const ALIGNMENT: usize = size_of::<$type>();
            const FIXED_SIZE: Option<usize> = Some(size_of::<$type>());

            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            #[inline]
            fn encoded_size(&self) -> usize {
                size_of::<$type>()
            }

            #[inline]
            fn encode(&self, out: &mut [u8]) {
                out.copy_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
                match bytes.try_into() {
                    Ok(bytes) => Ok(Self::from_le_bytes(bytes)),
                    Err(_) => Err(wrong_size(bytes.len(), size_of::<$type>())),
                }
            }

            fn decode_items(bytes: &[u8], _: usize) -> Result<Vec<Self>, Malformed> {
                let (items, _) = bytes.as_chunks();
                Ok(items.iter().map(|item| Self::from_le_bytes(*item)).collect()) // vectorised: no item is refused
            }
        }
    )* };
}
numbers! {
    i8: "i8", i16: "i16", i32: "i32", i64: "i64", i128: "i128",
    u8: "u8", u16: "u16", u32: "u32", u64: "u64", u128: "u128",
    f32: "f32", f64: "f64", F16: "f16",
}

#[cold]
pub(super) fn wrong_size(size: usize, right: usize) -> Malformed {
    Malformed::new(format!("{size} bytes instead of {right}"))
}

/// A byte, 0 or 1.
impl Codec for bool {
    const TAG: u64 = hash(b"bool", 1);
    const ALIGNMENT: usize = 1;
    const FIXED_SIZE: Option<usize> = Some(1);

    fn name() -> Cow<'static, str> {
        Cow::Borrowed("bool")
    }

    fn encoded_size(&self) -> usize {
        1
    }

    fn encode(&self, out: &mut [u8]) {
        out.copy_from_slice(&[u8::from(*self)]);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        match bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(Malformed::new(format!("a bool is {other}, neither 0 nor 1"))),
            _ => Err(wrong_size(bytes.len(), 1)),
        }
    }
}

/// An IEEE 754 number of 16 bits: its bits, for Rust has no such type yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct F16(pub u16);

impl F16 {
    const fn to_le_bytes(self) -> [u8; 2] {
        self.0.to_le_bytes()
    }

    const fn from_le_bytes(bytes: [u8; 2]) -> Self {
        Self(u16::from_le_bytes(bytes))
    }
}

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C)]
pub struct Complex<T> {
    /// The real part.
    pub re: T,
    /// The imaginary part.
    pub im: T,
}

macro_rules! complex {
    ($($part:ty: $name:literal),*) => { $(
        impl Codec for Complex<$part> {
            const TAG: u64 = hash($name.as_bytes(), size_of::<Self>() as u64);
            const ALIGNMENT: usize = size_of::<$part>();
            const FIXED_SIZE: Option<usize> = Some(size_of::<Self>());

            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            fn encoded_size(&self) -> usize {
                size_of::<Self>()
            }

            fn encode(&self, out: &mut [u8]) {
                let (re, im) = out.split_at_mut(size_of::<$part>());
                self.re.encode(re);
                self.im.encode(im);
            }

            fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
                if bytes.len() != size_of::<Self>() {
                    return Err(wrong_size(bytes.len(), size_of::<Self>()));
                }
                let (re, im) = bytes.split_at(size_of::<$part>());
                Ok(Self { re: <$part>::decode(re)?, im: <$part>::decode(im)? })
            }
        }
    )* };
}
complex!(f32: "c64", f64: "c128");

/// Text in UTF-8.
impl Codec for String {
    const TAG: u64 = hash(b"utf8", 0);
    const ALIGNMENT: usize = 1;
    const FIXED_SIZE: Option<usize> = None;

    fn name() -> Cow<'static, str> {
        Cow::Borrowed("utf8")
    }

    fn encoded_size(&self) -> usize {
        self.len()
    }

    fn encode(&self, out: &mut [u8]) {
        out.copy_from_slice(self.as_bytes());
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(why) => Err(Malformed::new(format!("no UTF-8: {why}"))),
        }
    }
}

/// Bytes: the type `bytes`. As a whole object they have no type. (`Vec<u8>` is an array of numbers, `u8[]`.)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob(pub Vec<u8>);

impl Codec for Blob {
    const TAG: u64 = hash(b"bytes", 0);
    const OBJECT_TAG: u64 = 0;
    const ALIGNMENT: usize = 1;
    const FIXED_SIZE: Option<usize> = None;

    fn name() -> Cow<'static, str> {
        Cow::Borrowed("bytes")
    }

    fn encoded_size(&self) -> usize {
        self.0.len()
    }

    fn encode(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Ok(Self(bytes.to_vec()))
    }
}

#[cfg(feature = "bytemuck")]
mod plain_data {
    use super::{Complex, F16};

    macro_rules! plain {
        ($($type:ty),*) => { $(
            // SAFETY: a struct of numbers alone: zeros are a value of it.
            unsafe impl bytemuck::Zeroable for $type {}
            // SAFETY: a #[repr(C)] or transparent struct of numbers of one size: no padding, and all bits are valid.
            unsafe impl bytemuck::Pod for $type {}
        )* };
    }
    plain!(F16, Complex<f32>, Complex<f64>);
}
