// doliumd-spill: reads like a parts list. The keeper of doliumd starts it (daemon/keeper/spill_process.h).

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "daemon/process/heap.h"
#include "daemon/process/logging.h"
#include "daemon/process/process_title.h"
#include "daemon/process/signals.h"
#include "daemon/process/spill_program.h"
#include "daemon/spiller/options.h"
#include "daemon/spiller/spiller.h"
#include "shm/os/standard_streams.h"

namespace {

using namespace dolium;
using namespace dolium::spill;

constexpr int kUsage = 2;

/// Runs before the static objects of the libraries are created: they need memory too.
__attribute__((constructor(101))) void prepare_process() {
  shm::open_standard_streams(shm::ClosedStreams::discard);
  daemon::end_without_memory(daemon::kRefusedBySystem);  // what was told is on the disk; the keeper starts another
}

int fail(const Error& error, int status) {
  daemon::say_on_standard_error("spill: " + error.message);
  return status;
}

int print(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? EXIT_SUCCESS : fail({Errc::system_error, "standard output could not be written"}, EXIT_FAILURE);
}

int adopt(const Options& options) {
  const auto files = DiskFiles::open(options.directory, options.io);
  if (!files) return fail(files.error(), EXIT_FAILURE);
  Machine machine = this_machine();
  machine.adopts = true;
  const auto home = Home::open(**files, machine);
  return home ? EXIT_SUCCESS : fail(home.error(), EXIT_FAILURE);
}

/// The daemon's log. A file that cannot be opened is no reason not to serve.
Result<std::shared_ptr<spdlog::logger>> open_log(const Options& options) {
  daemon::Config config;
  config.log_file = options.log_file;
  config.log_level = options.log_level;
  auto log = daemon::open_log(config);
  if (log || options.log_file.empty()) return log;
  daemon::say_on_standard_error("spill: " + log.error().message + "; logging to standard error");
  config.log_file.clear();  // the keeper's
  return daemon::open_log(config);
}

int serve(Options options) {
  daemon::name_process("doliumd: spill");
  auto signals = daemon::SignalQueue::open();
  if (!signals) return fail(signals.error(), EXIT_FAILURE);
  auto log = open_log(options);
  if (!log) return fail(log.error(), EXIT_FAILURE);
  const daemon::LinesWithoutMemory lines(daemon::writer_of(**log));
  Spiller spiller(std::move(options), *log, *std::move(signals));
  const Result<void> ended = spiller.run();
  if (ended) return EXIT_SUCCESS;
  (*log)->error("the spill tier ends: {}", ended.error().message);
  return spiller.is_unusable() ? daemon::kSpillUnusable : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  for (const int number : {SIGPIPE, SIGXFSZ}) std::signal(number, SIG_IGN);
  auto options = parse_options(argc, argv);
  if (!options) return fail(options.error(), kUsage);
  switch (options->action) {
    case Action::print: return print(options->text);
    case Action::adopt: return adopt(*options);
    case Action::serve: break;
  }
  return serve(*std::move(options));
}
