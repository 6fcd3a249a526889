//! Dolium keeps large immutable objects in shared memory: a process puts an object once, and all processes of the host
//! read it in place, without a copy. Objects of other languages are read here, and the other way round.
//!
//! ```
//! use dolium::{InProcessStore, ObjectId, Timeout};
//!
//! # fn main() -> dolium::Result<()> {
//! let store = InProcessStore::open(64 << 20)?; // or Client::connect_default()?, behind a daemon
//! let id = ObjectId::from_name("features/2026-11-30");
//! store.put(&id, b"forty-two")?;
//!
//! let object = store.get(&id, Timeout::NO_WAIT)?; // a reference, in place
//! assert_eq!(&object[..5], b"forty");
//! # Ok(())
//! # }
//! ```
//!
//! - [`Client`] and [`InProcessStore`] have the calls of [`Store`]. All are `Clone + Send + Sync`.
//! - [`Object`] is a reference to a sealed object, and derefs to its bytes.
//! - [`Builder`] is an object that is being written, in place.
//! - [`codec`] has the types that all languages share.
//!
//! Features: `bytemuck` (typed views), `bytes` (an [`Object`] becomes a `Bytes` without a copy), `serde` (values of any
//! type, written with postcard), `tokio` (futures and streams), `store` (the trait `ObjectStore` with typed references),
//! `vendored` (builds the C library from the checkout).

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "tokio")]
pub mod aio;
mod builder;
pub mod codec;
mod error;
mod events;
mod handle;
mod id;
mod manage;
mod object;
mod operations;
mod options;
mod read;
mod report;
#[cfg(feature = "serde")]
mod serde_values;
#[cfg(feature = "store")]
pub mod store;
mod ticket;
mod time;
mod write;

use std::time::Duration;

/// The program of the README compiles.
#[cfg(all(doctest, feature = "bytemuck"))]
#[doc = include_str!("../../README.md")]
struct Readme;

pub use builder::Builder;
pub use error::{Cause, Error, Result};
pub use events::{Event, EventKind, Removal, Subscription};
pub use handle::{Client, InProcessStore, Store, default_socket_path, library_version};
pub use id::ObjectId;
pub use manage::Evicted;
pub use object::{Object, PrivateCopy};
pub use operations::Operation;
pub use options::{ConnectOptions, CreateOptions, EvictionPolicy, OpenOptions, Retention};
pub use report::{
    ClientInfo, Filter, HistogramRow, ObjectInfo, ObjectPlace, ObjectState, Obstacles, Refusal, SpillTier,
    SpillTierState, StoreStats, Use, UseRole,
};
#[cfg(feature = "serde")]
pub use serde_values::SerdeType;
pub use ticket::Ticket;
pub use time::Timeout;
pub use write::{PutFailure, PutItem};

/// Maximum size of an object's metadata, in bytes.
pub const MAX_METADATA: usize = dolium_sys::DOLIUM_MAX_METADATA;
/// Maximum length of a label, and of a type's name, in bytes.
pub const MAX_NAME: usize = dolium_sys::DOLIUM_MAX_NAME;
/// Maximum size of a deferred put, in bytes.
pub const MAX_DEFERRED: usize = dolium_sys::DOLIUM_MAX_DEFERRED;
/// Maximum number of ids of a [`Store::wait`], and of a [`Store::get_enough`].
pub const MAX_WAIT_IDS: usize = dolium_sys::DOLIUM_MAX_WAIT_IDS;
/// Maximum duration of a grace.
pub const MAX_GRACE: Duration = Duration::from_nanos(dolium_sys::DOLIUM_MAX_GRACE_NS as u64);
