//! The calls of a store, over both kinds.

mod common;

use std::io::Write;
use std::time::Duration;

use common::{Daemon, each_store};
use dolium::{
    Cause, CreateOptions, Error, EventKind, Filter, InProcessStore, Object, ObjectId, ObjectState, PutItem, Removal,
    Store, Timeout,
};

const PLAIN: CreateOptions<'static> = CreateOptions::new();

fn put(store: &Store, name: &str, data: &[u8]) -> ObjectId {
    let id = ObjectId::from_name(name);
    store.put(&id, data).unwrap();
    id
}

#[test]
fn handles_go_to_all_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<dolium::Client>();
    check::<InProcessStore>();
    check::<Store>();
    check::<Object>();
    fn sends<T: Send + 'static>() {}
    sends::<dolium::Builder>();
    sends::<dolium::Subscription>();
}

#[test]
fn an_object_is_put_and_got() {
    each_store(|store| {
        let id = ObjectId::random();
        assert!(matches!(store.get(&id, Timeout::NO_WAIT), Err(Error::NotFound(_))));
        assert!(store.try_get(&id).is_none());
        store.put_with(&id, b"salve", &PLAIN.metadata(b"latin")).unwrap();
        let object = store.get(&id, Timeout::NO_WAIT).unwrap();
        assert_eq!(
            (&*object, object.metadata(), object.id(), object.type_tag()),
            (&b"salve"[..], &b"latin"[..], id, 0)
        );
        assert_eq!(store.try_get(&id).as_deref(), Some(&b"salve"[..]));
        assert!(store.exists(&id).unwrap());
        assert!(matches!(store.put(&id, b"again"), Err(Error::AlreadyExists(_))));
    });
}

#[test]
fn an_object_of_no_bytes_is_empty() {
    each_store(|store| {
        let id = put(store, "empty", b"");
        let object = store.get(&id, Timeout::NO_WAIT).unwrap();
        assert_eq!((object.len(), object.metadata().len()), (0, 0));
        assert_eq!(object.private_copy().unwrap().len(), 0);
    });
}

#[test]
fn a_clone_is_a_reference_of_its_own() {
    each_store(|store| {
        let id = put(store, "a", b"salve");
        let object = store.get(&id, Timeout::NO_WAIT).unwrap();
        let clone = object.clone();
        assert_eq!(store.metadata(&id).unwrap().ref_count, 2);
        drop(object);
        assert!(store.remove(&id).unwrap());
        assert_eq!(&*clone, b"salve");
        assert!(!store.remove(&id).unwrap());
    });
}

#[test]
fn objects_outlive_the_store() {
    let store = InProcessStore::open(1 << 20).unwrap();
    let id = put(&store, "a", b"salve");
    let object = store.get(&id, Timeout::NO_WAIT).unwrap();
    drop(store);
    assert_eq!(&*object, b"salve");
}

#[test]
fn clones_end_in_other_threads() {
    each_store(|store| {
        let id = put(store, "a", &[7; 4096]);
        let object = store.get(&id, Timeout::NO_WAIT).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| assert_eq!(object.clone()[4095], 7)));
            }
        });
        assert_eq!(store.metadata(&id).unwrap().ref_count, 1);
    });
}

#[test]
fn a_builder_is_written_in_place_and_by_write() {
    each_store(|store| {
        let id = ObjectId::random();
        let mut builder = store.create(&id, 8, &PLAIN).unwrap();
        builder.write_all(b"salve").unwrap();
        assert_eq!((builder.written(), builder.id()), (5, id));
        builder[5..].copy_from_slice(b"...");
        assert!(matches!(builder.append(b"four"), Err(Error::TooLarge { .. })));
        assert_eq!(builder.write(b"four").unwrap(), 3);
        assert_eq!(builder.write(b"four").unwrap(), 0);
        assert_eq!(&*builder.seal_and_hold().unwrap(), b"salvefou");
    });
}

#[test]
fn a_builder_that_is_dropped_is_aborted() {
    each_store(|store| {
        let id = ObjectId::random();
        let builder = store.create(&id, 1000, &PLAIN).unwrap();
        assert!(matches!(store.create(&id, 1, &PLAIN), Err(Error::AlreadyExists(_))));
        assert_eq!(store.metadata(&id).unwrap().state, ObjectState::Unsealed);
        drop(builder);
        store.create(&id, 1, &PLAIN).unwrap().abort().unwrap();
        store.create(&id, 1, &PLAIN).unwrap().seal().unwrap();
        assert_eq!(store.stats().unwrap().aborted_count, 2);
    });
}

