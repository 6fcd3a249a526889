// Listening, in order: lock, look at what is at the path, bind, set group and mode, listen. Until the last step
// every connect is refused, so nobody slips in under the permissions that the umask left; from the first step
// on, nobody else does any of this at the same path.

#include "protocol/fd_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <system_error>
#include <thread>

#include "protocol/peer.h"
#include "protocol/user_namespace.h"
#include "shm/os/system_error.h"

namespace dolium::protocol {
namespace {

using shm::retry_interrupted;
using shm::UniqueFd;
using std::chrono::steady_clock;

constexpr int kSocketFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
constexpr std::chrono::milliseconds kFirstRetry{1};
constexpr std::chrono::milliseconds kLastRetry{50};

Result<sockaddr_un> address_of(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty()) return Error{Errc::invalid_argument, "the socket's path is empty"};
  if (path.front() == '@')
    return Error{
        Errc::invalid_argument,
        fmt::format("{} would be an abstract socket, which has no owner and no permissions: any user could take "
                    "that name first; name a path (./{} for a file of that name)",
                    path, path)};
  if (path.find('\0') != std::string_view::npos)
    return Error{Errc::invalid_argument, "the socket's path contains a zero byte"};
  if (path.size() >= sizeof(address.sun_path)) {
    return Error{Errc::invalid_argument, fmt::format("the socket's path is {} bytes long, the limit is {}: {}",
                                                     path.size(), sizeof(address.sun_path) - 1, path)};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

struct Attempt {
  UniqueFd connection;
  int error;
};

// A Unix socket that does not block connects at once or not at all.
Attempt try_connect(const sockaddr_un& address) {
  UniqueFd fd(::socket(AF_UNIX, kSocketFlags, 0));
  if (!fd.valid()) return {UniqueFd(), errno};
  const int result = retry_interrupted([&] { return ::connect(fd.get(), generic(address), sizeof(address)); });
  if (result != 0) return {UniqueFd(), errno};
  return {std::move(fd), 0};
}

Error already_listening(const std::string& path) {
  return Error{Errc::already_exists,
               fmt::format("a daemon is already listening at {}: stop it first, or choose another --socket", path)};
}

/// To take it for as long as one listens, or to look whether somebody has.
struct LockUse {
  int open;
  int lock;
};
constexpr LockUse kTake{O_RDWR | O_CREAT, LOCK_EX};
constexpr LockUse kLook{O_RDONLY, LOCK_SH};

/// Invalid, for who only looks: there is none yet.
Result<UniqueFd> take_lock(const std::string& path, LockUse use) {
  const std::string lock_path = path + ".lock";
  UniqueFd lock(
      retry_interrupted([&] { return ::open(lock_path.c_str(), use.open | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600); }));
  const int reason = errno;
  if (!lock.valid() && reason == ENOENT && (use.open & O_CREAT) == 0) return lock;
  struct stat status {};
  const bool known = lock.valid() ? ::fstat(lock.get(), &status) == 0 : ::lstat(lock_path.c_str(), &status) == 0;
  // Its owner could lock it for ever, and no daemon of ours would be there.
  if (known && status.st_uid != 0 && !owns(lock_path, status.st_uid))
    return Error{Errc::permission_denied, fmt::format("{} belongs to {}, who could keep every other daemon from "
                                                      "starting; choose another --socket, or have it removed",
                                                      lock_path, name_owner(status.st_uid))};
  if (!lock.valid()) return shm::system_error(fmt::format("open {}", lock_path), reason);
  if (retry_interrupted([&] { return ::flock(lock.get(), use.lock | LOCK_NB); }) != 0) {
    if (errno == EWOULDBLOCK) return already_listening(path);
    return shm::system_error(fmt::format("lock {}", lock_path));
  }
  return lock;
}

/// Who makes sure that a name is free by an empty file of that name (mkstemp) means it to be taken.
bool is_placeholder(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_size == 0 && status.st_uid == ::geteuid();
}

/// Refuses what is neither a socket nor a placeholder. Before the lock file is made, so that a refusal leaves nothing
/// behind; what comes to the path later is found by find_stale().
Result<void> check_kind(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || S_ISSOCK(status.st_mode) || is_placeholder(status)) return {};
  return Error{
      Errc::invalid_argument,
      fmt::format("{} exists and is not a socket; it is left as it is: move it away, or choose another --socket",
                  path)};
}

// Whether a stale socket lies there; false: nothing. Precondition: nobody else holds the lock, so a socket that refuses
// belongs to nobody who is still starting.
Result<bool> find_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return shm::system_error(fmt::format("look at {}", path));
  }
  if (is_placeholder(status)) return true;
  if (auto kind = check_kind(path); !kind) return std::move(kind).error();
  const Attempt attempt = try_connect(address);
  switch (attempt.error) {
    case ECONNREFUSED: return true;
    case ENOENT: return false;
    case 0:
    case EAGAIN:      // somebody listens and has a full queue
    case EPROTOTYPE:  // somebody has another kind of socket there
      return already_listening(path);
    default: return shm::system_error(fmt::format("find out whether {} is in use", path), attempt.error);
  }
}

