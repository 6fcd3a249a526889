//! Tuples: as a C struct if all parts have a fixed size, else behind a table.

use std::borrow::Cow;

use super::containers::{Reader, WORD, Writer, most};
use super::scalars::wrong_size;
use super::tag::{hash, parts};
use super::{Codec, Malformed, align};
use crate::error::Result;

/// The size of a C struct of these parts. None if one has no fixed size.
const fn struct_size(sizes: &[Option<usize>], alignments: &[usize], whole: usize) -> Option<usize> {
    let (mut end, mut at) = (0, 0);
    while at < sizes.len() {
        match sizes[at] {
            Some(size) => end = align(end, alignments[at]) + size,
            None => return None,
        }
        at += 1;
    }
    Some(align(end, whole))
}

const fn largest(alignments: &[usize], fixed: bool) -> usize {
    let (mut result, mut at) = (if fixed { 1 } else { WORD }, 0);
    while at < alignments.len() {
        result = most(result, alignments[at]);
        at += 1;
    }
    result
}

const fn all_fixed(sizes: &[Option<usize>]) -> bool {
    struct_size(sizes, &[1; 8], 1).is_some()
}

macro_rules! tuple {
    ($count:literal: $($part:ident $at:tt),+) => {
        impl<$($part: Codec),+> Codec for ($($part,)+) {
            const TAG: u64 = hash(b"tuple", parts(&[$($part::TAG),+]));
            const ALIGNMENT: usize = largest(&[$($part::ALIGNMENT),+], all_fixed(&[$($part::FIXED_SIZE),+]));
            const FIXED_SIZE: Option<usize> =
                struct_size(&[$($part::FIXED_SIZE),+], &[$($part::ALIGNMENT),+], Self::ALIGNMENT);

            fn name() -> Cow<'static, str> {
                Cow::Owned(format!("tuple<{}>", [$($part::name()),+].join(",")))
            }

            fn encoded_size(&self) -> usize {
                if let Some(size) = Self::FIXED_SIZE {
                    return size;
                }
                let mut end = $count * WORD;
                $(end = align(end, $part::ALIGNMENT) + self.$at.encoded_size();)+
                end
            }

            fn encode(&self, out: &mut [u8]) {
                if Self::FIXED_SIZE.is_none() {
                    let mut writer = Writer::new(out, 0, $count);
                    $(writer.part(&self.$at);)+
                    return;
                }
                let mut end = 0;
                $(
                    let begin = align(end, $part::ALIGNMENT);
                    out[end..begin].fill(0);
                    end = begin + self.$at.encoded_size();
                    self.$at.encode(&mut out[begin..end]);
                )+
                out[end..].fill(0);
            }

            fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
                let Some(size) = Self::FIXED_SIZE else {
                    let mut reader = Reader::new(bytes, 0, $count)?;
                    let value = ($($part::decode(reader.part($part::ALIGNMENT)?)?,)+);
                    reader.finish()?;
                    return Ok(value);
                };
                if bytes.len() != size {
                    return Err(wrong_size(bytes.len(), size));
                }
                let mut end = 0;
                Ok(($({
                    let begin = align(end, $part::ALIGNMENT);
                    end = begin + $part::FIXED_SIZE.unwrap_or(0);
                    $part::decode(&bytes[begin..end])?
                },)+))
            }
        }
    };
}
tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
