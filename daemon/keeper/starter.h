#pragma once
// Starter: the process that started the daemon for itself alone (--starter-fd): a test, a notebook, a program that
// brings its store along. It holds the other end of a pair of sockets. The daemon says there when it serves, which no
// other daemon on the same path can say for it; and it ends when that end is closed, which the kernel does however its
// starter ends. (PR_SET_PDEATHSIG would follow the thread that started it, not the process.)
//
// A resource: moves. The keeper's; the server does not have the descriptor.

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::daemon {

class Starter {
 public:
  /// What is said when the daemon serves.
  static constexpr const char* kServes = "serving\n";

  /// None: is never gone.
  Starter() = default;
  /// The descriptor as the command line names it; -1 is none. invalid_argument when it is no stream socket.
  [[nodiscard]] static Result<Starter> adopt(int descriptor);

  /// Readable when the other end may have been closed; -1 when there is nothing (more) to watch.
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  /// A server serves. Said once; never blocks.
  void serves() noexcept;
  /// True, once, when the other end is closed. What the starter sends is thrown away.
  [[nodiscard]] bool has_gone() noexcept;

 private:
  shm::UniqueFd socket_;
  bool told_ = false;
};

}  // namespace dolium::daemon
