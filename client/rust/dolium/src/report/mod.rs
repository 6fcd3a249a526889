//! What the store knows: about one object, all objects, the clients, itself. Snapshots of the moment of the call.

mod calls;
mod client;
mod object;
mod refusal;
mod stats;
mod tier;

pub use calls::Filter;
pub use client::ClientInfo;
pub use object::{ObjectInfo, ObjectPlace, ObjectState, Use, UseRole};
pub use refusal::Refusal;
pub use stats::{HistogramRow, Obstacles, StoreStats};
pub use tier::{SpillTier, SpillTierState};

use std::ffi::c_char;
use std::time::{Duration, SystemTime};

use dolium_sys as sys;

use crate::{ObjectId, time};

/// A value of a report, from that of C.
pub(crate) trait FromC<C> {
    fn from_c(value: &C) -> Self;
}

macro_rules! copied {
    ($($type:ty),*) => { $(impl FromC<$type> for $type { fn from_c(value: &$type) -> Self { *value } })* };
}
copied!(u32, u64, i32);

impl FromC<i64> for Duration {
    fn from_c(ns: &i64) -> Self {
        time::duration(*ns)
    }
}

/// 0 is none.
impl FromC<i64> for Option<Duration> {
    fn from_c(ns: &i64) -> Self {
        (*ns != 0).then(|| time::duration(*ns))
    }
}

impl FromC<i64> for Option<SystemTime> {
    fn from_c(ns: &i64) -> Self {
        time::point(*ns)
    }
}

impl FromC<u32> for bool {
    fn from_c(value: &u32) -> Self {
        *value != 0
    }
}

impl FromC<sys::dolium_id> for ObjectId {
    fn from_c(id: &sys::dolium_id) -> Self {
        Self::from_raw(id)
    }
}

/// A text that is terminated, and cut to fit.
impl<const N: usize> FromC<[c_char; N]> for String {
    fn from_c(text: &[c_char; N]) -> Self {
        let bytes: Vec<u8> = text.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8).collect();
        Self::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Declares a struct of a report. `field: Type = member` says which member of C's struct it comes from.
macro_rules! report {
    ($(#[$doc:meta])* $name:ident: $raw:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $member:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl $crate::report::FromC<dolium_sys::$raw> for $name {
            fn from_c(raw: &dolium_sys::$raw) -> Self {
                Self { $($field: $crate::report::FromC::from_c(&raw.$member),)* }
            }
        }
    };
}
pub(crate) use report;
