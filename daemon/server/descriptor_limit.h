#pragma once
// The limit of file descriptors of this process: raised as far as the system allows, and named in errors that it
// causes. A client would take a bare "Too many open files" for its own limit.

#include <cstdint>

#include <dolium/result.h>

namespace dolium::daemon {

/// Minimum number of file descriptors to start with: each of the two processes has some twenty of its own, and a client
/// costs four.
inline constexpr std::uint64_t kLeastDescriptors = 40;

/// Raises the soft limit to the hard limit.
void raise_descriptor_limit() noexcept;

/// invalid_argument if the hard limit does not suffice for one client: names it, and how to raise it.
[[nodiscard]] Result<void> check_descriptor_limit();

/// If the error of a failed call (shm::system_error) means that no descriptor was left, prepends which limit that was
/// and what to do. Returns other errors unchanged.
[[nodiscard]] Error explain_descriptors(Error error);

}  // namespace dolium::daemon
