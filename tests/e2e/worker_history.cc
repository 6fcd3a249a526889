// The worker's command that records a history: a few calls about a few objects, each with the time before and after it.

#include <map>
#include <random>

#include "shm/os/monotonic_clock.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/worker_commands.h"
#include "tests/model/linearizability.h"

namespace dolium::e2e {
namespace {

using history::Operation;
using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

constexpr std::size_t kMaxSize = 2000;
constexpr std::size_t kMaxFiller = 60'000;
constexpr std::size_t kMaxEvicted = 50'000;

template <class T>
Outcome outcome_in_history(const Result<T>& result) {
  if (result) return Outcome::done;
  switch (result.error().code) {
    case Errc::not_found:
    case Errc::timed_out: return Outcome::absent;
    case Errc::already_exists: return Outcome::taken;
    case Errc::not_sealed: return Outcome::unsealed;
    case Errc::out_of_memory: return Outcome::no_room;
    case Errc::disconnected: return Outcome::unknown;  // the server died
    default: throw std::runtime_error(to_string(result.error()));
  }
}

Outcome outcome_in_history(const Result<bool>& result) {
  return result && !*result ? Outcome::absent : outcome_in_history<bool>(result);
}

class Recorder {
 public:
  Recorder(Client& client, std::uint64_t seed, std::uint64_t process, std::size_t objects, bool pressure)
      : client_(client), random_(seed), last_value_(process * 1'000'000'000), objects_(objects), pressure_(pressure) {}

  void step();
  /// Lets go of everything. No step comes after it.
  void finish();
  [[nodiscard]] std::string words() const {
    std::string all = "ok";
    for (const auto& [object, operation] : log_) all += ' ' + std::to_string(object) + ' ' + to_words(operation);
    return all;
  }

 private:
  using Number = std::size_t;  // of an object
  struct Held {
    Object object;
    std::uint64_t value;
  };
  struct Building {
    ObjectBuilder builder;
    std::uint64_t value;
  };

  [[nodiscard]] std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  [[nodiscard]] static ObjectId id_of(Number number) {
    return ObjectId::from_name("recorded " + std::to_string(number));
  }
  [[nodiscard]] std::vector<std::byte> payload(Number number, std::uint64_t value) {
    std::vector<std::byte> bytes(8 + below(kMaxSize));
    fill_payload(bytes, id_of(number), value);
    return bytes;
  }
  /// `call` gives a Result; what it was called about has the value that it was given, or that it finds.
  template <class Call>
  void record(Number number, Kind kind, std::uint64_t value, Call&& call) {
    Operation operation{kind, Outcome::done, value, shm::monotonic_now(), 0};
    operation.outcome = outcome_in_history(call(operation));
    operation.end = shm::monotonic_now();
    log_.emplace_back(number, operation);
  }
  void put(Number number) {
    const std::uint64_t value = ++last_value_;
    const std::vector<std::byte> bytes = payload(number, value);
    record(number, Kind::put, value, [&](const Operation&) { return client_.put(id_of(number), bytes); });
  }
  void put_deferred(Number number);
  void flush();
  void create(Number number);
  void finish_building(Number number);
  [[nodiscard]] Timeout some_timeout();
  /// What was got or taken is held from now on.
  [[nodiscard]] Result<void> keep(Number number, const Result<Object>& object, Operation& operation);
  void get(Number number);
  void take(Number number);
  void release(Number number);
  void evict();
  void press();

  Client& client_;
  std::mt19937_64 random_;
  std::uint64_t last_value_;
  const std::size_t objects_;
  const bool pressure_;  // others' objects take the room of ours
  std::vector<std::pair<Number, Operation>> log_;
  std::map<Number, Building> building_;
  std::map<Number, std::vector<Held>> held_;
  std::map<Number, std::size_t> deferred_;  // where in the log: one an object at most, so that failures have a place
};

void Recorder::step() {
  const Number number = below(objects_);
  const ObjectId id = id_of(number);
  switch (below(pressure_ ? 21 : 19)) {
    case 0:
    case 1: return put(number);
    case 2: return put_deferred(number);
    case 3: return flush();
    case 4: return create(number);
    case 5:
    case 6: return finish_building(number);
    case 7:
    case 8:
    case 9: return get(number);
    case 10:
    case 11: return release(number);
    case 12: return record(number, Kind::remove, 0, [&](const Operation&) { return client_.remove(id); });
    case 13: return record(number, Kind::pin, 0, [&](const Operation&) { return client_.pin(id); });
    case 14: return record(number, Kind::unpin, 0, [&](const Operation&) { return client_.unpin(id); });
    case 15: return record(number, Kind::exists, 0, [&](const Operation&) { return client_.exists(id); });
    case 16: return evict();
    case 17:
    case 18: return take(number);
    default: return press();
  }
}

void Recorder::put_deferred(Number number) {
  if (deferred_.contains(number)) flush();
  const std::uint64_t value = ++last_value_;
  const std::vector<std::byte> bytes = payload(number, value);
  const std::size_t at = log_.size();
  record(number, Kind::put_deferred, value,
         [&](const Operation&) { return client_.put_deferred(id_of(number), bytes); });
  deferred_[number] = at;
}

void Recorder::flush() {
  const Result<std::vector<PutFailure>> failures = client_.flush();
  const std::uint64_t end = shm::monotonic_now();
  for (const auto& [number, at] : std::exchange(deferred_, {})) {
    log_[at].second.end = end;
    if (!failures) {
      log_[at].second.outcome = outcome_in_history(failures);
      continue;
    }
    for (const PutFailure& failure : *failures)
      if (failure.id == id_of(number)) log_[at].second.outcome = outcome_in_history(Result<void>(failure.error));
  }
}

void Recorder::create(Number number) {
  if (building_.contains(number)) return;
  const std::uint64_t value = ++last_value_;
  record(number, Kind::create, value, [&](const Operation&) -> Result<void> {
    Result<ObjectBuilder> builder = client_.create(id_of(number), 8 + below(kMaxSize));
    if (!builder) return std::move(builder).error();
    building_.emplace(number, Building{*std::move(builder), value});
    return {};
  });
}

void Recorder::finish_building(Number number) {
  auto found = building_.extract(number);
  if (found.empty()) return;
  Building& building = found.mapped();
  fill_payload(building.builder.data(), id_of(number), building.value);
  if (below(4) != 0)
    return record(number, Kind::seal, building.value, [&](const Operation&) { return building.builder.seal(); });
  record(number, Kind::abort, building.value, [&](const Operation&) { return building.builder.abort(); });
}

Timeout Recorder::some_timeout() {
  return below(4) == 0 ? Timeout(std::chrono::microseconds(below(500))) : no_wait;
}

Result<void> Recorder::keep(Number number, const Result<Object>& object, Operation& operation) {
  if (!object) return object.error();
  if (!is_payload(object->data(), id_of(number))) throw std::runtime_error("torn");
  std::memcpy(&operation.value, object->data().data(), sizeof(operation.value));
  held_[number].push_back({*object, operation.value});
  return {};
}

void Recorder::get(Number number) {
  const Timeout timeout = some_timeout();
  record(number, Kind::get, 0,
         [&](Operation& operation) { return keep(number, client_.get_raw(id_of(number), timeout), operation); });
}

void Recorder::take(Number number) {
  const Timeout timeout = some_timeout();
  record(number, Kind::take, 0,
         [&](Operation& operation) { return keep(number, client_.take_raw(id_of(number), timeout), operation); });
}

void Recorder::release(Number number) {
  std::vector<Held>& held = held_[number];
  if (held.empty()) return;
  // Before the record: the one that made it must be let go of between its two times.
  Held last = std::move(held.back());
  held.pop_back();
  record(number, Kind::release, last.value, [&](const Operation&) -> Result<void> {
    last.object = Object();
    return {};
  });
}

/// An operation on each object.
void Recorder::evict() {
  record(0, Kind::evict, 0, [&](const Operation&) { return client_.evict(below(kMaxEvicted)); });
  const Operation evicted = log_.back().second;
  for (Number number = 1; number < objects_; ++number) log_.emplace_back(number, evicted);
}

void Recorder::press() {
  const std::vector<std::byte> filler(below(kMaxFiller));
  static_cast<void>(client_.put(ObjectId::random(), filler));
}

void Recorder::finish() {
  for (Number number = 0; number < objects_; ++number) {
    finish_building(number);
    while (!held_[number].empty()) release(number);
  }
  flush();
}

/// record SEED COUNT START PROCESS OBJECTS PRESSURE
std::string record(WorkerState& state, Arguments& arguments) {
  const auto seed = next_or<std::uint64_t>(arguments, 1);
  const auto count = next_or<std::size_t>(arguments, 1);
  const auto start = next_or<shm::TimeNs>(arguments, 0);
  const auto process = next_or<std::uint64_t>(arguments, 0);
  const auto objects = next_or<std::size_t>(arguments, 1);
  Recorder recorder(state.client(), seed, process, objects, next_or<int>(arguments, 0) != 0);
  while (shm::monotonic_now() < start) {  // the others begin now, too
  }
  try {
    for (std::size_t n = 0; n < count; ++n) recorder.step();
    recorder.finish();
  } catch (const std::exception& failure) {
    return failure.what();
  }
  return recorder.words();
}

}  // namespace

void add_history_commands(Commands& commands) {
  commands["record"] = record;
}

}  // namespace dolium::e2e
