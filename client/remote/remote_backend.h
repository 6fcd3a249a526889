#pragma once
// The backend of a Client: a daemon's connection.

#include <memory>

#include "client/mapped/store_backend.h"

namespace dolium::detail {

/// Its end tells the daemon the last words of this client; objects and builders may outlive it.
[[nodiscard]] std::unique_ptr<StoreBackend> make_remote_backend(std::shared_ptr<Connection> connection);

}  // namespace dolium::detail
