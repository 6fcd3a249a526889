//! The conformance suite that all languages run: `tests/conformance/README.md` describes the steps.

mod common;

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::Daemon;
use dolium::codec::type_tag;
use dolium::{
    Builder, CreateOptions, Error, EventKind, EvictionPolicy, Filter, InProcessStore, Object, ObjectId, ObjectInfo,
    ObjectPlace, ObjectState, OpenOptions, Operation, PutFailure, PutItem, Removal, Result, Retention, SpillTierState,
    Store, StoreStats, Subscription, Ticket, Timeout,
};
use serde_json::{Value, json};

/// What a call without blocking has given.
enum Outcome {
    Object(Object),
    Builder(Builder),
}

/// What a step has named with "as".
enum Named {
    Object(Object),
    Builder(Builder),
    Subscription(Subscription),
    Ticket(String),
    Operation(Operation, Receiver<Result<Outcome>>),
    Client(Store),
    Description(Box<ObjectInfo>),
}

/// One scenario with one store.
struct Runner<'a> {
    store: Store,
    daemon: Option<&'a Daemon>,
    named: HashMap<String, Named>,
}

fn text<'a>(step: &'a Value, member: &str) -> &'a str {
    step[member].as_str().unwrap_or_else(|| panic!("{member} is missing"))
}

fn number(step: &Value, member: &str, default: i64) -> i64 {
    step[member].as_i64().unwrap_or(default)
}

fn id_of(name: &Value) -> ObjectId {
    ObjectId::from_name(name.as_str().expect("the name of an id"))
}

fn ids_of(step: &Value) -> Vec<ObjectId> {
    step["ids"].as_array().expect("ids").iter().map(id_of).collect()
}

fn timeout_of(step: &Value, default: i64) -> Timeout {
    match number(step, "timeout_ms", default) {
        -1 => Timeout::FOREVER,
        ms => Duration::from_millis(ms as u64).into(),
    }
}

