#include "daemon/server/server_process.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "daemon/process/heap.h"
#include "daemon/process/logging.h"
#include "daemon/process/process_title.h"
#include "daemon/process/signals.h"
#include "daemon/server/estate.h"
#include "daemon/server/server.h"
#include "shm/table/host_check.h"

namespace dolium::daemon {
namespace {

/// The system may grant the next server what it has refused now.
int status_of(const Error& error) {
  return error.code == Errc::system_error ? kRefusedBySystem : EXIT_FAILURE;
}

int serve(const Invocation& invocation, KeeperLink link, const std::shared_ptr<spdlog::logger>& log,
          SignalQueue signals) {
  auto estate = Estate::receive(std::move(link));
  const bool is_first = !estate || !estate->inherited();
  const auto fail_to_serve = [&](const Error& error) {
    if (is_first) say_on_standard_error(error.message);  // for the operator
    if (!is_first || !invocation.config.log_file.empty()) log->critical("{}", error.message);
    return status_of(error);
  };
  if (!estate) return fail_to_serve(estate.error());
  // A store that exists already has its memory: the host's free memory does not matter.
  const auto warnings = estate->inherited() ? Result<std::vector<std::string>>(std::vector<std::string>())
                                            : shm::check_host(invocation.config.store);
  if (!warnings) return fail_to_serve(warnings.error());
  for (const std::string& warning : invocation.warnings) log->warn("{}", warning);
  for (const std::string& warning : *warnings) log->warn("{}", warning);
  writer_of(*log).count_lost(estate->take_lost_lines());
  const auto server = Server::create(invocation.config, log, *std::move(estate), std::move(signals));
  if (!server) return fail_to_serve(server.error());
  const Server::End end = (*server)->run();
  if (end != Server::End::restart) return end == Server::End::finished ? EXIT_SUCCESS : EXIT_FAILURE;
  (*server)->hand_over_log();
  return KeeperLink::kRestart;
}

}  // namespace

int run_server(const Invocation& invocation, KeeperLink link) {
  name_process("doliumd: server");
  auto signals = SignalQueue::open();
  const auto log = signals ? open_log(invocation.config) : signals.error();
  if (!log) {
    say_on_standard_error(log.error().message);
    return status_of(log.error());
  }
  const LinesWithoutMemory lines(writer_of(**log));
  return serve(invocation, std::move(link), *log, *std::move(signals));
}

}  // namespace dolium::daemon
