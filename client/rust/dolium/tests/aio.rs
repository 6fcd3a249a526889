//! Futures and streams on tokio.
#![cfg(feature = "tokio")]

mod common;

use std::time::Duration;

use common::Daemon;
use dolium::aio::{AsyncStore, Events};
use dolium::{CreateOptions, Error, EventKind, InProcessStore, ObjectId, Store, Timeout};

const PLAIN: CreateOptions<'static> = CreateOptions::new();
const MINUTE: Duration = Duration::from_secs(60);

/// Runs a test over each kind of store, and in each kind of runtime.
fn each_runtime<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    let single = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for runtime in [single, multi] {
        runtime.block_on(test(Store::clone(&InProcessStore::open(1 << 20).unwrap())));
        let daemon = Daemon::start(&["--capacity=1MiB"]);
        runtime.block_on(test(Store::clone(&daemon.client())));
    }
}

async fn kinds(events: &mut Events, count: usize) -> Vec<EventKind> {
    let mut seen = Vec::new();
    while seen.len() < count {
        seen.push(events.next().await.expect("the stream goes on").expect("an event").kind);
    }
    seen
}

#[test]
fn a_get_waits_for_the_seal() {
    each_runtime(|store| async move {
        let waits = AsyncStore::new(&store).unwrap();
        let id = ObjectId::random();
        let waiting = waits.get(&id, MINUTE);
        let again = tokio::spawn(waits.get(&id, Timeout::FOREVER));
        store.put(&id, b"salve").unwrap();
        assert_eq!(&*waiting.await.unwrap(), b"salve");
        assert_eq!(&*again.await.unwrap().unwrap(), b"salve");
        assert_eq!(&*waits.get(&id, Timeout::NO_WAIT).await.unwrap(), b"salve");
        assert_eq!(&*waits.take(&id, MINUTE).await.unwrap(), b"salve");
        assert!(matches!(waits.get(&id, Timeout::NO_WAIT).await, Err(Error::NotFound(_))));
        let late = waits.get(&id, Duration::from_millis(2)).await;
        assert!(matches!(late, Err(Error::TimedOut { .. })), "{late:?}");
    });
}

#[test]
fn a_get_of_several_objects_waits_for_enough() {
    each_runtime(|store| async move {
        let waits = AsyncStore::new(&store).unwrap();
        let ids = ["first", "second", "never"].map(ObjectId::from_name);
        let waiting = waits.get_enough(&ids, 2, MINUTE);
        store.put(&ids[1], b"second").unwrap();
        store.put(&ids[0], b"first").unwrap();
        let found = waiting.await.unwrap();
        let texts: Vec<_> = found.iter().map(|each| each.as_ref().map(|object| object.to_vec())).collect();
        assert_eq!(texts, [Some(b"first".to_vec()), Some(b"second".to_vec()), None]);
        drop(found);
        assert_eq!(waits.get_enough(&[], 0, Timeout::NO_WAIT).await.unwrap().len(), 0);
        assert!(matches!(waits.get_enough(&ids, 4, MINUTE).await, Err(Error::InvalidArgument(_))));
        drop(waits.get_enough(&ids, 0, Timeout::FOREVER)); // cancelled
        assert_eq!(store.stats().unwrap().waiting_gets, 0);
        assert_eq!(store.metadata(&ids[0]).unwrap().ref_count, 0);
    });
}

#[test]
fn a_create_waits_for_room() {
    each_runtime(|store| async move {
        let waits = AsyncStore::new(&store).unwrap();
        let held = store.put_and_hold(&ObjectId::from_name("a"), &[1; 900_000], &PLAIN).unwrap();
        let id = ObjectId::random();
        let waiting = waits.create(&id, 900_000, &PLAIN.timeout(MINUTE));
        drop(held);
        let mut builder = waiting.await.unwrap();
        builder.fill(2);
        builder.seal().unwrap();
        assert_eq!(waits.get(&id, Timeout::NO_WAIT).await.unwrap()[899_999], 2);
        let twice = waits.create(&id, 1, &PLAIN).await;
        assert!(matches!(twice, Err(Error::AlreadyExists(_))), "{twice:?}");
    });
}

#[test]
fn a_dropped_future_cancels_its_call_in_the_daemon() {
    each_runtime(|store| async move {
        let waits = AsyncStore::new(&store).unwrap();
        let id = ObjectId::random();
        let first = waits.get(&id, Timeout::FOREVER);
        let second = waits.get(&id, Timeout::FOREVER);
        // The daemon takes requests in order, so both gets are there after a round trip.
        while store.stats().unwrap().waiting_gets < 2 {
            tokio::task::yield_now().await;
        }
        drop(first);
        while store.stats().unwrap().waiting_gets != 1 {
            tokio::task::yield_now().await;
        }
        store.put(&id, b"salve").unwrap();
        assert_eq!(&*second.await.unwrap(), b"salve");
        assert_eq!(store.metadata(&id).unwrap().ref_count, 0);
    });
}

#[test]
fn a_stream_has_all_events() {
    each_runtime(|store| async move {
        let waits = AsyncStore::new(&store).unwrap();
        let (mut one, mut other) = (waits.subscribe().unwrap(), waits.subscribe().unwrap());
        let reader = tokio::spawn(async move { kinds(&mut one, 300).await });
        for number in 0..300_u64 {
            store.put(&ObjectId::from(number), b"x").unwrap();
            if number % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(kinds(&mut other, 300).await, [EventKind::Sealed; 300]);
        assert_eq!(reader.await.unwrap(), [EventKind::Sealed; 300]);
    });
}

#[test]
fn the_end_of_the_daemon_ends_all_futures() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut daemon = Daemon::start(&[]);
        let client = daemon.client();
        let waits = AsyncStore::new(&client).unwrap();
        let mut events = waits.subscribe().unwrap();
        let waiting = waits.get(&ObjectId::random(), Timeout::FOREVER);
        assert!(daemon.stop());
        assert!(matches!(waiting.await, Err(Error::Disconnected(_))));
        assert!(matches!(events.next().await, Some(Err(Error::Disconnected(_)))));
        assert!(events.next().await.is_none());
        // A call that begins after the end of the watching task has an outcome, too.
        let late = waits.get(&ObjectId::random(), Timeout::FOREVER).await;
        assert!(matches!(late, Err(Error::Disconnected(_))), "{late:?}");
    });
}

#[test]
fn ten_thousand_waiting_gets_leave_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = InProcessStore::open(1 << 20).unwrap();
        let waits = AsyncStore::new(&store).unwrap();
        for number in 0..100_u64 {
            let id = ObjectId::from(number);
            let waiting: Vec<_> = (0..100).map(|_| waits.get(&id, Timeout::FOREVER)).collect();
            store.put(&id, b"x").unwrap();
            for (at, get) in waiting.into_iter().enumerate() {
                if at % 3 == 0 { drop(get) } else { drop(get.await.unwrap()) }
            }
            assert_eq!(store.metadata(&id).unwrap().ref_count, 0);
        }
        assert_eq!(store.stats().unwrap().waiting_gets, 0);
    });
}
