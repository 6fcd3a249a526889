#pragma once
// Gets of several objects from a store behind a socket.
//
// Where the store spills, one request names all the objects, those in memory too: two clients, each of which holds a
// part of the memory while it waits for the rest, would wait for each other. The daemon gives all at once (GetWaits).

#include <optional>
#include <span>
#include <vector>

#include <dolium/object_store.h>

#include "client/remote/connection.h"

namespace dolium::detail {

/// See StoreBackend::get_many().
[[nodiscard]] Result<std::vector<std::optional<Object>>> remote_get_many(Connection& connection,
                                                                         std::span<const ObjectId> ids,
                                                                         std::size_t count, Timeout timeout);
/// See ObjectStore::get_many_async().
[[nodiscard]] AsyncHandle remote_get_many_async(const std::shared_ptr<Connection>& connection,
                                                std::span<const ObjectId> ids, std::size_t count, Timeout timeout,
                                                ObjectStore::GetManyCallback done);

}  // namespace dolium::detail
