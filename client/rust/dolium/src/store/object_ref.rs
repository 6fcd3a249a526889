//! Typed references to objects.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ObjectStore, plain};
use crate::error::{Error, Result};
use crate::{Cause, Object, ObjectId, Ticket, Timeout};

/// A reference to an object that is a `T`: the result of a task, which may not be there yet, or an argument.
///
/// The first [`get`](ObjectRef::get) keeps the value. A reference that [`put`](ObjectRef::put) or
/// [`hold`](ObjectRef::hold) made keeps the object in the store, too. As a ticket it goes to another process.
pub struct ObjectRef<T> {
    id: ObjectId,
    store: Arc<dyn ObjectStore>,
    held: Option<Object>,
    cached: OnceLock<T>,
}

impl<T> ObjectRef<T> {
    /// Refers to the object with this id, which may not be there yet. Holds nothing.
    pub fn new(id: ObjectId, store: Arc<dyn ObjectStore>) -> Self {
        Self { id, store, held: None, cached: OnceLock::new() }
    }

    /// The object's id.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// The bytes, without decoding. [`Error::NotFound`] if the object is not there.
    pub async fn get_raw(&self) -> Result<Bytes> {
        self.object(Timeout::NO_WAIT).await.map(Bytes::from)
    }

    /// Holds the object from now on, so that it is neither evicted nor reused. [`Error::NotFound`] if it is not there.
    pub async fn hold(&mut self) -> Result<()> {
        self.held = Some(self.object(Timeout::NO_WAIT).await?);
        Ok(())
    }

    async fn object(&self, timeout: Timeout) -> Result<Object> {
        if let Some(object) = &self.held {
            return Ok(object.clone());
        }
        self.store.get_object(self.id, timeout).await?.ok_or_else(|| match timeout {
            Timeout::NO_WAIT => Error::NotFound(format!("object {} does not exist, or is not sealed yet", self.id)),
            _ => Error::TimedOut {
                cause: Cause::None,
                message: format!("object {} was not sealed before the deadline", self.id),
            },
        })
    }
}

impl<T: 'static> ObjectRef<T> {
    /// The reference as text, for another process. A ticket holds nothing: hold the object until it was got, or see
    /// [`hand_over`](ObjectRef::hand_over).
    pub fn ticket(&self) -> Result<String> {
        self.store.handle().store().ticket(&self.id, &plain::name_of::<T>())
    }

    /// The same for an object that this process does not keep: it stays for `grace`, or until another session has got
    /// it.
    pub async fn hand_over(&self, grace: Duration) -> Result<String> {
        let id = self.id;
        self.store.handle().blocking(move |store| store.extend_grace(&id, grace, 1)).await?;
        self.ticket()
    }

    /// Refers to the object of a ticket. Does not look for it.
    ///
    /// [`Error::InvalidArgument`] if the text is no ticket; [`Error::TypeMismatch`] if it is one of another type.
    pub fn from_ticket(ticket: &str, store: Arc<dyn ObjectStore>) -> Result<Self> {
        let read: Ticket = ticket.parse()?;
        let ours = plain::name_of::<T>();
        if read.type_name != crate::codec::shown(&ours) {
            let (id, theirs) = (read.id, read.type_name);
            return Err(Error::TypeMismatch(format!("the ticket of object {id} says {theirs}, not {ours}")));
        }
        Ok(Self::new(read.id, store))
    }
}

impl<T: Serialize + Send + 'static> ObjectRef<T> {
    /// Stores a value, and holds it.
    pub async fn put(value: T, store: Arc<dyn ObjectStore>) -> Result<Self> {
        let mut reference = Self::new(store.put(value).await?, store);
        reference.hold().await?;
        Ok(reference)
    }
}

impl<T: DeserializeOwned + Clone + 'static> ObjectRef<T> {
    /// The value. [`Error::NotFound`] if the object is not there; [`Error::TypeMismatch`] if it is no `T`.
    pub async fn get(&self) -> Result<T> {
        self.get_within(Timeout::NO_WAIT).await
    }

    /// The same, but waits until the object is sealed: for the result of a task. [`Error::TimedOut`] at the deadline.
    pub async fn get_within(&self, timeout: impl Into<Timeout>) -> Result<T> {
        if let Some(value) = self.cached.get() {
            return Ok(value.clone());
        }
        let value: T = plain::decode(&self.object(timeout.into()).await?)?;
        Ok(self.cached.get_or_init(|| value).clone())
    }
}

/// Another reference to the same object; it holds what this one holds.
impl<T: Clone> Clone for ObjectRef<T> {
    fn clone(&self) -> Self {
        Self { id: self.id, store: Arc::clone(&self.store), held: self.held.clone(), cached: self.cached.clone() }
    }
}

impl<T> fmt::Debug for ObjectRef<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = std::any::type_name::<T>();
        out.debug_struct("ObjectRef")
            .field("id", &self.id)
            .field("type", &kind)
            .field("held", &self.held.is_some())
            .finish()
    }
}
