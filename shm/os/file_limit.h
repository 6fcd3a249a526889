#pragma once
// RLIMIT_FSIZE, which counts for memory segments, too: to make a larger one is a signal, SIGXFSZ, that ends the
// process.

#include <cstdint>
#include <string_view>

#include <dolium/result.h>

namespace dolium::shm {

/// Whether this process may make a segment of so many bytes. `what`: "arena", as it stands in the error.
[[nodiscard]] Result<void> check_file_limit(std::string_view what, std::uint64_t bytes);

}  // namespace dolium::shm
