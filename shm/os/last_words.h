#pragma once
// The last line of a process that ends because of a bug, or because it is out of memory.

#include <unistd.h>

#include <string_view>

namespace dolium::shm {

/// Writes to a descriptor without the heap. If a pipe or terminal accepts nothing for two seconds, SIGALRM kills the
/// process. So call it only when the process is about to end.
void last_words(std::string_view line, int descriptor = STDERR_FILENO) noexcept;

}  // namespace dolium::shm
