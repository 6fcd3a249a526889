#pragma once
// The last line of a process that ends for a bug or for want of memory.

#include <unistd.h>

#include <string_view>

namespace dolium::shm {

/// Writes to standard error, or another descriptor, without the heap. A pipe or terminal that takes nothing holds the
/// process up for two seconds; then SIGALRM ends it. Call it only when the process is about to end.
void last_words(std::string_view line, int descriptor = STDERR_FILENO) noexcept;

}  // namespace dolium::shm
