#pragma once
// DOLIUM_CHECK: the path of the bug. On in every build: a daemon whose books are wrong must not go on
// handing out memory. Never for what a client sent, nor for a failed system call.

#include <cstdio>
#include <cstdlib>

namespace dolium::shm::detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void check_failed(const char* file, int line, const char* message) {
  std::fprintf(stderr, "%s:%d: bug: %s\n", file, line, message);
  std::abort();
}

}  // namespace dolium::shm::detail

#define DOLIUM_CHECK(condition, message) \
  (static_cast<bool>(condition) ? void() : ::dolium::shm::detail::check_failed(__FILE__, __LINE__, message))
