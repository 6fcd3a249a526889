// A get that hits: 1 KiB objects that another process put, 10,000 of them in random order, from one thread.
//
// Reading the clock takes about as long as a fifth of a get, so gets are timed in batches of 32 and a sample is a
// batch's time over 32: its p99 is that of batches. "single" times each get alone and subtracts what reading the
// clock costs; its p99 sees every interruption.

#include <cstdio>

#include "tests/bench/process.h"
#include "tests/bench/syscalls.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kObjects = 10'000;
constexpr std::size_t kObjectBytes = kKiB;
constexpr std::size_t kBatch = 32;
constexpr std::size_t kBatches = 2000;  // a slice: about 10 ms

void put_objects(const Daemon& daemon) {
  const Child writer([&](const Channel& channel) {
    const auto client = daemon.connect();
    const std::vector<std::byte> data(kObjectBytes, std::byte{7});
    for (std::uint64_t i = 0; i < kObjects; ++i) must(client->put(numbered_id(i), data));
    channel.tell(0);
  });
  static_cast<void>(writer.channel().must_hear());
}

std::vector<ObjectId> random_order() {
  std::vector<ObjectId> ids;
  for (std::uint64_t i = 0; i < kBatch * kBatches; ++i) ids.push_back(numbered_id(scramble(i) % kObjects));
  return ids;
}

void get_one(Client& client, const ObjectId& id) {
  const Result<Object> object = client.get_raw(id);
  require(object && object->data().size() == kObjectBytes, "an object is missing");
}

/// The same, and reads a byte of each of the object's cache lines.
std::uint64_t read_one(Client& client, const ObjectId& id) {
  const Result<Object> object = client.get_raw(id);
  require(object && object->data().size() == kObjectBytes, "an object is missing");
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < kObjectBytes; at += 64) sum += std::to_integer<std::uint64_t>(object->data()[at]);
  return sum;
}

template <class Get>
Contest::Slice batches(const std::vector<ObjectId>& ids, Get get) {
  return [&ids, get](Samples& samples) {
    for (std::size_t begin = 0; begin < ids.size(); begin += kBatch)
      samples.add(time_ns([&] {
                    for (std::size_t i = begin; i < begin + kBatch; ++i) get(ids[i]);
                  }) /
                  kBatch);
  };
}

double clock_cost_ns() {
  Samples samples;
  for (int i = 0; i < 10'000; ++i) samples.add(time_ns([] {}));
  return samples.median();
}

Contest::Slice singles(const std::shared_ptr<Client>& client, const std::vector<ObjectId>& ids) {
  return [&ids, client, clock = clock_cost_ns()](Samples& samples) {
    for (const ObjectId& id : ids) samples.add(time_ns([&] { get_one(*client, id); }) - clock);
  };
}

void measure(Report& report, const Daemon& daemon, int core_count) {
  const Cores cores(core_count);
  const auto client = daemon.connect();
  const std::vector<ObjectId> ids = random_order();
  std::uint64_t sum = 0;
  Contest contest;
  contest.add("get", batches(ids, [&](const ObjectId& id) { get_one(*client, id); }));
  contest.add("exists", batches(ids, [&](const ObjectId& id) { require(*client->exists(id), "missing"); }));
  contest.add("single", singles(client, ids));
  contest.add("read", batches(ids, [&](const ObjectId& id) { sum += read_one(*client, id); }));
  contest.run(report.rounds(30, 8));
  require(sum > 0, "nothing was read");

  const Samples& get = contest.of("get");
  report.add({"get + release, p50 of batches of 32", cores.name(), get.median(), "ns", {}, 0, {}, "<= 200"});
  report.add({"get + release, p99 of batches of 32", cores.name(), get.percentile(0.99), "ns"});
  report.add({"get + release, p50 of single gets, clock off", cores.name(), contest.of("single").median(), "ns"});
  report.add(
      {"get + release, p99 of single gets, clock off", cores.name(), contest.of("single").percentile(0.99), "ns"});
  report.add({"gets a second, one thread", cores.name(), 1e9 / get.mean(), "/s", {}, 0, {}, ">= 4e6"});
  report.add({"get, read 1 KiB, release: p50", cores.name(), contest.of("read").median(), "ns"});
  report.add({"exists: p50", cores.name(), contest.of("exists").median(), "ns"});
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "get_hit: 1 KiB, random over 10,000 objects that another process put");
  for (const int cores : {2, 1}) {
    const Cores both(cores);
    const Daemon daemon;
    put_objects(daemon);
    measure(report, daemon, cores);
  }
  const Daemon daemon;
  put_objects(daemon);
  const SystemCalls calls = count_system_calls({DOLIUM_ONE_CLIENT, daemon.socket(), "get"}, 1000, 101'000);
  if (calls.reason.empty())
    report.add({"system calls a get (strace -c: " + calls.text() + ")", "", calls.total(), "", {}, 0, {}, "0"});
  else
    report.note(calls.reason);
}
