#pragma once
// A directory for sockets, and what may lie in it.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <string>

#include "protocol/fd_socket.h"
#include "shm/os/unique_fd.h"
#include "tests/protocol/helpers.h"
#include "tests/temporary_directory.h"

namespace dolium::protocol::test {

/// A time that has passed.
inline const Deadline kPassed{};

struct SocketDirectory {
  [[nodiscard]] std::string socket() const { return (path / "d.sock").string(); }
  dolium::test::TemporaryDirectory directory;
  std::filesystem::path path = directory.path();
};

[[nodiscard]] inline mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// What a daemon that was killed leaves behind.
inline void leave_stale_socket(const std::string& path, bool alive_as_datagram = false) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const shm::UniqueFd fd(::socket(AF_UNIX, alive_as_datagram ? SOCK_DGRAM : SOCK_STREAM, 0));
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
}

}  // namespace dolium::protocol::test
