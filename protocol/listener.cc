// Listening, in order: lock, check what is at the path, bind, set group and mode, listen. Until the last step every
// connect is refused, so no client can connect with the permissions that the umask left. From the first step on, no
// other daemon does any of this at the same path.

#include "protocol/listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "protocol/peer.h"
#include "protocol/unix_address.h"
#include "protocol/user_namespace.h"
#include "shm/os/system_error.h"

namespace dolium::protocol {
namespace {

using shm::retry_interrupted;
using shm::UniqueFd;

Error already_listening(const std::string& path) {
  return Error{Errc::already_exists,
               fmt::format("a daemon is already listening at {}: stop it first, or choose another --socket", path)};
}

/// How to lock: kTake, for as long as this process listens; or kLook, to test whether a daemon has the lock.
struct LockUse {
  int open;
  int lock;
};
constexpr LockUse kTake{O_RDWR | O_CREAT, LOCK_EX};
constexpr LockUse kLook{O_RDONLY, LOCK_SH};

/// Locks the lock file. With kLook, returns an invalid descriptor if the file does not exist.
Result<UniqueFd> take_lock(const std::string& path, LockUse use) {
  const std::string lock_path = path + ".lock";
  UniqueFd lock(
      retry_interrupted([&] { return ::open(lock_path.c_str(), use.open | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600); }));
  const int reason = errno;
  if (!lock.valid() && reason == ENOENT && (use.open & O_CREAT) == 0) return lock;
  struct stat status {};
  const bool known = lock.valid() ? ::fstat(lock.get(), &status) == 0 : ::lstat(lock_path.c_str(), &status) == 0;
  // A foreign owner could hold the lock forever, although no daemon of this user runs.
  if (known && status.st_uid != 0 && !owns(lock_path, status.st_uid))
    return Error{Errc::permission_denied, fmt::format("{} belongs to {}, who could prevent every other daemon from "
                                                      "starting; choose another --socket, or have that file removed",
                                                      lock_path, name_owner(status.st_uid))};
  if (!lock.valid()) return shm::system_error(fmt::format("open {}", lock_path), reason);
  if (retry_interrupted([&] { return ::flock(lock.get(), use.lock | LOCK_NB); }) != 0) {
    if (errno == EWOULDBLOCK) return already_listening(path);
    return shm::system_error(fmt::format("lock {}", lock_path));
  }
  return lock;
}

/// An empty file may have been created to reserve the name (mkstemp), so the socket replaces it.
bool is_placeholder(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_size == 0 && status.st_uid == ::geteuid();
}

/// Refuses a file that is neither a socket nor a placeholder. Called before the lock file is created, so that a refusal
/// leaves no file behind. find_stale() checks again, for a file that appears later.
Result<void> check_kind(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || S_ISSOCK(status.st_mode) || is_placeholder(status)) return {};
  return Error{
      Errc::invalid_argument,
      fmt::format("{} exists and is not a socket; it was not changed: move it away, or choose another --socket", path)};
}

// Whether there is a stale socket at the path; false: there is nothing. Precondition: no other process holds the lock,
// so a socket that refuses connections belongs to no daemon that is still starting.
Result<bool> find_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return shm::system_error(fmt::format("look at {}", path));
  }
  if (is_placeholder(status)) return true;
  if (auto kind = check_kind(path); !kind) return std::move(kind).error();
  const ConnectAttempt attempt = try_connect(address);
  switch (attempt.error) {
    case ECONNREFUSED: return true;
    case ENOENT: return false;
    case 0:
    case EAGAIN:      // a process listens, and its queue is full
    case EPROTOTYPE:  // another kind of socket is there
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

/// Whether the socket file leads to this process, according to the kernel's data about a connection. False: there is no
/// socket file, or a stale one. If no connection is possible, but this process has the lock, no other daemon can have
/// bound the path.
Result<bool> find_own_socket(const std::string& path, const sockaddr_un& address, bool has_lock) {
  const ConnectAttempt attempt = try_connect(address);
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

/// Clients send no descriptors. Closing one that was sent anyway can take as long as its sender wants (a TCP socket
/// with SO_LINGER). So the kernel is asked to refuse them, which Linux 6.16 and later can. Connections inherit the
/// option.
void refuse_descriptors(int listener) noexcept {
#ifndef SO_PASSRIGHTS
  constexpr int SO_PASSRIGHTS = 83;  // NOLINT(readability-identifier-naming): Debian 12's headers are older
#endif
  const int off = 0;
  static_cast<void>(::setsockopt(listener, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)));
}

}  // namespace

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

Result<Listener> Listener::open(const ListenOptions& options) {
  const Result<sockaddr_un> address = unix_address(options.path);
  if (!address) return address.error();
  if (auto kind = check_kind(options.path); !kind) return std::move(kind).error();
  if (auto group = check_group(options); !group) return std::move(group).error();
  Result<UniqueFd> lock = take_lock(options.path, kTake);
  if (!lock) return lock.error();
  if (const Result<void> cleared = clear_path(options.path, *address); !cleared) return cleared.error();
  std::string path =
      options.path;  // allocate before bind: until the Listener exists, nothing would remove the socket file
  Result<UniqueFd> socket = bind_socket(path, *address);
  if (!socket) return socket.error();
  const Result<ino_t> inode = inode_of(path);
  if (!inode) return inode.error();
  // From here on, the destructor removes the file if a step fails.
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
  const Result<sockaddr_un> address = unix_address(options.path);
  if (!address) return address.error();
  if (const Result<UniqueFd> lock = take_lock(options.path, kLook); !lock) return lock.error();
  if (const Result<bool> stale = find_stale(options.path, *address); !stale) return stale.error();
  return check_group(options);
}

Listener Listener::adopt(std::string path, UniqueFd lock, UniqueFd socket) {
  return {std::move(path), std::move(lock), std::move(socket), open_spare(), 0};
}

/// Whether the file of that name is the one that this process has locked.
bool Listener::has_lock() const {
  struct stat ours {
  }, there{};
  return ::fstat(lock_.get(), &ours) == 0 && ::lstat((path_ + ".lock").c_str(), &there) == 0 &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

Result<Listener::Renewal> Listener::renew(const ListenOptions& options) {
  const Result<sockaddr_un> address = unix_address(path_);
  if (!address) return address.error();
  inode_ = 0;
  // SO_PEERCRED shows the last caller of listen(), which may be a server that has died.
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
    // accept4() needs a free descriptor before it looks for connections. (If the spare one could not be reopened, there
    // is none: then it is unknown whether a connection waits, and it goes on waiting.)
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

}  // namespace dolium::protocol
