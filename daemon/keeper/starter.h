#pragma once
// Starter: the process that started the daemon for its own use (--starter-fd): a test, a notebook, a program with a
// store of its own. It holds the other end of a pair of sockets. The daemon reports there when it serves, which no
// other daemon on the same path can do in its place. The daemon stops when that end is closed, as the kernel does
// however the starter ends. (PR_SET_PDEATHSIG would follow the thread that started the daemon, not the process.)
//
// A resource: moves. Belongs to the keeper; the server does not have the descriptor.

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::daemon {

class Starter {
 public:
  /// Sent when the daemon serves.
  static constexpr const char* kServes = "serving\n";

  /// No starter: has_gone() is never true.
  Starter() = default;
  /// The descriptor of the command line; -1: no starter. invalid_argument if it is no stream socket.
  [[nodiscard]] static Result<Starter> adopt(int descriptor);

  /// Readable when the other end may have been closed; -1: nothing to watch.
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  /// Reports that the daemon serves, once. Never blocks.
  void serves() noexcept;
  /// True, once, when the other end is closed. Bytes from the starter are ignored.
  [[nodiscard]] bool has_gone() noexcept;

 private:
  shm::UniqueFd socket_;
  bool told_ = false;
};

}  // namespace dolium::daemon
