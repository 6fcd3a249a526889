// The doctor's findings about hosts, sockets and stores that exist only as files and numbers.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include "client/cli/client_names.h"
#include "client/cli/host_findings.h"
#include "client/cli/printable.h"
#include "client/cli/socket_findings.h"
#include "client/cli/store_findings.h"
#include "client/cli/time_text.h"
#include "shm/os/unique_fd.h"
#include "tests/cli/report.h"
#include "tests/temporary_directory.h"

namespace dolium::cli {
namespace {

using Catch::Matchers::Contains;
using Level = Finding::Level;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

/// The finding on a topic; fails the test when there is none, or when it does not explain itself.
Finding on(const Findings& findings, std::string_view topic) {
  for (const Finding& each : findings) {
    if (each.topic != topic) continue;
    CHECK_FALSE(each.found.empty());
    CHECK(each.meaning.empty() == (each.level == Level::fine));
    if (each.level == Level::problem) CHECK_FALSE(each.remedy.empty());
    return each;
  }
  FAIL("nothing was said of " << topic);
  return {};
}

/// 16 GiB, half of it available; no cgroup, no swap, generous limits, large pages.
class Machine : public test::TemporaryDirectory {
 public:
  Machine() {
    memory(16, 8, 0);
    write("proc/sys/vm/overcommit_memory", "0\n");
    write("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always [within_size] advise never deny force\n");
    limits("1048576", "unlimited", "unlimited");
  }
  void memory(std::uint64_t total_gib, std::uint64_t available_gib, std::uint64_t swap_gib) {
    write("proc/meminfo", fmt::format("MemTotal: {} kB\nMemAvailable: {} kB\nSwapTotal: {} kB\nCommitLimit: {} kB\n"
                                      "Committed_AS: {} kB\n",
                                      total_gib << 20, available_gib << 20, swap_gib << 20, 8 << 20, 7 << 20));
  }
  void limits(const std::string& files, const std::string& size, const std::string& space) {
    write("proc/self/limits",
          fmt::format("Limit                     Soft Limit           Hard Limit           Units     \n"
                      "Max file size             unlimited            {:<20} bytes     \n"
                      "Max open files            1024                 {:<20} files     \n"
                      "Max locked memory         8388608              8388608              bytes     \n"
                      "Max address space         unlimited            {:<20} bytes     \n",
                      size, files, space));
  }
  [[nodiscard]] Findings examine(const HostLoad& load = {.capacity = kGiB}, std::uint64_t reserved = 0) const {
    return host_findings({.root = path(), .reserved = reserved}, load);
  }
};

StatsReport healthy() {
  StatsReport report = half_full();
  report.stats.server_pid = 7;
  report.stats.server_version = "1.2.3";
  return report;
}

/// A store with one client, of pid 42.
StatsReport with(const ClientInfo& client) {
  StatsReport report = healthy();
  report.clients = {client};
  report.clients.front().pid = 42;
  report.clients.front().command = "trainer";
  return report;
}

Finding diagnosis(const ClientInfo& client, ProcessState state = ProcessState::alive) {
  const Findings findings = client_findings(with(client), {{42, state}});
  REQUIRE(findings.size() == 1);
  return on(findings, findings.front().level == Level::fine ? "all" : "trainer (pid 42)");
}

}  // namespace

TEST_CASE("a host with everything that the store needs is fine") {
  const Machine machine;
  const Findings findings = machine.examine();
  CHECK(count_of(findings, Level::fine) == findings.size());
  CHECK(on(findings, "memory").found == "8 GiB of 16 GiB are available, no cgroup sets a limit: enough for 1 GiB");
}

TEST_CASE("memory that is not there is a problem, memory that is short a note") {
  const Machine machine;
  const Finding none = on(machine.examine({.capacity = 64 * kGiB}), "memory");
  CHECK(none.level == Level::problem);
  CHECK(none.found == "capacity 64 GiB is more than this machine's 16 GiB of memory");
  CHECK(none.meaning == "doliumd refuses to start with this capacity.");
  CHECK(none.remedy == "lower --capacity");
  CHECK_THAT(on(machine.examine({.capacity = 64 * kGiB, .daemon_runs = true}), "memory").meaning,
             Contains("cannot grow to its capacity"));
  CHECK(on(machine.examine({.capacity = 9 * kGiB}), "memory").level == Level::note);
  // What the running store has already is not asked for once more.
  CHECK(on(machine.examine({.capacity = 9 * kGiB, .daemon_runs = true}, 2 * kGiB), "memory").level == Level::fine);
}

TEST_CASE("a cgroup's limit is told, of the daemon's own process") {
  const Machine machine;
  machine.write("proc/7/cgroup", "0::/jobs\n");
  machine.write("proc/7/limits", "");
  machine.write("sys/fs/cgroup/jobs/memory.max", fmt::format("{}\n", 4 * kGiB));
  machine.write("sys/fs/cgroup/jobs/memory.current", fmt::format("{}\n", kGiB));
  const auto examine = [&](std::uint64_t capacity) {
    return on(host_findings({.root = machine.path(), .process = "7"}, {.capacity = capacity}), "memory");
  };
  CHECK_THAT(examine(kGiB).found, Contains("the cgroup has 3 GiB left of 4 GiB"));
  CHECK(examine(5 * kGiB).level == Level::problem);
  CHECK_THAT(examine(5 * kGiB).remedy, Contains("raise the cgroup's memory limit"));
  CHECK(on(machine.examine({.capacity = 5 * kGiB}), "memory").level == Level::fine);
}

TEST_CASE("strict overcommit counts what was promised to others") {
  const Machine machine;
  machine.write("proc/sys/vm/overcommit_memory", "2\n");
  CHECK(on(machine.examine({.capacity = kGiB}), "overcommit").level == Level::fine);
  const Finding strict = on(machine.examine({.capacity = 2 * kGiB}), "overcommit");
  CHECK(strict.level == Level::problem);
  CHECK(strict.found == "vm.overcommit_memory is 2: 1 GiB can still be committed, but the store needs 2 GiB more");
  CHECK(on(machine.examine({.capacity = 2 * kGiB}, kGiB), "overcommit").level == Level::fine);
}

TEST_CASE("swap, and pages that stay small, are worth a note") {
  Machine machine;
  machine.memory(16, 8, 4);
  CHECK(on(machine.examine(), "swap").found == "there are 4 GiB of swap space");
  machine.write("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n");
  const auto pages = [&] { return on(machine.examine(), "huge pages"); };
  CHECK(pages().found == "shmem_enabled is never");
  CHECK(pages().level == Level::note);
  for (const auto& [release, level] : {std::pair("5.15.0-generic", Level::note),
                                       {"6.0.19", Level::note},
                                       {"6.1.0-18-amd64", Level::fine},
                                       {"10.0", Level::fine},
                                       {"strange", Level::note}}) {
    INFO(release);
    machine.write("proc/sys/kernel/osrelease", release);
    CHECK(pages().level == level);
  }
  machine.write("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise never [deny] force\n");
  machine.write("proc/sys/kernel/osrelease", "6.1.0");
  CHECK(pages().level == Level::note);
}

TEST_CASE("limits of the process are judged by what the store and its clients need") {
  Machine machine;
  CHECK_THAT(on(machine.examine(), "locked memory").found, Contains("RLIMIT_MEMLOCK is 8 MiB; it does not matter"));
  machine.limits("1024", "unlimited", "unlimited");
  const Finding few = on(machine.examine(), "descriptors");
  CHECK(few.level == Level::note);
  CHECK_THAT(few.meaning, Contains("Enough for 240 clients"));
  CHECK_THAT(few.remedy, Contains("LimitNOFILE="));
  CHECK(on(machine.examine({.capacity = kGiB, .clients = 300}), "descriptors").level == Level::problem);
  machine.limits("unlimited", "1048576", "1048576");
  CHECK(on(machine.examine(), "descriptors").level == Level::fine);
  CHECK(on(machine.examine(), "file size").found == "RLIMIT_FSIZE is 1 MiB");
  CHECK(on(machine.examine(), "file size").level == Level::problem);
  CHECK(on(machine.examine(), "address space").remedy ==
        "raise RLIMIT_AS to at least 2.25 GiB, for doliumd and its clients");
}

TEST_CASE("this very machine can make shared memory") {
  CHECK(shared_memory_finding().level == Level::fine);
}

// ---- the socket ----

TEST_CASE("where there is no socket, the doctor says how to get one") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() / "dolium.sock";
  const Finding missing = on(socket_findings(look_at_socket(path)), "path");
  CHECK(missing.level == Level::problem);
  CHECK(missing.found == "there is nothing at " + path);
  CHECK_THAT(missing.remedy, Contains("doliumd --socket " + path) && Contains("DOLIUM_SOCKET"));
  directory.write("dolium.sock", "");
  CHECK(on(socket_findings(look_at_socket(path)), "path").found == path + " is not a socket");
  const Finding hidden = on(socket_findings(look_at_socket(path + "/in-a-file")), "path");
  CHECK(hidden.level == Level::problem);
  CHECK_THAT(hidden.found, Contains("Not a directory"));
}

