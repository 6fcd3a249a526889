// Dolium beside what a user would pick instead, on the same work in the same run, slice by slice in turn. What is not
// installed is skipped (scripts/bench --peers installs it). Plasma is in no Debian: its figures are quoted.
//
// Redis and memcached have one server process each and a socket in between; LMDB is a library over a file in memory.
// Dolium's put makes an object that can never change; the others overwrite. Every client is this one process; the
// objects that are got were put by another.

#include "tests/bench/peers.h"

#include "tests/bench/limits.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kObjects = 10'000;
constexpr std::uint64_t kKeys = 20'000;  // puts go round among these: nothing grows without end, nobody evicts
constexpr std::size_t kMany = 100;
constexpr int kGetBatch = 32;
constexpr int kGetBatches = 100;  // a slice

void report_all(Report& report, const PeerServers& servers, const Contest& contest, const std::string& cores,
                const std::string& what, double divisor, const std::string& unit) {
  for (const auto& server : servers) {
    const std::string& name = server->name();
    const double p50 = contest.of(name).median() / divisor;
    if (name == "Dolium")
      report.add({what + ": Dolium", cores, p50, unit});
    else
      report.add({what + ": " + name, cores, p50, unit, "Dolium", contest.of("Dolium").median() / divisor,
                  contest.ratio(name, "Dolium")});
  }
}

void fill(const PeerServer& server) {
  const Child writer([&](const Channel& channel) {
    const std::vector<std::byte> data(kKiB, std::byte{7});
    const auto peer = server.connect();
    put_all(*peer, kObjects, data);
    channel.tell(0);
  });
  static_cast<void>(writer.channel().must_hear());
}

void gets(Report& report, int core_count, bool first) {
  const Cores cores(core_count);
  const PeerServers servers = start_peers(first ? &report : nullptr);
  Contest contest;
  for (const auto& server : servers) {
    fill(*server);
    const std::shared_ptr<Peer> peer = server->connect();
    contest.add(server->name(), [peer, next = std::uint64_t{0}](Samples& samples) mutable {
      for (int batch = 0; batch < kGetBatches; ++batch) {
        std::vector<ObjectId> ids;
        for (int i = 0; i < kGetBatch; ++i) ids.push_back(numbered_id(scramble(next++) % kObjects));
        samples.add(time_ns([&] {
                      for (const ObjectId& id : ids) require(peer->get(id) == kKiB, "an object is missing");
                    }) /
                    kGetBatch);
      }
    });
  }
  contest.run(report.rounds(20, 6));
  report_all(report, servers, contest, cores.name(), "get 1 KiB, p50", 1e3, "us");
}

/// `at_once` puts of `size` bytes are one sample; nanoseconds a put.
void puts(Report& report, int core_count, const std::string& what, std::size_t size, std::size_t at_once,
          int samples_a_slice) {
  const Cores cores(core_count);
  const PeerServers servers = start_peers(nullptr);
  const WarmMemory data(size);
  const std::uint64_t keys = size > kKiB ? 4 : kKeys;
  Contest contest;
  for (const auto& server : servers) {
    const std::shared_ptr<Peer> peer = server->connect();
    contest.add(server->name(), [&, peer, next = std::uint64_t{0}](Samples& samples) mutable {
      for (int i = 0; i < samples_a_slice; ++i) {
        std::vector<ObjectId> ids;
        for (std::size_t k = 0; k < at_once; ++k) ids.push_back(numbered_id(next++ % keys));
        const double taken = time_ns([&] {
          if (at_once == 1)
            peer->put(ids.front(), data.bytes());
          else
            peer->put_many(ids, data.bytes());
        });
        samples.add(taken / static_cast<double>(at_once));
        peer->forget(ids);
      }
    });
  }
  contest.run(report.rounds(20, 5));
  report_all(report, servers, contest, cores.name(), what, 1e3, "us");
}

void quote_plasma(Report& report) {
  report.note(
      "quoted, not measured here: Plasma of Arrow 11, on another 2-core machine: get + release of 1 KiB 84 us (57 "
      "bound "
      "to one core), put of 1 KiB 146 us (106), inline 70 us, put of 1 MiB 358 us, of 64 MiB 6.5 GB/s, hand-over 98 "
      "us");
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "peers: Dolium and others, the same work; x is how many times Dolium's time they take");
  for (const int cores : {2, 1}) {
    gets(report, cores, cores == 2);
    puts(report, cores, "put 1 KiB, p50", kKiB, 1, 100);
    puts(report, cores, "put 1 KiB, 100 at once, each", kKiB, kMany, 5);
  }
  puts(report, 2, "put 1 MiB, p50", kMiB, 1, 8);
  if (!report.quick()) puts(report, 2, "put 64 MiB, p50", 64 * kMiB, 1, 1);
  quote_plasma(report);
}
