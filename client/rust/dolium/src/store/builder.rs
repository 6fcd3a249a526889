//! Create and seal.

use std::ops::{Deref, DerefMut};

use crate::error::Result;
use crate::{Builder, ObjectId};

/// An object that is being written, in the store's memory. It derefs to its bytes. A builder that is dropped is aborted.
#[derive(Debug)]
pub struct ObjectBuilder(Builder);

impl ObjectBuilder {
    pub(super) fn new(builder: Builder) -> Self {
        Self(builder)
    }

    /// The object's id.
    pub fn id(&self) -> ObjectId {
        self.0.id()
    }

    /// Appends bytes. [`Error::TooLarge`](crate::Error::TooLarge) if they do not fit; then nothing is written.
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        self.0.append(data)
    }

    /// Makes the object immutable, and visible to all. Bytes that were not written are unspecified.
    pub async fn seal(self) -> Result<ObjectId> {
        let id = self.id();
        self.0.seal()?;
        Ok(id)
    }
}

impl Deref for ObjectBuilder {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for ObjectBuilder {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
