#pragma once
// Which limit of the kernel refuses a private mapping, or memory from the heap.

#include <cstdint>
#include <filesystem>

#include <dolium/error.h>

namespace dolium::shm {

/// The error of a private copy of so many bytes that the kernel refused with `error_number`: out_of_memory with the
/// name of the limit that this process has reached, as far as /proc tells; else the kernel's reason. `root`: directory
/// that has proc; another one in tests.
[[nodiscard]] Error mapping_refused(std::uint64_t bytes, int error_number, const std::filesystem::path& root = "/");

}  // namespace dolium::shm
