#include "daemon/keeper/starter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace dolium::daemon {

Result<Starter> Starter::adopt(int descriptor) {
  Starter starter;
  if (descriptor < 0) return starter;
  int kind = 0;
  socklen_t size = sizeof(kind);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 || kind != SOCK_STREAM)
    return Error{
        Errc::invalid_argument,
        fmt::format("--starter-fd: descriptor {} is not a stream socket: pass doliumd one end of a socketpair(), "
                    "and keep the other end open as long as the daemon is needed",
                    descriptor)};
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);  // the server must not have it
  starter.socket_ = shm::UniqueFd(descriptor);
  return starter;
}

void Starter::serves() noexcept {
  if (!socket_.valid() || std::exchange(told_, true)) return;
  const std::string_view text = kServes;
  static_cast<void>(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

bool Starter::has_gone() noexcept {
  std::array<char, 256> ignored;
  const ssize_t got = ::recv(socket_.get(), ignored.data(), ignored.size(), MSG_DONTWAIT);
  if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return false;
  socket_ = shm::UniqueFd();
  return true;
}

}  // namespace dolium::daemon
