//! The two stores, and their configuration.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::{ObjectStore, plain};
use crate::aio::AsyncStore;
use crate::error::{Error, Result};
use crate::{
    Builder, Client, ConnectOptions, CreateOptions, EvictionPolicy, InProcessStore, ObjectId, OpenOptions, Store,
};

/// Values from this size on are written by a thread for blocking work, so that the runtime's threads go on.
const BLOCKING_BYTES: usize = 1 << 20;

/// The configuration of a store.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Of an [`InMemoryStore`]: its bytes. (The memory of a daemon is in its own configuration.)
    pub max_memory: u64,
    /// Of an [`InMemoryStore`]: which object is evicted first.
    pub eviction_policy: EvictionPolicy,
    /// Of a [`SharedMemoryStore`]: the daemon's socket; none: [`default_socket_path()`](crate::default_socket_path).
    pub socket: Option<PathBuf>,
    /// Of a [`SharedMemoryStore`]: the name that `dolium clients` shows; empty: that of the program.
    pub name: String,
    /// How long a put waits for room when nothing more can be evicted.
    pub room_timeout: Duration,
}

/// 1 GiB; puts do not wait for room.
impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            max_memory: 1 << 30,
            eviction_policy: EvictionPolicy::default(),
            socket: None,
            name: String::new(),
            room_timeout: Duration::ZERO,
        }
    }
}

/// What both stores are made of: a store with futures, and its configuration.
#[derive(Debug, Clone)]
pub struct StoreHandle {
    store: AsyncStore,
    room_timeout: Duration,
}

impl StoreHandle {
    fn new(store: &Store, config: &StoreConfig) -> Result<Self> {
        Ok(Self { store: AsyncStore::new(store)?, room_timeout: config.room_timeout })
    }

    /// The store, with all calls that the trait does not have.
    pub fn store(&self) -> &AsyncStore {
        &self.store
    }

    /// Stores an object under this id: that of a task's result, which is known before the task runs.
    pub async fn put_as<T: Serialize + Send + 'static>(&self, id: ObjectId, object: T) -> Result<()> {
        let planned = plain::Planned::new(&id, object)?;
        let (tag, name) = (planned.tag(), planned.name());
        let options = CreateOptions::new().type_of(tag, crate::codec::shown(&name));
        let builder = self.create_as(id, planned.size(), &options).await?;
        if planned.size() < BLOCKING_BYTES {
            return planned.write(builder);
        }
        ended(tokio::task::spawn_blocking(move || planned.write(builder)).await)
    }

    pub(super) async fn create_as(&self, id: ObjectId, size: usize, options: &CreateOptions<'_>) -> Result<Builder> {
        self.store.create(&id, size, &options.timeout(self.room_timeout)).await
    }

    /// Runs a call that waits for the daemon's answer.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = Store::clone(&self.store);
        ended(tokio::task::spawn_blocking(move || call(&store)).await)
    }
}

/// The outcome of a thread for blocking work. A panic goes on here.
fn ended<T>(outcome: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    outcome.unwrap_or_else(|why| match why.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(Error::Disconnected("the tokio runtime shuts down".to_owned())),
    })
}

/// A store of this process alone.
#[derive(Debug, Clone)]
pub struct InMemoryStore(StoreHandle);

impl InMemoryStore {
    /// Opens a store, inside a tokio runtime.
    pub fn new(config: StoreConfig) -> Result<Self> {
        let options = OpenOptions::new().capacity(config.max_memory).eviction_policy(config.eviction_policy);
        Self::over(&InProcessStore::open_with(&options)?, &config)
    }

    /// The same, over a store that exists.
    pub fn over(store: &InProcessStore, config: &StoreConfig) -> Result<Self> {
        StoreHandle::new(store, config).map(Self)
    }
}

impl ObjectStore for InMemoryStore {
    fn handle(&self) -> &StoreHandle {
        &self.0
    }
}

/// A store behind a daemon, shared by all processes of the host.
#[derive(Debug, Clone)]
pub struct SharedMemoryStore(StoreHandle);

impl SharedMemoryStore {
    /// Connects to the daemon, inside a tokio runtime.
    pub fn connect(config: StoreConfig) -> Result<Self> {
        let options = ConnectOptions::new().name(config.name.as_str());
        Self::over(&Client::connect_with(config.socket.as_deref(), &options)?, &config)
    }

    /// The same, over a client that is connected.
    pub fn over(client: &Client, config: &StoreConfig) -> Result<Self> {
        StoreHandle::new(client, config).map(Self)
    }
}

impl ObjectStore for SharedMemoryStore {
    fn handle(&self) -> &StoreHandle {
        &self.0
    }
}
