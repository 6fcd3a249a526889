//! A small task and actor runtime on tokio. Tasks and actors run in processes of their own, and pass references to
//! objects to each other; the bytes stay in the store. A worker that is killed is replaced: its task runs again, and
//! its actor goes on from its last checkpoint.
//!
//! ```sh
//! doliumd &
//! cargo run --release --features store --example runtime
//! ```
//!
//! `system.rs` has the TaskSystem and the ActorSystem of the parent process, `worker.rs` what the workers do.

mod system;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use dolium::store::{ObjectRef, ObjectStore, SharedMemoryStore, StoreConfig};
use serde::{Deserialize, Serialize};
use system::{ActorSystem, TaskSystem};

/// What goes wrong here: a store's error, or one of the processes and their messages.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// How long a task or a call may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// An order to a worker: a line of JSON.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Order {
    /// The task, or the method of the actor.
    pub function: String,
    /// Tickets of the arguments.
    pub arguments: Vec<String>,
    /// The id of the result, which the caller knows before the order runs.
    pub result: dolium::ObjectId,
    /// Of an actor: the ticket of its state before the call, and the id of its state after it.
    pub state: Option<(String, dolium::ObjectId)>,
}

/// The worker's answer: an empty line when the result is sealed, else the text of an error.
pub type Answer = String;

/// Connects to the daemon.
pub fn connect(name: &str) -> Result<Arc<dyn ObjectStore>> {
    let config = StoreConfig { name: name.to_owned(), room_timeout: DEADLINE, ..StoreConfig::default() };
    Ok(Arc::new(SharedMemoryStore::connect(config)?))
}

/// Squares of a million numbers in ten tasks, summed by an eleventh. One of the workers is killed meanwhile.
async fn run_tasks(store: &Arc<dyn ObjectStore>) -> Result<()> {
    let tasks = TaskSystem::start(Arc::clone(store), 3).await?;
    let mut parts = Vec::new();
    for part in 0..10_u32 {
        let numbers: Vec<f64> = (0..100_000).map(|at| f64::from(part * 100_000 + at)).collect();
        parts.push(ObjectRef::put(numbers, Arc::clone(store)).await?);
    }
    let squares: Vec<ObjectRef<Vec<f64>>> =
        parts.iter().map(|part| tasks.submit("squares", &[part.ticket()?])).collect::<Result<_>>()?;
    tasks.kill_a_worker();
    let tickets: Vec<String> = squares.iter().map(ObjectRef::ticket).collect::<dolium::Result<_>>()?;
    let sum: ObjectRef<f64> = tasks.submit("sum", &tickets)?;
    let expected: f64 = (0..1_000_000).map(|number| f64::from(number) * f64::from(number)).sum();
    let found = sum.get_within(DEADLINE).await?;
    assert!((found - expected).abs() < expected * 1e-12, "{found} instead of {expected}");
    println!("tasks: the sum of a million squares is {found:e}; {} workers were replaced", tasks.replaced());
    Ok(())
}

/// An actor that adds what it is given. Its process is killed between two calls.
async fn run_actor(store: &Arc<dyn ObjectStore>) -> Result<()> {
    let actors = ActorSystem::new(Arc::clone(store));
    let total = actors.start("adder", 0.0_f64).await?;
    let mut last = None;
    for number in 1..=10_u8 {
        if number == 6 {
            total.kill_its_worker();
        }
        let amount = ObjectRef::put(f64::from(number), Arc::clone(store)).await?;
        let after: ObjectRef<f64> = total.call("add", &[amount.ticket()?]).await?;
        last = Some(after);
    }
    let found = last.expect("there were calls").get_within(DEADLINE).await?;
    assert_eq!(found, 55.0);
    println!("actor: the total is {found}, after {} restart", total.restarts());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    if let Some(socket) = std::env::args().nth(1) {
        return worker::run(&socket).await;
    }
    let store = connect("runtime")?;
    run_tasks(&store).await?;
    run_actor(&store).await?;
    let stats = store.stats().await?;
    println!(
        "store: {} objects of {} bytes; {} puts, {} gets, {} hits, {} evictions",
        stats.total_objects, stats.total_size, stats.put_count, stats.get_count, stats.hit_count, stats.eviction_count
    );
    for (bytes, count) in stats.size_histogram.iter().filter(|(_, count)| *count != 0) {
        println!("       {count:>6} of at most {bytes} bytes");
    }
    Ok(())
}
