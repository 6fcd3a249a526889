#pragma once
// The second implementation for the behaviour suite: clients of a real daemon.

#include "tests/client/store_under_test.h"

namespace dolium::test {

/// A daemon with this configuration, and two clients of it: a Client, and, as the other one, a ReconnectingStore.
[[nodiscard]] std::unique_ptr<StoreUnderTest> open_with_daemon(const StoreConfig& config);

}  // namespace dolium::test
