#pragma once
// How many file descriptors this process may have: raised as far as the system lets us, and named where it is what
// stands in a client's way. To the client, "Too many open files" would look like its own.

#include <cstdint>

#include <dolium/result.h>

namespace dolium::daemon {

/// Minimum number of file descriptors to start with: each of the two processes has some twenty of its own, and a client
/// costs four.
inline constexpr std::uint64_t kLeastDescriptors = 40;

/// The soft limit becomes the hard one.
void raise_descriptor_limit() noexcept;

/// invalid_argument when not even one client could be served below the hard limit: names it, and how to raise it.
[[nodiscard]] Result<void> check_descriptor_limit();

/// A failed call's error (shm::system_error): if there was no descriptor to be had, which limit that was and what to do
/// about it, before what it said; unchanged otherwise.
[[nodiscard]] Error explain_descriptors(Error error);

}  // namespace dolium::daemon