TEST_CASE("a directory that others may write to is a problem, whether a daemon runs or not") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() / "dolium.sock";
  CHECK(on(socket_findings(look_at_socket(path)), "directory").level == Level::fine);
  REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  const Finding open = on(socket_findings(look_at_socket(path)), "directory");
  CHECK(open.level == Level::problem);
  CHECK_THAT(open.found, Contains("every user can replace files in") && Contains("chmod o-w"));
}

TEST_CASE("who may connect is read off the socket, and why nobody answered off the error") {
  SocketFacts facts{.path = "/s", .exists = true, .is_socket = true, .mode = 0600, .uid = 5, .gid = 6};
  CHECK(on(socket_findings(facts), "path").found ==
        "/s, mode 0600: user 5 alone may connect; [access] decides who may read and write");
  facts.mode = 0660;
  CHECK_THAT(on(socket_findings(facts), "path").found, Contains("user 5 and group 6 may connect"));
  facts.mode = 0666;
  CHECK_THAT(on(socket_findings(facts), "path").found, Contains("every user may connect"));

  const std::pair<Errc, const char*> cases[] = {{Errc::disconnected, "its daemon was killed"},
                                                {Errc::timed_out, "stopped or overloaded"},
                                                {Errc::permission_denied, "This user may not use the store"},
                                                {Errc::protocol_error, "not compatible with the daemon"},
                                                {Errc::system_error, "could not be queried"}};
  for (const auto& [code, meaning] : cases) {
    facts.refused = Error{code, "the library's own words"};
    const Finding silent = on(socket_findings(facts), "answer");
    CHECK(silent.level == Level::problem);
    CHECK(silent.found == "the library's own words");
    CHECK_THAT(silent.meaning, Contains(meaning));
  }
}

