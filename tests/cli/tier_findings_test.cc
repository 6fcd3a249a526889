// What the doctor says of a spill tier, and what it never advises.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "client/cli/tier_report.h"
#include "tests/cli/findings.h"
#include "tests/cli/report.h"

namespace dolium::cli {
namespace {

using Catch::Contains;
using Level = Finding::Level;
using State = SpillTierState;

StatsReport with_tier(State state) {
  StatsReport report = half_full();
  report.stats.dirty_count = 3;
  report.stats.dirty_bytes = 3 * kMiB;
  report.stats.clean_bytes = kMiB;
  report.stats.spilled_count = 12;
  SpillTierStats& tier = report.stats.tier.emplace();
  tier.state = state;
  tier.reason = "the quota of 4 GiB is used";
  tier.pid = 4711;
  tier.directory = "/var/spill";
  tier.oldest_work = std::chrono::seconds(45);
  tier.capacity_bytes = 100 * kMiB;
  tier.used_bytes = 10 * kMiB;
  return report;
}

Findings findings_of(const StatsReport& report, ProcessState process = ProcessState::alive) {
  return tier_findings(report, {{4711, process}});
}

}  // namespace

TEST_CASE("a store without a spill tier has no findings about one") {
  CHECK(tier_findings(half_full(), {}).empty());
}

TEST_CASE("a spill tier that works is fine, and each that does not is told with what to do") {
  CHECK(on(findings_of(with_tier(State::ready)), "state").level == Level::fine);
  CHECK_THAT(on(findings_of(with_tier(State::ready)), "state").found, !Contains("the quota of 4 GiB is used"));
  CHECK(on(findings_of(with_tier(State::catalogue)), "state").level == Level::note);
  struct Case {
    State state;
    const char* found;
    const char* meaning;
    const char* remedy;
  };
  for (const Case& each : {Case{State::full, "the quota of 4 GiB is used", "now 3 MiB", "spill compact"},
                           Case{State::read_only, "read-only", "stay in memory", "mount it read-write"},
                           Case{State::failed, "failed", "12 objects on disk", "cat /proc/4711/stack"},
                           Case{State::absent, "absent", "12 objects on disk", "its log says why"},
                           Case{State::stalled, "(pid 4711) has not answered for 45 s", "12 objects", "dmesg"}}) {
    const Finding finding = on(findings_of(with_tier(each.state)), "state");
    CAPTURE(to_string(each.state), finding.found, finding.meaning, finding.remedy);
    CHECK(finding.level == Level::problem);
    CHECK_THAT(finding.found, Contains(each.found));
    CHECK_THAT(finding.meaning, Contains(each.meaning));
    CHECK_THAT(finding.remedy, Contains(each.remedy));
  }
}

TEST_CASE("no finding about a spill tier advises to kill its process") {
  for (const State state :
       {State::absent, State::catalogue, State::ready, State::full, State::read_only, State::failed, State::stalled}) {
    StatsReport report = with_tier(state);
    report.stats.tier->used_bytes = report.stats.tier->capacity_bytes;
    report.stats.tier->damaged_count = report.stats.tier->read_errors = 1;
    report.clients.emplace_back();
    report.clients.back().pid = 4711;
    report.clients.back().bytes_held = kMiB;
    const ProcessStates processes = {{4711, ProcessState::stopped}};
    Findings all = tier_findings(report, processes);
    for (const Finding& each : client_findings(report, processes)) all.push_back(each);
    for (const Finding& each : all) {
      CHECK_THAT(each.remedy, !Contains("kill -9") && !Contains("kill -KILL") && !Contains("(kill 4711)"));
    }
    CHECK_THAT(on(all, "process").remedy, Contains("kill -CONT 4711"));
  }
}

TEST_CASE("little room on the disk, damage and errors are told") {
  StatsReport report = with_tier(State::ready);
  report.stats.tier->used_bytes = 74 * kMiB;
  CHECK(findings_of(report).size() == 1);
  report.stats.tier->used_bytes = 75 * kMiB;
  report.stats.tier->live_bytes = 49 * kMiB;
  CHECK(findings_of(report).size() == 1);
  report.stats.tier->live_bytes = 50 * kMiB;
  const Finding quota = on(findings_of(report), "quota");
  CHECK(quota.level == Level::note);
  CHECK_THAT(quota.found, Contains("75 MiB of 100 MiB are used, 50 MiB of it by objects"));
  report.stats.tier->damaged_count = 2;
  report.stats.tier->write_errors = 3;
  CHECK(on(findings_of(report), "damaged").level == Level::problem);
  CHECK_THAT(on(findings_of(report), "damaged").found, Contains("2 records"));
  CHECK_THAT(on(findings_of(report), "errors").found, Contains("3 writes, 0 reads"));
}

TEST_CASE("the report of a spill tier names its process, disk and state; without a quota it says so") {
  StatsReport report = with_tier(State::stalled);
  const std::string text = tier_text(report.stats, "  ");
  CHECK_THAT(text, Contains("  spill tier  stalled") && Contains("pid 4711") && Contains("/var/spill") &&
                       Contains("10 MiB of 100 MiB") && Contains("3 objects, 3 MiB: in memory, and not on disk yet"));
  CHECK(nlohmann::json::parse(to_json(*report.stats.tier).dump(-1)).at("capacity_bytes") == 100 * kMiB);
  report.stats.tier->capacity_bytes = std::numeric_limits<std::uint64_t>::max();
  CHECK_THAT(tier_text(report.stats, ""), Contains("10 MiB, without a quota"));
  CHECK(nlohmann::json::parse(to_json(*report.stats.tier).dump(-1)).at("capacity_bytes").is_null());
  CHECK(findings_of(report).size() == 1);  // no quarter of it is used
  CHECK(tier_text(half_full().stats, "").empty());
}

}  // namespace dolium::cli
