#pragma once
// Listener: the daemon's end of a Unix socket: the socket file, its lock file, and the connections that arrive.
//
// Not thread-safe. accept() never blocks.

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::protocol {

/// Maximum number of connections that wait for accept(). The kernel refuses further ones.
inline constexpr int kListenBacklog = 128;

struct ListenOptions {
  std::string path;
  mode_t mode = 0600;               ///< exact mode of the socket file, regardless of the umask
  std::optional<gid_t> group = {};  ///< group of the socket file; empty: the creator's own
};

/// A socket file, and the right to it. `<path>.lock` is locked (flock) as long as this object lives, so two daemons
/// never compete for one path, not even while both start. The kernel releases the lock when its holder dies. The lock
/// file itself stays: if it were removed, two daemons could hold locks on two files of that name. Movable. The
/// destructor removes the socket file if it is still the one created here.
class Listener {
 public:
  /// Starts listening. Replaces a stale socket file (no process listens). already_exists if a daemon listens there;
  /// invalid_argument if the path is too long, or names a file that is not a socket, which is left unchanged.
  [[nodiscard]] static Result<Listener> open(const ListenOptions& options);
  /// Predicts the result of open(), as far as that is possible without creating or removing anything. (If no daemon has
  /// the lock, holds a shared lock for a moment.)
  [[nodiscard]] static Result<void> foresee(const ListenOptions& options);
  /// Takes over the socket of another process, and shares its lock. The destructor keeps the socket file, unless
  /// renew() finds that it leads here.
  [[nodiscard]] static Listener adopt(std::string path, shm::UniqueFd lock, shm::UniqueFd socket);
  Listener(Listener&& other) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  /// Readable when a connection waits for accept().
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  [[nodiscard]] int lock() const noexcept { return lock_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The files that renew() created again. The former socket may still have connections that wait for accept().
  struct Renewal {
    bool lock = false;
    std::optional<Error> without_lock;  // why the lock is missing, although the socket file leads here
    shm::UniqueFd former_socket;        // invalid: the socket file existed
  };
  /// Creates the lock file and the socket file again if they were removed, and makes the kernel report this process as
  /// the listener. Fails without changing anything: already_exists if another daemon has the path by now,
  /// invalid_argument if another kind of file is there. From now on the destructor removes the socket file, if it leads
  /// here.
  [[nodiscard]] Result<Renewal> renew(const ListenOptions& options);
  /// Another process takes over the socket: the destructor keeps the socket file.
  void leave_to_successor() noexcept { inode_ = 0; }
  /// Called with a refused connection and the reason, just before the connection is closed.
  using Farewell = std::function<void(const shm::UniqueFd& connection, const Error& why)>;
  /// Returns the next connection; an invalid descriptor if none waits (any more). If this process is out of
  /// descriptors, closes the connection at once and returns an error (a listener that stays readable would cause a busy
  /// loop).
  [[nodiscard]] Result<shm::UniqueFd> accept(const Farewell& farewell = {});

 private:
  Listener(std::string path, shm::UniqueFd lock, shm::UniqueFd socket, shm::UniqueFd spare, ino_t inode);
  [[nodiscard]] Result<void> begin(const ListenOptions& options) const;
  [[nodiscard]] bool has_lock() const;

  std::string path_;
  shm::UniqueFd lock_;  // declared before socket_: released after it
  shm::UniqueFd socket_;
  shm::UniqueFd spare_;  // closed to accept, and refuse, a connection when no descriptors are left
  ino_t inode_;
};

}  // namespace dolium::protocol
