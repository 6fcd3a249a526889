#pragma once
// A failed system call as an Error: what we were doing, and the kernel's reason.

#include <cerrno>
#include <string_view>

#include <dolium/error.h>

namespace dolium::shm {

/// "cannot map the arena: Cannot allocate memory (errno 12)"; code system_error.
[[nodiscard]] Error system_error(std::string_view doing, int error_number = errno);

}  // namespace dolium::shm
