#include "client/cli/stats_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "client/cli/printable.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"
#include "shm/text/size_text.h"
#include "shm/types/obstacles_text.h"

namespace dolium::cli {
namespace {

constexpr std::size_t kBarWidth = 60;
constexpr std::size_t kTopClients = 5;
constexpr std::size_t kNameColumns = 24;
constexpr std::size_t kPodColumns = 64;

std::uint64_t less(std::uint64_t from, std::uint64_t what) noexcept {
  return from > what ? from - what : 0;
}

std::uint64_t claim(const ClientInfo& client) noexcept {
  return client.bytes_held + client.unsealed_bytes;
}

/// Those for whom `bytes` is not zero, most first.
std::vector<const ClientInfo*> top(const std::vector<ClientInfo>& clients, std::uint64_t (*bytes)(const ClientInfo&)) {
  std::vector<const ClientInfo*> out;
  for (const ClientInfo& client : clients)
    if (bytes(client) != 0) out.push_back(&client);
  std::ranges::stable_sort(out, [bytes](auto* a, auto* b) { return bytes(*a) > bytes(*b); });
  return out;
}

/// " by python3 (pid 1)", " by 3 clients, the largest share, 4 MiB, by python3 (pid 1)", or nothing.
std::string by_whom(const std::vector<const ClientInfo*>& clients, std::uint64_t (*bytes)(const ClientInfo&)) {
  if (clients.empty()) return "";
  const std::string first = who(*clients.front());
  if (clients.size() == 1) return " by " + first;
  return fmt::format(" by {} clients, the largest share, {}, by {}", clients.size(),
                     format_size(bytes(*clients.front())), first);
}

std::uint64_t held_by(const ClientInfo& client) noexcept {
  return client.bytes_held;
}

std::uint64_t written_by(const ClientInfo& client) noexcept {
  return client.unsealed_bytes;
}

// ---- the sentence, clause by clause; each adds itself when it has something to say ----

using Clauses = std::vector<std::string>;

void say_what_can_go(const StoreStats& stats, Clauses& out) {
  if (stats.used_bytes == 0) return;
  if (stats.evictable_bytes == stats.used_bytes)
    out.push_back("nobody uses any of it: all could be evicted at once");
  else if (stats.evictable_bytes == 0)
    out.push_back("nothing can be evicted");
  else
    out.push_back(format_size(stats.evictable_bytes) + " could be evicted at once");
}

void say_when_rows_are_scarce(const StoreStats& stats, Clauses& out) {
  const std::uint64_t rows = stats.total_objects + stats.unsealed_count + stats.retired_count + stats.quarantined_count;
  if (stats.max_objects != 0 && rows >= stats.max_objects)
    out.push_back(fmt::format("all {} objects that max_objects allows exist: a new one must evict one",
                              grouped(stats.max_objects)));
}

void say_who_holds(const StatsReport& report, Clauses& out) {
  const StoreStats& stats = report.stats;
  if (stats.in_use_bytes == 0) return;
  std::string clause = format_size(stats.in_use_bytes) + " are held" + by_whom(top(report.clients, held_by), held_by);
  if (stats.retired_bytes != 0)
    clause += fmt::format(", {} of it removed already and free at the last release", format_size(stats.retired_bytes));
  out.push_back(std::move(clause));
}

/// Who put it, as far as that process is still connected.
std::string creator_of(const StatsReport& report, const PinnedBy& pinned) {
  const auto creator = std::ranges::find(report.clients, pinned.creator_pid, &ClientInfo::pid);
  if (pinned.creator_pid == 0) return "processes that the daemon's PID namespace does not see";
  return creator == report.clients.end() ? fmt::format("pid {}, which is gone", pinned.creator_pid) : who(*creator);
}

void say_who_pins(const StatsReport& report, Clauses& out) {
  const StoreStats& stats = report.stats;
  if (stats.pinned_bytes == 0) return;
  std::string clause = format_size(stats.pinned_bytes) + " are pinned";
  if (!report.pinned_by.empty()) {
    const std::string creator = creator_of(report, report.pinned_by.front());
    clause += report.pinned_by.size() == 1
                  ? fmt::format(", put by {}", creator)
                  : fmt::format(", put by {} processes, the largest share, {}, by {}", report.pinned_by.size(),
                                format_size(report.pinned_by.front().bytes), creator);
  }
  out.push_back(std::move(clause));
}

void say_who_writes(const StatsReport& report, Clauses& out) {
  if (report.stats.unsealed_bytes == 0) return;
  out.push_back(format_size(report.stats.unsealed_bytes) + " are being written" +
                by_whom(top(report.clients, written_by), written_by));
}

void say_what_rests(const StoreStats& stats, Clauses& out) {
  if (stats.quarantined_bytes == 0) return;
  out.push_back(format_size(stats.quarantined_bytes) +
                " are in quarantine: their writers are gone, and I/O of theirs may still be under way; they come back "
                "within a minute");
}

void say_who_waits(const StoreStats& stats, Clauses& out) {
  if (stats.waiting_creates != 0)
    out.push_back(fmt::format(
        "{} for room, until something is released, unpinned or removed",
        stats.waiting_creates == 1 ? "a create waits" : fmt::format("{} creates wait", stats.waiting_creates)));
  // Small change is always in pieces.
  const bool much = stats.free_bytes > stats.capacity / 20;
  if (much && stats.largest_free_extent < stats.free_bytes / 2)
    out.push_back(fmt::format("the free space is in pieces of {} at most", format_size(stats.largest_free_extent)));
}

void say_who_misbehaved(const std::vector<ClientInfo>& clients, Clauses& out) {
  for (const ClientInfo& client : clients)
    if (client.quarantined)
      out.push_back(who(client) + " misbehaved and was cut off; what it can touch is kept until it ends");
}

// ---- the text, part by part ----

std::string legend(const StoreStats& stats) {
  using enum Table::Align;
  const Shares shares = shares_of(stats);
  Table table({{""}, {""}, {"", right}, {""}});
  const auto row = [&](const char* sign, const char* what, std::uint64_t bytes, std::string why) {
    table.add({sign, what, format_size(bytes), std::move(why)});
  };
  row("#", "in use", shares.in_use,
      "somebody holds it; with what is pinned or removed, " + counted(stats.in_use_count, "object") + " are held");
  row("P", "pinned", shares.pinned, counted(stats.pinned_count, "object") + ", kept until unpin");
  row("w", "being written", shares.writing, counted(stats.unsealed_count, "object") + ", created and not sealed");
  row("x", "removed but held", shares.retired, counted(stats.retired_count, "object") + ", free at the last release");
  if (stats.quarantined_count != 0)
    row("q", "in quarantine", shares.quarantined,
        "its writers are gone; free within a minute, when no I/O of theirs can reach it");
  row("=", "evictable", shares.evictable, "nobody uses it: goes first when room is needed");
  row(".", "free", shares.free, "an object of " + format_size(stats.largest_free_extent) + " fits without evicting");
  return table.text("  ");
}

std::string history(const StoreStats& s) {
  Table table({{""}, {""}});
  table.add({"objects", fmt::format("{} sealed, {} of data and metadata, {} of padding", grouped(s.total_objects),
                                    format_size(s.total_size), format_size(s.padding_bytes))});
  table.add({"gets", fmt::format("{}: {} hits, {} misses, hit ratio {}", grouped(s.get_count), grouped(s.hit_count),
                                 grouped(s.miss_count), hit_ratio(s.hit_count, s.get_count))});
  table.add({"puts", fmt::format("{} sealed, {} aborted, {} refused for want of room", grouped(s.put_count),
                                 grouped(s.aborted_count), grouped(s.out_of_memory_count))});
  table.add({"gone", fmt::format("{} evicted ({}), {} expired, {} removed", grouped(s.eviction_count),
                                 format_size(s.evicted_bytes), grouped(s.expired_count), grouped(s.removed_count))});
  if (s.relocation_count != 0)
    table.add({"moved", fmt::format("{} ({}), to bring free memory together", counted(s.relocation_count, "object"),
                                    format_size(s.relocated_bytes))});
  if (s.obstacles.count != 0)
    table.add(
        {"in the way", fmt::format("{}, in {}; if all else went, {} would lie together", obstacles_text(s.obstacles),
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

/// What a table that was cut off leaves out.
std::string and_more(std::size_t rows) {
  return rows > kTopClients ? fmt::format("  ... and {} more (--json has all)\n", rows - kTopClients) : "";
}

std::string holders(const StatsReport& report) {
  using enum Table::Align;
  const auto clients = top(report.clients, claim);
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

Shares shares_of(const StoreStats& stats) noexcept {
  Shares shares;
  shares.pinned = stats.pinned_bytes;
  shares.writing = stats.unsealed_bytes;
  shares.retired = stats.retired_bytes;
  shares.quarantined = stats.quarantined_bytes;
  shares.evictable = stats.evictable_bytes;
  shares.free = stats.free_bytes;
  shares.in_use =
      less(stats.used_bytes, shares.pinned + shares.writing + shares.retired + shares.quarantined + shares.evictable);
  return shares;
}

std::string bar(const Shares& shares, std::size_t width) {
  const std::array<std::pair<char, std::uint64_t>, 7> parts = {{{'#', shares.in_use},
                                                                {'P', shares.pinned},
                                                                {'w', shares.writing},
                                                                {'x', shares.retired},
                                                                {'q', shares.quarantined},
                                                                {'=', shares.evictable},
                                                                {'.', shares.free}}};
  std::uint64_t total = 0;
  for (const auto& [sign, bytes] : parts) total += bytes;
  std::string out;
  std::uint64_t begin = 0;
  for (const auto& [sign, bytes] : parts) {
    const std::uint64_t end = begin + bytes;
    const auto to = static_cast<std::size_t>(
        static_cast<double>(end) / static_cast<double>(std::max<std::uint64_t>(total, 1)) * static_cast<double>(width));
    const std::size_t wanted = std::max<std::size_t>(to > out.size() ? to - out.size() : 0, bytes != 0 ? 1 : 0);
    out.append(wanted, sign);
    begin = end;
  }
  // Shares too small for a character of their own took one all the same: the last ones give way.
  out.resize(width, out.empty() ? '.' : out.back());
  return "[" + out + "]";
}

std::string fullness(const StoreStats& stats) {
  if (stats.used_bytes == 0) return "0 %";
  if (stats.free_bytes == 0) return "100 %";
  const auto percent = static_cast<double>(stats.used_bytes) * 100 / static_cast<double>(stats.capacity);
  return percent < 1 ? "<1 %" : fmt::format("{} %", std::min(99L, std::lround(percent)));
}

std::string hit_ratio(std::uint64_t hits, std::uint64_t gets) {
  if (gets == 0) return "-";
  return fmt::format("{:.1f} %", static_cast<double>(hits) * 100 / static_cast<double>(gets));
}

namespace {

std::string who(const std::string& command, std::int32_t pid, const ClientOrigin& origin, const std::string& given) {
  std::string out =
      fmt::format("{} ({}", shortened(command, kNameColumns), pid == 0 ? "pid unknown" : fmt::format("pid {}", pid));
  if (const std::string own = own_words(origin, pid); !own.empty()) out += ", calls itself " + own;
  if (!given.empty() && given != command) out += fmt::format(", \"{}\"", shortened(given, kNameColumns));
  return out + ")";
}

}  // namespace

std::string own_words(const ClientOrigin& origin, std::int32_t pid) {
  std::string out;
  if (origin.pid != 0 && origin.pid != pid)
    out = fmt::format("pid {} on {}", origin.pid, shortened(origin.host, kNameColumns));
  if (!origin.pod.empty()) out += fmt::format("{}pod {}", out.empty() ? "" : ", ", shortened(origin.pod, kPodColumns));
  return out;
}

std::string who(const ClientInfo& client) {
  return who(client.command, client.pid, client.origin, client.name);
}

std::string who(const ClientUse& use) {
  return who(use.command, use.pid, use.origin, use.name);
}

std::string explain(const StatsReport& report) {
  const StoreStats& stats = report.stats;
  Clauses clauses;
  say_what_can_go(stats, clauses);
  say_when_rows_are_scarce(stats, clauses);
  say_who_holds(report, clauses);
  say_who_pins(report, clauses);
  say_who_writes(report, clauses);
  say_what_rests(stats, clauses);
  say_who_waits(stats, clauses);
  say_who_misbehaved(report.clients, clauses);
  const std::string head = stats.used_bytes == 0 ? "Empty" : fullness(stats) + " full";
  return clauses.empty() ? head + "." : fmt::format("{}: {}.", head, fmt::join(clauses, "; "));
}

std::string text(const StatsReport& report) {
  const StoreStats& stats = report.stats;
  std::string out =
      fmt::format("{}\n\n  {} {} of {}\n\n{}\n{}", printable(explain(report)), bar(shares_of(stats), kBarWidth),
                  fullness(stats), format_size(stats.capacity), legend(stats), history(stats));
  for (const std::string& part : {histogram(stats), holders(report), pinners(report)})
    if (!part.empty()) out += "\n" + part;
  out += fmt::format("\n  doliumd at {}, up {}; {} besides this one\n", printable(report.socket),
                     format_duration(stats.uptime), counted(report.clients.size(), "client"));
  return out;
}

Json to_json(const StatsReport& report) {
  Json json = to_json(report.stats);
  json["summary"] = explain(report);
  json["holders"] = Json::array();
  for (const ClientInfo* client : top(report.clients, claim)) json["holders"].push_back(to_json(*client));
  json["pinned_by"] = Json::array();
  for (const PinnedBy& by : report.pinned_by)
    json["pinned_by"].push_back({{"creator_pid", by.creator_pid}, {"count", by.count}, {"bytes", by.bytes}});
  return json;
}

}  // namespace dolium::cli
