//! Tags: hashes of names, which are stored with the object, and which readers compare.

use std::ffi::CStr;

use dolium_sys as sys;

/// FNV-1a of 64 bits, with a salt; never 0, which means raw bytes.
pub(super) const fn hash(text: &[u8], salt: u64) -> u64 {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325 ^ salt, 0);
    while at < text.len() {
        hash = (hash ^ text[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    if hash == 0 { 1 } else { hash }
}

/// The salt of a type that has parts.
pub(super) const fn parts(tags: &[u64]) -> u64 {
    let (mut salt, mut at) = (0, 0);
    while at < tags.len() {
        salt = hash(&tags[at].to_le_bytes(), salt);
        at += 1;
    }
    salt
}

/// The tag of the type with this name: of one of `client/CODECS.md` (`"map<utf8,f64>"`), or of a program's own. 0 for
/// `"bytes"`.
///
/// # Panics
/// If the name is empty.
///
/// ```
/// use dolium::codec::{Codec, type_tag};
///
/// assert_eq!(type_tag("f64[]"), Vec::<f64>::TAG);
/// ```
pub fn type_tag(name: &str) -> u64 {
    let mut tag = 0;
    // SAFETY: `name` has so many bytes; the other pointers belong to this frame.
    crate::error::check(|error| unsafe { sys::dolium_type_tag(name.as_ptr().cast(), name.len(), &mut tag, error) })
        .expect("the name of a type");
    tag
}

/// The name of a scalar, of an array of scalars, or of another type that the library knows; empty if the tag is unknown.
///
/// ```
/// use dolium::codec::{Codec, type_name};
///
/// assert_eq!(type_name(Vec::<f64>::TAG), "f64[]");
/// ```
pub fn type_name(tag: u64) -> &'static str {
    // SAFETY: the library's text is terminated, and lives as long as the library, which is never unloaded.
    unsafe { CStr::from_ptr(sys::dolium_type_name(tag)) }.to_str().unwrap_or("")
}

/// As much of a name as is stored with an object, for display. The tag is that of the whole name.
pub(crate) fn shown(name: &str) -> &str {
    if name.len() <= sys::DOLIUM_MAX_NAME {
        return name;
    }
    let end = (0..=sys::DOLIUM_MAX_NAME).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    &name[..end]
}
