#include "tests/faults/visit.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <iterator>
#include <latch>
#include <new>
#include <thread>

namespace dolium::faults {
namespace {

/// Of calls that mostly succeed. Long enough for a busy machine.
constexpr std::chrono::seconds kShortWait{8};
/// For what is to come within kShortWait.
constexpr std::chrono::seconds kLongWait{40};
constexpr std::array kLeft = {"small",    "large",  "dropped", "many 0",  "many 1",
                              "deferred", "mortal", "late",    "awaited", "taken"};
constexpr std::array kThreads = {"visit", "visit of a second thread", "visit of a third thread"};

ObjectId id_of(std::string_view who, const char* name) {
  return ObjectId::from_name(std::string(who) + ' ' + name);
}

std::vector<std::byte> visited_bytes(std::size_t size) {
  return std::vector<std::byte>(size, std::byte{0x5a});
}

template <class T>
bool note(Refusals& refusals, const char* verb, const Result<T>& result) {
  if (!result) refusals.push_back(std::string(verb) + ": " + to_string(result.error()));
  return result.has_value();
}

void write_some(ObjectStore& store, Refusals& refusals, std::string_view who) {
  note(refusals, "put", store.put(id_of(who, "small"), visited_bytes(500)));
  Result<ObjectBuilder> builder = store.create(id_of(who, "large"), 300'000);
  if (note(refusals, "create", builder)) note(refusals, "seal", builder->seal());
  Result<ObjectBuilder> dropped = store.create(id_of(who, "dropped"), 1000);
  if (note(refusals, "create", dropped)) note(refusals, "abort", dropped->abort());
  const std::array<PutItem, 2> items = {PutItem{id_of(who, "many 0"), visited_bytes(10), {}},
                                        PutItem{id_of(who, "many 1"), visited_bytes(10), {}}};
  note(refusals, "put_many", store.put_many(items));
  note(refusals, "put", store.put(id_of(who, "mortal"), visited_bytes(10), {.time_to_live = std::chrono::hours(1)}));
}

/// More of them than are sent without a lease.
constexpr std::size_t kManyPuts = 8;
constexpr std::size_t kManyBytes = 10'000;

ObjectId numbered(std::string_view who, const char* what, std::size_t number) {
  return id_of(who, (std::string(what) + std::to_string(number)).c_str());
}

void write_much(Client& client, Refusals& refusals, std::string_view who) {
  const std::vector<std::byte> bytes = visited_bytes(kManyBytes);
  std::vector<PutItem> items;
  for (std::size_t n = 0; n < kManyPuts; ++n) items.push_back({numbered(who, "leased ", n), bytes, {}});
  const auto outcomes = client.put_many(items);
  if (note(refusals, "put_many", outcomes))
    for (const Result<void>& outcome : *outcomes) note(refusals, "put_many", outcome);
  for (std::size_t n = 0; n < kManyPuts; ++n)
    note(refusals, "put_deferred", client.put_deferred(numbered(who, "deferred ", n), bytes));
  const auto failures = client.flush();
  if (note(refusals, "flush", failures))
    for (const PutFailure& failure : *failures) refusals.push_back("put_deferred: " + to_string(failure.error));
  for (std::size_t n = 0; n < kManyPuts; ++n)
    for (const char* what : {"leased ", "deferred "}) static_cast<void>(client.remove(numbered(who, what, n)));
}

void read_some(ObjectStore& store, Refusals& refusals, std::string_view who) {
  note(refusals, "get", store.get_raw(id_of(who, "small")));
  note(refusals, "metadata", store.metadata(id_of(who, "large")));
  note(refusals, "list", store.list());
  note(refusals, "stats", store.stats());
  note(refusals, "clients", store.clients());
  note(refusals, "exists", store.exists(id_of(who, "small")));
}

void process_until(ObjectStore& store, const bool& answered) {
  pollfd events{store.event_fd(), POLLIN, 0};
  const int patience_ms = static_cast<int>(std::chrono::milliseconds(kLongWait).count());
  while (store.process_events() && !answered && ::poll(&events, 1, patience_ms) != 0) {
  }
}

/// A get that has to wait in the daemon, and is granted what comes.
void wait_for_some(ObjectStore& store, Refusals& refusals, std::string_view who) {
  bool answered = false;
  const AsyncHandle waiting = store.get_async(id_of(who, "late"), kShortWait, [&](const Result<Object>& object) {
    answered = true;
    note(refusals, "waiting get", object);
  });
  note(refusals, "put", store.put(id_of(who, "late"), visited_bytes(10)));
  process_until(store, answered);
  if (!answered) refusals.emplace_back("waiting get: not answered");
}

/// A take of what is there, and one that has to wait in the daemon.
void take_some(ObjectStore& store, Refusals& refusals, std::string_view who) {
  note(refusals, "put", store.put(id_of(who, "taken"), visited_bytes(10), {.grace = std::chrono::minutes(1)}));
  note(refusals, "take", store.take_raw(id_of(who, "taken")));
  bool answered = false;
  const AsyncHandle waiting = store.take_async(id_of(who, "taken"), kShortWait, [&](const Result<Object>& object) {
    answered = true;
    note(refusals, "waiting take", object);
  });
  note(refusals, "put", store.put(id_of(who, "taken"), visited_bytes(10)));
  process_until(store, answered);
  if (!answered) refusals.emplace_back("waiting take: not answered");
}

void follow_some(ObjectStore& store, Refusals& refusals) {
  Result<Subscription> events = store.subscribe();
  if (note(refusals, "subscribe", events)) note(refusals, "next", events->next(kShortWait));
}

Result<std::shared_ptr<Client>> connect(const std::string& socket, bool follow_fork) {
  return Client::connect(socket, {.connect_timeout = kShortWait, .follow_fork = follow_fork});
}

/// Does it, and notes what a thread, or a child, must not let out.
template <class Act>
void attempt(Refusals& refusals, Act&& act) {
  try {
    act();
  } catch (const std::bad_alloc&) {
    refusals.emplace_back("std::bad_alloc: Cannot allocate memory");
  }
}

void append(Refusals& all, const Refusals& more) {
  all.insert(all.end(), more.begin(), more.end());
}

/// What a forked child does with what it has inherited.
void live_on(Client& client, const Object& held, Refusals& refusals) {
  if (held.data().size() != 500 || held.data()[499] != std::byte{0x5a}) refusals.emplace_back("held: other bytes");
  note(refusals, "ping", client.ping());
  note(refusals, "get", client.get_raw(id_of("visit", "small")));
  note(refusals, "put", client.put(id_of("visit", "late"), visited_bytes(10)));
}

/// All that is said at the other end of a pipe.
std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) != 0;)
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
  return text;
}

}  // namespace

