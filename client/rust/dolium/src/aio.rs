//! Futures and streams on tokio: calls that wait without blocking a thread.
//!
//! ```
//! use dolium::aio::AsyncStore;
//! use dolium::{InProcessStore, ObjectId, Timeout};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> dolium::Result<()> {
//! let opened = InProcessStore::open(1 << 20)?; // or a Client
//! let store = AsyncStore::new(&opened)?;
//! let id = ObjectId::from_name("answer");
//! let waiting = store.get(&id, Timeout::FOREVER);
//! store.put(&id, b"forty-two")?;
//! assert_eq!(&*waiting.await?, b"forty-two");
//! # Ok(())
//! # }
//! ```

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::{Builder, CreateOptions, Event, Object, ObjectId, Operation, Store, Subscription, Timeout};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner) // nothing here panics while it holds a lock
}

/// A store whose waiting calls are futures. It derefs to [`Store`], for all calls that do not wait. A clone is the same.
///
/// One task of the runtime watches the store's descriptor, as long as a clone, a future or a stream of it exists.
#[derive(Clone)]
pub struct AsyncStore {
    store: Store,
    watch: Arc<Watch>,
}

impl AsyncStore {
    /// Watches the store in the current runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime, and in one without I/O.
    pub fn new(store: &Store) -> Result<Self> {
        // A descriptor of its own: a descriptor can be in an epoll only once. The unsafe register() of newer versions has
        // nothing to offer for a descriptor that is owned.
        #[allow(deprecated)]
        let watched = store.event_fd().try_clone_to_owned().and_then(AsyncFd::new);
        let fd = watched.map_err(|why| Error::System {
            errno: why.raw_os_error().unwrap_or(0),
            message: format!("cannot watch the descriptor of the store: {why}"),
        })?;
        let state = Arc::new(WatchState::default());
        let task = tokio::spawn(watch(fd, store.clone(), Arc::clone(&state))).abort_handle();
        Ok(Self { store: store.clone(), watch: Arc::new(Watch { state, task }) })
    }

    /// [`Store::get`] as a future. It begins now; a drop cancels it, in the daemon too.
    pub fn get(&self, id: &ObjectId, timeout: impl Into<Timeout>) -> Waiting<Object> {
        match self.store.try_get(id) {
            Some(object) => Waiting::over(Ok(object), &self.watch),
            None => self.begin(|done| self.store.get_then(id, timeout, done)),
        }
    }

    /// [`Store::get_enough`] as a future: `enough` 0 waits for all. It begins now; a drop cancels it, in the daemon too.
    pub fn get_enough(
        &self,
        ids: &[ObjectId],
        enough: usize,
        timeout: impl Into<Timeout>,
    ) -> Waiting<Vec<Option<Object>>> {
        self.begin(|done| self.store.get_enough_then(ids, enough, timeout, done))
    }

    /// [`Store::take`] as a future. It begins now; a drop cancels it, but can still remove the object if it comes at the
    /// same moment.
    pub fn take(&self, id: &ObjectId, timeout: impl Into<Timeout>) -> Waiting<Object> {
        self.begin(|done| self.store.take_then(id, timeout, done))
    }

    /// [`Store::create`] as a future: waits for room until the timeout of the options. It begins now; a drop cancels it.
    pub fn create(&self, id: &ObjectId, size: usize, options: &CreateOptions<'_>) -> Waiting<Builder> {
        self.begin(|done| self.store.create_then(id, size, options, done))
    }

    /// Events from now on. First comes [`EventKind::Sealed`](crate::EventKind::Sealed) for each object that is there
    /// already.
    pub fn subscribe(&self) -> Result<Events> {
        let key = self.watch.state.next_key.fetch_add(1, Ordering::Relaxed);
        Ok(Events { subscription: Some(self.store.subscribe()?), watch: Arc::clone(&self.watch), key })
    }

    fn begin<T: Send + 'static>(&self, start: impl FnOnce(Done<T>) -> Result<Operation>) -> Waiting<T> {
        let slot = Arc::new(Mutex::new(Slot { outcome: None, waker: None }));
        let done: Done<T> = {
            let slot = Arc::clone(&slot);
            Box::new(move |outcome| Slot::fill(&slot, outcome))
        };
        match start(done) {
            Ok(operation) => {
                if self.watch.state.ended.load(Ordering::SeqCst) {
                    // The task does not look any more. The error that this returns goes to the closure, too.
                    let _ = self.store.process_events();
                }
                Waiting { slot, operation: Some(operation), _watch: Arc::clone(&self.watch) }
            }
            Err(why) => Waiting::over(Err(why), &self.watch),
        }
    }
}

