//! The trait `ObjectStore` of a task runtime, and typed references to objects: a runtime that was written against an
//! in-process store of `bytes::Bytes` goes over to shared memory by one line.
//!
//! [`InMemoryStore`] is for one process, [`SharedMemoryStore`] for all processes of the host. Values of the types that
//! all languages share (numbers, `String`, `Vec`s of them) are stored under those ([`codec`](crate::codec)), so that C++
//! and Python read them; all others with postcard.
//!
//! ```
//! use dolium::store::{InMemoryStore, ObjectRef, ObjectStore, StoreConfig};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> dolium::Result<()> {
//! let store = InMemoryStore::new(StoreConfig { max_memory: 16 << 20, ..StoreConfig::default() })?;
//! let id = store.put(vec![1.0, 2.0]).await?;
//! assert_eq!(store.get::<Vec<f64>>(id).await?, Some(vec![1.0, 2.0]));
//!
//! let shared: Arc<dyn ObjectStore> = Arc::new(store);
//! let reference = ObjectRef::<Vec<f64>>::new(id, shared);
//! assert_eq!(reference.get().await?, [1.0, 2.0]);
//! # Ok(())
//! # }
//! ```
//!
//! # What differs from the requirements document
//!
//! - `ObjectId` has 20 bytes, not 8, so that processes make ids without asking each other. `ObjectId::from(7u64)` is the
//!   id of a number.
//! - `put` and `get` have `where Self: Sized`: a trait with generic methods cannot be a `dyn ObjectStore` otherwise.
//!   `Arc<dyn ObjectStore>` is an `ObjectStore` itself, so both are called on it as written there.
//! - `stats` returns a `Result`, and so does `InMemoryStore::new`: a daemon can be gone, and memory be refused.
//! - `ObjectMetadata` is a snapshot: plain numbers and times instead of atomics, a tag and a name instead of a `TypeId`
//!   (which differs between programs). `created_at` is a `SystemTime`: an `Instant` means nothing in another process.
//! - `ObjectRef::get` needs `T: Clone`, as its body does there, and `T: 'static`, as the trait's `get` does. A reference can
//!   hold its object, and become a ticket.
//! - The trait has two more methods: `handle`, the only one that an implementation must write, and `get_object`, which
//!   waits, and returns a reference.
//! - Errors are [`Error`]: `Error::NotFound` where `RustyRayError::Internal("Object not found")` stands there.
//! - [`StoreConfig`] has `max_memory`, as there; its other members have defaults.
//! - `ObjectBuilder` writes to the store's memory, and not to a `BytesMut`. A builder that is dropped is aborted.

mod builder;
mod config;
mod metadata;
mod object_ref;
mod plain;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use builder::ObjectBuilder;
pub use config::{InMemoryStore, SharedMemoryStore, StoreConfig, StoreHandle};
pub use metadata::{ObjectMetadata, ObjectType, StoreStats};
pub use object_ref::ObjectRef;

pub use crate::ObjectId;
use crate::error::{Error, Result};
use crate::{CreateOptions, Object, Timeout};

/// A store of immutable objects, shared by tasks and actors.
///
/// All methods but [`handle`](ObjectStore::handle) are provided.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// The store behind this one.
    fn handle(&self) -> &StoreHandle;

    /// Stores an object under a new id.
    async fn put<T: Serialize + Send + 'static>(&self, object: T) -> Result<ObjectId>
    where
        Self: Sized,
    {
        let id = ObjectId::random();
        self.handle().put_as(id, object).await?;
        Ok(id)
    }

    /// Reserves memory for an object of `size` bytes under a new id, for writing in place.
    async fn create(&self, size: usize) -> Result<ObjectBuilder> {
        let builder = self.handle().create_as(ObjectId::random(), size, &CreateOptions::new()).await?;
        Ok(ObjectBuilder::new(builder))
    }

    /// The value of an object; none if it is not there. Does not wait for other clients.
    ///
    /// [`Error::TypeMismatch`] if it has another type.
    async fn get<T: DeserializeOwned + 'static>(&self, id: ObjectId) -> Result<Option<T>>
    where
        Self: Sized,
    {
        self.get_object(id, Timeout::NO_WAIT).await?.map(|object| plain::decode(&object)).transpose()
    }

    /// The bytes of an object, in place; none if it is not there. The object is held until the last `Bytes` is dropped.
    async fn get_raw(&self, id: ObjectId) -> Result<Option<Bytes>> {
        Ok(self.get_object(id, Timeout::NO_WAIT).await?.map(Bytes::from))
    }

    /// Whether a get would find the object.
    async fn exists(&self, id: ObjectId) -> Result<bool> {
        self.handle().store().exists(&id)
    }

    /// What the store knows about an object; none if it is not there.
    async fn metadata(&self, id: ObjectId) -> Result<Option<ObjectMetadata>> {
        match self.handle().blocking(move |store| store.metadata(&id)).await {
            Ok(info) => Ok(ObjectMetadata::of_sealed(&info)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Keeps an object from eviction and expiry.
    async fn pin(&self, id: ObjectId) -> Result<()> {
        self.handle().blocking(move |store| store.pin(&id)).await
    }

    /// Ends a pin.
    async fn unpin(&self, id: ObjectId) -> Result<()> {
        self.handle().blocking(move |store| store.unpin(&id)).await
    }

    /// The statistics of the store.
    async fn stats(&self) -> Result<StoreStats> {
        self.handle().blocking(|store| store.stats()).await.map(|stats| StoreStats::from(&stats))
    }

    /// A reference to an object; none if it is not there in time.
    async fn get_object(&self, id: ObjectId, timeout: Timeout) -> Result<Option<Object>> {
        match self.handle().store().get(&id, timeout).await {
            Ok(object) => Ok(Some(object)),
            Err(Error::NotFound(_) | Error::TimedOut { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }
}

impl<S: ObjectStore + ?Sized> ObjectStore for Arc<S> {
    fn handle(&self) -> &StoreHandle {
        (**self).handle()
    }
}