#[test]
fn a_private_copy_leaves_the_object_alone() {
    each_store(|store| {
        let id = put(store, "a", b"salve");
        let object = store.get(&id, Timeout::NO_WAIT).unwrap();
        let mut copy = object.private_copy().unwrap();
        copy[0] = b'S';
        drop(store.get(&id, Timeout::NO_WAIT).unwrap());
        assert_eq!((&*copy, &*object), (&b"Salve"[..], &b"salve"[..]));
    });
}

#[test]
fn a_full_store_says_why() {
    let store = InProcessStore::open(1 << 20).unwrap();
    let id = put(&store, "a", &[0; 900_000]);
    let held = store.get(&id, Timeout::NO_WAIT).unwrap();
    let other = ObjectId::from_name("b");
    let error = store.put(&other, &[0; 900_000]).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error:?}");
    assert_eq!((error.cause(), error.code_name()), (Cause::Room, "out_of_memory"));
    assert!(error.to_string().contains("no room for 879 KiB"), "{error}");
    let refusal = store.last_refusal().unwrap().expect("the put was refused");
    assert_eq!((refusal.id, refusal.error.cause()), (other, Cause::Room));
    assert!(matches!(store.put(&other, &[0; 2_000_000]), Err(Error::TooLarge { cause: Cause::Capacity, .. })));
    let waited = store.put_with(&other, &[0; 900_000], &PLAIN.timeout(Duration::from_millis(1)));
    assert!(matches!(waited, Err(Error::TimedOut { cause: Cause::Room, .. })), "{waited:?}");
    drop(held);
    store.put(&other, &[0; 900_000]).unwrap();
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::OutOfMemory);
}

#[test]
fn many_objects_are_got_and_waited_for() {
    each_store(|store| {
        let ids = [put(store, "a", b"1"), ObjectId::from_name("missing"), put(store, "b", b"22")];
        let got = store.get_many(&ids, Timeout::NO_WAIT).unwrap();
        let sizes: Vec<_> = got.iter().map(|object| object.as_ref().map(|object| object.len())).collect();
        assert_eq!(sizes, [Some(1), None, Some(2)]);
        let enough = store.get_enough(&ids, 2, Timeout::FOREVER).unwrap();
        assert_eq!(enough.iter().flatten().count(), 2);
        assert_eq!(store.wait(&ids, 2, Timeout::FOREVER).unwrap(), [true, false, true]);
        assert_eq!(store.exists_many(&ids).unwrap(), [true, false, true]);
        assert!(matches!(store.wait(&ids, 4, Timeout::NO_WAIT), Err(Error::InvalidArgument(_))));
        assert_eq!(store.get_many(&[], Timeout::FOREVER).unwrap().len(), 0);
    });
}

#[test]
fn many_objects_are_put() {
    each_store(|store| {
        let item = |name, data| PutItem { id: ObjectId::from_name(name), data, options: PLAIN.label("many") };
        assert_eq!(store.put_many(&[item("a", b"1"), item("b", b"22")]).unwrap(), []);
        let failures = store.put_many(&[item("c", b""), item("a", b"1")]).unwrap();
        assert_eq!((failures.len(), failures[0].index, failures[0].id), (1, 1, ObjectId::from_name("a")));
        assert!(matches!(&failures[0].error, Error::AlreadyExists(_)), "{failures:?}");
        let listed = store.list(&Filter { label_prefix: "ma", ..Filter::default() }).unwrap();
        assert_eq!(listed.len(), 3);
        store.put_deferred(&ObjectId::from_name("d"), b"4", &PLAIN).unwrap();
        store.put_deferred(&ObjectId::from_name("d"), b"4", &PLAIN).unwrap();
        let failures = store.flush().unwrap();
        assert!(matches!(failures[..], [ref one] if one.id == ObjectId::from_name("d")), "{failures:?}");
    });
}

#[test]
fn one_take_of_an_object_succeeds() {
    each_store(|store| {
        let id = put(store, "a", b"salve");
        assert!(matches!(store.take_tagged(&id, 7, Timeout::NO_WAIT), Err(Error::TypeMismatch(_))));
        assert_eq!(&*store.take(&id, Timeout::NO_WAIT).unwrap(), b"salve");
        assert!(matches!(store.take(&id, Timeout::NO_WAIT), Err(Error::NotFound(_))));
    });
}

