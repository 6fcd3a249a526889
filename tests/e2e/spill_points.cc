// The points of a spill process (spill_points.h). It stands between the program and the C library.
//
// Other programs that load it (the keeper and the server, before they execute doliumd-spill) are left alone.

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "tests/e2e/spill_points.h"

// The names are the C library's.

// NOLINTBEGIN(readability-identifier-naming, readability-inconsistent-declaration-parameter-name)

// NOLINTBEGIN(cert-dcl50-cpp, cppcoreguidelines-pro-type-vararg, bugprone-reserved-identifier,
// bugprone-macro-parentheses)

namespace {

using dolium::e2e::kSpillPointsVariable;

std::array<char, 32> armed{};
std::atomic<int> left = 0;  // how often the armed point is still passed; 0: nothing is armed

bool is_spill_process() {
  std::array<char, 4096> path;
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 && std::string_view(path.data(), static_cast<std::size_t>(size)).ends_with("/doliumd-spill");
}

/// Takes the first line, which is this process's.
__attribute__((constructor)) void arm() {
  const char* path = std::getenv(kSpillPointsVariable);
  if (path == nullptr || !is_spill_process()) return;
  std::ifstream file(path);
  std::string point;
  int nth = 0;
  if (!(file >> point >> nth) || point.size() >= armed.size()) return;
  const std::string rest = std::string(path) + ".rest";  // renamed: a reader sees all that is left
  std::ofstream(rest) << file.rdbuf();
  if (std::rename(rest.c_str(), path) != 0) return;
  std::memcpy(armed.data(), point.data(), point.size());
  left = nth;
}

void pass(const char* point) noexcept {
  if (left <= 0 || std::strcmp(point, armed.data()) != 0) return;
  if (--left == 0) static_cast<void>(::raise(SIGKILL));
}

/// The next definition of this name.
template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

#define DOLIUM_SPILL_STEP(name, before, after, Return, parameters, arguments)                \
  extern "C" __attribute__((visibility("default"))) Return name parameters noexcept(false) { \
    static const auto real = next<Return(*) parameters>(#name);                              \
    pass(before);                                                                            \
    const Return result = real arguments;                                                    \
    pass(after);                                                                             \
    return result;                                                                           \
  }

DOLIUM_SPILL_STEP(pwrite, "writing", "written", ssize_t, (int fd, const void* bytes, std::size_t size, off_t at),
                  (fd, bytes, size, at))
DOLIUM_SPILL_STEP(pread, "reading", "read", ssize_t, (int fd, void* bytes, std::size_t size, off_t at),
                  (fd, bytes, size, at))
DOLIUM_SPILL_STEP(fdatasync, "syncing", "synced", int, (int fd), (fd))
DOLIUM_SPILL_STEP(fsync, "naming", "named", int, (int fd), (fd))
DOLIUM_SPILL_STEP(fallocate, "reserving", "reserved", int, (int fd, int mode, off_t from, off_t size),
                  (fd, mode, from, size))
DOLIUM_SPILL_STEP(ftruncate, "truncating", "truncated", int, (int fd, off_t size), (fd, size))
DOLIUM_SPILL_STEP(unlinkat, "unlinking", "unlinked", int, (int fd, const char* path, int flags), (fd, path, flags))

extern "C" __attribute__((visibility("default"))) int openat(int directory, const char* path, int flags, ...) {
  static const auto real = next<int (*)(int, const char*, int, ...)>("openat");
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  pass("opening");
  const int fd = real(directory, path, flags, mode);
  pass("opened");
  return fd;
}

// NOLINTEND(cert-dcl50-cpp, cppcoreguidelines-pro-type-vararg, bugprone-reserved-identifier,
// bugprone-macro-parentheses)

// NOLINTEND(readability-identifier-naming, readability-inconsistent-declaration-parameter-name)
