#include "client/cli/watch_view.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <utility>

#include "client/cli/json_text.h"
#include "client/cli/printable.h"
#include "client/cli/shares.h"
#include "client/cli/stats_report.h"
#include "client/cli/table.h"
#include "client/cli/tier_report.h"
#include "client/cli/time_text.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

using Time = WatchView::Time;

/// The event in one word: "evicted", "sealed".
std::string_view word_for(const Event& event) {
  return event.kind == Event::Kind::removed ? to_string(event.cause) : to_string(event.kind);
}

std::string clock_time(Time time) {
  return format_local(time).substr(sizeof("2026-11-22"));
}

/// Not escaped; without line breaks.
std::string line_for(Time time, const Event& event) {
  if (event.kind == Event::Kind::overflow)
    return clock_time(time) +
           "  overflow  events were lost here: they came too fast, or the server was replaced; `dolium list` lists "
           "the objects";
  std::string label = event.label.empty() ? "" : "  " + event.label;
  std::ranges::replace(label, '\n', ' ');
  return fmt::format("{}  {:<8}  {}  {}{}", clock_time(time), word_for(event), event.id.hex(),
                     format_size(event.data_size + event.metadata_size), label);
}

std::string per_second(double rate) {
  return rate == 0   ? "0/s"
         : rate < 10 ? fmt::format("{:.1f}/s", rate)
                     : grouped(static_cast<std::uint64_t>(rate)) + "/s";
}

std::string line_for(const Rates& rates, const StoreStats& stats) {
  return fmt::format("{} full; seals {}, gets {} (hits {}), evicted {}, expired {}, removed {}", fullness(stats),
                     per_second(rates.seals), per_second(rates.gets), hit_ratio(rates.hits, rates.hits + rates.misses),
                     per_second(rates.evictions), per_second(rates.expiries), per_second(rates.removals));
}

std::string bytes_per_second(double rate) {
  return format_size(static_cast<std::uint64_t>(rate)) + "/s";
}

/// The end of the line for a store with a spill tier.
std::string tier_line(const Rates& rates, const StoreStats& stats) {
  if (!stats.tier) return "";
  const std::string trouble =
      stats.tier->state == SpillTierState::ready ? "" : fmt::format("; the tier is {}", to_string(stats.tier->state));
  return fmt::format("; disk: spilled {}, read back {}, writes {}, reads {}, dirty {}, on disk {}{}",
                     per_second(rates.spills), per_second(rates.read_backs), bytes_per_second(rates.disk_writes),
                     bytes_per_second(rates.disk_reads), format_size(stats.dirty_bytes),
                     format_size(stats.spilled_bytes), trouble);
}

class Lines final : public WatchView {
 public:
  void show(Time time, const Event& event) override { print(printable(line_for(time, event))); }
  void show(Time time, const Rates& rates, const StoreStats& stats) override {
    if (rates.any()) print(clock_time(time) + "  -- " + line_for(rates, stats) + tier_line(rates, stats));
  }

 private:
  static void print(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }
};

class JsonLines final : public WatchView {
 public:
  void show(Time time, const Event& event) override {
    Json json{{"time", format_utc(time)}, {"event", to_string(event.kind)}};
    if (event.kind == Event::Kind::removed) json.set("cause", to_string(event.cause));
    if (event.kind != Event::Kind::overflow) {
      json.set("id", event.id.hex());
      json.set("data_size", event.data_size);
      json.set("metadata_size", event.metadata_size);
      json.set("label", event.label);
    }
    print_json_line(json);
  }
  void show(Time time, const Rates& rates, const StoreStats& stats) override {
    print_json_line({{"time", format_utc(time)},
                     {"event", "rates"},
                     {"seals_per_second", rates.seals},
                     {"gets_per_second", rates.gets},
                     {"evictions_per_second", rates.evictions},
                     {"evicted_bytes_per_second", rates.evicted_bytes},
                     {"expiries_per_second", rates.expiries},
                     {"removals_per_second", rates.removals},
                     {"hits", rates.hits},
                     {"misses", rates.misses},
                     {"used_bytes", stats.used_bytes},
                     {"capacity", stats.capacity},
                     {"waiting_gets", stats.waiting_gets},
                     {"waiting_creates", stats.waiting_creates},
                     {"spills_per_second", rates.spills},
                     {"read_backs_per_second", rates.read_backs},
                     {"disk_written_bytes_per_second", rates.disk_writes},
                     {"disk_read_bytes_per_second", rates.disk_reads},
                     {"dirty_bytes", stats.dirty_bytes},
                     {"spilled_bytes", stats.spilled_bytes},
                     {"tier_state", stats.tier ? Json(to_string(stats.tier->state)) : Json()}});
  }
};

/// Redraws once per interval. Keeps the latest events, as many as fit.
class Screen final : public WatchView {
 public:
  explicit Screen(std::string socket) : socket_(std::move(socket)) { put("\x1b[?25l\x1b[2J"); }
  ~Screen() override { put("\x1b[?25h"); }

