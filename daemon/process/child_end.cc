#include "daemon/process/child_end.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstring>

namespace dolium::daemon {

std::string end_text(int status) {
  if (!WIFSIGNALED(status)) return fmt::format("with status {}", WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  return fmt::format("by signal {} ({})", number, ::strsignal(number));  // NOLINT(concurrency-mt-unsafe): one thread
}

}  // namespace dolium::daemon
