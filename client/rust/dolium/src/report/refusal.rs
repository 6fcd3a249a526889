//! Why a store refused a create or a put.

use std::time::Duration;

use dolium_sys as sys;

use super::{FromC, Obstacles, Use};
use crate::ObjectId;
use crate::error::{Cause, Error};

/// A create or a put that failed because there was no room or no quota, also after waiting.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The object that was not created.
    pub id: ObjectId,
    /// The error that its creator got.
    pub error: Error,
    /// Contiguous bytes that it needed.
    pub size: u64,
    /// How long ago.
    pub ago: Duration,
    /// The session of the client; 0 in an in-process store.
    pub session_id: u64,
    /// The client's process.
    pub pid: i32,
    /// Free bytes at that moment.
    pub free_bytes: u64,
    /// The largest contiguous free memory at that moment.
    pub largest_free_extent: u64,
    /// What caused fragmentation at that moment.
    pub obstacles: Obstacles,
    /// The program of the client.
    pub command: String,
    /// The name that the client gave itself.
    pub name: String,
    /// At most 8 clients that held or wrote most then, the largest first.
    pub holders: Vec<Use>,
}

impl Refusal {
    pub(super) fn new(raw: &sys::dolium_refusal, holders: Vec<Use>) -> Self {
        Self {
            id: ObjectId::from_raw(&raw.id),
            error: Error::new(raw.code, Cause::from_raw(raw.cause), 0, String::from_c(&raw.reason)),
            size: raw.size,
            ago: Duration::from_c(&raw.ago_ns),
            session_id: raw.session_id,
            pid: raw.pid,
            free_bytes: raw.free_bytes,
            largest_free_extent: raw.largest_free_extent,
            obstacles: Obstacles::from_c(&raw.obstacles),
            command: String::from_c(&raw.command),
            name: String::from_c(&raw.name),
            holders,
        }
    }
}
