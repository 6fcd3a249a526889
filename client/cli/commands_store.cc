// stats, clients, ping: the store as a whole, and its users. The session of this command itself is not shown.

#include <fmt/format.h>

#include <algorithm>

#include "client/cli/client_names.h"
#include "client/cli/json_text.h"
#include "client/cli/printable.h"
#include "client/cli/stats_report.h"
#include "client/cli/survey.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"
#include "client/cli/verbs.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

constexpr std::size_t kMaxPings = 100'000;

Result<void> stats(const Globals& globals) {
  const auto client = connect(globals, Access::read_only);
  if (!client) return client.error();
  const Result<StatsReport> report = survey(**client, globals.socket);
  if (!report) return report.error();
  if (globals.json)
    print_json(to_json(*report));
  else
    fmt::print("{}", text(*report));
  return {};
}

Table clients_table(const std::vector<ClientInfo>& clients) {
  using enum Table::Align;
  Table table({{"PID", right},
               {"COMMAND"},
               {"USER"},
               {"NAME"},
               {"ORIGIN"},
               {"ACCESS"},
               {"REFS", right},
               {"HOLDS", right},
               {"WRITES", right},
               {"GRACE", right},
               {"HITS", right},
               {"MISSES", right},
               {"WAITS"},
               {"CONNECTED", right},
               {""}});
  for (const ClientInfo& c : clients) {
    std::string waits = c.waiting_gets == 0 ? "" : counted(c.waiting_gets, "get");
    if (c.waiting_creates != 0) waits += (waits.empty() ? "" : ", ") + counted(c.waiting_creates, "create");
    table.add({pid_text(c.pid), printable(c.command, kNameColumns), printable(c.user, kNameColumns),
               printable(c.name, kNameColumns), printable(own_words(c.origin, c.pid)),
               c.access == Access::read_only ? "read" : "write", grouped(c.references), format_size(c.bytes_held),
               format_size(c.unsealed_bytes), format_size(c.graced_bytes), grouped(c.hits), grouped(c.misses),
               std::move(waits), format_duration(c.connected_for), c.quarantined ? "QUARANTINED" : ""});
  }
  return table;
}

Result<void> clients(const Globals& globals) {
  const auto client = connect(globals, Access::read_only);
  if (!client) return client.error();
  const Result<std::vector<ClientInfo>> others = other_clients(**client);
  if (!others) return others.error();
  if (globals.json) {
    Json array = Json::array();
    for (const ClientInfo& each : *others) array.push_back(to_json(each));
    print_json(array);
    return {};
  }
  if (!others->empty()) fmt::print("{}", clients_table(*others).text());
  fmt::print("{} besides this command\n", counted(others->size(), "client"));
  return {};
}

Result<std::vector<std::chrono::nanoseconds>> round_trips(Client& client, std::size_t count) {
  std::vector<std::chrono::nanoseconds> times;
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (auto answered = client.ping(); !answered) return std::move(answered).error();
    times.push_back(std::chrono::steady_clock::now() - begin);
  }
  std::ranges::sort(times);
  return times;
}

Result<void> ping(const Globals& globals, std::size_t count) {
  const auto client = connect(globals, Access::read_only);
  if (!client) return client.error();
  const auto times = round_trips(**client, count);
  if (!times) return times.error();
  const auto min = times->front(), median = (*times)[times->size() / 2], max = times->back();
  if (globals.json)
    print_json({{"socket", globals.socket},
                {"count", count},
                {"min_ns", min.count()},
                {"median_ns", median.count()},
                {"max_ns", max.count()}});
  else
    fmt::print("doliumd at {} answers: {}, min {}, median {}, max {}\n", printable(globals.socket),
               counted(count, "round trip"), format_latency(min), format_latency(median), format_latency(max));
  return {};
}

}  // namespace

void add_store_verbs(CommandLine& line) {
  line.add("stats", "show how full the store is, why, and which clients use it", stats);
  line.add("clients", "list the connected clients, and what each holds, writes and waits for", clients);
  const auto count = std::make_shared<std::size_t>(10);
  line.add("ping", "test whether the daemon answers, and how fast",
           [count](const Globals& g) { return ping(g, *count); })
      .number("--count", *count, "number of round trips", 1, kMaxPings);
}

}  // namespace dolium::cli
