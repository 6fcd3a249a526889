// One client that does one thing N times and nothing else: what strace, callgrind and perf are pointed at.
//
//   bench_one_client SOCKET get|put|put_many|create N
//
// Objects of 1 KiB. `get` wants the ids numbered_id(0..9999) to be there; `put_many` puts N in batches of 1000.

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/harness.h"
#include "tests/bench/process.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kObjects = 10'000;
constexpr std::uint64_t kBatch = 1000;

const std::vector<std::byte> kData(kKiB);

void get(Client& client, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i)
    require(must(client.get_raw(numbered_id(scramble(i) % kObjects))).holds(), "no object");
}

void put(Client& client, std::uint64_t count, std::uint64_t seed) {
  for (std::uint64_t i = 0; i < count; ++i) must(client.put(numbered_id(i, seed), kData));
}

void put_many(Client& client, std::uint64_t count, std::uint64_t seed) {
  for (std::uint64_t i = 0; i < count; i += kBatch) {
    std::vector<PutItem> items;
    for (std::uint64_t k = 0; k < kBatch; ++k) items.push_back({numbered_id(i + k, seed), kData});
    must(client.put_many(items));
  }
}

void create(Client& client, std::uint64_t count, std::uint64_t seed) {
  for (std::uint64_t i = 0; i < count; ++i) {
    ObjectBuilder builder = must(client.create(numbered_id(i, seed), kData.size()));
    must(builder.write(kData));
    must(builder.seal());
  }
}

}  // namespace

int main(int argc, char** argv) {
  require(argc == 4, "usage: bench_one_client SOCKET get|put|put_many|create N");
  const std::string verb = argv[2];
  const std::uint64_t count = std::strtoull(argv[3], nullptr, 10);
  const auto seed = static_cast<std::uint64_t>(now_ns());  // ids that no earlier run used
  const auto client = must(Client::connect(argv[1]));
  if (verb == "get")
    get(*client, count);
  else if (verb == "put")
    put(*client, count, seed);
  else if (verb == "put_many")
    put_many(*client, count, seed);
  else if (verb == "create")
    create(*client, count, seed);
  else
    give_up("no such verb: " + verb);
}
