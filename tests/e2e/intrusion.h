#pragma once
// Every way we know from a descriptor, a mapping or a process's number to something that its owner did not give.
//
// Each function tries all its ways and names those that led somewhere, separated by commas: "" is what a store's
// client should see. The tests first lead them to memory that is not protected, where they must succeed.

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
