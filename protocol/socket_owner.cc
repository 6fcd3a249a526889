#include "protocol/socket_owner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "shm/os/system_error.h"
#include "shm/os/unique_fd.h"

namespace dolium::protocol {

Result<SocketOwner> read_socket_owner(const std::string& lock_path) {
  const shm::UniqueFd lock(::open(lock_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!lock.valid() && errno != ENOENT) return shm::system_error(fmt::format("open {}", lock_path));
  if (!lock.valid() || ::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return SocketOwner{};
  std::array<char, 64> text{};
  const ssize_t size = ::pread(lock.get(), text.data(), text.size() - 1, 0);
  SocketOwner owner;
  if (size <= 0 || std::sscanf(text.data(), "%d %d %u", &owner.keeper, &owner.server, &owner.layout) < 2)
    return SocketOwner{};
  return owner;
}

Result<void> write_socket_owner(int lock, std::uint32_t layout) {
  // The length is constant, so that the line replaces an older one whole. Servers of older layouts write no layout.
  const std::string text = fmt::format("{:7} {:7} {:5}\n", ::getppid(), ::getpid(), layout);
  if (::pwrite(lock, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return shm::system_error("write the holder's pids into the lock file");
  return {};
}

}  // namespace dolium::protocol