TEST_CASE("a directory that lets nobody pass keeps out whom the socket's mode would let in") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() / "dolium.sock";
  const shm::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  const auto said = [&](mode_t of_socket, mode_t of_directory) {
    REQUIRE(::chmod(path.c_str(), of_socket) == 0);
    REQUIRE(::chmod(directory.path().c_str(), of_directory) == 0);
    return on(socket_findings(look_at_socket(path)), "path");
  };
  const std::string alone = fmt::format("user {} alone may connect", ::geteuid());
  const Finding closed = said(0666, 0700);
  CHECK(closed.level == Level::note);
  CHECK_THAT(closed.found, Contains(alone));
  CHECK_THAT(closed.meaning, Contains("they cannot enter the directory " + directory.path().string()));
  CHECK_THAT(closed.remedy, Contains("chmod o+x " + directory.path().string()));
  CHECK_THAT(said(0660, 0700).found, Contains(alone));
  CHECK_THAT(said(0660, 0700).meaning, Contains("they cannot enter the directory"));
  CHECK_THAT(said(0666, 0710).found, Contains(fmt::format("and group {} may connect", ::getegid())));
  CHECK(said(0666, 0710).level == Level::note);
  CHECK(said(0660, 0710).level == Level::fine);
  CHECK(said(0600, 0700).level == Level::fine);
  CHECK(said(0666, 0711).level == Level::fine);
  CHECK_THAT(said(0666, 0711).found, Contains("every user may connect"));
}

