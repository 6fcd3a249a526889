// The doctor's finding about the last create that was refused.

#include "client/cli/store_findings.h"
#include "client/cli/time_text.h"
#include "tests/cli/findings.h"

namespace dolium::cli {
namespace {

using Catch::Matchers::Contains;
using Level = Finding::Level;
using std::chrono::hours;
using std::chrono::seconds;

/// Of 30 MiB, a minute ago, in a store of 100 MiB of which 40 MiB were free.
Refusal refusal() {
  Refusal refusal;
  refusal.ago = seconds(65);
  refusal.size = 30 * kMiB;
  refusal.cause = RefusalCause::room;
  refusal.reason = "no room for 30 MiB in one piece";
  refusal.by = {.session_id = 1, .pid = 42, .command = "trainer", .name = "rank 0"};
  refusal.free_bytes = 40 * kMiB;
  refusal.largest_free_extent = 20 * kMiB;
  refusal.holders = {
      {.session_id = 2, .pid = 43, .command = "loader", .name = "", .references = 1, .bytes_held = 60 * kMiB}};
  return refusal;
}

Finding told(const StoreStats& before, const Refusal& refusal) {
  StoreStats stats = before;
  stats.last_refusal = refusal;
  stats.out_of_memory_count = 5;
  return on({refusal_finding(stats)}, "last refusal");
}

/// As full as it was then: 20 MiB free, and nothing can go.
StoreStats still_full() {
  StoreStats stats = healthy().stats;
  stats.free_bytes = stats.largest_free_extent = 20 * kMiB;
  stats.used_bytes = 80 * kMiB;
  stats.evictable_bytes = 0;
  return stats;
}

}  // namespace

TEST_CASE("the last create that failed is explained, and is a problem while it would fail again") {
  CHECK(on(room_findings(healthy()), "last refusal").found == "no create was refused for lack of room");
  const Finding recent = told(still_full(), refusal());
  CHECK(recent.level == Level::problem);
  CHECK(recent.found == "1 min 5 s ago trainer (pid 42, \"rank 0\") requested 30 MiB for object " + refusal().id.hex() +
                            ", and was refused: no room for 30 MiB in one piece");
  CHECK(recent.meaning ==
        "The same create would still fail now: 20 MiB are free, in pieces of at most 20 MiB, and 0 B could be evicted. "
        "At that time 40 "
        "MiB were free, in pieces of at most 20 MiB. Of the rest, loader (pid 43): 60 MiB held, 0 B being written. In "
        "total, 5 creates were refused or timed out.");
  CHECK_THAT(recent.remedy, Contains("the clients that hold most") && Contains("raise --capacity"));
  Refusal old = refusal();
  old.ago = hours(1);
  CHECK(told(still_full(), old).level == Level::note);
  CHECK_THAT(told(still_full(), old).found, Catch::StartsWith("1 h ago"));
}

TEST_CASE("a refusal that the store has outlived asks for nothing now") {
  const Finding outlived = told(healthy().stats, refusal());
  CHECK(outlived.level == Level::note);
  CHECK_THAT(outlived.meaning, Catch::StartsWith("The same create would succeed now: 50 MiB are free in one piece."));
  CHECK_THAT(outlived.remedy, Catch::StartsWith("nothing now"));
  StoreStats in_pieces = still_full();
  in_pieces.evictable_bytes = 15 * kMiB;
  const Finding perhaps = told(in_pieces, refusal());
  CHECK(perhaps.level == Level::problem);
  CHECK_THAT(perhaps.meaning,
             Catch::StartsWith("The same create may still fail now:") && Contains("which must be contiguous"));
}

TEST_CASE("what helps after a refusal depends on what refused") {
  Refusal other = refusal();
  other.reason = "max_objects, max_pinned_bytes_per_user: words are for people";
  const auto says = [&](Errc code, RefusalCause cause, const StoreStats& stats = healthy().stats) {
    other.code = code;
    other.cause = cause;
    return told(stats, other);
  };
  CHECK_THAT(says(Errc::too_large, RefusalCause::writing).remedy,
             Catch::StartsWith("raise max_unsealed_bytes_per_client"));
  CHECK(says(Errc::too_large, RefusalCause::writing).level == Level::problem);
  CHECK_THAT(says(Errc::out_of_memory, RefusalCause::pins).remedy, Catch::StartsWith("unpin"));
  CHECK_THAT(says(Errc::out_of_memory, RefusalCause::writing).remedy, Contains("seal or abort"));
  CHECK_THAT(says(Errc::too_large, RefusalCause::description).remedy, Contains("in the object's data"));
  CHECK_THAT(says(Errc::out_of_memory, RefusalCause::memory).remedy, Contains("cgroup"));
  CHECK_THAT(says(Errc::out_of_memory, RefusalCause::none).remedy,
             Contains("the clients that hold most"));  // an older daemon
  StoreStats rows = healthy().stats;
  rows.max_objects = rows.total_objects = 1024;
  rows.evictable_bytes = 0;
  const Finding scarce = says(Errc::out_of_memory, RefusalCause::objects, rows);
  CHECK(scarce.level == Level::problem);
  CHECK_THAT(scarce.meaning,
             Contains("there are 1,024 objects, of 1,024 that max_objects allows, and none can be evicted"));
  CHECK_THAT(scarce.remedy, Contains("raise max_objects"));
  CHECK_THAT(says(Errc::timed_out, RefusalCause::objects, rows).remedy, Contains("raise max_objects"));
  rows.total_objects = 1000;
  CHECK_THAT(says(Errc::timed_out, RefusalCause::objects, rows).remedy, Catch::StartsWith("nothing now"));
  other.size = 200 * kMiB;
  CHECK_THAT(says(Errc::too_large, RefusalCause::capacity).remedy, Catch::StartsWith("raise --capacity"));
}

TEST_CASE("what stands in the way is told by the doctor: how much, and where it cuts the arena") {
  StoreStats stats = still_full();
  stats.free_bytes = 90 * kMiB;
  stats.used_bytes = 10 * kMiB;
  stats.obstacles = {.count = 4, .held_bytes = 3 * kMiB, .leased_bytes = kMiB, .largest_run = 25 * kMiB};
  StatsReport report = healthy();
  report.stats = stats;
  const Finding way = on(room_findings(report), "in the way");
  CHECK(way.level == Level::note);
  CHECK(
      way.found ==
      "3 MiB in use by clients, 1 MiB in leases that clients do not give back, in 4 pieces; without all other objects, "
      "25 MiB would be contiguous");
  const Finding refused = told(stats, refusal());
  CHECK(refused.level == Level::problem);
  CHECK_THAT(refused.meaning,
             Contains("after evicting all that can be evicted, 25 MiB would be contiguous, because of 3 MiB in use"));
  stats.obstacles.largest_run = 40 * kMiB;
  CHECK_THAT(told(stats, refusal()).meaning, Catch::StartsWith("The same create would succeed now:"));
  stats.obstacles.movable_bytes = kMiB;
  CHECK_THAT(told(stats, refusal()).meaning, Catch::StartsWith("The same create may still fail now:"));
  Refusal cut = refusal();
  cut.obstacles = {.count = 1, .held_bytes = 1024, .largest_run = 20 * kMiB};
  CHECK_THAT(told(stats, cut).meaning, Contains("Obstacles were 1 KiB in use by clients: at most 20 MiB"));
}

TEST_CASE("the doctor's last refusal ages, and can be told to be known") {
  Refusal old = refusal();
  CHECK(told(still_full(), old).level == Level::problem);
  old.ago = hours(1);
  CHECK(told(still_full(), old).level == Level::note);
  old.ago = hours(25);
  CHECK(told(still_full(), old).level == Level::fine);
  CHECK(told(still_full(), old).found == "the last create was refused 1 d 1 h ago");
  StoreStats stats = still_full();
  stats.last_refusal = refusal();  // 65 s ago
  KnownRefusals known;
  known.now = parse_utc("2026-11-22T15:36:45.250Z").value();
  const Finding problem = refusal_finding(stats, known);
  CHECK(problem.level == Level::problem);
  CHECK_THAT(problem.remedy,
             Catch::EndsWith("to ignore this refusal from now on: dolium doctor --known 2026-11-22T15:35:41Z"));
  known.until = parse_utc("2026-11-22T15:35:41Z").value();
  CHECK(refusal_finding(stats, known).level == Level::fine);
  CHECK_THAT(refusal_finding(stats, known).found, Catch::EndsWith("(which is known)"));
  known.until = parse_utc("2026-11-22T15:35:30Z").value();  // an earlier one was known
  CHECK(refusal_finding(stats, known).level == Level::problem);
  for (const char* other : {"yesterday", "2026-11-22", "2026-11-22T15:35:41", "2026-11-22T15:35:41Z now", ""})
    CHECK_FALSE(parse_utc(other).has_value());
}

}  // namespace dolium::cli
