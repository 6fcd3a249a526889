//! The types that all languages share, against the examples of `client/codecs.json`.

use std::collections::{BTreeMap, HashMap};

use dolium::codec::{Blob, Codec, Complex, F16, to_vec, type_tag};
use serde_json::Value;

fn table() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../codecs.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Reads a value of the examples.
trait FromJson: Codec {
    fn from_json(value: &Value) -> Self;
}

macro_rules! numbers {
    ($($type:ty),*) => { $(impl FromJson for $type {
        fn from_json(value: &Value) -> Self {
            value.as_str().map_or_else(|| value.to_string(), str::to_owned).parse().unwrap()
        }
    })* };
}
numbers!(bool, i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64);

impl FromJson for F16 {
    fn from_json(value: &Value) -> Self {
        assert_eq!(value.to_string(), "1.5");
        Self(0x3e00)
    }
}

impl<T: FromJson> FromJson for Complex<T>
where
    Self: Codec,
{
    fn from_json(value: &Value) -> Self {
        Self { re: T::from_json(&value[0]), im: T::from_json(&value[1]) }
    }
}

impl FromJson for String {
    fn from_json(value: &Value) -> Self {
        value.as_str().unwrap().to_owned()
    }
}

impl FromJson for Blob {
    fn from_json(value: &Value) -> Self {
        Self(unhex(value.as_str().unwrap()))
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value) -> Self {
        value.as_array().unwrap().iter().map(T::from_json).collect()
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: &Value) -> Self {
        (!value.is_null()).then(|| T::from_json(value))
    }
}

impl<K: FromJson + Ord, V: FromJson> FromJson for BTreeMap<K, V> {
    fn from_json(value: &Value) -> Self {
        value.as_array().unwrap().iter().map(|entry| (K::from_json(&entry[0]), V::from_json(&entry[1]))).collect()
    }
}

macro_rules! tuples {
    ($(($($part:ident $at:tt),*))*) => { $(impl<$($part: FromJson),*> FromJson for ($($part,)*) {
        fn from_json(value: &Value) -> Self {
            ($($part::from_json(&value[$at]),)*)
        }
    })* };
}
tuples!((A 0) (A 0, B 1) (A 0, B 1, C 2));

fn check_example<T: FromJson + PartialEq + std::fmt::Debug>(example: &Value) {
    let name = example["name"].as_str().unwrap();
    let tag = format!("{:016x}", T::OBJECT_TAG);
    assert_eq!((T::name(), tag.as_str()), (name.into(), example["tag"].as_str().unwrap()));
    if !cfg!(miri) {
        assert_eq!(type_tag(name), T::OBJECT_TAG, "{name}"); // a foreign call
    }
    assert_eq!(T::FIXED_SIZE.unwrap_or(0) as u64, example["fixed_size"].as_u64().unwrap(), "{name}");
    assert_eq!(T::ALIGNMENT as u64, example["alignment"].as_u64().unwrap(), "{name}");
    let (value, bytes) = (T::from_json(&example["value"]), unhex(example["bytes"].as_str().unwrap()));
    assert_eq!(to_vec(&value), bytes, "{name}: {value:?}");
    assert_eq!(T::decode(&bytes).as_ref(), Ok(&value), "{name}");
    // A value fills its bytes, whatever was there before.
    let mut dirty = vec![0xaa; value.encoded_size()];
    value.encode(&mut dirty);
    assert_eq!(dirty, bytes, "{name}: gaps are zeros");
    // No cut is read outside of its bytes; a cut of bytes is either refused, or another value.
    (0..bytes.len()).for_each(|end| assert_ne!(T::decode(&bytes[..end]).as_ref(), Ok(&value), "{name}, cut at {end}"));
}

fn check_malformed<T: Codec + std::fmt::Debug>(row: &Value) {
    let outcome = T::decode(&unhex(row["bytes"].as_str().unwrap()));
    assert!(outcome.is_err(), "{row}: {outcome:?}");
}

/// Calls the function for the Rust type of a name.
macro_rules! by_name {
    ($function:ident, $row:expr, $($name:literal: $type:ty),* $(,)?) => {
        match $row["name"].as_str().unwrap() {
            $($name => $function::<$type>($row),)*
            other => panic!("no Rust type for {other}: add it here"),
        }
    };
}

