// How throughput grows with clients: 1 to 8 processes, each in a loop over the same objects of 1 KiB in an order of its
// own, for the same time; Dolium and its peers in turn. On a machine with fewer cores than clients the sum can only
// stay level. Then Dolium alone: one hot object, and puts.

#include "tests/bench/peers.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kObjects = 10'000;
constexpr int kMostClients = 8;
constexpr std::uint64_t kPutKeys = 64;  // a client's own, removed and put again
constexpr std::uint64_t kBetweenLooks = 32;

/// What one client does all the time, once. Each has kObjects ids of its own choice.
using Work = std::function<void(Peer&, const std::vector<ObjectId>& ids, std::uint64_t number)>;
using Choice = std::function<ObjectId(std::uint64_t client, std::uint64_t number)>;

Choice among(std::uint64_t objects) {
  return [objects](std::uint64_t client, std::uint64_t number) {
    return numbered_id(scramble(client * kObjects + number) % objects);
  };
}

ObjectId own(std::uint64_t client, std::uint64_t number) {
  return numbered_id(number, client + 1);
}

void get_once(Peer& peer, const std::vector<ObjectId>& ids, std::uint64_t number) {
  require(peer.get(ids[number % kObjects]) == kKiB, "an object is missing");
}

void put_once(Peer& peer, const std::vector<ObjectId>& ids, std::uint64_t number) {
  static const std::vector<std::byte> data(kKiB, std::byte{7});
  const ObjectId& id = ids[number % kPutKeys];
  if (number >= kPutKeys) peer.forget({&id, 1});
  peer.put(id, data);
}

/// Works for as many milliseconds as it is told, and tells how often a second.
Child worker(const PeerServer& server, const Choice& choice, const Work& work, std::uint64_t client) {
  return Child([&server, choice, work, client](const Channel& channel) {
    const auto peer = server.connect();
    std::vector<ObjectId> ids;
    for (std::uint64_t i = 0; i < kObjects; ++i) ids.push_back(choice(client, i));
    double milliseconds = 0;
    std::uint64_t number = 0;
    while (channel.hear(milliseconds)) {
      const std::uint64_t before = number;
      const std::int64_t begin = now_ns();
      const std::int64_t end = begin + static_cast<std::int64_t>(milliseconds * 1e6);
      while (now_ns() < end)
        for (std::uint64_t i = 0; i < kBetweenLooks; ++i) work(*peer, ids, number++);
      channel.tell(static_cast<double>(number - before) * 1e9 / static_cast<double>(now_ns() - begin));
    }
  });
}

/// The clients of one store, and what they did together in each round.
struct Team {
  std::string name;
  std::vector<Child> clients = {};
  std::map<int, Samples> rates = {};

  void run(int count, double milliseconds) {
    for (int i = 0; i < count; ++i) clients[static_cast<std::size_t>(i)].channel().tell(milliseconds);
    double sum = 0;
    for (int i = 0; i < count; ++i) sum += clients[static_cast<std::size_t>(i)].channel().must_hear();
    rates[count].add(sum);
  }
};

Team hire(const PeerServer& server, const std::string& name, const Choice& choice, const Work& work) {
  Team team{name};
  for (int i = 0; i < kMostClients; ++i)
    team.clients.push_back(worker(server, choice, work, static_cast<std::uint64_t>(i)));
  return team;
}

void measure(Report& report, std::vector<Team>& teams, const std::string& what, bool plot) {
  const double milliseconds = report.smoke() ? 5 : report.quick() ? 30 : 150;
  for (int round = 0; round < report.rounds(7, 3); ++round)
    for (int count = 1; count <= kMostClients; ++count)
      for (Team& team : teams) team.run(count, milliseconds);
  for (const Team& team : teams) {
    Series line{"clients", team.name};
    const double one = team.rates.at(1).median();
    for (const auto& [count, samples] : team.rates) {
      line.points.emplace_back(count, samples.median());
      if (count == 3 || (count > 4 && count < kMostClients)) continue;
      report.add({what + " a second, " + team.name + ", " + std::to_string(count) + " clients",
                  std::to_string(std::min(count, usable_cores())), samples.median(), "/s", "1 client", one,
                  samples.median() / one});
    }
    if (plot) report.add(line);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "scaling: 1 KiB, from 1 to 8 processes");
  const PeerServers servers = start_peers(&report);
  const std::vector<std::byte> data(kKiB, std::byte{7});
  std::vector<Team> all;
  for (const auto& server : servers) {
    put_all(*server->connect(), kObjects, data);
    all.push_back(hire(*server, server->name(), among(kObjects), get_once));
  }
  measure(report, all, "gets", true);
  std::vector<Team> hot;
  hot.push_back(hire(*servers.front(), "one hot object", among(1), get_once));
  measure(report, hot, "gets", false);
  std::vector<Team> puts;
  puts.push_back(hire(*servers.front(), "Dolium", own, put_once));
  measure(report, puts, "remove and put", false);
}
