#pragma once
// How many file descriptors this process may have: raised as far as the system lets us, and named where it is what
// stands in a client's way. To the client, "Too many open files" would look like its own.

#include <dolium/error.h>

namespace dolium::daemon {

/// The soft limit becomes the hard one.
void raise_descriptor_limit() noexcept;

/// A failed call's error (shm::system_error): if there was no descriptor to be had, which limit that was and what to do
/// about it, before what it said; unchanged otherwise.
[[nodiscard]] Error explain_descriptors(Error error);

}  // namespace dolium::daemon
