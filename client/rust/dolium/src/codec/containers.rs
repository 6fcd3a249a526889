//! Arrays and optional values, and the table that parts without a fixed size stand behind.

use std::borrow::Cow;

use super::scalars::wrong_size;
use super::tag::{hash, parts};
use super::{Codec, Malformed, align, aligned};
use crate::error::Result;

/// Bytes of a number in a table.
pub(super) const WORD: usize = 8;

pub(super) const fn most(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Writes parts behind a table of their ends.
pub(super) struct Writer<'a> {
    out: &'a mut [u8],
    entry: usize,
    end: usize,
}

impl<'a> Writer<'a> {
    /// The table begins at `table`, and has `count` ends.
    pub(super) fn new(out: &'a mut [u8], table: usize, count: usize) -> Self {
        Self { out, entry: table, end: table + count * WORD }
    }

    pub(super) fn part<T: Codec>(&mut self, value: &T) {
        let begin = align(self.end, T::ALIGNMENT);
        let end = begin + value.encoded_size();
        self.out[self.end..begin].fill(0);
        value.encode(&mut self.out[begin..end]);
        self.ended(end);
    }

    /// A part whose bytes the caller writes.
    pub(super) fn space(&mut self, alignment: usize, size: usize) -> &mut [u8] {
        let begin = align(self.end, alignment);
        self.out[self.end..begin].fill(0);
        self.ended(begin + size);
        &mut self.out[begin..begin + size]
    }

    fn ended(&mut self, end: usize) {
        self.out[self.entry..self.entry + WORD].copy_from_slice(&(end as u64).to_le_bytes());
        (self.entry, self.end) = (self.entry + WORD, end);
    }
}

/// Reads parts behind a table of their ends.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    entry: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], table: usize, count: usize) -> Result<Self, Malformed> {
        let end = count.checked_mul(WORD).and_then(|size| size.checked_add(table));
        match end {
            Some(end) if end <= bytes.len() => Ok(Self { bytes, entry: table, end }),
            _ => Err(Malformed::new(format!("the table of {count} parts is longer than the bytes"))),
        }
    }

    /// The bytes of the next part, which has this alignment.
    pub(super) fn part(&mut self, alignment: usize) -> Result<&'a [u8], Malformed> {
        let end = word(self.bytes, self.entry);
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let begin = aligned(self.end, alignment).unwrap_or(usize::MAX);
        if end > self.bytes.len() {
            return Err(Malformed::new("a part ends behind the bytes"));
        }
        if begin > end {
            return Err(Malformed::new("a part ends before it begins"));
        }
        (self.entry, self.end) = (self.entry + WORD, end);
        Ok(&self.bytes[begin..end])
    }

    pub(super) fn finish(self) -> Result<(), Malformed> {
        if self.end == self.bytes.len() { Ok(()) } else { Err(Malformed::new("there are bytes behind the last part")) }
    }
}

/// The number at a position that exists.
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + WORD].try_into().expect("eight bytes"))
}

impl<T: Codec> Codec for Vec<T> {
    const TAG: u64 = hash(b"[]", T::TAG);
    const ALIGNMENT: usize = if T::FIXED_SIZE.is_some() { T::ALIGNMENT } else { most(WORD, T::ALIGNMENT) };
    const FIXED_SIZE: Option<usize> = None;

    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}[]", T::name()))
    }

    fn encoded_size(&self) -> usize {
        array_size(self.len(), self.iter())
    }

    fn encode(&self, out: &mut [u8]) {
        encode_array(self.len(), self.iter(), out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if let Some(size) = T::FIXED_SIZE {
            if !bytes.len().is_multiple_of(size) {
                return Err(Malformed::new(format!("{} bytes are no whole number of {}", bytes.len(), T::name())));
            }
            return T::decode_items(bytes, size);
        }
        if bytes.len() < WORD {
            return Err(Malformed::new("there is no number of items"));
        }
        let count = usize::try_from(word(bytes, 0)).unwrap_or(usize::MAX);
        let mut reader = Reader::new(bytes, WORD, count)?;
        let items = (0..count).map(|_| T::decode(reader.part(T::ALIGNMENT)?)).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(items)
    }
}

/// Bytes of an array of these items.
pub(super) fn array_size<'a, T: Codec + 'a>(count: usize, items: impl Iterator<Item = &'a T>) -> usize {
    match T::FIXED_SIZE {
        Some(size) => count * size,
        None => items.fold(WORD + count * WORD, |end, item| align(end, T::ALIGNMENT) + item.encoded_size()),
    }
}

pub(super) fn encode_array<'a, T: Codec + 'a>(count: usize, items: impl Iterator<Item = &'a T>, out: &mut [u8]) {
    if let Some(size) = T::FIXED_SIZE {
        out.chunks_exact_mut(size).zip(items).for_each(|(chunk, item)| item.encode(chunk));
        return;
    }
    out[..WORD].copy_from_slice(&(count as u64).to_le_bytes());
    let mut writer = Writer::new(out, WORD, count);
    items.for_each(|item| writer.part(item));
}

impl<T: Codec> Codec for Option<T> {
    const TAG: u64 = hash(b"optional", parts(&[T::TAG]));
    const ALIGNMENT: usize = T::ALIGNMENT;
    const FIXED_SIZE: Option<usize> = match T::FIXED_SIZE {
        Some(size) => Some(align(T::ALIGNMENT + size, T::ALIGNMENT)),
        None => None,
    };

    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("optional<{}>", T::name()))
    }

    fn encoded_size(&self) -> usize {
        Self::FIXED_SIZE.unwrap_or(self.as_ref().map_or(1, |value| T::ALIGNMENT + value.encoded_size()))
    }

    fn encode(&self, out: &mut [u8]) {
        let Some(value) = self else { return out.fill(0) };
        let end = T::ALIGNMENT + value.encoded_size();
        out[..T::ALIGNMENT].fill(0);
        out[0] = 1;
        value.encode(&mut out[T::ALIGNMENT..end]);
        out[end..].fill(0);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if let Some(size) = Self::FIXED_SIZE
            && size != bytes.len()
        {
            return Err(wrong_size(bytes.len(), size));
        }
        match bytes.first() {
            None => Err(Malformed::new("an optional value has no bytes")),
            Some(0) if Self::FIXED_SIZE.is_some() || bytes.len() == 1 => Ok(None),
            Some(0) => Err(Malformed::new("an absent value has bytes")),
            Some(1) if bytes.len() < T::ALIGNMENT => Err(Malformed::new("the gap before a value is cut off")),
            Some(1) => {
                let end = T::FIXED_SIZE.map_or(bytes.len(), |size| T::ALIGNMENT + size);
                T::decode(&bytes[T::ALIGNMENT..end]).map(Some)
            }
            Some(other) => Err(Malformed::new(format!("an optional value begins with {other}, neither 0 nor 1"))),
        }
    }
}