Result<void> clear_path(const std::string& path, const sockaddr_un& address) {
  const Result<bool> stale = find_stale(path, address);
  if (!stale) return stale.error();
  if (*stale && ::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return shm::system_error(fmt::format("remove the stale socket {}", path));
  }
  return {};
}

/// Whether the socket file leads to this process, which listens: the kernel says so of a connection. False: there is
/// none, or a stale one. Where no connection can be had, but the lock is ours, no other daemon can have bound it.
Result<bool> find_own_socket(const std::string& path, const sockaddr_un& address, bool has_lock) {
  const Attempt attempt = try_connect(address);
  if (attempt.error == 0) {
    const Result<PeerCredentials> peer = peer_credentials(attempt.connection.get());
    if (!peer) return peer.error();
    if (peer->pid == ::getpid()) return true;
    return already_listening(path);
  }
  if (attempt.error == ENOENT || attempt.error == ECONNREFUSED) return false;
  if (has_lock) return true;
  return shm::system_error(fmt::format("find out whether {} is in use", path), attempt.error);
}

Result<void> set_permissions(const ListenOptions& options) {
  const char* path = options.path.c_str();
  if (options.group && ::lchown(path, static_cast<uid_t>(-1), *options.group) != 0) {
    return shm::system_error(fmt::format("give {} to group {}", options.path, *options.group));
  }
  if (::chmod(path, options.mode) != 0) {
    return shm::system_error(fmt::format("set the mode of {} to {:o}", options.path, options.mode));
  }
  return {};
}

/// chown(2): a user other than root can give a file only to a group that the user is in.
Result<void> check_group(const ListenOptions& options) {
  if (!options.group || ::geteuid() == 0 || ::getegid() == *options.group || ::group_member(*options.group) != 0)
    return {};
  return shm::system_error(fmt::format("give {} to group {}", options.path, *options.group), EPERM);
}

Result<UniqueFd> bind_socket(const std::string& path, const sockaddr_un& address) {
  UniqueFd fd(::socket(AF_UNIX, kSocketFlags, 0));
  if (!fd.valid()) return shm::system_error("create a socket");
  if (::bind(fd.get(), generic(address), sizeof(address)) != 0) {
    if (errno == EADDRINUSE) return already_listening(path);
    return shm::system_error(fmt::format("create the socket {}", path));
  }
  return fd;
}

Result<ino_t> inode_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return shm::system_error(fmt::format("look at {}", path));
  return status.st_ino;
}

UniqueFd open_spare() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

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

/// What stands at the path instead of a socket; empty: a socket, or nothing that we can see.
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
  return {Errc::system_error,
          fmt::format(
              "this process has too few file descriptors left for {} ({}): its limit is {}; close some, or raise the "
              "limit (ulimit -n, setrlimit(RLIMIT_NOFILE))",
              what, std::generic_category().message(EMFILE), limit.rlim_cur)};
}

Deadline deadline_after(Timeout timeout) {
  const auto now = steady_clock::now();
  if (timeout.is_forever() || timeout.duration() >= kNoDeadline - now) return kNoDeadline;
  return now + timeout.duration();
}

Listener::Listener(std::string path, UniqueFd lock, UniqueFd socket, UniqueFd spare, ino_t inode)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      socket_(std::move(socket)),
      spare_(std::move(spare)),
      inode_(inode) {}

Listener::~Listener() {
  if (!socket_.valid()) return;
  const Result<ino_t> inode = inode_of(path_);
  if (inode && *inode == inode_) ::unlink(path_.c_str());
}

/// Clients send none. To close one that came all the same can take as long as its sender likes (a TCP socket that
/// lingers), so the kernel is asked to refuse them: Linux 6.16 and later can; connections inherit it.
void refuse_descriptors(int listener) noexcept {
#ifndef SO_PASSRIGHTS
  constexpr int SO_PASSRIGHTS = 83;  // NOLINT(readability-identifier-naming): Debian 12's headers are older
#endif
  const int off = 0;
  static_cast<void>(::setsockopt(listener, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)));
}

