#pragma once
// Failed system calls: as an Error with the action and the kernel's reason, and which of them to retry.

#include <cerrno>
#include <string_view>

#include <dolium/error.h>

namespace dolium::shm {

/// "cannot map the arena: Cannot allocate memory (errno 12)"; code system_error.
[[nodiscard]] Error system_error(std::string_view doing, int error_number = errno);

/// Repeats a call while signals interrupt it.
template <class Call>
auto retry_interrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// Whether the kernel lacks memory for a message at this moment. That is temporary, and no message is lost: treat it
/// like a full socket.
[[nodiscard]] constexpr bool is_short_of_memory(int error_number) noexcept {
  return error_number == ENOMEM || error_number == ENOBUFS;
}

}  // namespace dolium::shm
