// doliumd: reads like a parts list.

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

#include "daemon/config.h"
#include "daemon/host_check.h"
#include "daemon/logging.h"
#include "daemon/server.h"

namespace {

using namespace dolium;
using namespace dolium::daemon;

int fail(const Error& error) {
  fmt::print(stderr, "doliumd: {}\n", error.message);
  return EXIT_FAILURE;
}

/// A client costs four descriptors; a login shell's soft limit of 1024 is meant for select(), which is not used here.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int check_config(const Invocation& invocation) {
  const auto warnings = check_host(invocation.config.store);
  if (!warnings) return fail(warnings.error());
  if (const auto access = AccessList::resolve(invocation.config.readers, invocation.config.writers, ::geteuid());
      !access)
    return fail(access.error());
  fmt::print("{}", to_toml(invocation.config));
  for (const std::string& warning : invocation.warnings) fmt::print(stderr, "doliumd: warning: {}\n", warning);
  for (const std::string& warning : *warnings) fmt::print(stderr, "doliumd: warning: {}\n", warning);
  return EXIT_SUCCESS;
}

int serve(const Invocation& invocation) {
  const auto warnings = check_host(invocation.config.store);
  if (!warnings) return fail(warnings.error());
  const auto log = open_log(invocation.config);
  if (!log) return fail(log.error());
  for (const std::string& warning : invocation.warnings) (*log)->warn("{}", warning);
  for (const std::string& warning : *warnings) (*log)->warn("{}", warning);
  raise_descriptor_limit();
  const auto server = Server::create(invocation.config, *log);
  if (!server) return fail(server.error());
  (*server)->run();
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const auto invocation = load(argc, argv);
  if (!invocation) return fail(invocation.error());
  switch (invocation->action) {
    case Action::run: return serve(*invocation);
    case Action::check_config: return check_config(*invocation);
    case Action::help:
    case Action::version: fmt::print("{}", invocation->text); return EXIT_SUCCESS;
  }
  return EXIT_FAILURE;
}
