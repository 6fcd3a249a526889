// Readers: what a put into a full store costs beside readers that touched everything. Each eviction asks all pin tables
// whether the victim is in use, and how recently it was used.
//
// Each store has its own daemon, with no reader, or with so many connections in a few processes. Before each slice all
// readers get every object of their store; then puts are timed, one round trip each, and each evicts an object. So each
// victim was touched by all readers. The readers sleep meanwhile: what is measured is what their tables cost the
// server.

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "tests/bench/process.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kCapacity = 16 * kMiB;
constexpr std::uint64_t kObjects = 15'000;   // of 1 KiB: nearly all that the store has
constexpr std::uint64_t kPuts = kObjects;    // a slice: everything goes once
constexpr std::uint64_t kConnections = 125;  // of one process: each takes some descriptors

/// Connections that get the kObjects objects before the one that is named.
Child audience(const Daemon& daemon, std::uint64_t connections) {
  return Child([&daemon, connections](const Channel& channel) {
    std::vector<std::shared_ptr<Client>> clients;
    for (std::uint64_t i = 0; i < connections; ++i) clients.push_back(daemon.connect());
    double end = 0;
    while (channel.hear(end)) {
      double hits = 0;
      for (const auto& client : clients)
        for (std::uint64_t back = kObjects; back > 0; --back)
          if (client->try_get(numbered_id(static_cast<std::uint64_t>(end) - back))) ++hits;
      channel.tell(hits);
    }
  });
}

class Theatre {
 public:
  Theatre(std::uint64_t readers, const std::string& policy)
      : daemon_({.capacity = kCapacity, .more = {"--eviction-policy=" + policy}}), readers_(readers) {
    for (std::uint64_t rest = readers; rest > 0; rest -= std::min(rest, kConnections))
      audiences_.push_back(audience(daemon_, std::min(rest, kConnections)));
    putter_ = daemon_.connect();
    while (next_ < 2 * kObjects) put();
  }

  void slice(Samples& samples) {
    double hits = 0;
    for (const Child& each : audiences_) hits += each.ask(static_cast<double>(next_));
    require(hits >= 0.9 * static_cast<double>(readers_ * kObjects), "the readers did not find what was put");
    const double ns = time_ns([this] {
      for (std::uint64_t i = 0; i < kPuts; ++i) put();
    });
    samples.add(ns / static_cast<double>(kPuts));
  }

 private:
  void put() { must(putter_->put(numbered_id(next_++), data_)); }

  Daemon daemon_;
  std::uint64_t readers_;
  std::deque<Child> audiences_;
  std::shared_ptr<Client> putter_;
  std::uint64_t next_ = 0;
  std::vector<std::byte> data_ = std::vector<std::byte>(kKiB, std::byte{7});
};

}  // namespace

int main(int argc, char** argv) {
  std::string policy = "lru";
  const std::array<Report::Option, 1> options{{{"--policy", "eviction policy; the default: lru", &policy}}};
  Report report(argc, argv, "readers: puts of 1 KiB into a full store, beside readers that touched everything",
                options);
  std::vector<std::uint64_t> counts = {0, 10, 100, 300, 1000};
  if (report.smoke()) counts = {0, 10};
  std::deque<Theatre> theatres;
  Contest contest;
  for (const std::uint64_t count : counts) {
    Theatre& theatre = theatres.emplace_back(count, policy);
    contest.add(std::to_string(count), [&theatre](Samples& samples) { theatre.slice(samples); });
  }
  contest.run(report.rounds(9, 3));
  const std::string cores = std::to_string(usable_cores());
  for (const std::uint64_t count : counts) {
    const std::string name = std::to_string(count);
    report.add({"put beside " + name + " readers", cores, contest.of(name).median() / 1e3, "us", "no reader",
                contest.of("0").median() / 1e3, contest.ratio(name, "0"), count == 1000 ? "<= 2" : ""});
  }
}
