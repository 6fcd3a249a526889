//! The parent's side: worker processes, a TaskSystem that gives them tasks, and an ActorSystem.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use dolium::ObjectId;
use dolium::store::{ObjectRef, ObjectStore};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::{Order, Result};

/// A worker process. It ends with this value.
struct Worker {
    process: Child,
    answers: Lines<BufReader<OwnedReadHalf>>,
    orders: OwnedWriteHalf,
}

impl Worker {
    async fn start() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path: PathBuf = std::env::temp_dir().join(format!("dolium-runtime-{}-{number}", std::process::id()));
        let listener = UnixListener::bind(&path)?;
        let program = std::env::current_exe()?;
        let process = Command::new(program).arg(&path).stdin(Stdio::null()).kill_on_drop(true).spawn()?;
        let connected = listener.accept().await;
        std::fs::remove_file(&path)?;
        let (answers, orders) = connected?.0.into_split();
        Ok(Self { process, answers: BufReader::new(answers).lines(), orders })
    }

    /// Gives an order. Ok(None): the worker has died.
    async fn give(&mut self, order: &Order) -> Result<Option<()>> {
        let line = serde_json::to_string(order)? + "\n";
        if self.orders.write_all(line.as_bytes()).await.is_err() {
            return Ok(None);
        }
        match self.answers.next_line().await {
            Ok(Some(answer)) if answer.is_empty() => Ok(Some(())),
            Ok(Some(error)) => Err(error.into()),
            Ok(None) | Err(_) => Ok(None),
        }
    }
}

/// What several workers share: the process ids, for the one that is killed, and the number of deaths.
#[derive(Default)]
struct Deaths {
    pids: Mutex<Vec<u32>>,
    count: AtomicU32,
}

impl Deaths {
    async fn start_worker(&self) -> Result<Worker> {
        let worker = Worker::start().await?;
        self.pids.lock().unwrap().extend(worker.process.id());
        Ok(worker)
    }

    fn kill_the_last(&self) {
        let pid = self.pids.lock().unwrap().pop();
        if let Some(pid) = pid {
            let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
            assert!(killed.is_ok_and(|status| status.success()), "worker {pid} was not killed");
        }
    }

    /// Gives an order, also to another worker if this one dies: the order is carried out in the end.
    async fn give(&self, worker: &mut Worker, order: &Order) -> Result<()> {
        while worker.give(order).await?.is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
            *worker = self.start_worker().await?;
        }
        Ok(())
    }
}

/// Gives tasks to worker processes. Its end is theirs.
pub struct TaskSystem {
    store: Arc<dyn ObjectStore>,
    queue: mpsc::UnboundedSender<Order>,
    deaths: Arc<Deaths>,
}

impl TaskSystem {
    /// Starts so many workers, which take tasks from one queue.
    pub async fn start(store: Arc<dyn ObjectStore>, workers: usize) -> Result<Self> {
        let (queue, orders) = mpsc::unbounded_channel::<Order>();
        let (orders, deaths) = (Arc::new(tokio::sync::Mutex::new(orders)), Arc::new(Deaths::default()));
        for _ in 0..workers {
            let worker = deaths.start_worker().await?;
            let (orders, deaths) = (Arc::clone(&orders), Arc::clone(&deaths));
            tokio::spawn(async move {
                if let Err(why) = Self::feed(worker, &orders, &deaths).await {
                    eprintln!("a task failed: {why}"); // the reader of its result meets its deadline
                }
            });
        }
        Ok(Self { store, queue, deaths })
    }

    async fn feed(
        mut worker: Worker,
        orders: &tokio::sync::Mutex<mpsc::UnboundedReceiver<Order>>,
        deaths: &Deaths,
    ) -> Result<()> {
        loop {
            let next = orders.lock().await.recv().await;
            match next {
                Some(order) => deaths.give(&mut worker, &order).await?,
                None => return Ok(()),
            }
        }
    }

    /// Queues a task. The reference to its result is there at once, and can be an argument of other tasks.
    pub fn submit<T: 'static>(&self, function: &str, arguments: &[String]) -> Result<ObjectRef<T>> {
        let result = ObjectId::random();
        let (function, arguments) = (function.to_owned(), arguments.to_vec());
        self.queue.send(Order { function, arguments, result, state: None })?;
        Ok(ObjectRef::new(result, Arc::clone(&self.store)))
    }

    /// Kills one of the workers, for the demonstration.
    pub fn kill_a_worker(&self) {
        self.deaths.kill_the_last();
    }

    /// How many workers died and were replaced.
    pub fn replaced(&self) -> u32 {
        self.deaths.count.load(Ordering::Relaxed)
    }
}

/// Starts actors: each has a worker process of its own, and its state is an object.
pub struct ActorSystem {
    store: Arc<dyn ObjectStore>,
}

impl ActorSystem {
    /// An ActorSystem over this store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Starts an actor with this state.
    pub async fn start<S>(&self, name: &str, state: S) -> Result<Actor<S>>
    where
        S: Serialize + Send + 'static,
    {
        let deaths = Deaths::default();
        let worker = deaths.start_worker().await?;
        let state = ObjectRef::put(state, Arc::clone(&self.store)).await?;
        println!("actor {name}: its first state is object {}", state.id());
        let inside = tokio::sync::Mutex::new((worker, state));
        Ok(Actor { store: Arc::clone(&self.store), deaths, inside })
    }
}

/// An actor. Its calls run one after the other; each leaves a checkpoint, from which a replaced worker goes on.
pub struct Actor<S> {
    store: Arc<dyn ObjectStore>,
    deaths: Deaths,
    inside: tokio::sync::Mutex<(Worker, ObjectRef<S>)>,
}

impl<S: 'static> Actor<S> {
    /// Calls a method, and returns a reference to its result.
    pub async fn call<T: 'static>(&self, method: &str, arguments: &[String]) -> Result<ObjectRef<T>> {
        let mut inside = self.inside.lock().await;
        let (worker, state) = &mut *inside;
        let (result, after) = (ObjectId::random(), ObjectId::random());
        let order = Order {
            function: method.to_owned(),
            arguments: arguments.to_vec(),
            result,
            state: Some((state.ticket()?, after)),
        };
        self.deaths.give(worker, &order).await?;
        let mut next = ObjectRef::new(after, Arc::clone(&self.store));
        next.hold().await?; // the checkpoint before is free from now on
        *state = next;
        Ok(ObjectRef::new(result, Arc::clone(&self.store)))
    }

    /// Kills the process of the actor, for the demonstration.
    pub fn kill_its_worker(&self) {
        self.deaths.kill_the_last();
    }

    /// How often it went on from a checkpoint.
    pub fn restarts(&self) -> u32 {
        self.deaths.count.load(Ordering::Relaxed)
    }
}