#[test]
fn pins_and_graces_keep_objects() {
    each_store(|store| {
        let (pinned, graced, plain) = (put(store, "a", b"1"), put(store, "b", b"22"), put(store, "c", b"333"));
        store.pin(&pinned).unwrap();
        store.extend_grace(&graced, Duration::from_secs(60), 1).unwrap();
        let evicted = store.evict(u64::MAX).unwrap();
        assert_eq!(evicted.object_bytes, 3);
        assert_eq!(store.exists_many(&[pinned, graced, plain]).unwrap(), [true, true, false]);
        assert!(store.metadata(&pinned).unwrap().pinned);
        assert!(store.metadata(&graced).unwrap().grace_left.is_some());
        store.unpin(&pinned).unwrap();
        store.clear().unwrap();
        assert_eq!(store.stats().unwrap().total_objects, 0);
    });
}

#[test]
fn metadata_tells_what_was_given() {
    each_store(|store| {
        let id = ObjectId::random();
        let options = PLAIN.label("etikett").time_to_live(Duration::from_secs(60)).type_of(99, "acme.Graph");
        let held = store.put_and_hold(&id, b"salve", &options.metadata(b"m")).unwrap();
        let (info, uses) = store.metadata_and_uses(&id).unwrap();
        assert_eq!((info.id, info.state, info.data_size, info.metadata_size), (id, ObjectState::Sealed, 5, 1));
        assert_eq!((info.label.as_str(), info.type_name.as_str(), info.type_tag), ("etikett", "acme.Graph", 99));
        assert_eq!((info.time_to_live, info.time_to_idle), (Some(Duration::from_secs(60)), None));
        assert!(info.created_at <= info.sealed_at && info.created_at.is_some());
        assert!(uses.iter().all(|each| each.references == 1), "{uses:?}");
        assert_eq!((info.ref_count, held.type_name().unwrap().as_ref()), (1, "acme.Graph"));
        let raw = store.get(&put(store, "raw", b"x"), Timeout::NO_WAIT).unwrap();
        assert_eq!(raw.type_name().unwrap(), "");
    });
}

#[test]
fn statistics_count() {
    each_store(|store| {
        let id = put(store, "a", &[0; 5000]);
        drop(store.get(&id, Timeout::NO_WAIT).unwrap());
        let _ = store.get(&ObjectId::random(), Timeout::NO_WAIT);
        let stats = store.stats().unwrap();
        assert_eq!((stats.total_objects, stats.total_size, stats.put_count), (1, 5000, 1));
        assert_eq!((stats.hit_count, stats.miss_count, stats.get_count), (1, 1, 2));
        assert_eq!(stats.used_bytes + stats.free_bytes, stats.capacity);
        let rows: Vec<_> = stats.histogram.iter().filter(|row| row.count != 0).collect();
        assert!(matches!(rows[..], [row] if row.bytes >= 5000 && row.count == 1), "{rows:?}");
    });
}

#[test]
fn events_come_in_order() {
    each_store(|store| {
        let id = put(store, "a", b"salve");
        let mut events = store.subscribe().unwrap();
        store.remove(&id).unwrap();
        put(store, "b", b"22");
        let minute = Duration::from_secs(60);
        let seen: Vec<_> = (0..3).map(|_| events.next(minute).unwrap()).map(|event| (event.kind, event.id)).collect();
        let (sealed, removed) = (EventKind::Sealed, EventKind::Removed(Removal::Removed));
        assert_eq!(seen, [(sealed, id), (removed, id), (sealed, ObjectId::from_name("b"))]);
        assert!(matches!(events.next(Timeout::NO_WAIT), Err(Error::TimedOut { .. })));
    });
}

#[test]
fn a_ticket_leads_to_its_object() {
    each_store(|store| {
        let id = put(store, "a", b"salve");
        let ticket = store.ticket(&id, "bytes").unwrap();
        assert_eq!(&*store.get_ticket(&ticket, Timeout::NO_WAIT).unwrap(), b"salve");
        let wrong = store.get_typed_ticket(&ticket, Some("f64[]"), Timeout::NO_WAIT);
        assert!(matches!(wrong, Err(Error::TypeMismatch(_))), "{wrong:?}");
        assert!(matches!(store.get_ticket("dolium:1:", Timeout::NO_WAIT), Err(Error::InvalidArgument(_))));
    });
}

