#include "daemon/server/descriptor_limit.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>

#include "shm/os/system_error.h"

namespace dolium::daemon {

/// A client costs four descriptors. The usual soft limit of 1024 is meant for select(), which is not used here.
void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<void> check_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return shm::system_error("read the limit of file descriptors");
  if (limit.rlim_max >= kLeastDescriptors) return {};
  return Error{Errc::invalid_argument,
               fmt::format("the limit of file descriptors is {}, and doliumd needs {} to serve one client: raise it "
                           "(LimitNOFILE= in its unit, or ulimit -n)",
                           limit.rlim_max, kLeastDescriptors)};
}

Error explain_descriptors(Error error) {
  rlimit limit{};
  if (error.error_number == EMFILE && ::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    error.message = fmt::format(
        "the daemon has as many file descriptors open as its limit allows ({}): end some clients, or start doliumd "
        "with a higher one (LimitNOFILE= in its unit, or ulimit -n); it {}",
        limit.rlim_cur, error.message);
  else if (error.error_number == ENFILE)
    error.message = fmt::format(
        "this machine has as many files open as it allows: end what has many open, or raise fs.file-max (sysctl); the "
        "daemon {}",
        error.message);
  return error;
}

}  // namespace dolium::daemon
