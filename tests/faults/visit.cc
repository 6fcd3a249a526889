#include "tests/faults/visit.h"

#include <poll.h>

#include <array>

namespace dolium::faults {
namespace {

constexpr std::chrono::seconds kShortWait{2};
/// For a callback that is to come within kShortWait.
constexpr int kLongWaitMs = 20'000;

ObjectId id_of(const char* name) {
  return ObjectId::from_name(name);
}

std::vector<std::byte> pattern(std::size_t size) {
  return std::vector<std::byte>(size, std::byte{0x5a});
}

template <class T>
bool note(Refusals& refusals, const char* verb, const Result<T>& result) {
  if (!result) refusals.push_back(std::string(verb) + ": " + to_string(result.error()));
  return result.has_value();
}

void write_some(Client& client, Refusals& refusals) {
  note(refusals, "put", client.put(id_of("visit small"), pattern(500)));
  Result<ObjectBuilder> builder = client.create(id_of("visit large"), 300'000);
  if (note(refusals, "create", builder)) note(refusals, "seal", builder->seal());
  Result<ObjectBuilder> dropped = client.create(id_of("visit dropped"), 1000);
  if (note(refusals, "create", dropped)) note(refusals, "abort", dropped->abort());
  const std::array<PutItem, 2> items = {PutItem{id_of("visit many 0"), pattern(10), {}},
                                        PutItem{id_of("visit many 1"), pattern(10), {}}};
  note(refusals, "put_many", client.put_many(items));
  note(refusals, "put_deferred", client.put_deferred(id_of("visit deferred"), pattern(100)));
  note(refusals, "flush", client.flush());
  note(refusals, "put", client.put(id_of("visit mortal"), pattern(10), {.time_to_live = std::chrono::hours(1)}));
}

void read_some(Client& client, Refusals& refusals) {
  note(refusals, "get", client.get_raw(id_of("visit small")));
  note(refusals, "metadata", client.metadata(id_of("visit large")));
  note(refusals, "list", client.list());
  note(refusals, "stats", client.stats());
  note(refusals, "clients", client.clients());
  note(refusals, "exists", client.exists(id_of("visit small")));
}

/// A get that has to wait in the daemon, and is granted what comes.
void wait_for_some(Client& client, Refusals& refusals) {
  bool answered = false;
  const AsyncHandle waiting = client.get_async(id_of("visit late"), kShortWait, [&](const Result<Object>& object) {
    answered = true;
    note(refusals, "waiting get", object);
  });
  note(refusals, "put", client.put(id_of("visit late"), pattern(10)));
  pollfd events{client.event_fd(), POLLIN, 0};
  while (client.process_events() && !answered && ::poll(&events, 1, kLongWaitMs) != 0) {
  }
  if (!answered) refusals.emplace_back("waiting get: not answered");
}

void follow_some(Client& client, Refusals& refusals) {
  Result<Subscription> events = client.subscribe();
  if (note(refusals, "subscribe", events)) note(refusals, "next", events->next(kShortWait));
}

constexpr std::array kLeft = {"visit small",  "visit large",    "visit dropped", "visit many 0",
                              "visit many 1", "visit deferred", "visit mortal",  "visit late"};

}  // namespace

void clean_up(Client& client) {
  for (const char* name : kLeft) static_cast<void>(client.remove(id_of(name)));
}

void try_all_verbs(Client& client, Refusals& refusals) {
  write_some(client, refusals);
  read_some(client, refusals);
  wait_for_some(client, refusals);
  follow_some(client, refusals);
  note(refusals, "pin", client.pin(id_of("visit small")));
  note(refusals, "unpin", client.unpin(id_of("visit small")));
  for (const char* name : kLeft) note(refusals, "remove", client.remove(id_of(name)));
}

Refusals visit(const std::string& socket) {
  Refusals refusals;
  // Without a part in fork(): the test goes on to start processes.
  const auto client = Client::connect(socket, {.connect_timeout = kShortWait, .follow_fork = false});
  if (note(refusals, "connect", client)) try_all_verbs(**client, refusals);
  return refusals;
}

}  // namespace dolium::faults
