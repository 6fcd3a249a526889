#include "protocol/fd_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>

#include "protocol/unix_address.h"
#include "shm/os/system_error.h"

namespace dolium::protocol {
namespace {

using shm::retry_interrupted;
using shm::UniqueFd;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstRetry{1};
constexpr std::chrono::milliseconds kLastRetry{50};

Result<bool> wait_for(int fd, short events, Deadline deadline) {
  for (;;) {
    timespec remaining{};
    if (deadline != kNoDeadline) {
      const auto now = steady_clock::now();
      const auto left = deadline > now ? deadline - now : steady_clock::duration::zero();
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      remaining.tv_sec = seconds.count();
      remaining.tv_nsec = static_cast<long>(std::chrono::nanoseconds(left - seconds).count());
    }
    pollfd entry{fd, events, 0};
    const int ready = ::ppoll(&entry, 1, deadline == kNoDeadline ? nullptr : &remaining, nullptr);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return shm::system_error("wait for a connection");
    if (entry.revents & POLLNVAL) return shm::system_error("wait for a connection", EBADF);
    return ready > 0;
  }
}

/// The kind of file at the path that is not a socket; empty: a socket, or nothing visible.
std::string_view other_than_socket(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || S_ISSOCK(status.st_mode)) return "";
  if (S_ISDIR(status.st_mode)) return "a directory";
  return S_ISREG(status.st_mode) ? "a regular file" : "a special file";
}

Error connect_error(std::string_view path, int reason) {
  switch (reason) {
    case ENOTDIR:
      return Error{Errc::invalid_argument, fmt::format("a part of {} is not a directory: name the socket that doliumd "
                                                       "listens at (--socket, $DOLIUM_SOCKET)",
                                                       path)};
    case ECONNREFUSED:
      if (const std::string_view what = other_than_socket(std::string(path)); !what.empty())
        return Error{Errc::invalid_argument, fmt::format("{} is {}, not a socket: name the socket that doliumd listens "
                                                         "at (--socket, $DOLIUM_SOCKET)",
                                                         path, what)};
      [[fallthrough]];
    case ENOENT:
      return Error{Errc::disconnected,
                   fmt::format("no daemon listens at {}; start one with doliumd --socket {}", path, path)};
    case EAGAIN:
      return Error{Errc::timed_out, fmt::format("the daemon at {} is too busy to accept a connection", path)};
    case EACCES:
    case EPERM:
      return Error{Errc::permission_denied,
                   fmt::format("this user may not connect to the daemon at {}: {}; run this as the user that doliumd "
                               "runs as, or have the socket, or a directory on the way to it, opened to this user "
                               "([socket] mode and group)",
                               path, std::generic_category().message(reason))};
    case EMFILE: return out_of_descriptors(fmt::format("the connection to {}", path));
    default: return shm::system_error(fmt::format("connect to {}", path), reason);
  }
}

}  // namespace

Error out_of_descriptors(std::string_view what) {
  rlimit limit{};
  static_cast<void>(::getrlimit(RLIMIT_NOFILE, &limit));
  return {
      Errc::system_error,
      fmt::format("this process has no file descriptors left for {} ({}): its limit is {}; close some, or raise the "
                  "limit (ulimit -n, setrlimit(RLIMIT_NOFILE))",
                  what, std::generic_category().message(EMFILE), limit.rlim_cur)};
}

Deadline deadline_after(Timeout timeout) {
  const auto now = steady_clock::now();
  if (timeout.is_forever() || timeout.duration() >= kNoDeadline - now) return kNoDeadline;
  return now + timeout.duration();
}

Result<UniqueFd> connect_to(std::string_view path, Deadline deadline) {
  const Result<sockaddr_un> address = unix_address(path);
  if (!address) return address.error();
  std::chrono::milliseconds pause = kFirstRetry;
  for (;;) {
    ConnectAttempt attempt = try_connect(*address);
    if (attempt.error == 0) return std::move(attempt.connection);
    const bool may_change = attempt.error == ENOENT || attempt.error == ECONNREFUSED || attempt.error == EAGAIN;
    const auto now = steady_clock::now();
    Error error = connect_error(path, attempt.error);
    if (!may_change || error.code == Errc::invalid_argument || now >= deadline) return error;
    // No event reports that the queue has room. For a path that appears, an inotify watch is not worth its cost.
    std::this_thread::sleep_until(std::min(deadline, now + pause));
    pause = std::min(2 * pause, kLastRetry);
  }
}

Result<std::pair<UniqueFd, UniqueFd>> socket_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, kSocketFlags, 0, ends) != 0) return shm::system_error("create a socket pair");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<UniqueFd> duplicate(int fd) {
  UniqueFd copy(retry_interrupted([&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); }));
  if (!copy.valid()) return shm::system_error("duplicate a descriptor");
  return copy;
}

Result<bool> wait_readable(int fd, Deadline deadline) {
  return wait_for(fd, POLLIN, deadline);
}
Result<bool> wait_writable(int fd, Deadline deadline) {
  return wait_for(fd, POLLOUT, deadline);
}

}  // namespace dolium::protocol