#[test]
fn clients_share_objects() {
    let daemon = Daemon::start(&[]);
    let (writer, reader) =
        (daemon.client(), daemon.client_with(&dolium::ConnectOptions::new().read_only(true).name("r")));
    assert!(reader.read_only() && reader.connected() && reader.session_id() != writer.session_id());
    let id = ObjectId::from_name("a");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.get(&id, Timeout::FOREVER));
        writer.put(&id, b"salve").unwrap();
        assert_eq!(&*waiting.join().unwrap().unwrap(), b"salve");
    });
    assert!(matches!(reader.put(&id, b""), Err(Error::PermissionDenied(_))));
    let clients = writer.clients().unwrap();
    let ours = clients.iter().find(|client| client.session_id == reader.session_id()).expect("we are listed");
    assert!(ours.is_read_only() && ours.name == "r" && ours.pid == std::process::id() as i32, "{ours:?}");
    writer.ping().unwrap();
}

#[test]
fn the_end_of_the_daemon_leaves_what_is_held() {
    let mut daemon = Daemon::start(&[]);
    let client = daemon.client();
    let object = client.put_and_hold(&ObjectId::from_name("a"), b"salve", &PLAIN).unwrap();
    assert!(daemon.stop());
    let late = client.get(&ObjectId::random(), Timeout::FOREVER);
    assert!(matches!(late, Err(Error::Disconnected(_))), "{late:?}");
    assert!(!client.connected());
    assert_eq!(&*object, b"salve");
}

#[test]
fn no_daemon_is_an_error_that_names_the_socket() {
    let path = std::env::temp_dir().join("dolium-no-such-socket");
    let options = dolium::ConnectOptions::new().connect_timeout(Timeout::NO_WAIT);
    let error = dolium::Client::connect_with(Some(&path), &options).unwrap_err();
    assert!(matches!(&error, Error::Disconnected(text) if text.contains("dolium-no-such-socket")), "{error:?}");
    assert!(matches!(dolium::Client::connect("a\0b"), Err(Error::InvalidArgument(_))));
}

#[test]
fn ids_are_text_and_back() {
    let id = ObjectId::from_name("squares");
    assert_eq!(id.to_string(), "2b0382c32ed1624a705e1f5985449cd1537d591c");
    assert_eq!("2B0382C32ED1624A705E1F5985449CD1537D591C".parse(), Ok(id));
    assert!(matches!("2b03".parse::<ObjectId>(), Err(Error::InvalidArgument(_))));
    assert_eq!(ObjectId::from(7), ObjectId::from_name([7, 0, 0, 0, 0, 0, 0, 0]));
    assert_ne!(ObjectId::random(), ObjectId::random());
}

#[cfg(feature = "bytes")]
#[test]
fn bytes_are_the_object_without_a_copy() {
    let store = InProcessStore::open(1 << 20).unwrap();
    let id = put(&store, "a", b"salve");
    let object = store.get(&id, Timeout::NO_WAIT).unwrap();
    let address = object.as_ptr();
    let bytes = bytes::Bytes::from(object);
    let part = bytes.slice(1..3);
    assert_eq!((bytes.as_ptr(), &*part), (address, &b"al"[..]));
    drop(bytes);
    assert_eq!(store.metadata(&id).unwrap().ref_count, 1);
    drop(part);
    assert_eq!(store.metadata(&id).unwrap().ref_count, 0);
}

#[cfg(feature = "bytemuck")]
#[test]
fn views_are_typed() {
    let store = InProcessStore::open(1 << 20).unwrap();
    let id = ObjectId::random();
    store.put_value(&id, &vec![1.5, -2.0], &PLAIN).unwrap();
    let object = store.get(&id, Timeout::NO_WAIT).unwrap();
    assert_eq!(object.view_array::<f64>().unwrap(), [1.5, -2.0]);
    assert_eq!(object.view::<u64>().unwrap(), [1.5_f64.to_bits(), (-2.0_f64).to_bits()]);
    assert!(matches!(object.view_array::<u64>(), Err(Error::TypeMismatch(_))));
    let odd = store.get(&put(&store, "odd", b"salve"), Timeout::NO_WAIT).unwrap();
    assert!(matches!(odd.view::<u64>(), Err(Error::TypeMismatch(_))));
}
