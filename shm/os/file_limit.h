#pragma once
// RLIMIT_FSIZE: the limit on the size of files. It also holds for memory segments: creating a larger one raises
// SIGXFSZ, which kills the process.

#include <cstdint>
#include <string_view>

#include <dolium/result.h>

namespace dolium::shm {

/// Checks that this process may create a segment of so many bytes; else out_of_memory. `what` names it in the error:
/// "arena".
[[nodiscard]] Result<void> check_file_limit(std::string_view what, std::uint64_t bytes);

}  // namespace dolium::shm