/// None if the step has no bytes.
fn bytes_of(step: &Value) -> Option<Vec<u8>> {
    if let Some(data) = step["data"].as_str() {
        return Some(data.as_bytes().to_vec());
    }
    if let Some(hex) = step["hex"].as_str() {
        return Some((0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect());
    }
    step["zeros"].as_u64().map(|count| vec![0; count as usize])
}

fn tag_of(name: &str) -> u64 {
    type_tag(name)
}

fn metadata_of(given: &Value) -> Vec<u8> {
    let zeros = vec![0; number(given, "metadata_zeros", 0) as usize];
    given["metadata"].as_str().map_or(zeros, |text| text.as_bytes().to_vec())
}

fn options_of<'a>(step: &'a Value, metadata: &'a [u8]) -> CreateOptions<'a> {
    let given = &step["options"];
    let ms = |member: &str| Duration::from_millis(number(given, member, 0) as u64);
    let mut options = CreateOptions::new().metadata(metadata).pinned(given["pinned"] == true);
    if let Some(name) = given["type"].as_str() {
        options = options.type_of(tag_of(name), name);
    }
    match given["retention"].as_str() {
        Some("cache") => options = options.retention(Retention::Cache),
        Some("keep") => options = options.retention(Retention::Keep),
        _ => {}
    }
    options
        .label(given["label"].as_str().unwrap_or(""))
        .time_to_live(ms("time_to_live_ms"))
        .time_to_idle(ms("time_to_idle_ms"))
        .grace(ms("grace_ms"), number(given, "grace_readers", 0) as u32)
        .timeout(timeout_of(given, 0))
}

fn failed(failures: &[PutFailure], name: impl Fn(&PutFailure) -> Value) -> Value {
    failures.iter().map(|failure| json!([name(failure), failure.error.code_name()])).collect()
}

/// A value of a report by its name, which is that of the member.
fn member(report: &impl std::fmt::Debug, name: &str) -> Value {
    let all = format!("{report:?}");
    let at = all.find(&format!(" {name}: ")).unwrap_or_else(|| panic!("there is no {name}")) + name.len() + 3;
    let end = all[at..].find([',', ' ']).expect("an end");
    serde_json::from_str(&all[at..at + end]).unwrap()
}

impl Runner<'_> {
    fn client(&self, step: &Value) -> Store {
        let Some(name) = step["client"].as_str().filter(|_| step["op"] != "connect") else {
            return self.store.clone();
        };
        match &self.named[name] {
            Named::Client(store) => store.clone(),
            _ => panic!("no client"),
        }
    }

    fn keep(&mut self, step: &Value, value: Named) {
        if let Some(name) = step["as"].as_str() {
            self.named.insert(name.to_owned(), value);
        }
    }

    fn take(&mut self, step: &Value, member: &str) -> Named {
        self.named.remove(text(step, member)).expect("it has a name")
    }

    fn builder(&mut self, step: &Value) -> Builder {
        match self.take(step, "builder") {
            Named::Builder(builder) => builder,
            _ => panic!("no builder"),
        }
    }

    fn check(&mut self, step: &Value, found: Object) {
        if let Some(expected) = bytes_of(step) {
            assert_eq!(&*found, expected);
        }
        assert_eq!(found.len() as i64, number(step, "size", found.len() as i64));
        if let Some(metadata) = step["metadata"].as_str() {
            assert_eq!(found.metadata(), metadata.as_bytes());
        }
        if let Some(name) = step["type"].as_str() {
            assert_eq!(found.type_tag(), tag_of(name));
        }
        self.keep(step, Named::Object(found));
    }

    /// A step. Panics where it finds something else than expected.
    fn run(&mut self, step: &Value) -> Result<()> {
        let op = text(step, "op");
        let groups = [Self::write, Self::keep_or_free, Self::read, Self::look, Self::names, Self::later];
        for group in groups {
            if let Some(outcome) = group(self, op, step) {
                return outcome;
            }
        }
        panic!("no op {op}");
    }

    fn write(&mut self, op: &str, step: &Value) -> Option<Result<()>> {
        let (store, metadata) = (self.client(step), metadata_of(&step["options"]));
        let options = options_of(step, &metadata);
        Some(match op {
            "create" => store
                .create(&id_of(&step["id"]), number(step, "size", 0) as usize, &options)
                .map(|builder| self.keep(step, Named::Builder(builder))),
            "write" => {
                let mut builder = self.builder(step);
                let outcome = builder.append(&bytes_of(step).expect("bytes"));
                self.named.insert(text(step, "builder").to_owned(), Named::Builder(builder));
                outcome
            }
            "seal" if step["as"].is_null() => self.builder(step).seal(),
            "seal" => self.builder(step).seal_and_hold().map(|object| self.check(step, object)),
            "abort" => self.builder(step).abort(),
            "put" if step["as"].is_null() => store.put_with(&id_of(&step["id"]), &bytes_of(step).unwrap(), &options),
            "put" => store
                .put_and_hold(&id_of(&step["id"]), &bytes_of(step).unwrap(), &options)
                .map(|object| self.keep(step, Named::Object(object))),
            "put_many" => put_many(&store, step),
            "put_deferred" => store.put_deferred(&id_of(&step["id"]), &bytes_of(step).unwrap(), &options),
            "flush" => store.flush().map(|failures| {
                let names: HashMap<_, _> =
                    step["failed"].as_array().unwrap().iter().map(|pair| (id_of(&pair[0]), pair[0].clone())).collect();
                assert_eq!(failed(&failures, |failure| names[&failure.id].clone()), step["failed"]);
            }),
            _ => return None,
        })
    }

    fn keep_or_free(&mut self, op: &str, step: &Value) -> Option<Result<()>> {
        let store = self.client(step);
        let id = step["id"].as_str().map(ObjectId::from_name).unwrap_or_default();
        Some(match op {
            "pin" => store.pin(&id),
            "unpin" => store.unpin(&id),
            "extend_grace" => {
                let grace = Duration::from_millis(number(step, "ms", 0) as u64);
                store.extend_grace(&id, grace, number(step, "readers", 1) as u32)
            }
            "remove" => store.remove(&id).map(|removed| assert_eq!(removed, step["removed"] == true)),
            "evict" => store.evict(number(step, "bytes", 0) as u64).map(|evicted| {
                assert_eq!(evicted.object_bytes as i64, number(step, "object_bytes", 0));
            }),
            "remove_described" => match &self.named[text(step, "object")] {
                Named::Description(info) => store.remove_described(info),
                _ => panic!("no description"),
            }
            .map(|removed| assert_eq!(removed, step["removed"] == true)),
            "trim" => store.trim().map(|_| ()),
            "clear" => store.clear(),
            "ping" => store.ping(),
            "connect" => {
                let options = dolium::ConnectOptions::new().read_only(step["read_only"] == true);
                let client = self.daemon.expect("a daemon").client_with(&options);
                self.named.insert(text(step, "client").to_owned(), Named::Client(Store::clone(&client)));
                Ok(())
            }
            "close" => {
                drop(store);
                drop(self.take(step, "client"));
                Ok(())
            }
            _ => return None,
        })
    }

    fn read(&mut self, op: &str, step: &Value) -> Option<Result<()>> {
        let (store, timeout) = (self.client(step), timeout_of(step, 0));
        let id = step["id"].as_str().map(ObjectId::from_name).unwrap_or_default();
        Some(match op {
            "get" => store.get(&id, timeout).map(|object| self.check(step, object)),
            "try_get" => {
                let found = store.try_get(&id);
                assert_eq!(found.is_some(), step["found"] == true);
                found.into_iter().for_each(|object| self.check(step, object));
                Ok(())
            }
            "get_many" => store.get_enough(&ids_of(step), number(step, "enough", 0) as usize, timeout).map(|got| {
                assert_eq!(got.iter().map(Option::is_some).collect::<Value>(), step["found"]);
            }),
            "wait" => store
                .wait(&ids_of(step), number(step, "enough", 0) as usize, timeout)
                .map(|there| assert_eq!(json!(there), step["there"])),
            "take" => match step["type"].as_str() {
                None => store.take(&id, timeout),
                Some(name) => store.take_tagged(&id, tag_of(name), timeout),
            }
            .map(|object| self.check(step, object)),
            "check" | "retain" => match &self.named[text(step, "object")] {
                Named::Object(object) => {
                    let object = object.clone();
                    self.check(step, object);
                    Ok(())
                }
                _ => panic!("no object"),
            },
            "release" => {
                drop(self.take(step, "object"));
                Ok(())
            }
            "exists" => store.exists(&id).map(|there| assert_eq!(json!(there), step["value"])),
            "exists_many" => store.exists_many(&ids_of(step)).map(|there| assert_eq!(json!(there), step["values"])),
            "until_gone" => until(|| store.exists(&id).map(|there| !there)),
            _ => return None,
        })
    }

    fn look(&mut self, op: &str, step: &Value) -> Option<Result<()>> {
        let store = self.client(step);
        Some(match op {
            "metadata" => check_metadata(&store, step).map(|info| self.keep(step, Named::Description(Box::new(info)))),
            "until_tier" => until(|| store.stats().map(|stats| tier_is(step, &stats))),
            "list" => check_list(&store, step),
            "clients" => until(|| store.clients().map(|all| all.len() as i64 == number(step, "count", 0))),
            "stats" => store.stats().map(|stats| {
                for (name, expected) in step["has"].as_object().unwrap() {
                    let found = if name == "tier" { json!(tier_name(&stats)) } else { member(&stats, name) };
                    assert_eq!(&found, expected, "{name}");
                }
            }),
            "subscribe" => store.subscribe().map(|events| self.keep(step, Named::Subscription(events))),
            "next" => match self.named.get_mut(text(step, "subscription")) {
                Some(Named::Subscription(events)) => check_event(events, step),
                _ => panic!("no subscription"),
            },
            _ => return None,
        })
    }

    fn names(&mut self, op: &str, step: &Value) -> Option<Result<()>> {
        let store = self.client(step);
        Some(match op {
            "id" => {
                assert_eq!(ObjectId::from_name(text(step, "name")).to_string(), text(step, "hex"));
                Ok(())
            }
            "id_from_hex" => text(step, "hex").parse::<ObjectId>().map(|id| {
                assert_eq!(id.to_string(), step["to"].as_str().unwrap_or(text(step, "hex")));
            }),
            "tag" => {
                assert_eq!(format!("{:016x}", tag_of(text(step, "type"))), text(step, "tag"));
                Ok(())
            }
            "ticket" => store
                .ticket(&id_of(&step["id"]), text(step, "type"))
                .map(|ticket| self.keep(step, Named::Ticket(ticket))),
            "ticket_get" => match &self.named[text(step, "ticket")] {
                Named::Ticket(ticket) => store
                    .get_typed_ticket(ticket, step["type"].as_str(), timeout_of(step, 0))
                    .map(|object| self.check(step, object)),
                _ => panic!("no ticket"),
            },
            "ticket_text" => {
                text(step, "text").parse::<Ticket>().map(|ticket| assert_eq!(ticket.id.to_string(), text(step, "hex")))
            }
            _ => return None,
        })
    }

    fn later(&mut self, op: &str, step: &Value) -> Option<Result<()>> {
        let (store, (sender, receiver)) = (self.client(step), channel());
        let id = step["id"].as_str().map(ObjectId::from_name).unwrap_or_default();
        let objects = sender.clone();
        let got = move |outcome: Result<Object>| objects.send(outcome.map(Outcome::Object)).unwrap_or(());
        let begun = match op {
            "get_async" => store.get_then(&id, timeout_of(step, 0), got),
            "take_async" => store.take_then(&id, timeout_of(step, 0), got),
            "create_async" => {
                let metadata = metadata_of(&step["options"]);
                let done = move |outcome: Result<Builder>| sender.send(outcome.map(Outcome::Builder)).unwrap_or(());
                store.create_then(&id, number(step, "size", 0) as usize, &options_of(step, &metadata), done)
            }
            "outcome" => return Some(self.outcome(&store, step)),
            "not_called" => {
                store.process_events().unwrap();
                match &self.named[text(step, "operation")] {
                    Named::Operation(_, outcome) => assert!(outcome.try_recv().is_err()), // nothing, or freed uncalled
                    _ => panic!("no operation"),
                }
                return Some(Ok(()));
            }
            "cancel" => {
                let Some(Named::Operation(operation, _)) = self.named.get_mut(text(step, "operation")) else {
                    panic!("no operation")
                };
                assert_eq!(json!(operation.cancel()), step["value"]);
                return Some(Ok(()));
            }
            _ => return None,
        };
        Some(begun.map(|operation| self.keep(step, Named::Operation(operation, receiver))))
    }

    fn outcome(&mut self, store: &Store, step: &Value) -> Result<()> {
        let outcome = {
            let Some(Named::Operation(_, outcome)) = self.named.get(text(step, "operation")) else {
                panic!("no operation")
            };
            let mut found = outcome.try_recv();
            let deadline = Instant::now() + Duration::from_secs(60);
            while found.is_err() {
                assert!(Instant::now() < deadline, "the callback was not called");
                store.process_events()?;
                found = outcome.try_recv();
            }
            found.unwrap()
        };
        match outcome? {
            Outcome::Object(object) => self.check(step, object),
            Outcome::Builder(builder) => {
                self.named.insert(text(step, "builder").to_owned(), Named::Builder(builder));
            }
        }
        Ok(())
    }
}

