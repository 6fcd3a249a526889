// Throughput against size: puts of 256 bytes to 64 MiB, Dolium and its peers in turn, beside a memcpy of the same bytes
// into warm memory. Warm all round: objects are removed, or overwritten, so that the next one gets the same memory.

#include <cstring>

#include "tests/bench/limits.h"
#include "tests/bench/peers.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::size_t kLeast = 256;
constexpr std::size_t kMost = 64 * kMiB;
constexpr std::size_t kStep = 4;
constexpr std::size_t kSliceBytes = 16 * kMiB;
constexpr std::size_t kMostRepeats = 200;  // a slice
constexpr std::uint64_t kKeys = 4;

std::string size_name(std::size_t bytes) {
  if (bytes >= kMiB) return std::to_string(bytes / kMiB) + " MiB";
  return bytes >= kKiB ? std::to_string(bytes / kKiB) + " KiB" : std::to_string(bytes) + " B";
}

/// GB/s at this size, by contender: nanoseconds a put are the samples.
Contest run(const Report& report, const std::vector<std::pair<std::string, std::shared_ptr<Peer>>>& peers,
            std::span<const std::byte> data, const WarmMemory& target) {
  const std::size_t repeats = std::clamp(kSliceBytes / data.size(), std::size_t{1}, kMostRepeats);
  Contest contest;
  for (const auto& [name, peer] : peers) {
    contest.add(name, [&peer = *peer, data, repeats](Samples& samples) {
      for (std::size_t i = 0; i < repeats; ++i) {
        const ObjectId id = numbered_id(i % kKeys);
        samples.add(time_ns([&] { peer.put(id, data); }));
        peer.forget({&id, 1});
      }
    });
  }
  contest.add("memcpy", [&target, data, repeats](Samples& samples) {
    for (std::size_t i = 0; i < repeats; ++i)
      samples.add(time_ns([&] { std::memcpy(target.bytes().data(), data.data(), data.size()); }));
  });
  contest.run(report.rounds(16, 4));
  return contest;
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "sizes: puts of one size, GB/s");
  const PeerServers servers = start_peers(&report);
  std::vector<std::pair<std::string, std::shared_ptr<Peer>>> peers;
  for (const auto& server : servers) peers.emplace_back(server->name(), server->connect());
  const std::size_t most = report.smoke() ? kMiB : kMost;
  const WarmMemory source(most);
  const WarmMemory target(most);
  std::vector<Series> lines;
  for (const auto& [name, peer] : peers) lines.push_back({"sizes", name});
  lines.push_back({"sizes", "memcpy"});
  for (std::size_t size = kLeast; size <= most; size *= kStep) {
    const Contest contest = run(report, peers, source.bytes().first(size), target);
    const auto rate = [&](const std::string& name) { return static_cast<double>(size) / contest.of(name).median(); };
    for (Series& line : lines) line.points.emplace_back(static_cast<double>(size), rate(line.name));
    for (const auto& [name, peer] : peers)
      report.add({"put " + size_name(size) + ": " + name, "", rate(name), "GB/s", "memcpy", rate("memcpy"),
                  1 / contest.ratio(name, "memcpy")});
  }
  for (const Series& line : lines) report.add(line);
}
