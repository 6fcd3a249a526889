// The worker's commands that are one call of the store.

#include <poll.h>

#include "tests/e2e/payload.h"
#include "tests/e2e/worker_commands.h"

namespace dolium::e2e {
namespace {

std::string next_name(Arguments& arguments) {
  return next_or<std::string>(arguments, "");
}

ObjectId id_of(const std::string& name) {
  return ObjectId::from_name(name);
}

/// Reads "[pinned] [TIMEOUT]".
CreateOptions next_options(Arguments& arguments) {
  CreateOptions options;
  const std::streampos before = arguments.tellg();
  options.pinned = next_or<std::string>(arguments, "") == "pinned";
  if (!options.pinned) {
    arguments.clear();
    arguments.seekg(before);
  }
  options.timeout = next_timeout(arguments);
  return options;
}

std::string connect(WorkerState& state, Arguments& arguments) {
  ConnectOptions options;
  for (auto word = next_or<std::string>(arguments, ""); !word.empty(); word = next_or<std::string>(arguments, "")) {
    if (word == "read_only") options.access = Access::read_only;
    if (word == "alone") options.follow_fork = false;
    if (word == "sleepy") options.busy_poll = std::chrono::microseconds(0);
  }
  auto client = Client::connect(state.socket, options);
  if (client) state.clients.push_back(*client);
  return client ? "ok" : to_string(client.error());
}

std::string put(WorkerState& state, Arguments& arguments) {
  const ObjectId id = id_of(next_name(arguments));
  std::vector<std::byte> bytes(next_or<std::size_t>(arguments, 0));
  fill_payload(bytes, id);
  return outcome_of(state.client().put(id, bytes, next_options(arguments)));
}

std::string create(WorkerState& state, Arguments& arguments) {
  const std::string name = next_name(arguments);
  const auto size = next_or<std::size_t>(arguments, 0);
  Result<ObjectBuilder> builder = state.client().create(id_of(name), size, next_options(arguments));
  if (!builder) return outcome_of(builder);
  fill_payload(builder->data(), id_of(name));
  state.builders.insert_or_assign(name, *std::move(builder));
  return "ok";
}

/// Takes the builder away; `finish` says what becomes of it.
Command finishing(std::string (*finish)(WorkerState&, const std::string& name, ObjectBuilder builder)) {
  return [finish](WorkerState& state, Arguments& arguments) -> std::string {
    const std::string name = next_name(arguments);
    auto found = state.builders.extract(name);
    if (found.empty()) return "no such builder";
    return finish(state, name, std::move(found.mapped()));
  };
}

std::string hold(WorkerState& state, const std::string& name, ObjectBuilder builder) {
  Result<Object> object = builder.seal_and_hold();
  if (object) state.held[name].push_back(*object);
  return outcome_of(object);
}

/// `Get`: Client::get_raw, or take_raw.
template <auto Get>
std::string get(WorkerState& state, Arguments& arguments) {
  const std::string name = next_name(arguments);
  Result<Object> object = (state.client().*Get)(id_of(name), next_timeout(arguments));
  if (!object) return outcome_of(object);
  if (!is_payload(object->data(), id_of(name))) return "torn";
  state.held[name].push_back(*std::move(object));
  return "ok";
}

std::string get_many(WorkerState& state, Arguments& arguments) {
  const Timeout timeout = next_timeout(arguments);
  std::vector<ObjectId> ids;
  for (std::string name = next_name(arguments); !name.empty(); name = next_name(arguments)) ids.push_back(id_of(name));
  const auto objects = state.client().get_many(ids, timeout);
  if (!objects) return outcome_of(objects);
  std::size_t came = 0;
  for (const std::optional<Object>& object : *objects) came += object ? 1 : 0;
  return "ok " + std::to_string(came);
}

std::string copy(WorkerState& state, Arguments& arguments) {
  std::vector<Object>& held = state.held[next_name(arguments)];
  if (held.empty()) return "not held";
  held.push_back(Object(held.front()));
  return "ok";
}

std::string check(WorkerState& state, Arguments& arguments) {
  const std::string name = next_name(arguments);
  if (state.held[name].empty()) return "not held";
  for (const Object& object : state.held[name])
    if (!is_payload(object.data(), id_of(name))) return "torn";
  return "ok";
}

std::string release(WorkerState& state, Arguments& arguments) {
  return state.held.erase(next_name(arguments)) != 0 ? "ok" : "not held";
}

std::string get_async(WorkerState& state, Arguments& arguments) {
  const std::string name = next_name(arguments);
  static_cast<void>(state.client().get_async(id_of(name), wait_forever, [&state, name](const Result<Object>& object) {
    if (object) state.held[name].push_back(*object);
    state.outcomes.push_back(outcome_of(object));
  }));
  return "ok";
}

std::string create_async(WorkerState& state, Arguments& arguments) {
  const std::string name = next_name(arguments);
  static_cast<void>(state.client().create_async(id_of(name), next_or<std::uint64_t>(arguments, 0),
                                                {.timeout = wait_forever},
                                                [&state, name](Result<ObjectBuilder> builder) {
                                                  state.outcomes.push_back(outcome_of(builder));
                                                  if (builder)
                                                    state.builders.insert_or_assign(name, *std::move(builder));
                                                }));
  return "ok";
}

std::string process(WorkerState& state, Arguments& arguments) {
  const auto wanted = next_or<std::size_t>(arguments, 1);
  while (state.outcomes.size() < wanted) {
    pollfd entry{state.client().event_fd(), POLLIN, 0};
    ::poll(&entry, 1, -1);
    if (!state.client().process_events()) break;
  }
  std::string all;
  for (const std::string& outcome : std::exchange(state.outcomes, {})) all += (all.empty() ? "" : " ") + outcome;
  return all;
}

std::string run(WorkerState& state, Arguments&) {
  const Result<void> done = state.client().process_events();
  return outcome_of(done) + ' ' + std::to_string(state.outcomes.size());
}

std::string append(WorkerState& state, Arguments& arguments) {
  const auto builder = state.builders.find(next_name(arguments));
  const std::byte one{};
  return builder == state.builders.end() ? "no such builder" : outcome_of(builder->second.write({&one, 1}));
}

std::string why(WorkerState& state, Arguments&) {
  const Result<void> answer = state.client().ping();
  return answer ? "ok" : to_string(answer.error());
}

std::string subscribe(WorkerState& state, Arguments&) {
  Result<Subscription> subscription = state.client().subscribe();
  if (!subscription) return outcome_of(subscription);
  state.subscriptions.push_back(*std::move(subscription));
  return "ok";
}

std::string drain(WorkerState& state, Arguments& arguments) {
  const std::string last = next_name(arguments);
  std::map<Event::Kind, std::size_t> counts;
  for (;;) {
    const Result<Event> event = state.subscriptions.back().next();
    if (!event) return outcome_of(event);
    ++counts[event->kind];
    if (event->kind == Event::Kind::sealed && event->id == id_of(last)) break;
    if (event->kind == Event::Kind::overflow && last.empty()) break;
  }
  return "ok " + std::to_string(counts[Event::Kind::sealed]) + ' ' + std::to_string(counts[Event::Kind::removed]) +
         ' ' + std::to_string(counts[Event::Kind::overflow]);
}

/// A command that is one call with one id.
template <class Call>
Command calling(Call call) {
  return [call](WorkerState& state, Arguments& arguments) {
    return outcome_of(call(state.client(), id_of(next_name(arguments))));
  };
}

}  // namespace

Timeout next_timeout(Arguments& arguments, Timeout otherwise) {
  const auto word = next_or<std::string>(arguments, "");
  if (word.empty()) return otherwise;
  return word == "forever" ? wait_forever : Timeout(std::chrono::milliseconds(std::stoll(word)));
}

void add_basic_commands(Commands& commands) {
  commands["connect"] = connect;
  commands["disconnect"] = [](WorkerState& state, Arguments&) { return state.clients.clear(), "ok"; };
  commands["put"] = put;
  commands["run"] = run;
  commands["append"] = append;
  commands["why"] = why;
  commands["event_fd"] = [](WorkerState& state, Arguments&) { return std::to_string(state.client().event_fd()); };
  commands["create"] = create;
  commands["seal"] =
      finishing([](WorkerState&, const std::string&, ObjectBuilder builder) { return outcome_of(builder.seal()); });
  commands["abort"] =
      finishing([](WorkerState&, const std::string&, ObjectBuilder builder) { return outcome_of(builder.abort()); });
  commands["drop"] = finishing([](WorkerState&, const std::string&, ObjectBuilder) -> std::string { return "ok"; });
  commands["hold"] = finishing(hold);
  commands["get"] = get<&ObjectStore::get_raw>;
  commands["take"] = get<&ObjectStore::take_raw>;
  commands["get_many"] = get_many;
  commands["copy"] = copy;
  commands["check"] = check;
  commands["release"] = release;
  commands["remove"] = calling([](Client& client, const ObjectId& id) { return client.remove(id); });
  commands["pin"] = calling([](Client& client, const ObjectId& id) { return client.pin(id); });
  commands["unpin"] = calling([](Client& client, const ObjectId& id) { return client.unpin(id); });
  commands["ping"] = calling([](Client& client, const ObjectId&) { return client.ping(); });
  commands["clear"] = calling([](Client& client, const ObjectId&) { return client.clear(); });
  commands["exists"] = [](WorkerState& state, Arguments& arguments) -> std::string {
    const Result<bool> there = state.client().exists(id_of(next_name(arguments)));
    return !there ? outcome_of(there) : *there ? "ok yes" : "ok no";
  };
  commands["evict"] = [](WorkerState& state, Arguments& arguments) -> std::string {
    const Result<std::uint64_t> freed = state.client().evict(next_or<std::uint64_t>(arguments, 0));
    return freed ? "ok " + std::to_string(*freed) : outcome_of(freed);
  };
  commands["get_async"] = get_async;
  commands["create_async"] = create_async;
  commands["process"] = process;
  commands["subscribe"] = subscribe;
  commands["drain"] = drain;
}

}  // namespace dolium::e2e
