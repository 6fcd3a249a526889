#pragma once
// DOLIUM_CHECK: aborts on a bug. On in every build: a daemon whose bookkeeping is wrong must not go on allocating
// memory. Never use it for input of a client, nor for a failed system call.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "shm/os/last_words.h"

namespace dolium::shm::detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void check_failed(const char* file, int line, const char* message) {
  std::array<char, 512> text;
  const int size = std::snprintf(text.data(), text.size(), "%s:%d: bug: %s\n", file, line, message);
  last_words({text.data(), std::min(static_cast<std::size_t>(std::max(size, 0)), text.size() - 1)});
  std::abort();
}

}  // namespace dolium::shm::detail

#define DOLIUM_CHECK(condition, message) \
  (static_cast<bool>(condition) ? void() : ::dolium::shm::detail::check_failed(__FILE__, __LINE__, message))
