#pragma once
// Addresses of Unix sockets, and one try to connect to one. For the sources that listen and connect.

#include <sys/socket.h>
#include <sys/un.h>

#include <string_view>

#include <dolium/result.h>

#include "shm/os/unique_fd.h"

namespace dolium::protocol {

inline constexpr int kSocketFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

/// invalid_argument if the path cannot name a socket: it is empty or too long, or names an abstract socket.
[[nodiscard]] Result<sockaddr_un> unix_address(std::string_view path);

[[nodiscard]] inline const sockaddr* generic(const sockaddr_un& address) noexcept {
  return reinterpret_cast<const sockaddr*>(&address);
}

struct ConnectAttempt {
  shm::UniqueFd connection;
  int error;  ///< 0, or the errno of the failure
};

/// Connects, without blocking. A non-blocking Unix socket connects at once or not at all.
[[nodiscard]] ConnectAttempt try_connect(const sockaddr_un& address);

}  // namespace dolium::protocol