/// Asks until the answer is true, for at most a minute.
fn until(ask: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ask()? {
        assert!(Instant::now() < deadline, "it is still so");
        std::thread::yield_now();
    }
    Ok(())
}

fn put_many(store: &Store, step: &Value) -> Result<()> {
    let given = step["items"].as_array().unwrap();
    let data: Vec<_> = given.iter().map(|item| bytes_of(item).unwrap()).collect();
    let items: Vec<PutItem> = given
        .iter()
        .zip(&data)
        .map(|(item, data)| PutItem { id: id_of(&item["id"]), data, options: CreateOptions::new() })
        .collect();
    let failures = store.put_many(&items)?;
    assert_eq!(failed(&failures, |failure| json!(failure.index)), step["failed"]);
    Ok(())
}

fn tier_name(stats: &StoreStats) -> &'static str {
    match stats.tier.as_ref().map(|tier| tier.state) {
        None => "none",
        Some(SpillTierState::Ready) => "ready",
        Some(_) => "not ready",
    }
}

fn tier_is(step: &Value, stats: &StoreStats) -> bool {
    let records = stats.tier.as_ref().map_or(0, |tier| tier.records as i64);
    tier_name(stats) == text(step, "state") && records == number(step, "records", records)
}

fn place_name(place: ObjectPlace) -> &'static str {
    match place {
        ObjectPlace::Memory => "memory",
        ObjectPlace::MemoryAndDisk => "memory_and_disk",
        ObjectPlace::Disk => "disk",
        ObjectPlace::ReadingBack => "reading_back",
        other => panic!("no place {other:?}"),
    }
}

