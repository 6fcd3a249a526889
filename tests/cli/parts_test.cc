// The parts of the command that need no daemon.

#include <catch2/catch.hpp>

#include "client/cli/shares.h"
#include "client/cli/stats_report.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"
#include "tests/cli/report.h"

namespace dolium::cli {
namespace {

using std::chrono::milliseconds;

}  // namespace

TEST_CASE("durations are read as they are written") {
  CHECK(parse_duration("0").value() == milliseconds(0));
  CHECK(parse_duration("500ms").value() == milliseconds(500));
  CHECK(parse_duration("1.5 h").value() == milliseconds(5'400'000));
  CHECK(parse_duration("1h30m").value() == milliseconds(5'400'000));
  CHECK(parse_duration("2min 5s").value() == milliseconds(125'000));
  CHECK(parse_duration("100000d").value() == std::chrono::days(100'000));
  CHECK(parse_timeout("forever").value().is_forever());
  for (const char* wrong : {"", "s", "-1s", "1.2.3s", "10 parsecs", "1s,", "10", "1h30", "105000d", "99999999999d"}) {
    INFO(wrong);
    CHECK_FALSE(parse_duration(wrong).has_value());
  }
  for (const std::int64_t ms : {0, 999, 1000, 61'000, 3'600'000, 3'723'000, 90'061'000}) {
    const std::string text = format_duration(milliseconds(ms));
    INFO(text);
    CHECK(parse_duration(text).value() <= milliseconds(ms));
  }
  CHECK(format_duration(milliseconds(125'000)) == "2 min 5 s");
  CHECK(format_duration(milliseconds(86'400'000)) == "1 d");
}

TEST_CASE("moments in UTC") {
  CHECK(format_utc(std::chrono::system_clock::time_point(milliseconds(1'500))) == "1970-01-01T00:00:01.500Z");
}

TEST_CASE("a table is as wide as its cells") {
  Table table({{"A"}, {"NUMBER", Table::Align::right}});
  table.add({"ä", "1"});
  table.add({"bbb", "22"});
  CHECK(table.text("> ") == "> A    NUMBER\n> ä         1\n> bbb      22\n");
}

TEST_CASE("the bar is as long as it should be, and forgets nobody") {
  Shares shares;
  shares.free = 100;
  CHECK(bar(shares, 10) == "[..........]");
  shares = {.in_use = 50, .pinned = 0, .writing = 0, .retired = 0, .evictable = 50, .free = 0};
  CHECK(bar(shares, 10) == "[#####=====]");
  shares = {.in_use = 1, .pinned = 1, .writing = 1, .retired = 1, .evictable = 1, .free = 1000};
  CHECK(bar(shares, 10) == "[#Pwx=.....]");
  CHECK(bar(Shares{}, 4) == "[....]");
}

TEST_CASE("the shares add up to the capacity where the store's figures overlap") {
  StoreStats stats;
  stats.capacity = 100, stats.used_bytes = 80, stats.free_bytes = 20;
  stats.pinned_bytes = 30, stats.in_use_bytes = 40;  // 10 of them both; 5 of those in use retired
  stats.unsealed_bytes = 5, stats.retired_bytes = 5, stats.evictable_bytes = 15;
  const Shares shares = shares_of(stats);
  CHECK(shares.in_use == 25);
  CHECK(shares.in_use + shares.pinned + shares.writing + shares.retired + shares.evictable + shares.free == 100);
  stats.quarantined_bytes = 7;
  CHECK(shares_of(stats).quarantined == 7);
  CHECK(shares_of(stats).in_use == 18);
  CHECK(bar({.quarantined = 500, .free = 500}, 10) == "[qqqqq.....]");
  stats.graced_bytes = 8;
  CHECK(shares_of(stats).graced == 8);
  CHECK(shares_of(stats).in_use == 10);
  CHECK(bar({.graced = 500, .free = 500}, 10) == "[ggggg.....]");
}

TEST_CASE("dirty objects are a share of their own: they can be evicted only when they are on disk") {
  StatsReport report;
  StoreStats& stats = report.stats;
  stats.capacity = 100 * kMiB, stats.used_bytes = 90 * kMiB, stats.free_bytes = 10 * kMiB;
  stats.in_use_count = 1, stats.in_use_bytes = 20 * kMiB;
  stats.dirty_count = 7, stats.dirty_bytes = 70 * kMiB;  // of which 10 MiB are in use
  stats.clean_bytes = stats.evictable_bytes = 10 * kMiB;
  Shares shares = shares_of(stats);
  CHECK(shares.dirty == 60 * kMiB);
  CHECK(shares.in_use == 20 * kMiB);
  CHECK(shares.evictable == 10 * kMiB);
  CHECK(bar(shares, 10) == "[##dddddd=.]");
  const std::string said = explain(report);
  CHECK_THAT(said, Catch::Contains("10 MiB could be evicted at once"));
  CHECK_THAT(said, Catch::Contains("70 MiB wait to be written to disk before they can be evicted"));
  stats.waiting_creates = 1;
  CHECK_THAT(explain(report), Catch::Contains("until something is released, unpinned, written to disk or removed"));
  stats.dirty_bytes = 5 * kMiB;  // less than what is not explained otherwise
  shares = shares_of(stats);
  CHECK(shares.dirty == 5 * kMiB);
  CHECK(shares.in_use == 75 * kMiB);
}

TEST_CASE("full is only what is full") {
  StoreStats stats;
  stats.capacity = 1000, stats.used_bytes = 999, stats.free_bytes = 1;
  CHECK(fullness(stats) == "99 %");
  stats.used_bytes = 1000, stats.free_bytes = 0;
  CHECK(fullness(stats) == "100 %");
  stats.used_bytes = 1, stats.free_bytes = 999;
  CHECK(fullness(stats) == "<1 %");
}

TEST_CASE("the explanation names what keeps the store full") {
  CHECK(explain(StatsReport{}) == "Empty.");
  StatsReport report = half_full();
  CHECK(explain(report) == "50 % full: no object is in use: all could be evicted at once.");

  report.stats.evictable_bytes = 20 * kMiB;
  report.stats.in_use_bytes = 30 * kMiB;
  report.clients.resize(2);
  report.clients[0].command = "idle";
  report.clients[1].command = "python3";
  report.clients[1].pid = 123;
  report.clients[1].bytes_held = 30 * kMiB;
  CHECK(explain(report) == "50 % full: 20 MiB could be evicted at once; 30 MiB are held by python3 (pid 123).");

  StatsReport kept = report;
  kept.stats.graced_bytes = 2 * kMiB;
  CHECK_THAT(explain(kept), Catch::Contains("2 MiB are kept by a grace, until readers have got the objects"));

  report.clients[0].bytes_held = kMiB;
  report.stats.waiting_creates = 2;
  report.clients[0].quarantined = true;
  CHECK(explain(report) ==
        "50 % full: 20 MiB could be evicted at once; 30 MiB are held by 2 clients, the largest share, 30 MiB, by "
        "python3 (pid 123); 2 creates wait for room, until something is released, unpinned or removed; idle (pid "
        "unknown) "
        "misbehaved "
        "and was cut off; the memory that it can access is kept until it ends.");
}

}  // namespace dolium::cli
