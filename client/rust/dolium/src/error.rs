//! The error of every call.

use std::mem::MaybeUninit;
use std::ptr::addr_of;

use dolium_sys as sys;

/// The outcome of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. The text says what happened, to which object, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No sealed object has this id.
    #[error("{0}")]
    NotFound(String),
    /// An object with this id exists, sealed or not.
    #[error("{0}")]
    AlreadyExists(String),
    /// The object exists, but is still being written.
    #[error("{0}")]
    NotSealed(String),
    /// The builder was sealed or aborted before.
    #[error("{0}")]
    AlreadySealed(String),
    /// The store has no room, and nothing more can be evicted.
    #[error("{message}")]
    OutOfMemory {
        /// What is used up.
        cause: Cause,
        /// The whole text.
        message: String,
    },
    /// Larger than the store, a limit or a quota allows.
    #[error("{message}")]
    TooLarge {
        /// Which limit.
        cause: Cause,
        /// The whole text.
        message: String,
    },
    /// The deadline passed first.
    #[error("{message}")]
    TimedOut {
        /// Of a create or a put: what it waited for.
        cause: Cause,
        /// The whole text.
        message: String,
    },
    /// The object holds another type than the one asked for, or its bytes are no value of the type.
    #[error("{0}")]
    TypeMismatch(String),
    /// An argument is not valid.
    #[error("{0}")]
    InvalidArgument(String),
    /// Not allowed for this client or this user.
    #[error("{0}")]
    PermissionDenied(String),
    /// The daemon is gone, or the store belongs to another process.
    #[error("{0}")]
    Disconnected(String),
    /// The other side speaks another version, or sent an invalid message.
    #[error("{0}")]
    Protocol(String),
    /// The operating system reported an error.
    #[error("{message}")]
    System {
        /// The errno; 0: none.
        errno: i32,
        /// The whole text.
        message: String,
    },
    /// The object is on disk, and the disk does not answer, or failed.
    #[error("{0}")]
    TierUnavailable(String),
    /// A code that this version of the crate does not know.
    #[error("{message} (code {code})")]
    Unknown {
        /// The code of the C interface.
        code: i32,
        /// The whole text.
        message: String,
    },
}

/// What a create or a put had no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The error has another reason.
    None,
    /// No contiguous free memory, and none could be made free.
    Room,
    /// The maximum number of objects exists, and none could be evicted.
    Objects,
    /// The user's quota of bytes that are pinned or in a grace.
    Pins,
    /// The client's quota of unsealed objects.
    Writing,
    /// Larger than the whole store.
    Capacity,
    /// The metadata or the type name is too long.
    Description,
    /// The machine, or its cgroup, has no memory for the store.
    Memory,
    /// Too many bytes of retention `keep` are not on disk yet.
    Disk,
    /// A cause that this version of the crate does not know.
    Unknown(i32),
}

impl Cause {
    pub(crate) fn from_raw(cause: sys::dolium_cause) -> Self {
        match cause {
            sys::DOLIUM_CAUSE_NONE => Self::None,
            sys::DOLIUM_CAUSE_ROOM => Self::Room,
            sys::DOLIUM_CAUSE_OBJECTS => Self::Objects,
            sys::DOLIUM_CAUSE_PINS => Self::Pins,
            sys::DOLIUM_CAUSE_WRITING => Self::Writing,
            sys::DOLIUM_CAUSE_CAPACITY => Self::Capacity,
            sys::DOLIUM_CAUSE_DESCRIPTION => Self::Description,
            sys::DOLIUM_CAUSE_MEMORY => Self::Memory,
            sys::DOLIUM_CAUSE_DISK => Self::Disk,
            other => Self::Unknown(other),
        }
    }
}

