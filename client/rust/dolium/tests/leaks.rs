//! Nothing is left of 100,000 gets: no reference, no descriptor, no memory.

mod common;

use common::Daemon;
use dolium::{CreateOptions, ObjectId, Timeout};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("the kernel says");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_hundred_thousand_gets_leave_nothing() {
    const GETS: u64 = 100_000;
    let daemon = Daemon::start(&[]);
    let client = daemon.client();
    let ids: Vec<_> = (0..100_u64).map(ObjectId::from).collect();
    for id in &ids {
        client.put_with(id, &[7; 1000], &CreateOptions::new().metadata(b"m")).unwrap();
    }
    let round = || {
        for number in 0..GETS {
            let object = client.get(&ids[number as usize % ids.len()], Timeout::NO_WAIT).unwrap();
            assert_eq!((object.len(), object.metadata().len()), (1000, 1));
            drop(object.clone());
            if number % 100 == 0 {
                assert!(client.get(&ObjectId::default(), Timeout::NO_WAIT).is_err()); // an error with a text
            }
        }
    };
    round(); // what is allocated once
    let (before, memory) = (descriptors(), resident_kib());
    round();
    assert_eq!(descriptors(), before);
    let more = resident_kib().saturating_sub(memory);
    assert!(more < 1024, "{more} KiB more after {GETS} gets");
    let clients = client.clients().unwrap();
    assert!(clients.iter().all(|each| each.references == 0 && each.bytes_held == 0), "{clients:?}");
    assert!(ids.iter().all(|id| client.metadata(id).unwrap().ref_count == 0));
    assert_eq!(client.stats().unwrap().in_use_count, 0);
}
