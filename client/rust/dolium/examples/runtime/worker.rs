//! A worker: reads orders from its parent's socket, and puts results into the store.

use std::sync::Arc;
use std::time::Duration;

use dolium::store::{ObjectRef, ObjectStore};
use dolium::{Error, ObjectId};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::{DEADLINE, Order, Result, connect};

/// Runs until the parent closes the socket.
pub async fn run(socket: &str) -> Result<()> {
    let store = connect("runtime worker")?;
    let (orders, mut answers) = UnixStream::connect(socket).await?.into_split();
    let mut orders = BufReader::new(orders).lines();
    while let Some(line) = orders.next_line().await? {
        let order: Order = serde_json::from_str(&line)?;
        let answer = match carry_out(&store, &order).await {
            Ok(()) => String::new(),
            Err(why) => format!("{}: {why}", order.function).replace('\n', " "),
        };
        answers.write_all((answer + "\n").as_bytes()).await?;
    }
    Ok(())
}

async fn carry_out(store: &Arc<dyn ObjectStore>, order: &Order) -> Result<()> {
    match order.function.as_str() {
        "squares" => {
            let numbers: Vec<f64> = argument(store, &order.arguments[0]).await?;
            put_once(store, order.result, numbers.iter().map(|number| number * number).collect::<Vec<_>>()).await
        }
        "sum" => {
            let mut sum = 0.0;
            for ticket in &order.arguments {
                sum += argument::<Vec<f64>>(store, ticket).await?.iter().sum::<f64>();
            }
            put_once(store, order.result, sum).await
        }
        "add" => {
            let (before, after) = order.state.as_ref().ok_or("only an actor adds")?;
            let total: f64 =
                argument::<f64>(store, before).await? + argument::<f64>(store, &order.arguments[0]).await?;
            put_once(store, *after, total).await?;
            put_once(store, order.result, total).await
        }
        other => Err(format!("there is no function {other}").into()),
    }
}

/// The value of a reference, which may be the result of a task that still runs.
async fn argument<T>(store: &Arc<dyn ObjectStore>, ticket: &str) -> Result<T>
where
    T: serde::de::DeserializeOwned + Clone + 'static,
{
    Ok(ObjectRef::from_ticket(ticket, Arc::clone(store))?.get_within(DEADLINE).await?)
}

/// Puts a result that an earlier worker may have put, too: then it is the same. If that worker was killed before its
/// seal, the id is free as soon as the daemon has noticed its death.
async fn put_once<T: Serialize + Clone + Send + 'static>(
    store: &Arc<dyn ObjectStore>,
    id: ObjectId,
    value: T,
) -> Result<()> {
    for _ in 0..100 {
        match store.handle().put_as(id, value.clone()).await {
            Err(Error::AlreadyExists(_)) => {
                if store.get_object(id, Duration::from_millis(100).into()).await?.is_some() {
                    return Ok(());
                }
            }
            outcome => return Ok(outcome?),
        }
    }
    Err(format!("another worker is writing object {id}").into())
}
