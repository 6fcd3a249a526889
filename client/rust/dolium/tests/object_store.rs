//! The trait of the requirements document, over both stores.
#![cfg(feature = "store")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::Daemon;
use dolium::codec::type_tag;
use dolium::store::{
    InMemoryStore, ObjectBuilder, ObjectMetadata, ObjectRef, ObjectStore, SharedMemoryStore, StoreConfig, StoreStats,
};
use dolium::{Error, ObjectId, SerdeType, Timeout};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
struct Point {
    x: f64,
    name: String,
}

fn point() -> Point {
    Point { x: 1.5, name: "origin".into() }
}

/// Runs a test over each kind of store, as the trait.
fn each_store<F: Future<Output = ()>>(test: impl Fn(Arc<dyn ObjectStore>) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let config = StoreConfig { max_memory: 64 << 20, ..StoreConfig::default() };
        test(Arc::new(InMemoryStore::new(config).unwrap())).await;
        let daemon = Daemon::start(&[]);
        let config = StoreConfig { socket: Some(daemon.socket()), name: "trait".into(), ..StoreConfig::default() };
        test(Arc::new(SharedMemoryStore::connect(config).unwrap())).await;
    });
}

#[test]
fn values_are_put_and_got() {
    each_store(|store| async move {
        let id = store.put(point()).await.unwrap();
        assert_eq!(store.get::<Point>(id).await.unwrap(), Some(point()));
        assert!(matches!(store.get::<String>(id).await, Err(Error::TypeMismatch(_))));
        assert!(store.exists(id).await.unwrap());
        let missing = dolium::ObjectId::from(7);
        assert_eq!(store.get::<Point>(missing).await.unwrap(), None);
        assert_eq!(store.get_raw(missing).await.unwrap(), None);
        assert_eq!(store.metadata(missing).await.unwrap(), None);
        assert!(matches!(store.pin(missing).await, Err(Error::NotFound(_))));
    });
}

/// Compiles as long as each call has the types that the requirements document gives it. What differs is listed at the head
/// of the module: `stats` has a Result, `new` too.
#[test]
fn each_signature_is_that_of_the_requirements_document() {
    async fn of_a_store<S: ObjectStore + Send + Sync>(store: &S) -> Result<ObjectId, Error> {
        let id: ObjectId = store.put::<u64>(7).await?;
        let value: Option<u64> = store.get::<u64>(id).await?;
        let bytes: Option<Bytes> = store.get_raw(id).await?;
        let there: bool = store.exists(id).await?;
        let metadata: Option<ObjectMetadata> = store.metadata(id).await?;
        let () = store.pin(id).await?;
        let () = store.unpin(id).await?;
        let ObjectMetadata { size, created_at: _, last_accessed: _, ref_count, object_type: _, is_pinned } =
            metadata.expect("it is there");
        assert_eq!((value, bytes.as_ref().map(Bytes::len), there), (Some(7), Some(8), true));
        assert_eq!((size, ref_count, is_pinned), (8_usize, 1_usize, false)); // `bytes` holds it
        let mut builder: ObjectBuilder = store.create(3).await?;
        builder.write(b"abc")?;
        builder.seal().await
    }
    async fn of_a_reference(reference: &ObjectRef<u64>) -> Result<(u64, Bytes), Error> {
        Ok((reference.get().await?, reference.get_raw().await?))
    }
    each_store(|store| async move {
        let written = of_a_store(&store).await.unwrap();
        assert_eq!(store.get_raw(written).await.unwrap().unwrap(), "abc");
        let reference = ObjectRef::put(9_u64, Arc::clone(&store)).await.unwrap();
        let (value, bytes) = of_a_reference(&reference).await.unwrap();
        assert_eq!((value, bytes.as_ref()), (9, 9_u64.to_le_bytes().as_ref()));
        let StoreStats {
            total_objects,
            total_size,
            hit_count,
            miss_count,
            eviction_count,
            put_count,
            get_count,
            size_histogram,
        } = store.stats().await.unwrap();
        assert_eq!((total_objects, total_size, put_count, eviction_count, miss_count), (3_usize, 19_usize, 3, 0, 0));
        assert_eq!((hit_count, size_histogram), (get_count, vec![(64_usize, 3_usize)]));
    });
}

#[test]
fn plain_values_are_those_of_all_languages() {
    each_store(|store| async move {
        let id = store.put(vec![1.0, 2.0]).await.unwrap();
        assert_eq!(store.get::<Vec<f64>>(id).await.unwrap(), Some(vec![1.0, 2.0]));
        assert_eq!(store.get_raw(id).await.unwrap().unwrap()[..8], 1.0_f64.to_le_bytes());
        let kind = store.metadata(id).await.unwrap().unwrap().object_type;
        assert_eq!((kind.tag, kind.name.as_str()), (type_tag("f64[]"), "f64[]"));
        let text = store.put("salve".to_owned()).await.unwrap();
        assert_eq!(store.get_raw(text).await.unwrap().unwrap(), "salve");
        let other = store.put(point()).await.unwrap();
        let kind = store.metadata(other).await.unwrap().unwrap().object_type;
        assert_eq!((kind.tag, kind.name), (SerdeType::of::<Point>().tag(), SerdeType::of::<Point>().name().to_owned()));
    });
}

