#pragma once
// Failed system calls: as an Error (what we were doing, and the kernel's reason), and those that are only to be made
// again.

#include <cerrno>
#include <string_view>

#include <dolium/error.h>

namespace dolium::shm {

/// "cannot map the arena: Cannot allocate memory (errno 12)"; code system_error.
[[nodiscard]] Error system_error(std::string_view doing, int error_number = errno);

/// Makes a call again as long as a signal interrupts it.
template <class Call>
auto retry_interrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// The kernel has no memory for a message at this moment. That passes, and no message was lost: it is as good as a
/// socket that is full.
[[nodiscard]] constexpr bool is_short_of_memory(int error_number) noexcept {
  return error_number == ENOMEM || error_number == ENOBUFS;
}

}  // namespace dolium::shm
