// dolium_demo: the main use case, with real files and processes. The same program is the conductor, which the user
// starts, and the producer and the workers, which the conductor starts (roles.h).

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "shm/text/size_text.h"
#include "tests/demo/conductor.h"
#include "tests/demo/report.h"

namespace dolium::demo {
namespace {

/// A directory with less is hardly worth the name of an input.
constexpr std::uint64_t kWorthwhile = 100'000'000;
constexpr std::uint64_t kMaxPiece = std::uint64_t{4} << 20;
constexpr std::size_t kMinPieces = 4 * kWorkers;
/// A piece is at most this part of the store.
constexpr std::uint64_t kPiecesPerStore = 16;
constexpr std::uint64_t kLimit = std::uint64_t{512} << 20;
/// With a spill tier: a little more than three times the memory.
constexpr std::uint64_t kTimesMemory = 3;

struct Options {
  std::string directory;
  std::string limit;  // empty: kLimit, or with --spill kTimesMemory of the capacity
  std::string capacity = "64MiB";
  std::string role;
  RoleOptions common;
};

int fail(const std::string& who, const Error& error) {
  fmt::print(stderr, "\n{}: {}\n", who, to_string(error));
  return EXIT_FAILURE;
}

Input find_input(const Options& options, std::uint64_t limit, std::uint64_t piece_size) {
  if (!options.directory.empty()) return collect(options.directory, limit, piece_size);
  Input input = collect("/usr/share", limit, piece_size);
  return input.bytes >= kWorthwhile ? input : collect("/usr/lib", limit, piece_size);
}

/// The store's own words, as an operator would ask for them.
void print_stats(const std::string& socket) {
  std::fflush(stdout);
  auto cli = e2e::Process::start({DOLIUM_CLI_PATH, "--socket", socket, "stats"},
                                 {.out = STDOUT_FILENO, .error = STDERR_FILENO});
  static_cast<void>(cli.wait());
}

/// Everything between a connected client and the end of the run. `killing`: see Conductor.
Result<void> conduct(Report& report, std::shared_ptr<Client>& connected, const Input& input, RoleOptions common,
                     OwnDaemon* killing) {
  Client& client = *connected;
  const Names names(common.run);
  common.count = input.pieces.size();
  common.manifest = client.ref<Manifest>(names.manifest()).ticket();
  Staff staff(common);
  if (auto started = staff.start(client); !started) return started;
  fmt::print("{} workers and the producer wait for their first object. Now the manifest:\n\n", kWorkers);
  Result<Subscription> events = client.subscribe();
  if (!events) return events.error();
  Watcher watcher(*std::move(events), names, common.count, common.spill);
  const Result<Outcome> outcome = Conductor(client, staff, watcher, names, input, killing).run();
  if (!outcome) return outcome.error();
  fmt::print("\nThe store, in its own words (dolium stats):\n\n");
  print_stats(common.socket);
  report_run(report, input, *outcome, watcher, common.capacity);
  if (killing != nullptr)
    if (auto restarted = report_restart(report, *killing, connected, names, input); !restarted) return restarted;
  return report_leftovers(report, *connected, names, common.count, watcher, common.spill);
}

Result<void> run(Report& report, const Options& options) {
  const Result<std::uint64_t> capacity = parse_size(options.capacity);
  if (!capacity) return capacity.error();
  RoleOptions common = options.common;
  const std::uint64_t usual = common.spill ? *capacity * kTimesMemory + *capacity / kPiecesPerStore : kLimit;
  const Result<std::uint64_t> limit = options.limit.empty() ? Result<std::uint64_t>(usual) : parse_size(options.limit);
  if (!limit) return limit.error();
  if (common.spill && !common.socket.empty())
    return Error{Errc::invalid_argument, "--spill kills its daemon, and so starts one of its own: leave out --socket"};
  std::optional<OwnDaemon> own;
  if (common.socket.empty()) {
    Result<OwnDaemon> daemon = OwnDaemon::start(*capacity, common.spill);
    if (!daemon) return daemon.error();
    common.socket = own.emplace(*std::move(daemon)).socket();
  }
  auto connected = Client::connect(common.socket, {.name = "demo conductor"});
  if (!connected) return connected.error();
  std::shared_ptr<Client> client = *std::move(connected);
  const Result<StoreStats> stats = client->stats();
  if (!stats) return stats.error();
  common.capacity = stats->capacity;
  common.run = ObjectId::random().hex().substr(0, 12);
  const Input input = find_input(options, *limit, std::min(kMaxPiece, common.capacity / kPiecesPerStore));
  if (input.pieces.size() < kMinPieces)
    return Error{Errc::invalid_argument, fmt::format("{} has {} files: too few for a worker to be killed among them",
                                                     input.directory, input.files)};
  fmt::print("{}: {} files, {}, through a store of {} at {}\n", input.directory, input.files, format_size(input.bytes),
             format_size(common.capacity), common.socket);
  const std::size_t descriptors = own ? own->descriptors() : 0;
  OwnDaemon* killing = common.spill ? &*own : nullptr;
  if (auto conducted = conduct(report, client, input, common, killing); !conducted || !own) return conducted;
  if (auto told = report_store(report, *client, common.spill); !told) return told;
  report.check(own->descriptors() == descriptors, "descriptors",
               fmt::format("the daemon has {}, and had {} before", own->descriptors(), descriptors));
  const std::string how = own->stop();
  report.check(how == "exit 0", "daemon", "SIGTERM, " + how);
  return {};
}

int conductor(const Options& options) {
  // Ctrl-C reaches the others too: that they are gone is what ends us then, by the way that cleans up.
  struct sigaction ignore {};
  ignore.sa_handler = [](int) {};
  ::sigaction(SIGINT, &ignore, nullptr);
  Report report;
  if (const Result<void> done = run(report, options); !done) return fail("dolium_demo", done.error());
  fmt::print("\nSummary\n");
  report.print();
  fmt::print("\n{}\n", report.all_ok() ? "All is right." : "Something is WRONG: see above.");
  return report.all_ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

int play(const Options& options) {
  if (options.role.empty()) return conductor(options);
  const bool produces = options.role == "producer";
  RoleOptions role = options.common;
  role.capacity = std::strtoull(options.capacity.c_str(), nullptr, 10);
  const Result<void> done = produces ? produce(role) : work(role);
  const std::string who = produces ? "producer" : fmt::format("worker {}", role.worker + 1);
  return done ? EXIT_SUCCESS : fail(who, done.error());
}

int begin(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Streams a directory of real files through a small store, from one process to four others, kills one "
      "of them, and proves that nothing was lost and nothing leaked.",
      "scripts/demo");
  app.add_option("directory", options.directory, "default: /usr/share, or /usr/lib when that is small");
  app.add_option("--limit", options.limit,
                 "stop at so many bytes of input; default: 512MiB; with --spill three times "
                 "the capacity, and a little more");
  app.add_option("--capacity", options.capacity, "of the store that is started for this")->capture_default_str();
  app.add_option("--socket", options.common.socket, "use the daemon there instead of starting one");
  app.add_flag("--spill,!--no-spill", options.common.spill,
               "keep everything, on disk (/var/tmp) what does not fit into memory; and kill the server, the spill "
               "process and the keeper, too");
  // Between the processes of a run.
  app.add_option("--role", options.role)->group("");
  app.add_option("--run", options.common.run)->group("");
  app.add_option("--manifest", options.common.manifest)->group("");
  app.add_option("--count", options.common.count)->group("");
  app.add_option("--worker", options.common.worker)->group("");
  app.add_option("--begin", options.common.begin)->group("");
  CLI11_PARSE(app, argc, argv);
  return play(options);
}

}  // namespace
}  // namespace dolium::demo

int main(int argc, char** argv) {
  return dolium::demo::begin(argc, argv);
}
