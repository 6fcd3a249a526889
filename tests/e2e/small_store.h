#pragma once
// A store so small that the loss of a single slot, byte or quota is noticed.

#include <string>
#include <vector>

#include "tests/e2e/daemon_fixture.h"

namespace dolium::e2e::small_store {

[[nodiscard]] std::vector<std::string> flags();

/// Nothing is left of whoever died but what it had sealed. `empty` is the census before anybody came.
void check_books(const Daemon& daemon, const Census& empty);

/// Every slot, every byte and all that may be pinned can be had.
void fill_to_the_brim(const Daemon& daemon, const Census& empty);

}  // namespace dolium::e2e::small_store
