// The worker's commands that put a store under load.

#include <fcntl.h>
#include <unistd.h>

#include <random>

#include "tests/e2e/payload.h"
#include "tests/e2e/points.h"
#include "tests/e2e/worker_commands.h"

namespace dolium::e2e {
namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t bound) {
  return static_cast<std::size_t>(random() % bound);
}

ObjectId numbered(const std::string& prefix, std::size_t number) {
  return ObjectId::from_name(prefix + std::to_string(number));
}

Result<void> write_and_seal(Client& client, const ObjectId& id, std::size_t size, std::uint64_t generation,
                            Timeout timeout) {
  Result<ObjectBuilder> builder = client.create(id, size, {.timeout = timeout});
  if (!builder) return std::move(builder).error();
  fill_payload(builder->data(), id, generation);
  const Result<ObjectId> sealed = builder->seal();
  return sealed ? Result<void>() : Result<void>(sealed.error());
}

/// One step of churn: any call that leaves something behind which a death must take back, and its reverse.
void churn_once(WorkerState& state, Random& random) {
  Client& client = state.client();
  const std::string name = "churn" + std::to_string(below(random, 40));
  const ObjectId id = ObjectId::from_name(name);
  switch (below(random, 14)) {
    case 0:
    case 1:
      if (Result<ObjectBuilder> builder =
              client.create(id, below(random, 200'000), {.timeout = Timeout(std::chrono::milliseconds(1))}))
        state.builders.insert_or_assign(name, *std::move(builder));
      break;
    case 2:
    case 3:
      if (auto builder = state.builders.extract(name); !builder.empty()) {
        fill_payload(builder.mapped().data(), id, random());
        if (Result<Object> held = builder.mapped().seal_and_hold()) state.held[name].push_back(*held);
      }
      break;
    case 4: state.builders.erase(name); break;
    case 5:
      if (Result<Object> object = client.get_raw(id, Timeout(std::chrono::milliseconds(1))))
        state.held[name].push_back(*object);
      break;
    case 6: state.held.erase(name); break;
    case 7: static_cast<void>(client.remove(id)); break;
    case 8: {
      std::vector<std::byte> bytes(below(random, 2000));
      fill_payload(bytes, id, random());
      static_cast<void>(client.put(id, bytes));
      break;
    }
    case 9: {  // more at once than a ring holds
      std::vector<std::byte> bytes(below(random, 30'000));
      fill_payload(bytes, id, random());
      for (int n = 0; n < 4; ++n) static_cast<void>(client.put_deferred(id, bytes));
      break;
    }
    case 10: static_cast<void>(client.flush()); break;
    case 11: {  // enough for a lease
      std::vector<std::byte> bytes(10'000 + below(random, 10'000));
      fill_payload(bytes, id, random());
      const std::vector<PutItem> items(10, PutItem{.id = id, .data = bytes});
      static_cast<void>(client.put_many(items));
      break;
    }
    case 12:
      if (Result<Object> object = client.take_raw(id, Timeout(std::chrono::milliseconds(1))))
        state.held[name].push_back(*object);
      break;
    default:
      static_cast<void>(client.get_async(id, wait_forever, [](const Result<Object>&) {}));
      static_cast<void>(client.process_events());
  }
}

std::string churn(WorkerState& state, Arguments& arguments) {
  Random random(next_or<std::uint64_t>(arguments, 1));
  const auto count = next_or<std::size_t>(arguments, SIZE_MAX);
  for (std::size_t n = 0; n < count; ++n) churn_once(state, random);
  return "ok";
}

std::string create_and_abort(WorkerState& state, Arguments&) {
  for (std::uint64_t n = 0;; ++n)
    if (Result<ObjectBuilder> builder = state.client().create(numbered("aborted", n % 10), 10'000 * (n % 7)); builder)
      fill_payload(builder->data(), builder->id());
}

std::string produce(WorkerState& state, Arguments& arguments) {
  const auto prefix = next_or<std::string>(arguments, "");
  const auto count = next_or<std::size_t>(arguments, 0);
  const auto max_size = next_or<std::size_t>(arguments, 1);
  Random random(std::hash<std::string>()(prefix));
  std::size_t done = 0;
  for (std::size_t n = 0; n < count; ++n)
    if (write_and_seal(state.client(), numbered(prefix, n), below(random, max_size), n, std::chrono::seconds(60)))
      ++done;
  return "ok " + std::to_string(done);
}

std::string rewrite(WorkerState& state, Arguments& arguments) {
  const auto prefix = next_or<std::string>(arguments, "");
  const auto count = next_or<std::size_t>(arguments, 0);
  const auto objects = next_or<std::size_t>(arguments, 1);
  Random random(static_cast<std::uint64_t>(count) * objects);
  for (std::size_t generation = 0; generation < count; ++generation) {
    const ObjectId id = numbered(prefix, below(random, objects));
    static_cast<void>(state.client().remove(id));
    const Result<void> put =
        write_and_seal(state.client(), id, 100 + below(random, 60'000), generation, std::chrono::seconds(60));
    // Another writer may have been faster.
    if (!put && put.error().code != Errc::already_exists) return outcome_of(put);
  }
  return "ok";
}

std::string consume(WorkerState& state, Arguments& arguments) {
  const auto prefix = next_or<std::string>(arguments, "");
  const auto count = next_or<std::size_t>(arguments, 0);
  const auto objects = next_or<std::size_t>(arguments, 1);
  Random random(count + 1);
  std::size_t found = 0;
  for (std::size_t n = 0; n < count; ++n) {
    const ObjectId id = numbered(prefix, below(random, objects));
    const Result<Object> object = state.client().get_raw(id);
    if (!object && object.error().code == Errc::not_found) continue;
    if (!object) return outcome_of(object);
    ++found;
    pass("reading");
    if (!is_payload(object->data(), id)) return "torn";
    pass("read");
    if (!is_payload(object->data(), id)) return "torn";
  }
  return "ok " + std::to_string(found);
}

/// Until it takes generation 0. What it took is in FILE before it takes again.
std::string take_all(WorkerState& state, Arguments& arguments) {
  const ObjectId id = ObjectId::from_name(next_or<std::string>(arguments, ""));
  const auto path = next_or<std::string>(arguments, "");
  const shm::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  for (std::size_t taken = 0;; ++taken) {
    Result<Object> object = state.client().take_raw(id, wait_forever);
    while (!object && object.error().code == Errc::disconnected && state.client().ping())  // the server was replaced
      object = state.client().take_raw(id, wait_forever);
    if (!object) return outcome_of(object);
    if (!is_payload(object->data(), id)) return "torn";
    std::uint64_t generation = 0;
    std::memcpy(&generation, object->data().data(), sizeof(generation));
    if (generation == 0) return "ok " + std::to_string(taken);
    if (::write(file.get(), &generation, sizeof(generation)) != sizeof(generation)) return "cannot write";
  }
}

}  // namespace

void add_load_commands(Commands& commands) {
  commands["churn"] = churn;
  commands["create_and_abort"] = create_and_abort;
  commands["produce"] = produce;
  commands["rewrite"] = rewrite;
  commands["consume"] = consume;
  commands["take_all"] = take_all;
}

}  // namespace dolium::e2e
