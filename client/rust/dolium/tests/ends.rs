//! What ends in the middle: a process that forks, a daemon during a get, a closure that panics.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use common::{Daemon, each_store};
use dolium::{CreateOptions, Error, ObjectId, Timeout};

unsafe extern "C" {
    fn fork() -> i32;
    fn waitpid(pid: i32, status: *mut i32, flags: i32) -> i32;
    fn _exit(status: i32) -> !;
}

/// Runs `work` in a child of fork(). Whether it returned true.
fn in_child(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child is the copy of a thread that holds no lock. It ends by _exit().
    let pid = unsafe { fork() };
    if pid == 0 {
        let good = catch_unwind(AssertUnwindSafe(work)).unwrap_or(false);
        // SAFETY: it does not return.
        unsafe { _exit(i32::from(!good)) };
    }
    let mut status = -1;
    // SAFETY: a child of ours.
    assert_eq!(unsafe { waitpid(pid, &mut status, 0) }, pid);
    status == 0
}

#[test]
fn a_child_of_fork_has_references_of_its_own() {
    let daemon = Daemon::start(&[]);
    let client = daemon.client();
    let id = ObjectId::from_name("inherited");
    let object = client.put_and_hold(&id, b"salve", &CreateOptions::new()).unwrap();
    let copy = object.clone();
    let good = in_child(move || {
        let again = client.get(&id, Timeout::NO_WAIT).unwrap();
        drop(copy); // the child's reference, not the parent's
        client.put(&ObjectId::from_name("of the child"), b"vale").unwrap();
        *again == *b"salve" && client.remove(&id).unwrap()
    });
    assert!(good);
    assert_eq!(&*object, b"salve"); // removed, and held
    let client = daemon.client();
    assert!(matches!(client.get(&id, Timeout::NO_WAIT), Err(Error::NotFound(_))));
    assert_eq!(&*client.get(&ObjectId::from_name("of the child"), Timeout::FOREVER).unwrap(), b"vale");
}

#[test]
fn the_end_of_the_daemon_ends_a_get_that_waits() {
    let mut daemon = Daemon::start(&[]);
    let client = daemon.client();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.get(&ObjectId::random(), Timeout::FOREVER));
        while client.stats().unwrap().waiting_gets == 0 {
            std::thread::yield_now();
        }
        assert!(daemon.stop());
        let outcome = waiting.join().unwrap();
        assert!(matches!(outcome, Err(Error::Disconnected(_))), "{outcome:?}");
    });
}

#[test]
fn a_closure_that_panics_does_not_keep_the_others_from_their_outcome() {
    each_store(|store| {
        let (sender, outcomes) = mpsc::channel();
        let id = ObjectId::from_name("late");
        let _panics = store.get_then(&id, Timeout::FOREVER, |_| panic!("of the closure")).unwrap();
        let _counts =
            store.get_then(&id, Timeout::FOREVER, move |outcome| sender.send(outcome.unwrap().len()).unwrap()).unwrap();
        store.put(&id, b"salve").unwrap();
        let (mut panics, mut size) = (0, None);
        while panics == 0 || size.is_none() {
            match catch_unwind(AssertUnwindSafe(|| store.process_events())) {
                Ok(outcome) => outcome.unwrap(),
                Err(why) => {
                    assert_eq!(why.downcast_ref(), Some(&"of the closure"));
                    panics += 1;
                }
            }
            size = size.or_else(|| outcomes.try_recv().ok());
        }
        assert_eq!((panics, size), (1, Some(5)));
        store.ping().unwrap();
        assert_eq!(store.metadata(&id).unwrap().ref_count, 0);
    });
}
