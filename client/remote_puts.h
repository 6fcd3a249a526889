#pragma once
// Puts of small objects, which travel inside one message: one with an answer, many with one answer a batch, and
// deferred ones, whose answer is only asked for by flush(). Encoded straight from the caller's bytes.

#include <span>
#include <vector>

#include <dolium/client.h>

#include "client/connection.h"

namespace dolium::detail {

/// put(): create, write and seal in one round trip. With `hold`, the object when it is still there.
[[nodiscard]] Result<Object> remote_put(Connection& connection, const ObjectId& id, std::span<const std::byte> data,
                                        const CreateOptions& options, bool hold);

/// put_many() of items that are all small: their outcomes are appended. Batches are under way while the next are made.
[[nodiscard]] Result<void> remote_put_many(Connection& connection, std::span<const PutItem> items,
                                           std::vector<Result<void>>& outcomes);

/// See Client::put_deferred() and Client::flush().
[[nodiscard]] Result<void> remote_put_deferred(Connection& connection, const ObjectId& id,
                                               std::span<const std::byte> data, const CreateOptions& options);
[[nodiscard]] Result<std::vector<PutFailure>> remote_flush(Connection& connection);

}  // namespace dolium::detail
