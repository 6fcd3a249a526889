//! Maps: all keys, then all values, as a tuple of two arrays.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use super::containers::{Reader, WORD, Writer, array_size, encode_array, most};
use super::tag::{hash, parts};
use super::{Codec, Malformed, align};
use crate::error::Result;

macro_rules! map {
    ($map:ty, $($parameters:tt)*) => {
        impl<$($parameters)*> Codec for $map {
            const TAG: u64 = hash(b"map", parts(&[K::TAG, V::TAG]));
            const ALIGNMENT: usize = most(WORD, most(Vec::<K>::ALIGNMENT, Vec::<V>::ALIGNMENT));
            const FIXED_SIZE: Option<usize> = None;

            fn name() -> Cow<'static, str> {
                Cow::Owned(format!("map<{},{}>", K::name(), V::name()))
            }

            fn encoded_size(&self) -> usize {
                let keys = align(2 * WORD, Vec::<K>::ALIGNMENT) + array_size(self.len(), self.keys());
                align(keys, Vec::<V>::ALIGNMENT) + array_size(self.len(), self.values())
            }

            fn encode(&self, out: &mut [u8]) {
                let mut writer = Writer::new(out, 0, 2);
                let size = array_size(self.len(), self.keys());
                encode_array(self.len(), self.keys(), writer.space(Vec::<K>::ALIGNMENT, size));
                let size = array_size(self.len(), self.values());
                encode_array(self.len(), self.values(), writer.space(Vec::<V>::ALIGNMENT, size));
            }

            fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
                let (keys, values) = decode_columns::<K, V>(bytes)?;
                let mut map = Self::default();
                for (key, value) in keys.into_iter().zip(values) {
                    if map.insert(key, value).is_some() {
                        return Err(Malformed::new("a key occurs twice"));
                    }
                }
                Ok(map)
            }
        }
    };
}
map!(BTreeMap<K, V>, K: Codec + Ord, V: Codec);
map!(HashMap<K, V, S>, K: Codec + Eq + Hash, V: Codec, S: BuildHasher + Default);

fn decode_columns<K: Codec, V: Codec>(bytes: &[u8]) -> Result<(Vec<K>, Vec<V>), Malformed> {
    let mut reader = Reader::new(bytes, 0, 2)?;
    let keys = Vec::<K>::decode(reader.part(Vec::<K>::ALIGNMENT)?)?;
    let values = Vec::<V>::decode(reader.part(Vec::<V>::ALIGNMENT)?)?;
    reader.finish()?;
    if keys.len() != values.len() {
        return Err(Malformed::new(format!("{} keys and {} values", keys.len(), values.len())));
    }
    Ok((keys, values))
}
