// The doctor's findings about the daemon and its store, and how findings are written.

#include <nlohmann/json.hpp>

#include "client/cli/store_findings.h"
#include "tests/cli/findings.h"

namespace dolium::cli {
namespace {

using Catch::Matchers::Contains;
using Level = Finding::Level;

}  // namespace

TEST_CASE("another version is a note, the same one is fine") {
  CHECK(on(daemon_findings(healthy(), "1.2.3"), "version").level == Level::fine);
  CHECK(on(daemon_findings(healthy(), "1.2.3"), "eviction").found == "policy lru");
  const Finding other = on(daemon_findings(healthy(), "1.3.0"), "version");
  CHECK(other.level == Level::note);
  CHECK(other.found == "the daemon has version 1.2.3, this command 1.3.0");
}

TEST_CASE("a store with room is fine, one in which creates wait is not") {
  StatsReport report = healthy();
  CHECK(count_of(room_findings(report), Level::fine) == room_findings(report).size());
  report.stats.waiting_creates = 1;
  CHECK(on(room_findings(report), "room").level == Level::problem);
  report = healthy();
  report.stats.free_bytes = report.stats.largest_free_extent = kMiB;
  report.stats.used_bytes = 99 * kMiB;
  report.stats.evictable_bytes = 0;
  CHECK(on(room_findings(report), "room").level == Level::note);
  report = healthy();
  report.stats.max_objects = report.stats.total_objects = 1024;
  CHECK_THAT(on(room_findings(report), "objects").found, Contains("there are 1,024 objects"));
  report.stats.largest_free_extent = kMiB;
  CHECK(on(room_findings(report), "fragmentation").found == "50 MiB are free, in pieces of at most 1 MiB");
}

TEST_CASE("who pins the most is named") {
  StatsReport report = with({});
  report.stats.pinned_count = 3;
  report.stats.pinned_bytes = 20 * kMiB;
  report.pinned_by = {{42, 2, 15 * kMiB}, {43, 1, 5 * kMiB}};
  CHECK(on(room_findings(report), "pins").found ==
        "20 MiB in 3 objects are pinned; the largest share, 15 MiB, was put by trainer (pid 42)");
  report.clients.clear();
  report.stats.pinned_bytes = 60 * kMiB;
  const Finding much = on(room_findings(report), "pins");
  CHECK(much.level == Level::note);
  CHECK_THAT(much.found, Contains("pid 42, which is no longer connected"));
}

TEST_CASE("what graces keep is told, and when they end") {
  StatsReport report = healthy();
  report.graces = {
      .count = 1, .bytes = 5 * kMiB, .first_end = std::chrono::seconds(12), .last_end = std::chrono::seconds(12)};
  CHECK(on(room_findings(report), "graces").found ==
        "5 MiB in 1 object are kept for readers by a grace; it ends in 12 s, or when the readers have got the objects");
  CHECK(on(room_findings(report), "graces").level == Level::fine);
  report.graces = {
      .count = 3, .bytes = 60 * kMiB, .first_end = std::chrono::seconds(12), .last_end = std::chrono::minutes(5)};
  const Finding much = on(room_findings(report), "graces");
  CHECK_THAT(much.found, Contains("60 MiB in 3 objects") && Contains("the first ends in 12 s, the last in 5 min"));
  CHECK(much.level == Level::note);
}

TEST_CASE("findings are written section by section, and nobody's name reaches the terminal as it is") {
  const Findings findings = {{"host", "memory", Level::fine, "enough"},
                             {"clients", "\x1b", Level::problem, "\x1b[2J\\", "it matters", "end it"}};
  CHECK(text(findings) ==
        "host\n  ok      memory: enough\n\nclients\n  PROBLEM \\x1b: \\x1b[2J\\\\\n          it matters\n          "
        "What to do: "
        "end it\n");
  const auto json = nlohmann::json::parse(to_json(findings).dump(-1));
  CHECK(json.at(1).at("level") == "problem");
  CHECK(json.at(0).at("remedy") == "");
}

}  // namespace dolium::cli