#[test]
fn large_values_are_written_by_another_thread() {
    each_store(|store| async move {
        let value: Vec<u64> = (0..300_000).collect();
        let id = store.put(value.clone()).await.unwrap();
        assert_eq!(store.get::<Vec<u64>>(id).await.unwrap(), Some(value));
    });
}

#[test]
fn create_write_seal() {
    each_store(|store| async move {
        let mut builder = store.create(10).await.unwrap();
        builder.write(b"salve").unwrap();
        builder.write(b"munde").unwrap();
        assert!(matches!(builder.write(b"!"), Err(Error::TooLarge { .. })));
        let id = builder.seal().await.unwrap();
        assert_eq!(store.get_raw(id).await.unwrap().unwrap(), "salvemunde");
        let dropped = store.create(10).await.unwrap().id();
        assert!(!store.exists(dropped).await.unwrap());
    });
}

#[test]
fn metadata_pins_and_statistics() {
    each_store(|store| async move {
        let id = store.put(7_u64).await.unwrap();
        store.pin(id).await.unwrap();
        let metadata = store.metadata(id).await.unwrap().unwrap();
        assert!(metadata.is_pinned && metadata.size == 8 && metadata.ref_count == 0, "{metadata:?}");
        assert!(metadata.last_accessed >= metadata.created_at);
        store.unpin(id).await.unwrap();
        assert!(!store.metadata(id).await.unwrap().unwrap().is_pinned);
        let stats = store.stats().await.unwrap();
        assert_eq!((stats.total_objects, stats.total_size, stats.put_count), (1, 8, 1));
        assert_eq!(stats.size_histogram.iter().map(|row| row.1).sum::<usize>(), 1);
    });
}

#[test]
fn references_wait_hold_and_travel() {
    each_store(|store| async move {
        let id = dolium::ObjectId::random();
        let result = ObjectRef::<Point>::new(id, Arc::clone(&store));
        assert!(matches!(result.get().await, Err(Error::NotFound(_))));
        let short = result.get_within(Duration::from_millis(1)).await;
        assert!(matches!(short, Err(Error::TimedOut { .. })), "{short:?}");
        let waiting = tokio::spawn({
            let result = result.clone();
            async move { result.get_within(Timeout::FOREVER).await }
        });
        store.handle().put_as(id, point()).await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), point());
        assert_eq!(result.get().await.unwrap(), point());

        let ticket = result.ticket().unwrap();
        let there = ObjectRef::<Point>::from_ticket(&ticket, Arc::clone(&store)).unwrap();
        assert_eq!((there.id(), there.get().await.unwrap()), (id, point()));
        assert!(matches!(ObjectRef::<u64>::from_ticket(&ticket, Arc::clone(&store)), Err(Error::TypeMismatch(_))));
        assert!(matches!(ObjectRef::<u64>::from_ticket("x", Arc::clone(&store)), Err(Error::InvalidArgument(_))));

        let held = ObjectRef::put(vec![1_u8; 1000], Arc::clone(&store)).await.unwrap();
        let raw = store.handle().store().clone();
        assert!(raw.remove(&held.id()).unwrap());
        assert_eq!(held.get_raw().await.unwrap().len(), 1000);
        result.hand_over(Duration::from_secs(60)).await.unwrap();
        assert!(raw.metadata(&id).unwrap().grace_left.is_some());
    });
}

/// More than the store has room for, by several writers and readers; nothing may hang, and what is pinned stays.
#[test]
fn memory_pressure_ends_in_evictions() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let config =
            StoreConfig { max_memory: 1 << 20, room_timeout: Duration::from_secs(60), ..StoreConfig::default() };
        let store = Arc::new(InMemoryStore::new(config).unwrap());
        let pinned = store.put(vec![7_u8; 10_000]).await.unwrap();
        store.pin(pinned).await.unwrap();
        let writers: Vec<_> = (0..4_u8)
            .map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for _ in 0..100 {
                        let id = store.put(vec![number; 50_000]).await.unwrap();
                        let back = store.get::<Vec<u8>>(id).await.unwrap(); // may be evicted already
                        assert!(back.is_none_or(|back| back == [number; 50_000]));
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(store.get::<Vec<u8>>(pinned).await.unwrap(), Some(vec![7; 10_000]));
        let stats = store.stats().await.unwrap();
        assert!(stats.eviction_count > 350 && stats.put_count == 401, "{stats:?}");
    });
}