#[test]
fn examples_are_written_and_read() {
    let table = table();
    let examples = table["examples"].as_array().unwrap();
    assert!(examples.len() >= 40);
    for row in examples {
        by_name!(check_example, row,
            "bool": bool, "i8": i8, "u16": u16, "i32": i32, "u64": u64, "i128": i128, "u128": u128,
            "f16": F16, "f32": f32, "f64": f64, "c64": Complex<f32>, "c128": Complex<f64>,
            "utf8": String, "bytes": Blob, "f64[]": Vec<f64>, "bool[]": Vec<bool>, "c64[]": Vec<Complex<f32>>,
            "i128[]": Vec<i128>, "utf8[]": Vec<String>, "bytes[]": Vec<Blob>, "i32[][]": Vec<Vec<i32>>,
            "f64[][]": Vec<Vec<f64>>, "utf8[][]": Vec<Vec<String>>, "tuple<u8>": (u8,),
            "tuple<bool,i32,f64>": (bool, i32, f64), "tuple<f64,u8>": (f64, u8), "tuple<u8,utf8>": (u8, String),
            "tuple<utf8,f64[],bytes>": (String, Vec<f64>, Blob), "tuple<i32,f64>[]": Vec<(i32, f64)>,
            "tuple<u8,u16>[]": Vec<(u8, u16)>, "optional<f64>": Option<f64>, "optional<u8>": Option<u8>,
            "optional<utf8>": Option<String>, "optional<f64[]>": Option<Vec<f64>>,
            "optional<i64>[]": Vec<Option<i64>>, "optional<utf8>[]": Vec<Option<String>>,
            "tuple<u8,optional<i16>>": (u8, Option<i16>), "map<utf8,f64>": BTreeMap<String, f64>,
            "map<i32,utf8>": BTreeMap<i32, String>, "map<i64,tuple<f32,bool>>": BTreeMap<i64, (f32, bool)>,
            "map<utf8,map<utf8,i32[]>>": BTreeMap<String, BTreeMap<String, Vec<i32>>>,
            "map<utf8,bytes>": BTreeMap<String, Blob>, "map<u8,optional<utf8>>": BTreeMap<u8, Option<String>>,
        );
    }
}

#[test]
fn malformed_bytes_are_refused() {
    for row in table()["malformed"].as_array().unwrap() {
        by_name!(check_malformed, row,
            "bool": bool, "f64": f64, "f64[]": Vec<f64>, "bool[]": Vec<bool>, "utf8[]": Vec<String>,
            "f64[][]": Vec<Vec<f64>>, "tuple<bool,i32,f64>": (bool, i32, f64), "tuple<u8,utf8>": (u8, String),
            "optional<f64>": Option<f64>, "optional<utf8>": Option<String>, "optional<f64[]>": Option<Vec<f64>>,
            "map<u8,u8>": BTreeMap<u8, u8>, "map<utf8,u8>": BTreeMap<String, u8>,
        );
    }
}

#[test]
fn scalars_have_their_tags() {
    fn check<T: Codec>(row: &Value) {
        assert_eq!(format!("{:016x}", T::TAG), row["tag"].as_str().unwrap());
        assert_eq!(format!("{:016x}", Vec::<T>::TAG), row["array_tag"].as_str().unwrap());
        assert_eq!(
            (T::FIXED_SIZE.unwrap() as u64, T::ALIGNMENT as u64),
            (row["size"].as_u64().unwrap(), row["alignment"].as_u64().unwrap())
        );
        if !cfg!(miri) {
            assert_eq!(dolium::codec::type_name(Vec::<T>::TAG), Vec::<T>::name());
        }
    }
    for row in table()["scalars"].as_array().unwrap() {
        by_name!(check, row,
            "bool": bool, "i8": i8, "u8": u8, "i16": i16, "u16": u16, "i32": i32, "u32": u32, "i64": i64, "u64": u64,
            "i128": i128, "u128": u128, "f16": F16, "f32": f32, "f64": f64,
            "c64": Complex<f32>, "c128": Complex<f64>,
        );
    }
}

#[test]
fn maps_of_both_kinds_are_the_same_type() {
    let (tree, table) = (BTreeMap::from([(1_u8, 2_u8)]), HashMap::from([(1_u8, 2_u8)]));
    assert_eq!(BTreeMap::<u8, u8>::TAG, HashMap::<u8, u8>::TAG);
    assert_eq!(to_vec(&tree), to_vec(&table));
    assert_eq!(HashMap::decode(&to_vec(&tree)), Ok(table));
}

#[test]
fn text_that_is_no_utf8_is_refused() {
    assert!(String::decode(&[0xff]).is_err());
}