TEST_CASE("who serves at a socket is named: which may be killed, which must not, and which is stopped") {
  SocketFacts facts{.path = "/s", .exists = true, .is_socket = true, .mode = 0600, .keeper = 70, .server = 71};
  facts.refused = Error{Errc::timed_out, "no answer"};
  CHECK_THAT(on(socket_findings(facts), "answer").remedy,
             Contains("kill -9 71 (the server)") && Contains("killing 70 (the keeper) would lose all objects"));
  facts.refused = Error{Errc::disconnected, "2 connections are open"};
  CHECK_THAT(on(socket_findings(facts), "answer").meaning, Contains("server 71") && !Contains("stale"));
  facts.keeper_stopped = true;
  CHECK(on(socket_findings(facts), "keeper").remedy == "kill -CONT 70");
}

TEST_CASE("the socket's file removed: the doctor sees a daemon without it, and one that has lost its path to another") {
  SocketFacts facts{.path = "/s", .lost_keeper = 70};
  CHECK(on(socket_findings(facts), "path").found == "there is nothing at /s, but a daemon that listens there runs");
  CHECK_THAT(on(socket_findings(facts), "path").remedy,
             Contains("doliumd --replace --socket /s, or kill -HUP 70") && Contains("loses no object"));
  facts.lost_keeper = 0;
  facts.lock_held = true;  // it is not visible from here
  CHECK_THAT(on(socket_findings(facts), "path").found, Contains("but a daemon that listens there runs"));
  CHECK_THAT(on(socket_findings(facts), "path").remedy, Contains("not visible from here") && !Contains("kill"));
  SocketFacts other{.path = "/s", .exists = true, .is_socket = true, .mode = 0600, .keeper = 80, .lost_keeper = 70};
  CHECK_THAT(on(socket_findings(other), "lock").remedy,
             Contains("(keeper 80)") && Contains("kill -HUP 70") && Contains("kill 70"));
  other.keeper = 0;
  CHECK_THAT(on(socket_findings(other), "lock").found, Contains("/s.lock was removed"));
}

TEST_CASE("directories of containers: where a daemon answers, a directory that others may write to is a note") {
  SocketFacts facts{.path = "/s", .exists = true, .is_socket = true, .mode = 0600, .answers = true};
  facts.directory = Error{Errc::permission_denied, "every user can replace files in /"};
  CHECK(on(socket_findings(facts), "directory").level == Level::note);
  facts.answers = false;
  CHECK(on(socket_findings(facts), "directory").level == Level::problem);
}

// ---- the daemon and its store ----

