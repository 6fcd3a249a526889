// How gets scale: 1 to 8 client processes, each in a loop over the same 10,000 objects of 1 KiB in an order of its
// own, for the same time. On a machine with fewer cores than clients the sum can only stay level.

#include <deque>

#include "tests/bench/process.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kObjects = 10'000;
constexpr std::uint64_t kHotObjects = 1;
constexpr int kMostClients = 8;
constexpr std::uint64_t kChecked = 256;  // gets between two looks at the clock

/// Does gets for as many milliseconds as it is told, and tells how many a second it made.
Child getter(const Daemon& daemon, std::uint64_t objects, std::uint64_t seed) {
  return Child([&daemon, objects, seed](const Channel& channel) {
    const auto client = daemon.connect();
    std::vector<ObjectId> ids;
    for (std::uint64_t i = 0; i < kObjects; ++i) ids.push_back(numbered_id(scramble(seed + i) % objects));
    double milliseconds = 0;
    while (channel.hear(milliseconds)) {
      const std::int64_t begin = now_ns();
      const std::int64_t end = begin + static_cast<std::int64_t>(milliseconds * 1e6);
      std::uint64_t gets = 0;
      while (now_ns() < end)
        for (std::uint64_t i = 0; i < kChecked; ++i, ++gets)
          require(client->get_raw(ids[gets % kObjects]).has_value(), "an object is missing");
      channel.tell(static_cast<double>(gets) * 1e9 / static_cast<double>(now_ns() - begin));
    }
  });
}

double gets_per_second(const std::deque<Child>& clients, int count, double milliseconds) {
  for (int i = 0; i < count; ++i) clients[static_cast<std::size_t>(i)].channel().tell(milliseconds);
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += clients[static_cast<std::size_t>(i)].channel().must_hear();
  return sum;
}

void measure(Report& report, const Daemon& daemon, const std::string& what, std::uint64_t objects) {
  std::deque<Child> clients;
  for (int i = 0; i < kMostClients; ++i)
    clients.push_back(getter(daemon, objects, kObjects * static_cast<std::uint64_t>(i)));
  std::map<int, Samples> rates;
  const double milliseconds = report.quick() ? 40 : 200;
  for (int round = 0; round < report.rounds(7, 3); ++round)
    for (int count = 1; count <= kMostClients; count = count < 4 ? count + 1 : count * 2)
      rates[count].add(gets_per_second(clients, count, milliseconds));
  const double one = rates[1].median();
  for (const auto& [count, samples] : rates)
    report.add({"gets a second, " + what + ", " + std::to_string(count) + " clients",
                std::to_string(std::min(count, usable_cores())), samples.median(), "/s", "1 client", one,
                samples.median() / one});
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "scaling: gets of 1 KiB from 1 to 8 processes");
  const Daemon daemon;
  const auto client = daemon.connect();
  const std::vector<std::byte> data(kKiB, std::byte{7});
  for (std::uint64_t i = 0; i < kObjects; ++i) must(client->put(numbered_id(i), data));
  measure(report, daemon, "10,000 objects", kObjects);
  measure(report, daemon, "one hot object", kHotObjects);
}
