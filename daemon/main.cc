// doliumd: reads like a parts list. The program that a user starts is the keeper; it executes itself again as the
// server.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/config/config.h"
#include "daemon/keeper/keeper.h"
#include "daemon/process/heap.h"
#include "daemon/process/logging.h"
#include "daemon/process/process_title.h"
#include "daemon/process/spill_program.h"
#include "daemon/server/descriptor_limit.h"
#include "daemon/server/replacement.h"
#include "daemon/server/server_process.h"
#include "daemon/server/start_check.h"
#include "shm/os/standard_streams.h"

namespace {

using namespace dolium;
using namespace dolium::daemon;

constexpr int kUsage = 2;

/// Runs before the static objects of the libraries are created: they need memory too.
__attribute__((constructor(101))) void prepare_process() {
  shm::open_standard_streams(shm::ClosedStreams::discard);  // before any other descriptor could take their place
  end_without_memory(std::getenv(KeeperLink::kVariable) != nullptr ? kRefusedBySystem : EXIT_FAILURE);
}

int fail(const Error& error) {
  say_on_standard_error(error.message);
  return EXIT_FAILURE;
}

/// As in `dolium`, a usage error has an exit status of its own.
int fail_to_load(const Error& error) {
  const int status = fail(error);
  return error.code == Errc::invalid_argument ? kUsage : status;
}

/// Prints a requested text on standard output.
int print(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? EXIT_SUCCESS : fail({Errc::system_error, "standard output could not be written"});
}

int check_config(const Invocation& invocation) {
  const auto warnings = check_start(invocation.config);
  if (!warnings) return fail(warnings.error());
  const int printed = print(to_toml(invocation.config));
  for (const std::string& warning : invocation.warnings) say_on_standard_error("warning: " + warning);
  for (const std::string& warning : *warnings) say_on_standard_error("warning: " + warning);
  return printed;
}

int replace(const Invocation& invocation) {
  if (auto keeper = check_keeper(invocation.config.socket_path); !keeper) return fail(keeper.error());
  const Result<pid_t> server = replace_server(invocation.config.socket_path, invocation.config_file);
  if (!server) return fail(server.error());
  fmt::print("server {} serves\n", *server);
  return EXIT_SUCCESS;
}

/// This process's end of the link, if the keeper started it. Processes that this one starts do not inherit it.
std::optional<KeeperLink> link_to_keeper() {
  const char* number = std::getenv(KeeperLink::kVariable);
  if (number == nullptr) return std::nullopt;
  KeeperLink link{shm::UniqueFd(std::atoi(number))};
  ::unsetenv(KeeperLink::kVariable);  // NOLINT(concurrency-mt-unsafe): there is one thread
  ::fcntl(link.fd(), F_SETFD, FD_CLOEXEC);
  return link;
}

int run_keeper(const Invocation& invocation, char** argv) {
  if (auto proc = check_proc(); !proc) return fail(proc.error());
  if (auto descriptors = check_descriptor_limit(); !descriptors) return fail(descriptors.error());
  become_keeper(argv);  // before any descriptor is opened: this executes the program anew
  auto starter = Starter::adopt(invocation.starter_fd);
  if (!starter) return fail(starter.error());
  auto log = open_log(invocation.config);
  if (!log) return fail(log.error());
  const auto warnings = check_spill(invocation.config);
  if (!warnings) return fail(warnings.error());
  for (const std::string& warning : *warnings) (*log)->warn("{}", warning);
  wait_for_memory();
  raise_descriptor_limit();
  SpillProcess spill(spill_arguments(invocation.config));
  std::string title = fmt::format("doliumd: server {}", invocation.config.socket_path);
  return Keeper::run(with_title(title, argv).data(), {*std::move(log), invocation.config}, *std::move(starter),
                     std::move(spill));
}

/// The keeper logs this output, and the result.
int check_for_keeper(const Invocation& invocation) {
  name_process("doliumd: check");
  const char* asked = std::getenv(KeeperLink::kConfigVariable);  // NOLINT(concurrency-mt-unsafe): there is one thread
  const Result<void> checked = check_successor(invocation, asked == nullptr ? "" : asked);
  return checked ? EXIT_SUCCESS : fail(checked.error());
}

int run(const Invocation& invocation, char** argv) {
  const char* variable = std::getenv(KeeperLink::kVariable);  // NOLINT(concurrency-mt-unsafe): there is one thread
  if (variable != nullptr && std::string_view(variable) == KeeperLink::kCheckOnly) return check_for_keeper(invocation);
  if (auto link = link_to_keeper()) return run_server(invocation, *std::move(link));
  return run_keeper(invocation, argv);
}

}  // namespace

int main(int argc, char** argv) {
  // A log that cannot be written (a pipe without a reader, a file of maximum size) is only an error of write().
  for (const int number : {SIGPIPE, SIGXFSZ}) std::signal(number, SIG_IGN);
  const auto invocation = load(argc, argv);
  if (!invocation) return fail_to_load(invocation.error());
  switch (invocation->action) {
    case Action::run: return run(*invocation, argv);
    case Action::check_config: return check_config(*invocation);
    case Action::replace: return replace(*invocation);
    case Action::help:
    case Action::version: return print(invocation->text);
  }
  return EXIT_FAILURE;
}