TEST_CASE("another version is a note, the same one is fine") {
  CHECK(on(daemon_findings(healthy(), "1.2.3"), "version").level == Level::fine);
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

namespace {

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

TEST_CASE("stuck clients are told apart, and what to do about each") {
  CHECK(diagnosis({}).found == "1 client: none is stopped, stuck or cut off");
  ClientInfo holder;
  holder.bytes_held = 20 * kMiB;
  CHECK(diagnosis(holder).level == Level::fine);
  const Finding stopped = diagnosis(holder, ProcessState::stopped);
  CHECK(stopped.level == Level::problem);
  CHECK(stopped.found == "is stopped; it holds 20 MiB and is writing 0 B");
  CHECK_THAT(stopped.remedy, Contains("kill -CONT 42"));
  CHECK(diagnosis({}, ProcessState::stopped).level == Level::note);
  CHECK_THAT(diagnosis(holder, ProcessState::gone).found, Contains("has ended, but its connection is still open"));
  holder.longest_held = hours(2);
  CHECK(diagnosis(holder).found == "holds 20 MiB in 0 objects, some of it for 2 h");
  holder.quarantined = true;
  CHECK(diagnosis(holder).remedy == "end it (kill 42)");

  ClientInfo writer;
  writer.unsealed_count = 1;
  writer.unsealed_bytes = kMiB;
  CHECK(diagnosis(writer).level == Level::fine);
  writer.oldest_unsealed = minutes(3);
  CHECK(diagnosis(writer).found == "is writing 1 object, 1 MiB of it, the oldest for 3 min");
  ClientInfo deaf;
  deaf.unread_bytes = kMiB;
  CHECK(diagnosis(deaf).level == Level::problem);
  CHECK(diagnosis(deaf).found == "has not read 1 MiB of replies and events");
  ClientInfo lost;
  lost.orphaned = true;
  CHECK_THAT(diagnosis(lost).found, Contains("has not resumed its session"));
}

TEST_CASE("pids of other namespaces: the doctor's advice names no number that is not proved to be of this one") {
  ClientInfo client;
  client.bytes_held = 20 * kMiB;
  client.unread_bytes = kMiB;
  for (const bool quarantined : {true, false})
    for (const bool orphaned : {true, false}) {
      client.quarantined = quarantined;
      client.orphaned = orphaned;
      client.origin = {};
      CHECK_THAT(diagnosis(client).remedy, Contains("42"));
      CHECK_THAT(diagnosis(client, ProcessState::unknown).remedy, !Contains("42") && !Contains("kill"));
      client.origin = {17, "web-1", "trainer-0"};
      const Findings findings = client_findings(with(client), {{42, ProcessState::unknown}});
      CHECK_THAT(findings.front().remedy,
                 Contains("it calls itself pid 17 on web-1, pod trainer-0") && !Contains("kill"));
    }
}

TEST_CASE("pids of other namespaces: what a client says of itself stands beside what the kernel says") {
  CHECK(own_words({}, 42).empty());
  CHECK(own_words({42, "web-1", ""}, 42).empty());
  CHECK(own_words({42, "web-1", "trainer-0"}, 42) == "pod trainer-0");
  CHECK(own_words({17, "web-1", ""}, 42) == "pid 17 on web-1");
  ClientInfo client;
  client.command = "?";
  client.origin = {17, "web\n1", "trainer-0"};
  CHECK(printable(who(client)) == "? (pid unknown, calls itself pid 17 on web\\n1, pod trainer-0)");
  CHECK(pid_text(0) == "?");
  CHECK(pid_text(42) == "42");
}

TEST_CASE("processes are looked at where the daemon's PID namespace is ours, and nowhere else") {
  const test::TemporaryDirectory root;
  StatsReport report = with({});
  root.write("proc/self/ns/pid", "");
  root.write("proc/self/status", fmt::format("Name:\tdolium\nPid:\t{}\n", ::getpid()));
  struct stat own {};
  REQUIRE(::stat((root.path() / "proc/self/ns/pid").c_str(), &own) == 0);
  CHECK(read_process_states(report, root.path()).at(42) == ProcessState::unknown);
  report.stats.pid_namespace = own.st_ino + 1;
  CHECK(read_process_states(report, root.path()).at(42) == ProcessState::unknown);
  report.stats.pid_namespace = own.st_ino;
  root.write("proc/self/status", fmt::format("Pid:\t{}\n", ::getpid() + 1));  // a /proc of another namespace
  CHECK(read_process_states(report, root.path()).at(42) == ProcessState::unknown);
  root.write("proc/self/status", fmt::format("Pid:\t{}\n", ::getpid()));
  CHECK(read_process_states(report, root.path()).at(42) == ProcessState::gone);
  for (const auto& [line, state] : {std::pair("R (running)", ProcessState::alive),
                                    {"T (stopped)", ProcessState::stopped},
                                    {"t (tracing stop)", ProcessState::stopped},
                                    {"Z (zombie)", ProcessState::gone}}) {
    root.write("proc/42/status", fmt::format("Name:\ttrainer\nState:\t{}\n", line));
    CHECK(read_process_states(report, root.path()).at(42) == state);
  }
}

TEST_CASE("findings are written section by section, and nobody's name reaches the terminal as it is") {
  const Findings findings = {{"host", "memory", Level::fine, "enough"},
                             {"clients", "\x1b", Level::problem, "\x1b[2J\\", "it matters", "end it"}};
  CHECK(text(findings) ==
        "host\n  ok      memory: enough\n\nclients\n  PROBLEM \\x1b: \\x1b[2J\\\\\n          it matters\n          "
        "What to do: "
        "end it\n");
  CHECK(to_json(findings).at(1).at("level") == "problem");
  CHECK(to_json(findings).at(0).at("remedy") == "");
}

}  // namespace dolium::cli
