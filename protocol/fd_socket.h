#pragma once
// Unix stream sockets: listening, connecting, waiting. The one file of their quirks; who is at the other end is
// peer.h's matter.
//
// Every descriptor made here is close-on-exec and non-blocking; waiting is done by wait_readable() and
// wait_writable(), against a point in time, so that interrupted waits do not grow.
//
// Free functions are thread-safe. No function blocks longer than its deadline.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <dolium/result.h>
#include <dolium/timeout.h>

#include "shm/os/unique_fd.h"

namespace dolium::protocol {

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kNoDeadline = Deadline::max();
[[nodiscard]] Deadline deadline_after(Timeout timeout);

/// Connections that wait to be accepted before the kernel turns more of them away.
inline constexpr int kListenBacklog = 128;

struct ListenOptions {
  std::string path;
  mode_t mode = 0600;               ///< exactly this, whatever the umask
  std::optional<gid_t> group = {};  ///< the creator's own when empty
};

/// A socket file and the right to it. `<path>.lock` is locked (flock) as long as this object lives, so two
/// daemons never fight over one path, not even while both start; the kernel drops the lock with its holder. The
/// lock file itself stays behind: were it removed, two daemons could hold locks on two files of that name.
/// Movable. The destructor removes the socket file if it is still the one made here.
class Listener {
 public:
  /// A stale socket file (nobody answers) is replaced. already_exists when a daemon is listening there,
  /// invalid_argument when the path is too long or names something that is not a socket, which is left alone.
  [[nodiscard]] static Result<Listener> open(const ListenOptions& options);
  /// What open() would say now, as far as can be seen without making or removing anything. (For a moment it shares
  /// the lock of who is not there.)
  [[nodiscard]] static Result<void> foresee(const ListenOptions& options);
  /// Goes on with what another process opened, and shares its lock. The socket file stays, unless renew() finds that it
  /// leads here.
  [[nodiscard]] static Listener adopt(std::string path, shm::UniqueFd lock, shm::UniqueFd socket);
  Listener(Listener&& other) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  /// Readable when somebody wants to connect.
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  [[nodiscard]] int lock() const noexcept { return lock_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// What renew() made again. The former socket may still have connections that wait to be accepted.
  struct Renewal {
    bool lock = false;
    std::optional<Error> without_lock;  // why it could not be had, where the socket file leads here all the same
    shm::UniqueFd former_socket;        // invalid: the socket file was there
  };
  /// Makes the lock file and the socket file again where they were removed, and sees to it that the kernel names this
  /// process as the one that listens. already_exists when another daemon has the path by now, invalid_argument when
  /// something else stands there: nothing of that is touched, and everything stays as it was. From now on the socket
  /// file, if it leads here, is ours to remove.
  [[nodiscard]] Result<Renewal> renew(const ListenOptions& options);
  /// Somebody else goes on with it: the socket file stays.
  void leave_to_successor() noexcept { inode_ = 0; }
  /// Who is turned away, and why, just before the connection is closed.
  using Farewell = std::function<void(const shm::UniqueFd& connection, const Error& why)>;
  /// The next connection, or an invalid descriptor when nobody waits (any more). When this process is out of
  /// descriptors the connection is closed at once (a listener that stays readable would spin) and the error says so.
  [[nodiscard]] Result<shm::UniqueFd> accept(const Farewell& farewell = {});

 private:
  Listener(std::string path, shm::UniqueFd lock, shm::UniqueFd socket, shm::UniqueFd spare, ino_t inode);
  [[nodiscard]] Result<void> begin(const ListenOptions& options) const;
  [[nodiscard]] bool has_lock() const;

  std::string path_;
  shm::UniqueFd lock_;  // declared before socket_: released after it
  shm::UniqueFd socket_;
  shm::UniqueFd spare_;  // given up to accept, and close, a connection when there are no descriptors left
  ino_t inode_;
};

/// system_error: this process has too few descriptors, where `what` was lost for want of them; it names the limit.
[[nodiscard]] Error out_of_descriptors(std::string_view what);

/// Connects, and keeps trying until the deadline while no daemon is there or its queue is full; tries once when
/// the deadline has passed. disconnected ("no daemon listens at ..."), timed_out when the queue stayed full,
/// permission_denied, invalid_argument for a path that is too long.
[[nodiscard]] Result<shm::UniqueFd> connect_to(std::string_view path, Deadline deadline);

/// Two ends of a connection, for tests.
[[nodiscard]] Result<std::pair<shm::UniqueFd, shm::UniqueFd>> socket_pair();
/// Another descriptor of the same open file, close-on-exec: what FrameWriter::push() takes.
[[nodiscard]] Result<shm::UniqueFd> duplicate(int fd);

/// True: ready, or the peer is gone (the next read or write will say). False: the deadline passed first.
[[nodiscard]] Result<bool> wait_readable(int fd, Deadline deadline);
[[nodiscard]] Result<bool> wait_writable(int fd, Deadline deadline);

}  // namespace dolium::protocol
