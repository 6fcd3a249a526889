// The distribution of the latency of single calls: get and put of 1 KiB, each call timed alone, Dolium and its peers in
// turn. The cost of reading the clock is subtracted. The objects of the gets were put by another process. All processes
// may use all cores. The curves are for the plots; the table shows three points of each.

#include <array>

#include "tests/bench/peers.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kObjects = 10'000;
constexpr std::uint64_t kKeys = 20'000;  // puts go round among these
constexpr int kCalls = 1000;             // a slice
constexpr double kLeastNs = 1;           // a call that seems to take less than the clock was not seen by it

constexpr std::array kShares{0.01, 0.05, 0.1,  0.2,  0.3,   0.4,   0.5,   0.6,    0.7,   0.8,
                             0.9,  0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999};

double clock_cost_ns() {
  Samples samples;
  for (int i = 0; i < 10'000; ++i) samples.add(time_ns([] {}));
  return samples.median();
}

using Call = std::function<void(Peer&, const ObjectId&)>;

/// Times `timed` alone; `after` makes room again, outside the measured time. The ids are used in turn.
Contest::Slice calls(std::shared_ptr<Peer> peer, int count, const std::vector<ObjectId>& ids, Call timed, Call after) {
  return [peer = std::move(peer), count, &ids, timed = std::move(timed), after = std::move(after),
          clock = clock_cost_ns(), next = std::size_t{0}](Samples& samples) mutable {
    for (int i = 0; i < count; ++i, ++next) {
      const ObjectId& id = ids[next % ids.size()];
      samples.add(std::max(kLeastNs, time_ns([&] { timed(*peer, id); }) - clock));
      after(*peer, id);
    }
  };
}

std::vector<ObjectId> ids_of(std::uint64_t count, std::uint64_t seed, bool shuffled) {
  std::vector<ObjectId> ids;
  for (std::uint64_t i = 0; i < count; ++i) ids.push_back(numbered_id(shuffled ? scramble(i) % count : i, seed));
  return ids;
}

void report_curve(Report& report, const std::string& verb, const std::string& peer, const Samples& samples) {
  Series curve{"latency", verb + ", " + peer};
  for (const double share : kShares)
    if ((1 - share) * static_cast<double>(samples.values().size()) >= 1)
      curve.points.emplace_back(share, samples.percentile(share) / 1e3);
  report.add(curve);
  const std::string name = verb + " 1 KiB: " + peer;
  for (const auto& [text, share] : {std::pair{", p50", 0.5}, {", p99", 0.99}, {", p99.9", 0.999}})
    report.add({name + text, "", samples.percentile(share) / 1e3, "us"});
}

void measure(Report& report, const PeerServers& servers, const std::string& verb, const std::vector<ObjectId>& ids,
             const Call& timed, const Call& after) {
  Contest contest;
  for (const auto& server : servers)
    contest.add(server->name(), calls(server->connect(), report.smoke() ? 20 : kCalls, ids, timed, after));
  contest.run(report.rounds(100, 20));
  for (const auto& server : servers) report_curve(report, verb, server->name(), contest.of(server->name()));
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "latency: single calls, 1 KiB");
  const PeerServers servers = start_peers(&report);
  const std::vector<std::byte> data(kKiB, std::byte{7});
  for (const auto& server : servers) {
    const Child writer([&](const Channel& channel) {
      put_all(*server->connect(), kObjects, data);
      channel.tell(0);
    });
    static_cast<void>(writer.channel().must_hear());
  }
  measure(
      report, servers, "get", ids_of(kObjects, 0, true),
      [](Peer& peer, const ObjectId& id) { require(peer.get(id) == kKiB, "an object is missing"); },
      [](Peer&, const ObjectId&) {});
  constexpr std::uint64_t kOthers = 1;  // a seed: not those that are got
  measure(
      report, servers, "put", ids_of(kKeys, kOthers, false),
      [&](Peer& peer, const ObjectId& id) { peer.put(id, data); },
      [](Peer& peer, const ObjectId& id) {
        peer.forget({&id, 1});
      });
}