impl Error {
    pub(crate) fn new(code: sys::dolium_code, cause: Cause, errno: i32, message: String) -> Self {
        match code {
            sys::DOLIUM_NOT_FOUND => Self::NotFound(message),
            sys::DOLIUM_ALREADY_EXISTS => Self::AlreadyExists(message),
            sys::DOLIUM_NOT_SEALED => Self::NotSealed(message),
            sys::DOLIUM_ALREADY_SEALED => Self::AlreadySealed(message),
            sys::DOLIUM_OUT_OF_MEMORY => Self::OutOfMemory { cause, message },
            sys::DOLIUM_TOO_LARGE => Self::TooLarge { cause, message },
            sys::DOLIUM_TIMED_OUT => Self::TimedOut { cause, message },
            sys::DOLIUM_TYPE_MISMATCH => Self::TypeMismatch(message),
            sys::DOLIUM_INVALID_ARGUMENT => Self::InvalidArgument(message),
            sys::DOLIUM_PERMISSION_DENIED => Self::PermissionDenied(message),
            sys::DOLIUM_DISCONNECTED => Self::Disconnected(message),
            sys::DOLIUM_PROTOCOL_ERROR => Self::Protocol(message),
            sys::DOLIUM_SYSTEM_ERROR => Self::System { errno, message },
            sys::DOLIUM_TIER_UNAVAILABLE => Self::TierUnavailable(message),
            code => Self::Unknown { code, message },
        }
    }

    /// Reads what the library wrote after a failure.
    ///
    /// # Safety
    /// `error` points to a struct that a call has filled.
    #[cold]
    #[inline(never)] // out of the way of a call that succeeds
    pub(crate) unsafe fn from_raw(code: sys::dolium_code, error: *const sys::dolium_error) -> Self {
        // SAFETY: the library filled the members, and `message_size` bytes of the text. The rest of the text may be
        // uninitialised, and is not touched.
        let (cause, errno, text) = unsafe {
            let size = (*error).message_size as usize;
            let text = std::slice::from_raw_parts(addr_of!((*error).message).cast::<u8>(), size);
            ((*error).cause, (*error).error_number, text)
        };
        Self::new(code, Cause::from_raw(cause), errno, String::from_utf8_lossy(text).into_owned())
    }

    /// The code's name, as the other languages and `dolium` print it: `"not_found"`.
    pub fn code_name(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::AlreadyExists(_) => "already_exists",
            Self::NotSealed(_) => "not_sealed",
            Self::AlreadySealed(_) => "already_sealed",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::TooLarge { .. } => "too_large",
            Self::TimedOut { .. } => "timed_out",
            Self::TypeMismatch(_) => "type_mismatch",
            Self::InvalidArgument(_) => "invalid_argument",
            Self::PermissionDenied(_) => "permission_denied",
            Self::Disconnected(_) => "disconnected",
            Self::Protocol(_) => "protocol_error",
            Self::System { .. } => "system_error",
            Self::TierUnavailable(_) => "tier_unavailable",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What a create or a put had no room for; [`Cause::None`] for every other error.
    pub fn cause(&self) -> Cause {
        match self {
            Self::OutOfMemory { cause, .. } | Self::TooLarge { cause, .. } | Self::TimedOut { cause, .. } => *cause,
            _ => Cause::None,
        }
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        use std::io::ErrorKind;
        let kind = match &error {
            Error::NotFound(_) => ErrorKind::NotFound,
            Error::AlreadyExists(_) => ErrorKind::AlreadyExists,
            Error::OutOfMemory { .. } => ErrorKind::OutOfMemory,
            Error::TimedOut { .. } => ErrorKind::TimedOut,
            Error::TypeMismatch(_) | Error::Protocol(_) => ErrorKind::InvalidData,
            Error::InvalidArgument(_) | Error::TooLarge { .. } => ErrorKind::InvalidInput,
            Error::PermissionDenied(_) => ErrorKind::PermissionDenied,
            Error::Disconnected(_) => ErrorKind::NotConnected,
            _ => ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Runs a call of the library, which fills the struct when it fails.
#[inline]
pub(crate) fn check(call: impl FnOnce(*mut sys::dolium_error) -> sys::dolium_code) -> Result<()> {
    let mut error = MaybeUninit::<sys::dolium_error>::uninit();
    match call(error.as_mut_ptr()) {
        sys::DOLIUM_OK => Ok(()),
        // SAFETY: the call failed, so it filled the struct.
        code => Err(unsafe { Error::from_raw(code, error.as_ptr()) }),
    }
}

/// The same for a listing or a lookup whose [`Error::NotFound`] is no failure.
pub(crate) fn check_found(call: impl FnOnce(*mut sys::dolium_error) -> sys::dolium_code) -> Result<bool> {
    match check(call) {
        Ok(()) => Ok(true),
        Err(Error::NotFound(_)) => Ok(false),
        Err(other) => Err(other),
    }
}
