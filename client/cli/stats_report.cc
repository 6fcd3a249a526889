#include "client/cli/stats_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/cli/client_names.h"
#include "client/cli/printable.h"
#include "client/cli/shares.h"
#include "client/cli/table.h"
#include "client/cli/tier_report.h"
#include "client/cli/time_text.h"
#include "shm/text/size_text.h"
#include "shm/types/obstacles_text.h"

namespace dolium::cli {
namespace {

constexpr std::size_t kBarWidth = 60;
constexpr std::size_t kTopClients = 5;

// ---- the text, part by part ----

std::string legend(const StoreStats& stats) {
  using enum Table::Align;
  const Shares shares = shares_of(stats);
  Table table({{""}, {""}, {"", right}, {""}});
  const auto row = [&](const char* sign, const char* what, std::uint64_t bytes, std::string why) {
    table.add({sign, what, format_size(bytes), std::move(why)});
  };
  row("#", "in use", shares.in_use,
      "held by clients; including pinned and removed ones, " + counted(stats.in_use_count, "object") + " are held");
  row("P", "pinned", shares.pinned, counted(stats.pinned_count, "object") + ", kept until unpin");
  if (stats.graced_count != 0)
    row("g", "in a grace", shares.graced,
        counted(stats.graced_count, "object") + ", kept until readers have got them or their time has passed");
  row("w", "being written", shares.writing, counted(stats.unsealed_count, "object") + ", created and not sealed");
  row("x", "removed but held", shares.retired, counted(stats.retired_count, "object") + ", freed at the last release");
  if (stats.quarantined_count != 0)
    row("q", "in quarantine", shares.quarantined,
        "its writers have ended; free within a minute, when their I/O cannot reach it any more");
  if (stats.dirty_count != 0)
    row("d", "dirty", shares.dirty, "of retention `keep`, unused: evicted when they have been written to disk");
  row("=", "evictable", shares.evictable, "unused: evicted when room is needed");
  row(".", "free", shares.free, "an object of " + format_size(stats.largest_free_extent) + " fits without eviction");
  return table.text("  ");
}

std::string history(const StoreStats& s) {
  Table table({{""}, {""}});
  table.add({"objects", fmt::format("{} sealed, {} of data and metadata, {} of padding", grouped(s.total_objects),
                                    format_size(s.total_size), format_size(s.padding_bytes))});
  table.add({"gets", fmt::format("{}: {} hits, {} misses, hit ratio {}", grouped(s.get_count), grouped(s.hit_count),
                                 grouped(s.miss_count), hit_ratio(s.hit_count, s.get_count))});
  table.add({"puts", fmt::format("{} sealed, {} aborted, {} refused for lack of room", grouped(s.put_count),
                                 grouped(s.aborted_count), grouped(s.out_of_memory_count))});
  table.add({"gone", fmt::format("{} evicted ({}), {} expired, {} removed", grouped(s.eviction_count),
                                 format_size(s.evicted_bytes), grouped(s.expired_count), grouped(s.removed_count))});
  table.add({"eviction", fmt::format("policy {}", to_string(s.eviction_policy))});
  if (s.relocation_count != 0)
    table.add({"moved", fmt::format("{} ({}), to defragment free memory", counted(s.relocation_count, "object"),
                                    format_size(s.relocated_bytes))});
  if (s.obstacles.count != 0)
    table.add({"in the way",
               fmt::format("{}, in {}; without all other objects, {} would be contiguous", obstacles_text(s.obstacles),
                           counted(s.obstacles.count, "piece"), format_size(s.obstacles.largest_run))});
  table.add({"waiting", fmt::format("{}, {}", counted(s.waiting_gets, "get"), counted(s.waiting_creates, "create"))});
  table.add(
      {"memory", fmt::format("{} of {} reserved; {} of at most {}", format_size(s.reserved_bytes),
                             format_size(s.capacity), counted(s.total_objects, "object"), grouped(s.max_objects))});
  return table.text("  ");
}

std::string histogram(const StoreStats& stats) {
  constexpr std::uint64_t kWidth = 40;
  using enum Table::Align;
  std::uint64_t most = 1;
  for (const auto& [bucket, count] : stats.size_histogram) most = std::max(most, count);
  Table table({{"", right}, {"", right}, {""}});
  for (const auto& [bucket, count] : stats.size_histogram) {
    const auto length = static_cast<std::size_t>((count * kWidth + most - 1) / most);
    table.add({"<= " + format_size(bucket), grouped(count), std::string(length, '*')});
  }
  return table.text("  ");
}

/// The last line of a table with more rows than it shows.
std::string and_more(std::size_t rows) {
  return rows > kTopClients ? fmt::format("  ... and {} more (--json has all)\n", rows - kTopClients) : "";
}

std::string holders_table(const StatsReport& report) {
  using enum Table::Align;
  const auto clients = top(report.clients, held_or_written_by);
  Table table(
      {{"PID", right}, {"COMMAND"}, {"USER"}, {"NAME"}, {"HOLDS", right}, {"OBJECTS", right}, {"WRITES", right}});
  for (std::size_t i = 0; i < std::min(kTopClients, clients.size()); ++i) {
    const ClientInfo& c = *clients[i];
    table.add({pid_text(c.pid), printable(c.command, kNameColumns), printable(c.user, kNameColumns),
               printable(c.name, kNameColumns), format_size(c.bytes_held), grouped(c.objects_held),
               format_size(c.unsealed_bytes)});
  }
  return clients.empty() ? "" : table.text("  ") + and_more(clients.size());
}

std::string pinners(const StatsReport& report) {
  using enum Table::Align;
  Table table({{"PINNED, BY CREATOR", right}, {"BYTES", right}, {"OBJECTS", right}});
  for (std::size_t i = 0; i < std::min(kTopClients, report.pinned_by.size()); ++i) {
    const PinnedBy& by = report.pinned_by[i];
    table.add({pid_text(by.creator_pid), format_size(by.bytes), grouped(by.count)});
  }
  return report.pinned_by.empty() ? "" : table.text("  ") + and_more(report.pinned_by.size());
}

}  // namespace

std::string text(const StatsReport& report) {
  const StoreStats& stats = report.stats;
  std::string out =
      fmt::format("{}\n\n  {} {} of {}\n\n{}\n{}", printable(explain(report)), bar(shares_of(stats), kBarWidth),
                  fullness(stats), format_size(stats.capacity), legend(stats), history(stats));
  for (const std::string& part : {tier_text(stats, "  "), histogram(stats), holders_table(report), pinners(report)})
    if (!part.empty()) out += "\n" + part;
  out += fmt::format("\n  doliumd at {}, up {}; {} besides this command\n", printable(report.socket),
                     format_duration(stats.uptime), counted(report.clients.size(), "client"));
  return out;
}

Json to_json(const StatsReport& report) {
  Json json = to_json(report.stats);
  json.set("summary", explain(report));
  Json holders = Json::array();
  for (const ClientInfo* client : top(report.clients, held_or_written_by)) holders.push_back(to_json(*client));
  json.set("holders", holders);
  Json pinned_by = Json::array();
  for (const PinnedBy& by : report.pinned_by)
    pinned_by.push_back({{"creator_pid", by.creator_pid}, {"count", by.count}, {"bytes", by.bytes}});
  json.set("pinned_by", pinned_by);
  return json;
}

}  // namespace dolium::cli