impl Deref for AsyncStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl fmt::Debug for AsyncStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("AsyncStore").field(&self.store).finish()
    }
}

type Done<T> = Box<dyn FnOnce(Result<T>) + Send>;

/// The task that watches a store; it ends with the last owner.
struct Watch {
    state: Arc<WatchState>,
    task: AbortHandle,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Default)]
struct WatchState {
    ended: AtomicBool, // so has the task
    next_key: AtomicU64,
    streams: Mutex<HashMap<u64, Waker>>, // of the streams that wait for an event
}

impl WatchState {
    fn wake_streams(&self) {
        let wakers: Vec<Waker> = locked(&self.streams).drain().map(|(_, waker)| waker).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Calls the closures that are due, whenever there are some. Readiness is cleared before that, so that what arrives
/// meanwhile is a new edge.
async fn watch(fd: AsyncFd<OwnedFd>, store: Store, state: Arc<WatchState>) {
    let end = WatchEnd { store, state };
    while let Ok(mut ready) = fd.readable().await {
        ready.clear_ready();
        drop(ready);
        let outcome = end.store.process_events();
        end.state.wake_streams();
        if let Err(Error::Disconnected(_)) = outcome {
            break;
        }
    }
}

/// The end of the task: the daemon is gone, or the runtime. A call that begins from now on finds `ended`; one that began
/// before is looked at once more.
struct WatchEnd {
    store: Store,
    state: Arc<WatchState>,
}

impl Drop for WatchEnd {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        let _ = self.store.process_events(); // its error is that of the pending calls
        self.state.wake_streams();
    }
}

/// The outcome of a call, or the task that waits for it.
struct Slot<T> {
    outcome: Option<Result<T>>,
    waker: Option<Waker>,
}

impl<T> Slot<T> {
    fn fill(slot: &Mutex<Self>, outcome: Result<T>) {
        let waker = {
            let mut slot = locked(slot);
            slot.outcome = Some(outcome);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A call that waits. A drop cancels it, in the daemon too.
#[must_use = "a future that is dropped cancels its call"]
pub struct Waiting<T> {
    slot: Arc<Mutex<Slot<T>>>,
    operation: Option<Operation>, // none when it is over
    _watch: Arc<Watch>,
}

impl<T> Waiting<T> {
    fn over(outcome: Result<T>, watch: &Arc<Watch>) -> Self {
        let slot = Arc::new(Mutex::new(Slot { outcome: Some(outcome), waker: None }));
        Self { slot, operation: None, _watch: Arc::clone(watch) }
    }
}

impl<T> Future for Waiting<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = locked(&self.slot);
        match slot.outcome.take() {
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
            Some(outcome) => {
                drop(slot);
                self.operation = None;
                Poll::Ready(outcome)
            }
        }
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        if let Some(operation) = &mut self.operation {
            operation.cancel();
        }
    }
}

impl<T> fmt::Debug for Waiting<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Waiting").field("over", &self.operation.is_none()).finish()
    }
}

/// A stream of events. After the daemon's end, and after all its events, comes
/// [`Error::Disconnected`], and the stream ends.
#[must_use = "streams do nothing unless polled"]
pub struct Events {
    subscription: Option<Subscription>, // none at the end
    watch: Arc<Watch>,
    key: u64,
}

impl Events {
    /// The next event; none at the end.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        std::future::poll_fn(|context| self.poll_event(context)).await
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        let Some(subscription) = &mut self.subscription else { return Poll::Ready(None) };
        // First the waker, then the look: an event that comes in between wakes.
        locked(&self.watch.state.streams).insert(self.key, context.waker().clone());
        match subscription.next(Timeout::NO_WAIT) {
            Err(Error::TimedOut { .. }) => Poll::Pending,
            Ok(event) => Poll::Ready(Some(Ok(event))),
            Err(why) => {
                self.subscription = None;
                Poll::Ready(Some(Err(why)))
            }
        }
    }
}

impl Stream for Events {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(context)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        locked(&self.watch.state.streams).remove(&self.key);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Events").field("ended", &self.subscription.is_none()).finish()
    }
}