void clean_up(ObjectStore& store) {
  for (const char* who : kThreads)
    for (const char* name : kLeft) static_cast<void>(store.remove(id_of(who, name)));
  for (const char* who : kThreads)
    for (const char* what : {"leased ", "deferred "})
      for (std::size_t n = 0; n < kManyPuts; ++n) static_cast<void>(store.remove(numbered(who, what, n)));
}

void try_common_verbs(ObjectStore& store, Refusals& refusals, std::string_view who) {
  write_some(store, refusals, who);
  read_some(store, refusals, who);
  wait_for_some(store, refusals, who);
  follow_some(store, refusals);
  note(refusals, "pin", store.pin(id_of(who, "small")));
  note(refusals, "unpin", store.unpin(id_of(who, "small")));
  note(refusals, "extend_grace", store.extend_grace(id_of(who, "small"), std::chrono::minutes(1)));
  take_some(store, refusals, who);
  for (const char* name : kLeft) note(refusals, "remove", store.remove(id_of(who, name)));
}

void try_all_verbs(Client& client, Refusals& refusals, std::string_view who) {
  note(refusals, "put_deferred", client.put_deferred(id_of(who, "deferred"), visited_bytes(100)));
  note(refusals, "flush", client.flush());
  write_much(client, refusals, who);
  try_common_verbs(client, refusals, who);
}

