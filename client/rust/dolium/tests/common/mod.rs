//! A daemon of the test's own.
#![allow(dead_code)] // each test uses a part

use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use dolium::{Client, ConnectOptions, InProcessStore, Store};

fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("dolium-rust-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs as long as it is not dropped. Its socket is in a folder of its own.
pub struct Daemon {
    process: Child,
    folder: PathBuf,
    _log: std::thread::JoinHandle<()>,
}

impl Daemon {
    /// The environment variable `DOLIUMD` names the program; else it is in the PATH.
    pub fn start(flags: &[&str]) -> Self {
        Self::start_in(new_folder(), flags)
    }

    /// The same, with a spill tier.
    pub fn start_with_spill(flags: &[&str]) -> Self {
        let folder = new_folder();
        let disk = folder.join("spill");
        std::fs::DirBuilder::new().mode(0o700).create(&disk).unwrap();
        let directory = format!("--spill-directory={}", disk.display());
        Self::start_in(folder, &[flags, &[&directory]].concat())
    }

    fn start_in(folder: PathBuf, flags: &[&str]) -> Self {
        let program = std::env::var("DOLIUMD").unwrap_or_else(|_| "doliumd".to_owned());
        let mut command = Command::new(&program);
        command.arg("--socket").arg(folder.join("socket")).arg("--prefault=false").args(flags);
        if !flags.iter().any(|flag| flag.starts_with("--capacity")) {
            command.arg("--capacity=64MiB");
        }
        command.stderr(Stdio::piped()).stdin(Stdio::null());
        let mut process = command.spawn().unwrap_or_else(|why| {
            panic!("cannot start {program}: {why}. Set DOLIUMD to the path of the daemon.");
        });
        // The log is read to its end: it is shown when a test fails, and a full pipe drops lines.
        let log = BufReader::new(process.stderr.take().unwrap());
        let log = std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(|line| println!("{line}")));
        Self { process, folder, _log: log }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    pub fn client(&self) -> Client {
        self.client_with(&ConnectOptions::new())
    }

    pub fn client_with(&self, options: &ConnectOptions) -> Client {
        Client::connect_with(Some(&self.socket()), options).expect("the daemon lets us in")
    }

    /// Stops the daemon, and waits for its end. Whether that was in order.
    pub fn stop(&mut self) -> bool {
        if let Ok(None) = self.process.try_wait() {
            let asked = Command::new("kill").arg(self.process.id().to_string()).status();
            assert!(asked.expect("the program kill").success());
        }
        self.process.wait().expect("a child of ours").success()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let stopped = self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
        assert!(stopped || std::thread::panicking(), "the daemon failed");
    }
}

/// Runs a test over each kind of store.
pub fn each_store(test: impl Fn(&Store)) {
    test(&InProcessStore::open(64 << 20).unwrap());
    let daemon = Daemon::start(&[]);
    test(&daemon.client());
}
