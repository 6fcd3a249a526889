//! Tickets: a reference as text, for another process.

use std::ffi::{CStr, c_char};
use std::str::FromStr;

use dolium_sys as sys;

use crate::error::{Error, Result, check};
use crate::report::FromC;
use crate::{Object, ObjectId, Store, Timeout};

/// What a ticket says. A ticket holds nothing: keep the object until it was got.
///
/// ```
/// use dolium::{InProcessStore, ObjectId, Ticket, Timeout};
///
/// # fn main() -> dolium::Result<()> {
/// let store = InProcessStore::open(1 << 20)?;
/// let id = ObjectId::random();
/// store.put(&id, b"salve")?;
/// let text = store.ticket(&id, "bytes")?; // for another process: in a message, an argument, a file
/// let ticket: Ticket = text.parse()?;
/// assert_eq!((ticket.id, ticket.type_name.as_str()), (id, "bytes"));
/// assert_eq!(&*store.get_ticket(&text, Timeout::NO_WAIT)?, b"salve");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticket {
    /// The object's id.
    pub id: ObjectId,
    /// A number of the store in which it was made; 0: unknown. Only a hint for errors.
    pub store_number: u64,
    /// The name of the object's type; `"bytes"` for raw bytes.
    pub type_name: String,
}

/// [`Error::InvalidArgument`] if the text is no ticket.
impl FromStr for Ticket {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut raw = sys::dolium_ticket_info::sized();
        // SAFETY: `text` has so many bytes, and the struct has its size.
        check(|error| unsafe { sys::dolium_ticket_read(text.as_ptr().cast(), text.len(), &mut raw, error) })?;
        Ok(Self {
            id: ObjectId::from_raw(&raw.id),
            store_number: raw.store_number,
            type_name: String::from_c(&raw.type_name),
        })
    }
}

impl Store {
    /// The ticket of an object with a type of this name. Does not look for the object.
    pub fn ticket(&self, id: &ObjectId, type_name: &str) -> Result<String> {
        let mut text: [c_char; sys::DOLIUM_TICKET_TEXT_SIZE] = [0; sys::DOLIUM_TICKET_TEXT_SIZE];
        // SAFETY: `type_name` and `text` have so many bytes.
        check(|error| unsafe {
            let name = type_name.as_ptr().cast();
            sys::dolium_ticket(self.raw(), id.raw(), name, type_name.len(), text.as_mut_ptr(), text.len(), error)
        })?;
        // SAFETY: the library wrote a terminating zero.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) };
        Ok(text.to_string_lossy().into_owned())
    }

    /// Gets the object of a ticket. Waits as [`get`](Store::get). If the object is missing, the error says whether the
    /// ticket was made in another store.
    pub fn get_ticket(&self, ticket: &str, timeout: impl Into<Timeout>) -> Result<Object> {
        self.get_typed_ticket(ticket, None, timeout)
    }

    /// The same, and the ticket must have this type. [`Error::TypeMismatch`] if it has another one.
    pub fn get_typed_ticket(
        &self,
        ticket: &str,
        type_name: Option<&str>,
        timeout: impl Into<Timeout>,
    ) -> Result<Object> {
        let timeout = timeout.into().ns();
        let name = type_name.map_or(std::ptr::null(), |name| name.as_ptr().cast());
        let name_size = type_name.map_or(0, str::len);
        // SAFETY: `ticket` and the name have so many bytes; the library fills the struct.
        Object::filled(|object, error| unsafe {
            let (text, size) = (ticket.as_ptr().cast(), ticket.len());
            sys::dolium_ticket_get(self.raw(), text, size, name, name_size, timeout, object, error)
        })
    }
}