Refusals visit(const std::string& socket) {
  Refusals refusals;
  // Without a part in fork(): the test goes on to start processes.
  const auto client = connect(socket, false);
  if (note(refusals, "connect", client)) try_all_verbs(**client, refusals);
  return refusals;
}

Refusals visit_beside_a_leader(const std::string& socket, const Arming& arming) {
  Refusals refusals;
  const auto client = connect(socket, false);
  if (!note(refusals, "connect", client)) return refusals;
  Result<Object> awaited = Error{Errc::not_found, "not asked for"};
  std::thread leader([&] { awaited = (*client)->get_raw(id_of("visit", "awaited"), kLongWait); });
  Result<StoreStats> stats = (*client)->stats();
  while (stats && stats->waiting_gets == 0) stats = (*client)->stats();  // from now on it reads, but for a moment
  arming.in_this_thread();
  attempt(refusals, [&] { try_all_verbs(**client, refusals); });
  arming.end();
  const Result<void> put = (*client)->put(id_of("visit", "awaited"), visited_bytes(10));
  leader.join();
  // Who waits loses its connection at most, and then with everybody else's.
  if (note(refusals, "put", put)) note(refusals, "leader's get", awaited);
  awaited = Error{Errc::not_found, "given back"};
  static_cast<void>((*client)->remove(id_of("visit", "awaited")));
  return refusals;
}

Refusals visit_in_threads(const std::string& socket, const Arming& arming) {
  Refusals refusals;
  const auto client = connect(socket, false);
  if (!note(refusals, "connect", client)) return refusals;
  std::latch armed(1);
  std::array<Refusals, kThreads.size()> of_threads;
  std::vector<std::thread> threads;
  for (std::size_t n = 0; n < kThreads.size(); ++n)
    threads.emplace_back([&, n] {
      armed.wait();
      attempt(of_threads[n], [&] { try_all_verbs(**client, of_threads[n], kThreads[n]); });
    });
  arming.in_all();
  armed.count_down();
  for (std::thread& thread : threads) thread.join();
  arming.end();
  for (const Refusals& each : of_threads) append(refusals, each);
  return refusals;
}

Refusals visit_and_fork(const std::string& socket, const Arming& arming) {
  Refusals refusals;
  const auto client = connect(socket, true);
  if (!note(refusals, "connect", client)) return refusals;
  std::array<int, 2> report{-1, -1};
  if (!note(refusals, "put", (*client)->put(id_of("visit", "small"), visited_bytes(500))) || ::pipe(report.data()) != 0)
    return refusals;
  Result<Object> held = (*client)->get_raw(id_of("visit", "small"));
  if (!note(refusals, "get", held)) return refusals;
  arming.in_all();
  const pid_t child = ::fork();
  if (child == 0) {
    attempt(refusals, [&] { live_on(**client, *held, refusals); });
    arming.end();
    for (const std::string& each : refusals) static_cast<void>(!::write(report[1], each.data(), each.size()));
    ::_exit(0);
  }
  if (child < 0) refusals.push_back("fork: " + std::string(::strerrordesc_np(errno)));
  attempt(refusals, [&] { note(refusals, "ping", (*client)->ping()); });
  ::close(report[1]);
  std::string said;
  if (child > 0) said = read_all(report[0]);
  arming.end();
  ::close(report[0]);
  if (!said.empty()) refusals.push_back("child: " + said);
  int status = 0;
  if (child > 0 && (::waitpid(child, &status, 0) != child || status != 0)) refusals.emplace_back("child: it has died");
  held = Error{Errc::not_found, "given back"};
  for (const char* name : {"small", "late"}) note(refusals, "remove", (*client)->remove(id_of("visit", name)));
  return refusals;
}

}  // namespace dolium::faults
