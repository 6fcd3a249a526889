// One client that does one thing N times and nothing else: what strace, callgrind and perf are pointed at.
//
//   bench_one_client SOCKET get|put|put_many|create N [SEED]
//
// SOCKET `-`: an InProcessStore of its own instead of a daemon's client. Objects of 1 KiB. `get` looks among the ids
// numbered_id(0..9999) and puts them first where they are missing; `put_many` puts N in batches of 100. With a SEED a
// run is the same each time: the ids follow from it, and nobody looks for an answer before it sleeps.

#include <cstdlib>
#include <string>
#include <vector>

#include <dolium/in_process_store.h>

#include "tests/bench/harness.h"
#include "tests/bench/process.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kObjects = 10'000;
constexpr std::uint64_t kBatch = 100;
const std::vector<std::byte> kData(kKiB);

void get(ObjectStore& store, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i)
    require(must(store.get_raw(numbered_id(scramble(i) % kObjects))).holds(), "no object");
}

void put(ObjectStore& store, std::uint64_t count, std::uint64_t seed) {
  for (std::uint64_t i = 0; i < count; ++i) must(store.put(numbered_id(i, seed), kData));
}

void put_many(ObjectStore& store, std::uint64_t count, std::uint64_t seed) {
  for (std::uint64_t i = 0; i < count; i += kBatch) {
    std::vector<PutItem> items;
    for (std::uint64_t k = 0; k < kBatch; ++k) items.push_back({numbered_id(i + k, seed), kData});
    must(store.put_many(items));
  }
}

void create(ObjectStore& store, std::uint64_t count, std::uint64_t seed) {
  for (std::uint64_t i = 0; i < count; ++i) {
    ObjectBuilder builder = must(store.create(numbered_id(i, seed), kData.size()));
    must(builder.write(kData));
    must(builder.seal());
  }
}

std::shared_ptr<ObjectStore> open_store(const std::string& socket, bool repeatable) {
  if (socket == "-") return must(InProcessStore::open({.capacity = 64 * kMiB, .prefault = false}));
  ConnectOptions options;
  options.connect_timeout = std::chrono::minutes(1);  // the daemon may run in valgrind, on a busy machine
  if (repeatable) options.busy_poll = std::chrono::microseconds(0);
  return must(Client::connect(socket, options));
}

}  // namespace

int main(int argc, char** argv) {
  require(argc == 4 || argc == 5, "usage: bench_one_client SOCKET|- get|put|put_many|create N [SEED]");
  const std::string verb = argv[2];
  const std::uint64_t count = std::strtoull(argv[3], nullptr, 10);
  const std::uint64_t seed = argc == 5 ? std::strtoull(argv[4], nullptr, 10)
                                       : static_cast<std::uint64_t>(now_ns());  // ids that no earlier run used
  const auto store = open_store(argv[1], argc == 5);
  if (verb == "get") {
    if (!must(store->exists(numbered_id(0)))) put_many(*store, kObjects, 0);
    get(*store, count);
  } else if (verb == "put") {
    put(*store, count, seed);
  } else if (verb == "put_many") {
    put_many(*store, count, seed);
  } else if (verb == "create") {
    create(*store, count, seed);
  } else {
    give_up("no such verb: " + verb);
  }
}
