#pragma once
// Random bytes from the kernel: unpredictable for other processes.

#include <sys/random.h>

#include <cerrno>
#include <cstddef>
#include <span>

namespace dolium::shm {

/// Fills `bytes`, at most 256 of them. Returns false, with errno, if the system has none (an old or filtered kernel).
/// Waits until the kernel's entropy pool is initialized.
[[nodiscard]] inline bool random_bytes(std::span<std::byte> bytes) noexcept {
  // Requests of at most 256 bytes are never cut short once the pool is initialized (getrandom(2)); EINTR occurs only
  // before that.
  while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    if (errno != EINTR) return false;
  return true;
}

}  // namespace dolium::shm
