#include "protocol/unix_address.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "shm/os/system_error.h"

namespace dolium::protocol {

Result<sockaddr_un> unix_address(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty()) return Error{Errc::invalid_argument, "the socket's path is empty"};
  if (path.front() == '@')
    return Error{
        Errc::invalid_argument,
        fmt::format("{} would be an abstract socket, which has no owner and no permissions: any user could create "
                    "it first; give a path instead (./{} for a file of that name)",
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

ConnectAttempt try_connect(const sockaddr_un& address) {
  shm::UniqueFd fd(::socket(AF_UNIX, kSocketFlags, 0));
  if (!fd.valid()) return {shm::UniqueFd(), errno};
  const int result = shm::retry_interrupted([&] { return ::connect(fd.get(), generic(address), sizeof(address)); });
  if (result != 0) return {shm::UniqueFd(), errno};
  return {std::move(fd), 0};
}

}  // namespace dolium::protocol
