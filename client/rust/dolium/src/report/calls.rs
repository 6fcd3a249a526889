//! The calls that return reports.

use dolium_sys as sys;

use super::{ClientInfo, FromC, ObjectInfo, ObjectState, Refusal, StoreStats, Use};
use crate::error::{Result, check, check_found};
use crate::{ObjectId, Store};

/// Which objects [`Store::list`] returns: those that have all these properties.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// How the label begins; empty: any label, or none.
    pub label_prefix: &'a str,
    /// The whole name of the type, or the 16 digits of the tag of an unnamed type; empty: any.
    pub type_name: &'a str,
    /// Whether it is sealed; none: either.
    pub state: Option<ObjectState>,
    /// The process that created it; none: any.
    pub creator_pid: Option<i32>,
}

impl Filter<'_> {
    fn raw(&self) -> sys::dolium_filter {
        let mut raw = sys::dolium_filter::sized();
        if !self.label_prefix.is_empty() {
            (raw.label_prefix, raw.label_prefix_size) = (self.label_prefix.as_ptr().cast(), self.label_prefix.len());
        }
        if !self.type_name.is_empty() {
            (raw.type_name, raw.type_name_size) = (self.type_name.as_ptr().cast(), self.type_name.len());
        }
        raw.state = match self.state {
            None => sys::DOLIUM_ANY_STATE,
            Some(ObjectState::Unsealed) => sys::DOLIUM_UNSEALED,
            Some(ObjectState::Sealed) => sys::DOLIUM_SEALED,
            Some(ObjectState::Unknown(state)) => state,
        };
        raw.creator_pid = self.creator_pid.unwrap_or(0);
        raw
    }
}

/// A listing of the library, freed at the end: its handle, and its functions.
macro_rules! listing {
    ($name:ident: $list:ident of $raw:ident, $next:ident, $free:ident) => {
        struct $name(*mut sys::$list);

        impl $name {
            fn read<T: FromC<sys::$raw>>(self) -> Result<Vec<T>> {
                let mut all = Vec::new();
                let mut raw = sys::$raw::sized();
                // SAFETY: the list is ours, and the struct has its size.
                while !self.0.is_null() && check_found(|error| unsafe { sys::$next(self.0, &mut raw, error) })? {
                    all.push(T::from_c(&raw));
                }
                Ok(all)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the list is ours; null is accepted.
                unsafe { sys::$free(self.0) }
            }
        }
    };
}
listing!(Uses: dolium_use_list of dolium_use, dolium_use_list_next, dolium_use_list_free);
listing!(Objects: dolium_object_list of dolium_object_info, dolium_object_list_next, dolium_object_list_free);
listing!(Clients: dolium_client_list of dolium_client_info, dolium_client_list_next, dolium_client_list_free);

impl Store {
    /// What the store knows about an object, sealed or not. [`Error::NotFound`](crate::Error::NotFound).
    pub fn metadata(&self, id: &ObjectId) -> Result<ObjectInfo> {
        let mut raw = sys::dolium_object_info::sized();
        // SAFETY: the handle is ours, and the struct has its size; `uses` may be null.
        check(|error| unsafe { sys::dolium_metadata(self.raw(), id.raw(), &mut raw, std::ptr::null_mut(), error) })?;
        Ok(ObjectInfo::from_c(&raw))
    }

    /// The same, and at most 64 holders and 64 waiters, the most references first.
    pub fn metadata_and_uses(&self, id: &ObjectId) -> Result<(ObjectInfo, Vec<Use>)> {
        let (mut raw, mut uses) = (sys::dolium_object_info::sized(), Uses(std::ptr::null_mut()));
        // SAFETY: the handle is ours, and the struct has its size.
        check(|error| unsafe { sys::dolium_metadata(self.raw(), id.raw(), &mut raw, &mut uses.0, error) })?;
        Ok((ObjectInfo::from_c(&raw), uses.read()?))
    }

    /// All objects, sealed or not, that pass the filter.
    pub fn list(&self, filter: &Filter<'_>) -> Result<Vec<ObjectInfo>> {
        let (filter, mut list) = (filter.raw(), Objects(std::ptr::null_mut()));
        // SAFETY: the handle is ours; the filter borrows from the caller's.
        check(|error| unsafe { sys::dolium_list(self.raw(), &filter, &mut list.0, error) })?;
        list.read()
    }

    /// All clients of the store.
    pub fn clients(&self) -> Result<Vec<ClientInfo>> {
        let mut list = Clients(std::ptr::null_mut());
        // SAFETY: the handle is ours.
        check(|error| unsafe { sys::dolium_clients(self.raw(), &mut list.0, error) })?;
        list.read()
    }

    /// The statistics of the store.
    pub fn stats(&self) -> Result<StoreStats> {
        let mut raw = sys::dolium_store_stats::sized();
        // SAFETY: the handle is ours, and the struct has its size.
        check(|error| unsafe { sys::dolium_stats(self.raw(), &mut raw, error) })?;
        Ok(StoreStats::from_c(&raw))
    }

    /// The last create or put that found no room; none since the start of the server.
    pub fn last_refusal(&self) -> Result<Option<Refusal>> {
        let (mut raw, mut holders) = (sys::dolium_refusal::sized(), Uses(std::ptr::null_mut()));
        // SAFETY: the handle is ours, and the struct has its size.
        let found =
            check_found(|error| unsafe { sys::dolium_last_refusal(self.raw(), &mut raw, &mut holders.0, error) })?;
        if found { Ok(Some(Refusal::new(&raw, holders.read()?))) } else { Ok(None) }
    }
}
