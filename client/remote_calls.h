#pragma once
// The client's operations that are more than one question and its answer.

#include <span>
#include <vector>

#include <dolium/object_store.h>

#include "client/connection.h"

namespace dolium::detail {

/// Checked and ready to be sent; permission_denied when this client may not write.
[[nodiscard]] Result<protocol::CreateRequestT> create_request(const Connection& connection, const ObjectId& id,
                                                              std::uint64_t size, const CreateOptions& options);
[[nodiscard]] Result<protocol::PutRequestT> put_request(const Connection& connection, const ObjectId& id,
                                                        std::span<const std::byte> data, const CreateOptions& options);
/// One message with as many of the items, from the first on, as fit; their outcomes are appended. How many.
[[nodiscard]] Result<std::size_t> put_batch(Connection& connection, std::span<const PutItem> items,
                                            std::vector<Result<void>>& outcomes);

/// What create() hands out for an extent at `offset`.
[[nodiscard]] Result<ObjectBuilder> remote_builder(const std::shared_ptr<Connection>& connection, const ObjectId& id,
                                                   std::uint64_t offset, std::uint32_t epoch, std::uint64_t size,
                                                   std::span<const std::byte> metadata);

/// Waits in the daemon for ids[i] of each i in `missing`; what came until the deadline is put into out[i].
[[nodiscard]] Result<void> wait_for_missing(Connection& connection, std::span<const ObjectId> ids,
                                            std::span<const std::size_t> missing, shm::TimeNs deadline,
                                            std::vector<std::optional<Object>>& out);

[[nodiscard]] Result<Subscription> remote_subscription(const std::shared_ptr<Connection>& connection);
[[nodiscard]] AsyncHandle remote_get_async(const std::shared_ptr<Connection>& connection, const ObjectId& id,
                                           Timeout timeout, ObjectStore::GetCallback done);
[[nodiscard]] AsyncHandle remote_create_async(const std::shared_ptr<Connection>& connection, const ObjectId& id,
                                              std::uint64_t size, const CreateOptions& options,
                                              ObjectStore::CreateCallback done);

}  // namespace dolium::detail
