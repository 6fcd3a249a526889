#pragma once
// The backend of a ReconnectingStore: the Client that there is, and after the end of its store the next one. Calls that
// only read are repeated there.

#include <memory>

#include "client/facade/reconnection.h"
#include "client/mapped/store_backend.h"

namespace dolium::detail {

[[nodiscard]] std::unique_ptr<StoreBackend> make_reconnecting_backend(std::shared_ptr<Reconnection> reconnection);

}  // namespace dolium::detail
