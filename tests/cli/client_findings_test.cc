// The doctor's findings about clients and their processes.

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "client/cli/client_names.h"
#include "client/cli/printable.h"
#include "client/cli/store_findings.h"
#include "tests/cli/findings.h"
#include "tests/temporary_directory.h"

namespace dolium::cli {
namespace {

using Catch::Matchers::Contains;
using Level = Finding::Level;
using std::chrono::hours;
using std::chrono::minutes;

Finding diagnosis(const ClientInfo& client, ProcessState state = ProcessState::alive) {
  const Findings findings = client_findings(with(client), {{42, state}});
  REQUIRE(findings.size() == 1);
  return on(findings, findings.front().level == Level::fine ? "all" : "trainer (pid 42)");
}

}  // namespace

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

}  // namespace dolium::cli
