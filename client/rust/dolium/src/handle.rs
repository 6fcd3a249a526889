//! The store behind every client: connect, open, close, and what concerns the store as a whole.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::fmt;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

use dolium_sys as sys;

use crate::error::{Error, Result, check};
use crate::{ConnectOptions, OpenOptions};

/// The handle of the library. Closed when the last owner drops it.
struct Handle(NonNull<sys::dolium_store>);

// SAFETY: dolium_c.h: "Several threads may use one dolium_store at the same time."
unsafe impl Send for Handle {}
// SAFETY: the same.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the last owner is dropped, so no thread is inside a call, but for a callback of this store.
        unsafe { sys::dolium_close(self.0.as_ptr()) }
    }
}

/// The calls of every store: a [`Client`] or an [`InProcessStore`] is one, by `Deref`. A clone is the same store. All
/// threads may use it at the same time.
#[derive(Clone)]
pub struct Store(Arc<Handle>);

impl Store {
    /// Takes the handle that a call fills.
    fn made(
        call: impl FnOnce(*mut *mut sys::dolium_store, *mut sys::dolium_error) -> sys::dolium_code,
    ) -> Result<Self> {
        let mut store = std::ptr::null_mut();
        check(|error| call(&mut store, error))?;
        Ok(Self(Arc::new(Handle(NonNull::new(store).expect("a call that succeeds")))))
    }

    #[inline]
    pub(crate) fn raw(&self) -> *mut sys::dolium_store {
        self.0.0.as_ptr()
    }

    /// Whether the store is there, as far as this process knows. False after its end. No system call.
    pub fn connected(&self) -> bool {
        // SAFETY: the handle is ours.
        unsafe { sys::dolium_connected(self.raw()) }
    }

    /// Whether the daemon granted access for reading only. False for an in-process store.
    pub fn read_only(&self) -> bool {
        // SAFETY: the handle is ours.
        unsafe { sys::dolium_read_only(self.raw()) }
    }

    /// The daemon's number of this session, as `dolium clients` shows it; 0 for an in-process store.
    pub fn session_id(&self) -> u64 {
        // SAFETY: the handle is ours.
        unsafe { sys::dolium_session_id(self.raw()) }
    }

    /// How often a store with [`ConnectOptions::reconnect`] has gone on with another daemon; 0 for all others.
    pub fn reconnections(&self) -> u64 {
        // SAFETY: the handle is ours.
        unsafe { sys::dolium_reconnections(self.raw()) }
    }

    /// Succeeds while the store is there. Behind a daemon this takes one round trip.
    pub fn ping(&self) -> Result<()> {
        // SAFETY: the handle is ours.
        check(|error| unsafe { sys::dolium_ping(self.raw(), error) })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Store").field("session_id", &self.session_id()).field("connected", &self.connected()).finish()
    }
}

/// A store behind a daemon (`doliumd`), shared by all processes of the host.
///
/// ```no_run
/// use dolium::{Client, ObjectId, Timeout};
///
/// # fn main() -> dolium::Result<()> {
/// let client = Client::connect_default()?;
/// let id = ObjectId::from_name("greeting");
/// client.put(&id, b"salve")?;
/// let object = client.get(&id, Timeout::NO_WAIT)?; // in any process of the host
/// assert_eq!(&*object, b"salve");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client(Store);

impl Client {
    /// Connects to the daemon at this socket.
    ///
    /// [`Error::Disconnected`] if no daemon listens there within 5 s; [`Error::PermissionDenied`] if this user may not
    /// connect; [`Error::Protocol`] if the daemon speaks another version of the protocol.
    pub fn connect(socket: impl AsRef<Path>) -> Result<Self> {
        Self::connect_with(Some(socket.as_ref()), &ConnectOptions::new())
    }

    /// Connects to the daemon at [`default_socket_path()`].
    pub fn connect_default() -> Result<Self> {
        Self::connect_with(None, &ConnectOptions::new())
    }

    /// Connects with options; without a path, to the daemon at [`default_socket_path()`].
    pub fn connect_with(socket: Option<&Path>, options: &ConnectOptions) -> Result<Self> {
        let path = socket.map(c_path).transpose()?;
        let path = path.as_deref().map_or(std::ptr::null(), CStr::as_ptr);
        let options = options.raw();
        // SAFETY: the path is terminated, and the options borrow from the caller's.
        Store::made(|store, error| unsafe { sys::dolium_connect(path, &options, store, error) }).map(Self)
    }
}

impl Deref for Client {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.0
    }
}

/// A store of this process alone, without a daemon: for tests, and for threads that share objects. It has the same calls
/// as a [`Client`]. It has no thread: each call first expires the objects that are due.
#[derive(Clone, Debug)]
pub struct InProcessStore(Store);

impl InProcessStore {
    /// Opens a store of so many bytes, rounded up to pages of 4 KiB.
    pub fn open(capacity: u64) -> Result<Self> {
        Self::open_with(&OpenOptions::new().capacity(capacity))
    }

    /// Opens a store with options.
    pub fn open_with(options: &OpenOptions) -> Result<Self> {
        let options = options.raw();
        // SAFETY: the options belong to this frame.
        Store::made(|store, error| unsafe { sys::dolium_open(&options, store, error) }).map(Self)
    }
}

impl Deref for InProcessStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.0
    }
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::InvalidArgument(format!("the socket path {} has a zero byte", path.display())))
}

/// The first of: `$DOLIUM_SOCKET`; `$XDG_RUNTIME_DIR/dolium.sock`; `/run/dolium/dolium.sock` for root;
/// `/tmp/dolium-<uid>/dolium.sock`.
pub fn default_socket_path() -> Result<PathBuf> {
    let mut path: [c_char; 4096] = [0; 4096];
    // SAFETY: the array has so many bytes.
    check(|error| unsafe { sys::dolium_default_socket_path(path.as_mut_ptr(), path.len(), error) })?;
    // SAFETY: the library wrote a terminating zero.
    let text = unsafe { CStr::from_ptr(path.as_ptr()) };
    Ok(PathBuf::from(OsStr::from_bytes(text.to_bytes())))
}

/// The version of the loaded library: `"0.1.0"`.
pub fn library_version() -> &'static str {
    // SAFETY: the library's text is terminated, and lives as long as the library, which is never unloaded.
    unsafe { CStr::from_ptr(sys::dolium_version()) }.to_str().unwrap_or("unknown")
}