fn check_metadata(store: &Store, step: &Value) -> Result<ObjectInfo> {
    let info = store.metadata(&id_of(&step["id"]))?;
    let ms = |time: Option<Duration>| json!(time.unwrap_or_default().as_millis() as u64);
    for (name, expected) in step["has"].as_object().unwrap() {
        let found = match name.as_str() {
            "state" => json!(format!("{:?}", info.state).to_lowercase()),
            "retention" => json!(format!("{:?}", info.retention).to_lowercase()),
            "place" => json!(place_name(info.place)),
            "label" => json!(info.label),
            "type_name" => json!(info.type_name),
            "time_to_live_ms" => ms(info.time_to_live),
            "time_to_idle_ms" => ms(info.time_to_idle),
            other => member(&info, other),
        };
        assert_eq!(&found, expected, "{name}");
    }
    Ok(info)
}

fn check_list(store: &Store, step: &Value) -> Result<()> {
    let given = &step["filter"];
    let filter = Filter {
        label_prefix: given["label_prefix"].as_str().unwrap_or(""),
        type_name: given["type_name"].as_str().unwrap_or(""),
        state: given["state"].as_str().map(|state| match state {
            "sealed" => ObjectState::Sealed,
            "unsealed" => ObjectState::Unsealed,
            other => panic!("no state {other}"),
        }),
        creator_pid: None,
    };
    let found: BTreeSet<_> = store.list(&filter)?.iter().map(|info| info.id).collect();
    assert_eq!(found, ids_of(step).into_iter().collect());
    Ok(())
}

