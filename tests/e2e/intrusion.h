#pragma once
// All known ways to get access beyond a given descriptor, mapping or pid.
//
// Each function tries all its ways, and returns the names of those that succeeded, separated by commas. For a store's
// client, the result must be "". The tests first apply them to unprotected memory, where they must succeed.

#include <sys/types.h>

#include <string>

namespace dolium::e2e {

/// Ways to change one byte of a memfd of which we have a descriptor for reading.
[[nodiscard]] std::string ways_to_write(int fd);
/// Ways to change the size of a memfd, or the rights to it, whatever descriptor of it we have.
[[nodiscard]] std::string ways_to_resize(int fd);
/// Ways into another process: its memory, its descriptors, what it runs with.
[[nodiscard]] std::string ways_into(pid_t pid);

}  // namespace dolium::e2e
