// doctor: examines this host, the socket, and the daemon if there is one, and explains its findings.
//
// All checks that need no daemon are done whether one answers or not. The process limits are those of the daemon's
// server if it is visible, else of this process: a doliumd that is started from here would inherit them.

#include <fmt/format.h>

#include <optional>

#include <dolium/store_config.h>

#include "client/cli/host_findings.h"
#include "client/cli/json_text.h"
#include "client/cli/printable.h"
#include "client/cli/socket_findings.h"
#include "client/cli/store_findings.h"
#include "client/cli/survey.h"
#include "client/cli/time_text.h"
#include "client/cli/verbs.h"
#include "shm/os/basic_types.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

struct DoctorOptions {
  std::string capacity;
  std::string known;
};

/// The facts, collected before they are judged.
struct Examined {
  SocketFacts socket;
  std::optional<StatsReport> report;
};

Examined examine(const Globals& globals) {
  Examined out{look_at_socket(globals.socket), std::nullopt};
  const auto client = try_to_connect(globals, Access::read_only);
  const Result<StatsReport> report = client ? survey(**client, globals.socket) : client.error();
  out.socket.answers = report.has_value();
  if (report)
    out.report = *report;
  else
    out.socket.refused = report.error();
  return out;
}

void append(Findings& to, Findings more) {
  for (Finding& each : more) to.push_back(std::move(each));
}

Findings host(const Examined& examined, std::optional<std::uint64_t> capacity) {
  shm::HostQuery query;
  HostLoad load;
  load.capacity = StoreConfig().capacity;
  if (examined.report) {
    const StoreStats& stats = examined.report->stats;
    load = {.capacity = stats.capacity,
            .max_objects = static_cast<std::uint32_t>(stats.max_objects),
            .clients = stats.client_count,
            .daemon_runs = true};
    query.reserved = stats.reserved_bytes;
    if (shares_pid_namespace(stats)) query.process = std::to_string(stats.server_pid);
  }
  if (capacity) {
    load.capacity = *capacity;
    load.max_objects = 0;
  }
  Findings out{shared_memory_finding()};
  append(out, host_findings(query, load));
  return out;
}

Findings judge(const Examined& examined, std::optional<std::uint64_t> capacity, const KnownRefusals& known) {
  Findings out = host(examined, capacity);
  append(out, socket_findings(examined.socket));
  if (!examined.report) return out;
  append(out, daemon_findings(*examined.report, DOLIUM_VERSION));
  append(out, room_findings(*examined.report, known));
  const ProcessStates processes = read_process_states(*examined.report);
  append(out, tier_findings(*examined.report, processes));
  append(out, client_findings(*examined.report, processes));
  return out;
}

Outcome doctor(const Globals& globals, const DoctorOptions& options) {
  std::optional<std::uint64_t> capacity;
  if (!options.capacity.empty()) {
    const Result<std::uint64_t> size = parse_size(options.capacity);
    if (!size) return Error{size.error().code, "--capacity: " + size.error().message};
    if (*size < shm::kPageBytes)
      return Error{Errc::invalid_argument, fmt::format("--capacity: \"{}\" is too small for a store: the minimum is {}",
                                                       options.capacity, format_size_exact(shm::kPageBytes))};
    capacity = *size;
  }
  KnownRefusals known;
  if (!options.known.empty()) {
    const auto until = parse_utc(options.known);
    if (!until) return Error{until.error().code, "--known: " + until.error().message};
    known.until = *until;
  }
  const Examined examined = examine(globals);
  known.now = std::chrono::system_clock::now();
  const Findings findings = judge(examined, capacity, known);
  const std::size_t problems = count_of(findings, Finding::Level::problem);
  if (globals.json)
    print_json({{"socket", globals.socket},
                {"daemon_answers", examined.report.has_value()},
                {"problem_count", problems},
                {"findings", to_json(findings)}});
  else
    fmt::print("{}\n{}, {}\n", text(findings), counted(problems, "problem"),
               counted(count_of(findings, Finding::Level::note), "note"));
  if (problems == 0) return {};
  return {
      ExitStatus::problems_found, {Errc::system_error, fmt::format("{} found", counted(problems, "problem"))}, true};
}

}  // namespace

void add_doctor(CommandLine& line) {
  const auto options = std::make_shared<DoctorOptions>();
  line.add("doctor", "examine this host and the daemon, and explain problems; exit status 8 if there are any",
           [options](const Globals& globals) { return doctor(globals, *options); })
      .text("--capacity", options->capacity, "SIZE", "check for a store of this size (default: the daemon's, or 1GiB)")
      .text("--known", options->known, "TIME",
            "ignore refused creates up to this time, for example 2026-11-22T15:36:45Z");
}

}  // namespace dolium::cli
