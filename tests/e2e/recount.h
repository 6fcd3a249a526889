#pragma once
// Counts the daemon's statistics again, from its list of objects.

#include "tests/e2e/daemon_fixture.h"

namespace dolium::e2e {

/// How many bytes of the arena an object takes.
[[nodiscard]] std::uint64_t taken_by(const ObjectMetadata& object);

/// `empty`, the census of an empty store, with the objects that the daemon lists now. What else hangs off clients
/// (references, unsealed and retired objects, waiters, descriptors, mappings) is as in `empty`.
[[nodiscard]] Census recount(const Daemon& daemon, const Census& empty);

}  // namespace dolium::e2e