fn check_event(events: &mut Subscription, step: &Value) -> Result<()> {
    let (event, expected) = (events.next(timeout_of(step, 60_000))?, &step["event"]);
    let kind = match (text(expected, "kind"), expected["cause"].as_str()) {
        ("sealed", _) => EventKind::Sealed,
        ("removed", Some("removed")) => EventKind::Removed(Removal::Removed),
        ("removed", Some("evicted")) => EventKind::Removed(Removal::Evicted),
        ("removed", Some("expired")) => EventKind::Removed(Removal::Expired),
        ("removed", Some("cleared")) => EventKind::Removed(Removal::Cleared),
        other => panic!("no event {other:?}"),
    };
    assert_eq!((event.kind, event.id), (kind, id_of(&expected["id"])));
    assert_eq!(event.data_size as i64, number(expected, "size", event.data_size as i64));
    assert_eq!(event.label, expected["label"].as_str().unwrap_or(&event.label));
    Ok(())
}

fn run_steps(runner: &mut Runner<'_>, head: &Value, steps: &[(usize, Value)]) {
    for (line, step) in steps {
        println!("{}, line {line}: {step}", head["scenario"]);
        let outcome = runner.run(step);
        let name = outcome.as_ref().map_or_else(Error::code_name, |()| "ok");
        assert_eq!(name, step["is"].as_str().unwrap_or("ok"), "{head}, line {line}: {outcome:?}");
    }
}

fn run_in_process(head: &Value, steps: &[(usize, Value)]) {
    let policy = match head["eviction_policy"].as_str().unwrap_or("lru") {
        "lru" => EvictionPolicy::Lru,
        "lfu" => EvictionPolicy::Lfu,
        "adaptive" => EvictionPolicy::Adaptive,
        _ => EvictionPolicy::Fifo,
    };
    let options = OpenOptions::new()
        .capacity(number(head, "capacity", 16 << 20) as u64)
        .max_objects(number(head, "max_objects", 0) as u32)
        .max_pinned_bytes(number(head, "max_pinned_bytes_per_user", 0) as u64)
        .eviction_policy(policy);
    let store = Store::clone(&InProcessStore::open_with(&options).unwrap());
    run_steps(&mut Runner { store, daemon: None, named: HashMap::new() }, head, steps);
}

fn run_with_daemon(head: &Value, steps: &[(usize, Value)]) {
    let mut flags = vec![format!("--capacity={}", number(head, "capacity", 16 << 20))];
    for name in ["max_objects", "max_pinned_bytes_per_user", "eviction_policy"] {
        if let Some(value) = head.get(name) {
            flags.push(format!("--{}={}", name.replace('_', "-"), value.to_string().trim_matches('"')));
        }
    }
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let daemon = if head["spill"] == true { Daemon::start_with_spill(&flags) } else { Daemon::start(&flags) };
    let store = Store::clone(&daemon.client());
    run_steps(&mut Runner { store, daemon: Some(&daemon), named: HashMap::new() }, head, steps);
}

#[test]
fn all_scenarios_pass() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/conformance/conformance.jsonl");
    let file = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{path}: {why}"));
    let mut scenarios: Vec<(Value, Vec<(usize, Value)>)> = Vec::new();
    for (at, line) in file.lines().enumerate() {
        let row: Value = serde_json::from_str(line).unwrap();
        match scenarios.last_mut() {
            Some((_, steps)) if row.get("scenario").is_none() => steps.push((at + 1, row)),
            _ => scenarios.push((row, Vec::new())),
        }
    }
    let mut runs = 0;
    for (head, steps) in &scenarios {
        let kinds = head["stores"].as_array().cloned().unwrap_or_else(|| vec![json!("process"), json!("daemon")]);
        for kind in kinds {
            match kind.as_str() {
                Some("process") => run_in_process(head, steps),
                _ => run_with_daemon(head, steps),
            }
            runs += 1;
        }
    }
    assert!(scenarios.len() >= 40 && runs > scenarios.len(), "{runs} runs of {} scenarios", scenarios.len());
}