Result<Listener> Listener::open(const ListenOptions& options) {
  const Result<sockaddr_un> address = address_of(options.path);
  if (!address) return address.error();
  if (auto kind = check_kind(options.path); !kind) return std::move(kind).error();
  if (auto group = check_group(options); !group) return std::move(group).error();
  Result<UniqueFd> lock = take_lock(options.path, kTake);
  if (!lock) return lock.error();
  if (const Result<void> cleared = clear_path(options.path, *address); !cleared) return cleared.error();
  std::string path = options.path;  // the last that takes memory before there is a destructor, or a caller, to tidy up
  Result<UniqueFd> socket = bind_socket(path, *address);
  if (!socket) return socket.error();
  const Result<ino_t> inode = inode_of(path);
  if (!inode) return inode.error();
  // From here on the destructor removes the file again when a step fails.
  Listener listener(std::move(path), *std::move(lock), *std::move(socket), open_spare(), *inode);
  if (const Result<void> ready = listener.begin(options); !ready) return ready.error();
  return listener;
}

Result<void> Listener::begin(const ListenOptions& options) const {
  if (auto set = set_permissions(options); !set) return set;
  refuse_descriptors(fd());
  if (::listen(fd(), kListenBacklog) != 0) return shm::system_error(fmt::format("listen at {}", path_));
  return {};
}

Result<void> Listener::foresee(const ListenOptions& options) {
  const Result<sockaddr_un> address = address_of(options.path);
  if (!address) return address.error();
  if (const Result<UniqueFd> lock = take_lock(options.path, kLook); !lock) return lock.error();
  if (const Result<bool> stale = find_stale(options.path, *address); !stale) return stale.error();
  return check_group(options);
}

Listener Listener::adopt(std::string path, UniqueFd lock, UniqueFd socket) {
  return {std::move(path), std::move(lock), std::move(socket), open_spare(), 0};
}

/// The file of that name is the one that we have locked.
bool Listener::has_lock() const {
  struct stat ours {
  }, there{};
  return ::fstat(lock_.get(), &ours) == 0 && ::lstat((path_ + ".lock").c_str(), &there) == 0 &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

Result<Listener::Renewal> Listener::renew(const ListenOptions& options) {
  const Result<sockaddr_un> address = address_of(path_);
  if (!address) return address.error();
  inode_ = 0;
  // The kernel shows who called this last (SO_PEERCRED), which was perhaps a server that has died.
  if (::listen(fd(), kListenBacklog) != 0) return shm::system_error(fmt::format("listen at {}", path_));
  Renewal renewal;
  const bool locked = has_lock();
  Result<UniqueFd> lock = locked ? UniqueFd() : take_lock(path_, kTake);
  const Result<bool> leads_here = find_own_socket(path_, *address, locked);
  if (!leads_here) return leads_here.error();
  if (!*leads_here) {
    if (!lock) return std::move(lock).error();
    if (auto cleared = clear_path(path_, *address); !cleared) return std::move(cleared).error();
    Result<UniqueFd> socket = bind_socket(path_, *address);
    if (!socket) return std::move(socket).error();
    Listener next(path_, UniqueFd(), *std::move(socket), UniqueFd(), inode_of(path_).value_or(0));
    if (auto ready = next.begin(options); !ready) return std::move(ready).error();
    std::swap(socket_, next.socket_);
    next.inode_ = 0;
    renewal.former_socket = std::move(next.socket_);
  }
  if (!lock) {
    renewal.without_lock = std::move(lock).error();
  } else if (lock->valid()) {
    renewal.lock = true;
    lock_ = *std::move(lock);
  }
  inode_ = inode_of(path_).value_or(0);
  return renewal;
}

Result<UniqueFd> Listener::accept(const Farewell& farewell) {
  const auto accept_once = [&] {
    return UniqueFd(
        retry_interrupted([&] { return ::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
  };
  UniqueFd connection = accept_once();
  if (connection.valid()) return connection;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED) return UniqueFd();
  const int reason = errno;
  const Error why = shm::system_error("accept a connection", reason);
  if (reason == EMFILE || reason == ENFILE) {
    // The kernel wants a free number before it looks whether anybody waits at all. (None, where the spare one could not
    // be had back: then nobody knows, and whoever waits goes on waiting.)
    spare_.reset();
    UniqueFd turned_away = accept_once();
    const bool nobody_waits = !turned_away.valid() && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (turned_away.valid() && farewell) farewell(turned_away, why);
    turned_away.reset();
    spare_ = open_spare();
    if (nobody_waits) return UniqueFd();
  }
  return why;
}

Result<UniqueFd> connect_to(std::string_view path, Deadline deadline) {
  const Result<sockaddr_un> address = address_of(path);
  if (!address) return address.error();
  std::chrono::milliseconds pause = kFirstRetry;
  for (;;) {
    Attempt attempt = try_connect(*address);
    if (attempt.error == 0) return std::move(attempt.connection);
    const bool may_change = attempt.error == ENOENT || attempt.error == ECONNREFUSED || attempt.error == EAGAIN;
    const auto now = steady_clock::now();
    Error error = connect_error(path, attempt.error);
    if (!may_change || error.code == Errc::invalid_argument || now >= deadline) return error;
    // No event tells of a queue that empties, and for a path that appears an inotify watch is not worth it.
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
