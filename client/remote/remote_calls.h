#pragma once
// The client's operations that are more than one request and its reply.

#include <span>
#include <vector>

#include <dolium/object_store.h>

#include "client/remote/connection.h"

namespace dolium::detail {

/// A timeout as messages have it.
[[nodiscard]] inline std::uint64_t to_wire(Timeout timeout) noexcept {
  return timeout.is_forever() ? UINT64_MAX : static_cast<std::uint64_t>(timeout.duration().count());
}

/// When a read stops waiting for the daemon's answer: some time after its deadline, since the daemon may be suspended.
/// Without a timeout never: then only the daemon knows the answer.
[[nodiscard]] protocol::Deadline give_up_after(Timeout timeout);

/// Ready to be sent.
[[nodiscard]] protocol::CreateRequestT create_request(const ObjectId& id, std::uint64_t size,
                                                      const CreateOptions& options);

/// The builder that create() returns, for the extent at `offset`.
[[nodiscard]] Result<ObjectBuilder> remote_builder(const std::shared_ptr<Connection>& connection, const ObjectId& id,
                                                   std::uint64_t offset, std::uint32_t epoch, std::uint64_t size,
                                                   std::span<const std::byte> metadata);

/// A successful cancel tells the daemon to stop waiting for these requests; their answers are ignored.
[[nodiscard]] AsyncHandle cancelling(const std::shared_ptr<Connection>& connection, Completions::Ticket ticket,
                                     std::vector<std::uint64_t> numbers);
[[nodiscard]] AsyncHandle answered_at_once(const std::shared_ptr<Connection>& connection, Completions::Ticket ticket,
                                           std::function<void()> callback);

/// `type_tag`: the only type that is taken; 0: any.
[[nodiscard]] Result<Object> remote_take(Connection& connection, const ObjectId& id, std::uint64_t type_tag,
                                         Timeout timeout);

[[nodiscard]] Result<ObjectMetadata> remote_metadata(Connection& connection, const ObjectId& id);
[[nodiscard]] Result<Subscription> remote_subscription(const std::shared_ptr<Connection>& connection);
[[nodiscard]] AsyncHandle remote_get_async(const std::shared_ptr<Connection>& connection, const ObjectId& id,
                                           Timeout timeout, ObjectStore::GetCallback done);
[[nodiscard]] AsyncHandle remote_take_async(const std::shared_ptr<Connection>& connection, const ObjectId& id,
                                            Timeout timeout, ObjectStore::GetCallback done);
[[nodiscard]] AsyncHandle remote_create_async(const std::shared_ptr<Connection>& connection, const ObjectId& id,
                                              std::uint64_t size, const CreateOptions& options,
                                              ObjectStore::CreateCallback done);
/// Has the callback run in the next process_events().
[[nodiscard]] AsyncHandle remote_answer(const std::shared_ptr<Connection>& connection, std::function<void()> callback);

}  // namespace dolium::detail
