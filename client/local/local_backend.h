#pragma once
// The backend of an InProcessStore: an engine in this process.

#include <memory>

#include "client/mapped/store_backend.h"

namespace dolium::detail {

/// Its end ends all waits and callbacks; objects, builders and subscriptions may outlive it.
[[nodiscard]] std::unique_ptr<StoreBackend> make_local_backend(std::shared_ptr<LocalEngine> engine);

}  // namespace dolium::detail