  void show(Time time, const Event& event) override {
    events_.push_back(line_for(time, event));
    if (events_.size() > kMaxKept) events_.pop_front();
  }
  void show(Time time, const Rates& rates, const StoreStats& stats) override {
    const winsize size = window();
    std::string head = fmt::format("dolium watch {}   {}   up {}   Ctrl-C ends\n\n", socket_, clock_time(time),
                                   format_duration(stats.uptime));
    head += fmt::format("{} {} of {}, {}\n\n", bar(shares_of(stats), kBarWidth), fullness(stats),
                        format_size(stats.capacity), counted(stats.total_objects, "object"));
    head += figures(rates, stats) + "\n";
    const auto used = static_cast<std::size_t>(std::ranges::count(head, '\n'));
    const std::size_t room = size.ws_row > used + 1 ? size.ws_row - used - 1 : 0;
    const std::size_t shown = std::min(room, events_.size());
    for (std::size_t i = events_.size() - shown; i < events_.size(); ++i) head += events_[i] + "\n";
    draw(head, size.ws_col);
  }

 private:
  static constexpr std::size_t kBarWidth = 50;
  static constexpr std::size_t kMaxKept = 200;

  static std::string figures(const Rates& rates, const StoreStats& stats) {
    using enum Table::Align;
    Table table({{""}, {"", right}, {""}, {"", right}});
    table.add({"seals", per_second(rates.seals), "  in use", format_size(stats.in_use_bytes)});
    table.add({"gets", per_second(rates.gets), "  pinned", format_size(stats.pinned_bytes)});
    table.add({"hits", hit_ratio(rates.hits, rates.hits + rates.misses), "  being written",
               format_size(stats.unsealed_bytes)});
    table.add({"evictions", per_second(rates.evictions), "  evictable", format_size(stats.evictable_bytes)});
    table.add({"expiries", per_second(rates.expiries), "  waiting gets", grouped(stats.waiting_gets)});
    table.add({"removals", per_second(rates.removals), "  waiting creates", grouped(stats.waiting_creates)});
    if (stats.tier) {
      table.add({"spilled", per_second(rates.spills), "  disk writes", bytes_per_second(rates.disk_writes)});
      table.add({"read back", per_second(rates.read_backs), "  disk reads", bytes_per_second(rates.disk_reads)});
      table.add({"dirty", format_size(stats.dirty_bytes), "  on disk only", format_size(stats.spilled_bytes)});
    }
    return table.text() + (stats.tier ? "spill tier: " + state_text(*stats.tier) + "\n" : "");
  }

  static winsize window() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) size.ws_row = 24, size.ws_col = 80;
    return size;
  }

  /// Escapes the text, and overwrites the screen line by line, so that it does not flicker. Cuts long lines, which
  /// would wrap.
  static void draw(std::string_view text, std::size_t width) {
    std::string out = "\x1b[H";
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      out += printable(text.substr(0, end), std::max<std::size_t>(width, 2)) + "\x1b[K\n";
      text.remove_prefix(end + 1);
    }
    put(out + "\x1b[J");
  }

  static void put(std::string_view bytes) {
    fmt::print("{}", bytes);
    std::fflush(stdout);
  }

  std::string socket_;
  std::deque<std::string> events_;
};

}  // namespace

Rates Rates::between(const StoreStats& before, const StoreStats& after, std::chrono::nanoseconds time) noexcept {
  const double seconds = std::max(1e-9, std::chrono::duration<double>(time).count());
  const auto more = [](std::uint64_t from, std::uint64_t to) { return to > from ? to - from : 0; };
  const auto rate = [&](std::uint64_t StoreStats::*count) {
    return static_cast<double>(more(before.*count, after.*count)) / seconds;
  };
  Rates rates;
  rates.seals = rate(&StoreStats::put_count);
  rates.evictions = rate(&StoreStats::eviction_count);
  rates.expiries = rate(&StoreStats::expired_count);
  rates.removals = rate(&StoreStats::removed_count);
  rates.gets = rate(&StoreStats::get_count);
  rates.evicted_bytes = rate(&StoreStats::evicted_bytes);
  rates.spills = rate(&StoreStats::spill_count);
  rates.read_backs = rate(&StoreStats::read_back_count);
  if (before.tier && after.tier && before.tier->pid == after.tier->pid) {
    rates.disk_writes = static_cast<double>(more(before.tier->written_bytes, after.tier->written_bytes)) / seconds;
    rates.disk_reads = static_cast<double>(more(before.tier->read_bytes, after.tier->read_bytes)) / seconds;
  }
  rates.hits = more(before.hit_count, after.hit_count);
  rates.misses = more(before.miss_count, after.miss_count);
  return rates;
}

std::unique_ptr<WatchView> WatchView::make(Kind kind, const std::string& socket) {
  switch (kind) {
    case Kind::lines: return std::make_unique<Lines>();
    case Kind::json: return std::make_unique<JsonLines>();
    case Kind::screen: return std::make_unique<Screen>(socket);
  }
  return nullptr;
}

}  // namespace dolium::cli
