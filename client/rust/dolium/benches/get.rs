//! A get and its release: 1 KiB objects, with this crate, with the C interface alone, and with C++, in one run.
//!
//! C++ takes part where `DOLIUM_CPP` is the build tree of the C++ library (with client/libdolium.so); its program is
//! compiled here. Criterion measures each by itself; at the end, the three run in alternation, and the ratios are the
//! medians of the ratios of neighbouring rounds.

#![allow(missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use common::Daemon;
use criterion::Criterion;
use dolium::{Client, ObjectId, Timeout};
use dolium_sys as sys;

const OBJECTS: usize = 1000;

fn names() -> impl Iterator<Item = String> {
    (0..OBJECTS).map(|number| format!("bench-{number}"))
}

/// The program in C++, which runs as long as this.
struct Cpp {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Cpp {
    fn start(socket: &Path) -> Option<Self> {
        let tree = std::env::var("DOLIUM_CPP").ok()?;
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.join("../../..");
        let program = socket.with_file_name("get-cpp");
        let compiled = Command::new("c++")
            .args(["-std=c++20", "-O3", "-o"])
            .args([&program, &here.join("benches/get.cpp")])
            .arg(format!("-I{}", root.join("client/include").display()))
            .arg(format!("-I{}", root.join("shm/include").display()))
            .args([&format!("-L{tree}/client"), &format!("-Wl,-rpath,{tree}/client"), "-ldolium"])
            .status();
        assert!(compiled.expect("a C++ compiler").success(), "benches/get.cpp does not compile");
        let mut command = Command::new(&program);
        let mut process =
            command.arg(socket).args(names()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Some(Self { process, orders, answers })
    }

    fn run(&mut self, gets: u64) -> Duration {
        writeln!(self.orders, "{gets}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        Duration::from_nanos(line.trim().parse().expect("nanoseconds"))
    }
}

impl Drop for Cpp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn timed(gets: u64, mut get: impl FnMut(usize)) -> Duration {
    (0..OBJECTS).for_each(&mut get); // warms up, as benches/get.cpp does
    let mut next = 0;
    let begin = Instant::now();
    for _ in 0..gets {
        get(next);
        next = if next + 1 == OBJECTS { 0 } else { next + 1 };
    }
    begin.elapsed()
}

fn in_rust(client: &Client, ids: &[ObjectId], gets: u64) -> Duration {
    timed(gets, |at| assert_eq!(client.get(&ids[at], Timeout::NO_WAIT).unwrap().len(), 1024))
}

fn in_c(store: *mut sys::dolium_store, ids: &[sys::dolium_id], gets: u64) -> Duration {
    timed(gets, |at| {
        let mut object = sys::dolium_object::zeroed();
        // SAFETY: the store is connected; the object is filled by the get, and released once.
        unsafe {
            let code = sys::dolium_get(store, &ids[at], 0, &mut object, std::ptr::null_mut());
            assert_eq!((code, object.size), (sys::DOLIUM_OK, 1024));
            sys::dolium_object_release(&mut object);
        }
    })
}

fn connect_in_c(socket: &Path) -> *mut sys::dolium_store {
    let path = std::ffi::CString::new(socket.to_str().unwrap()).unwrap();
    let mut store = std::ptr::null_mut();
    // SAFETY: the path is terminated; the other pointers may be null, or belong to this frame.
    let code = unsafe { sys::dolium_connect(path.as_ptr(), std::ptr::null(), &mut store, std::ptr::null_mut()) };
    assert_eq!(code, sys::DOLIUM_OK);
    store
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

type Contender<'a> = (&'static str, Box<dyn FnMut(u64) -> Duration + 'a>);

/// Rounds in alternation; prints each contender's median, and its ratio to the last one, which is C++ if it is there.
fn compare(contenders: &mut [Contender<'_>], rounds: usize) {
    const GETS: u64 = 5_000; // short rounds: some are not interrupted, even on a busy machine
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (at, (_, run)) in contenders.iter_mut().enumerate() {
            times[at].push(run(GETS).as_nanos() as f64 / GETS as f64);
        }
    }
    let (last, reference) = (contenders.last().expect("a contender").0, times.last().cloned().unwrap_or_default());
    for ((name, _), own) in contenders.iter().zip(times) {
        let ratio = median(own.iter().zip(&reference).map(|(own, other)| own / other).collect());
        println!("in alternation: {name:<5} {:6.1} ns, {ratio:.3} x {last}", median(own));
    }
}

fn main() {
    let daemon = Daemon::start(&[]);
    let client = daemon.client();
    let ids: Vec<ObjectId> = names().map(ObjectId::from_name).collect();
    ids.iter().for_each(|id| client.put(id, &[7; 1024]).unwrap());
    let raw: Vec<sys::dolium_id> = ids.iter().map(|id| sys::dolium_id { bytes: *id.as_bytes() }).collect();
    let store = connect_in_c(&daemon.socket());
    let mut contenders: Vec<Contender<'_>> =
        vec![("rust", Box::new(|gets| in_rust(&client, &ids, gets))), ("c", Box::new(|gets| in_c(store, &raw, gets)))];
    match Cpp::start(&daemon.socket()) {
        Some(mut cpp) => contenders.push(("c++", Box::new(move |gets| cpp.run(gets)))),
        None => println!("C++ takes no part: set DOLIUM_CPP to a build tree of it"),
    }
    let test = std::env::args().any(|argument| argument == "--test"); // only to see that it works
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    let mut group = criterion.benchmark_group("get and release");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for (name, run) in &mut contenders {
        group.bench_function(*name, |bencher| bencher.iter_custom(&mut *run));
    }
    group.finish();
    compare(&mut contenders, if test { 1 } else { 401 });
    criterion.final_summary();
    drop(contenders);
    // SAFETY: no call is under way, and the handle is not used again.
    unsafe { sys::dolium_close(store) };
}
