// A million objects of 100 bytes: put 500 at once, then got at random from another process. Dolium and its peers hold
// the same number in the same run; gets are in turn. (bench_overhead measures the bookkeeping.)

#include "tests/bench/peers.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::size_t kObjectBytes = 100;
constexpr int kBatch = 32;     // gets a sample
constexpr int kBatches = 200;  // a slice

/// Objects a second, put by a process of its own.
double fill(const PeerServer& server, std::uint64_t count) {
  const Child writer([&](const Channel& channel) {
    const auto peer = server.connect();
    const std::vector<std::byte> data(kObjectBytes, std::byte{7});
    channel.tell(time_ns([&] { put_all(*peer, count, data); }));
  });
  return static_cast<double>(count) * 1e9 / writer.channel().must_hear();
}

Contest::Slice random_gets(std::shared_ptr<Peer> peer, std::uint64_t count) {
  return [peer = std::move(peer), count, next = std::uint64_t{0}](Samples& samples) mutable {
    for (int batch = 0; batch < kBatches; ++batch) {
      std::vector<ObjectId> ids;
      for (int i = 0; i < kBatch; ++i) ids.push_back(numbered_id(scramble(next++) % count));
      samples.add(time_ns([&] {
                    for (const ObjectId& id : ids) require(peer->get(id) == kObjectBytes, "an object is missing");
                  }) /
                  kBatch);
    }
  };
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "many_objects: 1,000,000 objects of 100 bytes");
  const std::uint64_t count = report.smoke() ? 10'000 : report.quick() ? 200'000 : 1'000'000;
  if (report.quick()) report.note("only " + std::to_string(count) + " objects");
  const PeerServers servers = start_peers(&report);
  std::map<std::string, double> put_rates;
  Contest contest;
  for (const auto& server : servers) {
    put_rates[server->name()] = fill(*server, count);
    contest.add(server->name(), random_gets(server->connect(), count));
  }
  contest.run(report.rounds(20, 5));
  for (const auto& [name, rate] : put_rates)
    report.add({"puts a second, 500 at once: " + name, "", rate, "/s", "Dolium", put_rates["Dolium"],
                rate / put_rates["Dolium"]});
  for (const auto& server : servers)
    report.add({"get at random, p50: " + server->name(), "", contest.of(server->name()).median() / 1e3, "us", "Dolium",
                contest.of("Dolium").median() / 1e3, contest.ratio(server->name(), "Dolium")});
}
